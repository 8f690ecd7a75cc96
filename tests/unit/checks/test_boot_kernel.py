import gzip
import struct

import pytest

from rescue.boot.images import emptied_initrd, emptied_kernel, initrd_fault, kernel_fault
from rescue.model import Safety, Severity, Symptom
from rescue.planner import any_repairs
from rescue.tree import Device, Devices, Entry, Tree, symlink
from tests.checking import causes, diff, mended, only_finding
from tests.trees import ROOMY, healthy

pytestmark = pytest.mark.unit

CFG, ENV = "/boot/grub/grub.cfg", "/boot/grub/grubenv"
UUID = "537b55c9-3ebd-5e42-a76a-25c8a56d5320"
NAME = b"TRAILER!!!\0"
CPIO = b"070701" + b"%08x" * 13 % (*([0] * 11), len(NAME), 0) + NAME + b"\0" * 3
GZIP = gzip.compress(CPIO + bytes(range(256)) * 40, mtime=0)
ZSTD = b"\x28\xb5\x2f\xfd\x20\x05" + (5 << 3 | 1).to_bytes(3, "little") + b"hello"


def kernel(length: int = 4096) -> bytes:
    made = bytearray(1024 + length)
    made[0:2], made[0x1F1], made[0x202:0x206] = b"MZ", 1, b"HdrS"
    struct.pack_into("<I", made, 0x1F4, length // 16)
    return bytes(made)


def entry(version: str, name: str = "", before: str = "/boot", root: str = f"UUID={UUID}") -> str:
    known = f" $menuentry_id_option '{name}'" if name else ""
    return (
        f"menuentry 'Debian {version}' --class debian{known} {{\n"
        f"  linux {before}/vmlinuz-{version} root={root} ro quiet\n  initrd {before}/initrd.img-{version}\n}}\n"
    )


HEAD = (
    'if [ -s $prefix/grubenv ]; then\n  load_env\nfi\nif [ "${next_entry}" ] ; then\n   set default="${next_entry}"\n'
    'else\n   set default="0"\nfi\nfunction savedefault {\n  save_env saved_entry\n}\n'
)
MORE = "submenu 'Advanced options' {\n" + entry("6.1-new") + entry("6.1-old", "old") + "}\n"
TWO = HEAD + entry("6.1-new", "new") + MORE
FILES: dict[str, Entry | str | bytes] = {
    "/boot/vmlinuz-6.1-new": kernel(), "/boot/initrd.img-6.1-new": GZIP,
    "/boot/vmlinuz-6.1-old": kernel(), "/boot/initrd.img-6.1-old": GZIP,
}  # fmt: skip


def booting(cfg: str, changes: dict[str, Entry | str | bytes | None] | None = None, *, uuid: str = UUID) -> Tree:
    files: dict[str, Entry | str | bytes] = {**healthy(), **FILES, CFG: cfg}
    for path, value in (changes or {}).items():
        files.pop(path, None)
        if value is not None:
            files[path] = value
    return Tree.of(files, [ROOMY], Devices((Device(uuid=uuid),)))


@pytest.mark.parametrize(
    "cfg",
    [
        TWO,
        HEAD + entry("6.1-new", before=""),
        HEAD + entry("6.1-new", before="/@/boot"),
        HEAD + entry("6.1-new", before="($root)/boot"),
        HEAD + entry("6.1-new", before="/ROOT/debian@/boot"),
        HEAD + entry("6.1-new", before="/@/.snapshots/1/snapshot/boot"),
        HEAD + entry("6.1-new") + entry("6.2-gone"),
        HEAD.replace('"0"', '"Debian 6.1-old"') + entry("6.2-gone") + entry("6.1-old"),
        HEAD.replace('"0"', '"1"') + entry("6.2-gone") + entry("6.1-old"),
        HEAD.replace('"0"', '"1>1"') + entry("6.2-gone") + MORE,
        HEAD + entry("6.1-new", root="/dev/vda1"),
        "",
        "# nothing that is read here\n",
        HEAD + "menuentry 'Other' {\n  chainloader +1\n}\n",
    ],
)
def test_what_is_whole_is_no_fault(cfg: str) -> None:
    assert causes(booting(cfg)) == []


@pytest.mark.parametrize(
    "good",
    [GZIP, ZSTD, CPIO, CPIO + bytes(512) + GZIP, CPIO + bytes(100) + ZSTD + bytes(7)],
    ids=["gzip", "zstd", "plain", "microcode, then gzip", "two and padding"],
)
def test_an_initramfs_is_a_row_of_archives(good: bytes) -> None:
    assert initrd_fault(good) == ""
    assert initrd_fault(good.rstrip(b"\0")[:-5]) == "is cut off"
    assert [initrd_fault(emptied_initrd(each)) for each in (good, good.rstrip(b"\0")[:-5], b"", b"text")] == [
        "", "is cut off", "is empty", "is no initramfs",
    ]  # fmt: skip


def test_a_kernel_says_how_long_it_is() -> None:
    whole = kernel(1 << 16)
    assert [kernel_fault(each) for each in (whole, whole[:-4096], b"", b"text", whole + b"signature")] == [
        "", "is cut off", "is empty", "is no kernel", "",
    ]  # fmt: skip
    for each in (whole, whole[:-4096], b"", b"text"):
        assert kernel_fault(emptied_kernel(each)) == kernel_fault(each)


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("/boot/initrd.img-6.1-new", None, "is missing"),
        ("/boot/initrd.img-6.1-new", b"", "is empty"),
        ("/boot/initrd.img-6.1-new", bytes(4096), "is empty"),
        ("/boot/initrd.img-6.1-new", GZIP[:-9], "is cut off"),
        ("/boot/initrd.img-6.1-new", b"no image", "is no initramfs"),
        ("/boot/initrd.img-6.1-new", symlink("initrd.img-gone"), "is missing"),
        ("/boot/vmlinuz-6.1-new", None, "is missing"),
        ("/boot/vmlinuz-6.1-new", kernel()[:-2048], "is cut off"),
    ],
)
def test_the_default_entry_needs_both_of_its_files(path: str, value: Entry | bytes | None, said: str) -> None:
    tree = booting(TWO, {path: value})
    finding = only_finding(tree, "boot-kernel")
    assert (finding.severity, finding.symptom) == (Severity.BROKEN, Symptom.UNREACHABLE)
    assert said in finding.message
    assert path in finding.message
    assert [each.safety for each in finding.repairs] == [Safety.UNSAFE, Safety.MANUAL]
    plan = mended(tree, choose=any_repairs)
    assert diff(plan, CFG) == (['   set default="0"'], ['   set default="Advanced options>old"'])


