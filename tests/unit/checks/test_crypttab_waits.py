import pytest

from rescue.boot.crypttab import with_nofail
from rescue.model import Safety, Severity
from rescue.tree import Device, Devices, Entry, Tree, file
from tests.checking import causes, diff, mended_if_agreed, only_finding
from tests.trees import ROOMY, healthy

pytestmark = pytest.mark.unit

ID = "crypttab-waits"
ROOT = "UUID=0e5b / ext4 errors=remount-ro 0 1"
GENERATOR = "/usr/lib/systemd/system-generators/systemd-cryptsetup-generator"
DISKS = (Device("/dev/vda1", "ext4", "0e5b", number=1), Device("/dev/vdb1", "crypto_LUKS", "c0de"))


def booting(crypttab: str, *fstab: str, root: str = ROOT, extra: dict[str, Entry | str | bytes] | None = None) -> Tree:
    files: dict[str, Entry | str | bytes] = {
        **healthy(), GENERATOR: file("ELF", 0o755), "/etc/crypttab": f"# name source key options\n{crypttab}\n",
        "/etc/fstab": "\n".join([root, *fstab, ""]), **(extra or {}),
    }  # fmt: skip
    return Tree.of(files, [ROOMY], Devices(DISKS))


@pytest.mark.parametrize(
    ("line", "fstab"),
    [
        ("data UUID=c0de none luks,nofail", ""),
        ("data UUID=c0de none luks,nofail", "/dev/mapper/data /srv ext4 nofail 0 2"),
        ("data UUID=c0de none luks,noauto", ""),
        ("data UUID=c0de none luks,_netdev", ""),
        ("data UUID=c0de none luks,timeout=30", ""),
        ("data UUID=c0de none luks,tpm2-device=auto", "/dev/mapper/data /srv ext4 defaults 0 2"),
        ("data UUID=c0de none luks,x-initrd.attach", ""),
        ("data UUID=c0de none luks,initramfs", ""),
        ("data UUID=c0de /etc/keys/data.key luks", "/dev/mapper/data /srv ext4 defaults 0 2"),
        ("data UUID=c0de /media/stick/key luks", "LABEL=x /media/stick vfat nofail 0 0"),
        ("data UUID=c0de /key:LABEL=stick luks", ""),
        ("named UUID=c0de none luks", "/dev/mapper/named /srv ext4 defaults 0 2"),
        ("swap /dev/vda3 /dev/urandom swap,cipher=aes-xts-plain64", "/dev/mapper/swap none swap sw 0 0"),
        ("gone UUID=90e /etc/keys/data.key luks", "/dev/mapper/gone /srv ext4 nofail 0 2"),
        ("gone UUID=90e /etc/keys/data.key luks", ""),
        ("# data UUID=c0de none luks", ""),
        ("data", ""),
        ("", ""),
    ],
)
def test_what_opens_by_itself_or_may_stay_closed_stops_no_boot(line: str, fstab: str) -> None:
    keys: dict[str, Entry | str | bytes] = {
        "/etc/keys/data.key": file("k", 0o400), "/etc/cryptsetup-keys.d/named.key": file("k", 0o400),
    }  # fmt: skip
    assert causes(booting(line, fstab, extra=keys)) == []


@pytest.mark.parametrize("root", ["/dev/mapper/data / ext4", "/dev/vg/root / ext4", "UUID=inside / ext4"])
def test_what_the_root_file_system_may_be_in_is_opened_by_the_initramfs(root: str) -> None:
    assert causes(booting("data UUID=c0de none luks", root=root)) == []


def test_without_the_generator_or_with_clevis_nothing_asks() -> None:
    line = "data UUID=c0de none luks"
    assert causes(booting(line)) == [ID]
    assert causes(booting(line, extra={"/usr/bin/clevis": file("#!/bin/sh", 0o755)})) == []
    files = {**healthy(), "/etc/crypttab": line, "/etc/fstab": f"{ROOT}\n"}
    assert causes(Tree.of(files, [ROOMY], Devices(DISKS))) == []


@pytest.mark.parametrize(
    ("line", "after"),
    [
        ("data UUID=c0de none luks,discard", "data UUID=c0de none luks,discard,nofail"),
        ("data\tUUID=c0de\tnone", "data\tUUID=c0de\tnone nofail"),
        ("data UUID=c0de", "data UUID=c0de none nofail"),
        ("data UUID=c0de - luks,timeout=0 # mine", "data UUID=c0de - luks,timeout=0,nofail # mine"),
        ("data UUID=c0de /root/gone.key luks", "data UUID=c0de /root/gone.key luks,nofail"),
    ],
)
def test_a_passphrase_that_nobody_enters(line: str, after: str) -> None:
    tree = booting(line)
    finding = only_finding(tree, ID)
    assert (finding.severity, finding.locations[0].line) == (Severity.DOUBTFUL, 2)
    assert "forever" in finding.message
    assert diff(mended_if_agreed(tree), "/etc/crypttab") == ([line], [after])


@pytest.mark.parametrize("option", ["luks,nofail", "luks,noauto", "luks,timeout=9"])
def test_a_required_mount_asks_for_an_optional_volume(option: str) -> None:
    mount = "/dev/mapper/data /srv ext4 defaults 0 2"
    tree = booting(f"data UUID=c0de none {option}", mount)
    assert "emergency mode" in only_finding(tree, ID).message
    assert diff(mended_if_agreed(tree), "/etc/fstab") == ([mount], [mount.replace("defaults", "defaults,nofail")])


def test_a_volume_whose_disk_is_gone_fails_what_needs_it() -> None:
    mount = "/dev/mapper/gone /srv ext4 defaults 0 2"
    tree = booting("gone UUID=90e /etc/k luks", mount, extra={"/etc/k": "k"})
    assert "not attached here" in only_finding(tree, ID).reason
    plan = mended_if_agreed(tree)
    assert diff(plan, "/etc/crypttab")[1] == ["gone UUID=90e /etc/k luks,nofail"]
    assert diff(plan, "/etc/fstab")[1] == ["/dev/mapper/gone /srv ext4 defaults,nofail 0 2"]


def test_var_needs_consent() -> None:
    tree = booting("data UUID=c0de none luks", "/dev/mapper/data /var/lib ext4 defaults 0 2")
    assert [each.safety for each in only_finding(tree, ID).repairs] == [Safety.UNSAFE]


def test_a_line_that_is_gone_is_not_changed() -> None:
    for number in (0, 1, 2, 9):
        with pytest.raises(ValueError, match="no volume"):
            with_nofail("# x y\n", number)
