import pytest

from rescue.model import Safety, Severity
from rescue.tree import Device, Devices, Entry, Tree, symlink
from tests.checking import causes, changed_paths, diff, mended, only_finding
from tests.trees import ROOMY, healthy
from tests.unit.checks.test_boot_kernel import CFG, ENV, FILES, HEAD, UUID, entry

pytestmark = pytest.mark.unit

BLS = "/boot/loader/entries/x-6.1-new.conf"


def booting(words: str, changes: dict[str, Entry | str | bytes] | None = None, more: str = "") -> Tree:
    cfg = HEAD + entry("6.1-new").replace(" ro quiet", f" ro {words}") + more
    files = {**healthy(), **FILES, CFG: cfg, **(changes or {})}
    return Tree.of(files, [ROOMY], Devices((Device(uuid=UUID),)))


@pytest.mark.parametrize(
    "words",
    [
        "quiet", "ro single_user=1", "rescue single 3", "emergency systemd.unit=multi-user.target", "init=/sbin/init",
        "init=/usr/lib/systemd/systemd", "rd.emergency=reboot", "rd.systemd.unit=rescue.target", "rd.break", "s=1",
        "quiet -- single", 'foo="a single b"', "systemd.mask=apparmor.service", "systemd.mask=ssh.socket",
        "rd.systemd.mask=ssh.service", "systemd.unit=default.target",
        "console=ttyS0,115200", "systemd.unit=graphical.target", "1x", "break.x", "break=nowhere",
    ],
)  # fmt: skip
def test_what_does_not_stop_the_boot_is_no_finding(words: str) -> None:
    assert causes(booting(words)) == []


@pytest.mark.parametrize(
    "words",
    [
        "single", "1", "S", "-s", "rescue", "emergency", "-b", "systemd.unit=rescue.target",
        "systemd.unit=emergency.target", "systemd.unit=runlevel1.target", "init=/bin/bash", "init=/bin/sh", "break",
        "break=premount", "3 single", "systemd.mask=ssh.service", "systemd.mask=ssh", "systemd.mask=multi-user.target",
        "systemd.unit=poweroff.target", "rdinit=/bin/sh",
    ],
)  # fmt: skip
def test_a_word_that_stops_the_boot_is_found_and_removed(words: str) -> None:
    tree = booting(f"quiet {words} net.ifnames=0")
    assert only_finding(tree, "boot-command-line").severity is Severity.BROKEN
    plan = mended(tree)
    assert changed_paths(plan) == [CFG]
    kept = "3 " if words.startswith("3 ") else ""
    assert diff(plan, CFG)[1] == [f"  linux /boot/vmlinuz-6.1-new root=UUID={UUID} ro quiet {kept}net.ifnames=0"]


def test_the_word_goes_from_the_settings_of_grub_too() -> None:
    settings = 'GRUB_DEFAULT=0\nGRUB_CMDLINE_LINUX_DEFAULT="quiet single"\nGRUB_CMDLINE_LINUX="single"\n'
    plan = mended(booting("quiet single", {"/etc/default/grub": settings}))
    assert diff(plan, "/etc/default/grub")[1] == ['GRUB_CMDLINE_LINUX_DEFAULT="quiet"', 'GRUB_CMDLINE_LINUX=""']


def test_another_entry_for_recovery_is_no_finding() -> None:
    assert causes(booting("quiet", more=entry("6.1-old").replace(" quiet", " single"))) == []


def test_the_recovery_entry_as_the_default_is_left_to_the_person() -> None:
    recovery = entry("6.1-old", "recovery-1").replace(" quiet", " single")
    tree = booting("quiet", {CFG: HEAD.replace('"0"', '"recovery-1"') + entry("6.1-new") + recovery})
    assert [each.safety for each in only_finding(tree, "boot-command-line").repairs] == [Safety.MANUAL]


def test_sshd_that_is_enabled_in_the_target_serves() -> None:
    link = symlink("/lib/systemd/system/ssh.service")
    assert "boot-command-line" not in causes(
        booting("single", {"/etc/systemd/system/rescue.target.wants/ssh.service": link})
    )


def test_an_entry_of_the_boot_loader_specification() -> None:
    said = f"title X\nlinux /vmlinuz-6.1-new\ninitrd /initrd.img-6.1-new\noptions root=UUID={UUID} emergency ro\n"
    tree = booting("quiet", {CFG: "blscfg\n", BLS: said})
    assert only_finding(tree, "boot-command-line").subject == "X"
    assert diff(mended(tree), BLS)[1] == [f"options root=UUID={UUID} ro"]
    assert ENV not in changed_paths(mended(tree))