def test_a_saved_default_is_changed_where_it_is_saved() -> None:
    block = "# GRUB Environment Block\nsaved_entry=new\n"
    cfg = TWO.replace('set default="0"', 'set default="${saved_entry}"')
    tree = booting(cfg, {ENV: block + "#" * (1024 - len(block)), "/boot/initrd.img-6.1-new": None})
    plan = mended(tree, choose=any_repairs)
    written = plan.after.facts.tree.text(ENV) or ""
    assert "saved_entry=Advanced options>old\n" in written
    assert len(written) == 1024


def test_an_entry_for_the_next_boot_alone_is_the_one_that_counts() -> None:
    block = "# GRUB Environment Block\nnext_entry=Debian 6.2-gone\n"
    tree = booting(TWO + entry("6.2-gone"), {ENV: block})
    assert "6.2-gone" in only_finding(tree, "boot-kernel").message


def test_the_newest_entry_of_the_boot_loader_specification_comes_first() -> None:
    def said(version: str) -> str:
        files = f"linux /vmlinuz-{version}\ninitrd /initrd.img-{version}\n"
        return f"title Fedora {version}\n{files}options root=UUID={UUID}\n"

    files: dict[str, Entry | str | bytes | None] = {
        "/boot/loader/entries/x-6.1.9.conf": said("6.1-old"), "/boot/loader/entries/x-6.1.10.conf": said("6.1-new"),
    }  # fmt: skip
    assert causes(booting("blscfg\n", {**files, "/boot/initrd.img-6.1-old": None})) == []
    tree = booting("blscfg\n", {**files, "/boot/initrd.img-6.1-new": None})
    assert str(only_finding(tree, "boot-kernel").locations[0]) == "/boot/loader/entries/x-6.1.10.conf:3"


def test_without_another_whole_entry_a_person_has_to_do_it() -> None:
    tree = booting(HEAD + entry("6.1-new"), {"/boot/initrd.img-6.1-new": None})
    assert [each.safety for each in only_finding(tree, "boot-kernel").repairs] == [Safety.MANUAL]


def test_a_root_that_no_disk_has() -> None:
    finding = only_finding(booting(TWO, uuid="aaaa"), "boot-kernel")
    assert finding.severity is Severity.DOUBTFUL
    assert UUID in finding.message


def test_a_kernel_may_need_no_initramfs_where_the_root_is_a_plain_device() -> None:
    tree = booting(HEAD + entry("6.1-new", root="/dev/vda1"), {"/boot/initrd.img-6.1-new": None})
    assert "built in" in only_finding(tree, "boot-kernel").reason


DISK = (
    Device("/dev/vda1", "ext4", UUID, "root", "4d-01", "Root", 1),
    Device("/dev/vda15", "vfat", "6C0F", "efi", "4d-15", "EFI", 15),
)


def rooted(root: str, *, complete: bool = False, disk: tuple[Device, ...] = DISK) -> Tree:
    files: dict[str, Entry | str | bytes] = {**healthy(), **FILES, CFG: HEAD + entry("6.1-new", root=root)}
    return Tree.of(files, [ROOMY], Devices(disk, complete))


@pytest.mark.parametrize(
    "root",
    [
        "LABEL=root", "PARTUUID=4D-01", "PARTLABEL=Root", "/dev/vda1", "/dev/sda1", "/dev/disk/by-label/root",
        "/dev/mapper/vg-root", "/dev/vg/root", "/dev/sdb3", "PARTUUID=4d-09/PARTNROFF=1", "ZFS=rpool/ROOT", "$root",
        "LABEL=gone root=LABEL=root",
    ],
)  # fmt: skip
def test_a_root_that_is_there_or_can_not_be_told(root: str) -> None:
    assert causes(rooted(root)) == []


@pytest.mark.parametrize("root", ["LABEL=gone", "PARTUUID=4d-99", "PARTLABEL=x", "/dev/vda2", "UUID=90e"])
def test_a_root_that_no_device_here_is(root: str) -> None:
    finding = only_finding(rooted(root), "boot-kernel")
    assert finding.severity is Severity.DOUBTFUL
    assert root in finding.message


def test_a_running_server_knows_its_disks_but_not_how_the_next_boot_names_them() -> None:
    assert only_finding(rooted("LABEL=gone", complete=True), "boot-kernel").severity is Severity.BROKEN
    assert causes(rooted("/dev/vda2", complete=True)) == []


@pytest.mark.parametrize("root", ["LABEL=gone", "PARTUUID=4d-99", "/dev/vda2"])
def test_a_target_that_shows_no_such_names_tells_nothing(root: str) -> None:
    assert causes(rooted(root, disk=(Device("/dev/vda1", "ext4", UUID),))) == []


OLD_MODULES: dict[str, Entry | str | bytes | None] = {"/usr/lib/modules/6.1-old/modules.dep": "kernel/a.ko:\n"}
IMAGE = "\nPackage: linux-image-6.1-new\nStatus: install ok installed\nVersion: 6.1\n"


def test_the_modules_of_another_kernel_are_no_help() -> None:
    tree = booting(TWO, OLD_MODULES)
    finding = only_finding(tree, "boot-kernel")
    assert (finding.severity, finding.symptom) == (Severity.DOUBTFUL, Symptom.UNREACHABLE)
    assert "/lib/modules/6.1-new" in finding.message
    plan = mended(tree, choose=any_repairs)
    assert "old" in diff(plan, CFG)[1][0]


@pytest.mark.parametrize(
    "changes",
    [
        {**OLD_MODULES, "/usr/lib/modules/6.1-new/modules.dep": "kernel/a.ko:\n"},
        {"/var/lib/dpkg/status": str(healthy()["/var/lib/dpkg/status"]) + IMAGE.replace("install ok", "deinstall ok")},
        {},
    ],
)
def test_modules_that_are_there_or_that_the_kernel_never_had(changes: dict[str, Entry | str | bytes | None]) -> None:
    assert causes(booting(TWO, changes)) == []


def test_all_modules_are_gone_of_a_kernel_from_a_package() -> None:
    status = str(healthy()["/var/lib/dpkg/status"]) + IMAGE
    assert only_finding(booting(TWO, {"/var/lib/dpkg/status": status}), "boot-kernel").severity is Severity.DOUBTFUL
