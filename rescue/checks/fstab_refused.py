"""The kernel or mount(8) refuses a required /etc/fstab entry, so the boot stops in emergency mode.

Symptom: "Connection refused" if systemd-networkd configures the network, because it starts early; else nothing
answers ("No route to host", "Connection timed out"). The provider's console shows "You are in emergency mode", and
above it "wrong fs type, bad option", "unknown filesystem type" or "Mount path is not a directory".

Cause: the disk is there, but a line without nofail can't be mounted. An option that this file system does not have
(errors=remount-ro on XFS, uid= on ext4), or a mistyped one (default, no-fail). A file system type that no kernel has
(ex4). A line in modprobe.d, mostly of a hardening script, that keeps the module from being loaded: install vfat
/bin/false, while /boot/efi needs vfat. `blacklist vfat` does the same, because the kernel asks for the module by an
alias. Or a file where the mount point's directory should be.

Options of ext2 to ext4, XFS, Btrfs, vfat and tmpfs are judged by name; of tmpfs also by value: size=2GB is refused, and
size=2G is taken.

Repair: remove the option, or write nofail, or size=2G, where it was meant. Else add nofail to this one line, so that
the server starts without the file system. For /var and below this needs your consent; for /usr you must correct the
line yourself.

See: mount(8), fstab(5), modprobe.d(5), systemd.mount(5); ext4(5), xfs(5), btrfs(5), tmpfs(5).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import PurePosixPath

from rescue.boot.dispensable import emergency_symptom, without_it
from rescue.boot.fstab import FSTAB, FstabLine, read_fstab, with_others
from rescue.boot.loader import READS as LOADER_READS
from rescue.boot.loader import kernel_version, read_menu
from rescue.boot.modules import MODPROBE_READS, MODULE_READS, forbidden, kernels, support
from rescue.boot.mount_options import GONE_SINCE, OLDER, refused_options, refused_values
from rescue.facts import Facts
from rescue.model import Finding, Location, Repair, Safety, Severity, Step
from rescue.services.units import UNIT_READS
from rescue.tree import LinkLoop, Read, Tree

STEP = Step.BOOT
READS = (Read(FSTAB, depth=0), *UNIT_READS, *MODPROBE_READS, *MODULE_READS, *LOADER_READS)

EXT = frozenset({"ext2", "ext3", "ext4"})
VIRTUAL = frozenset(
    ["aufs", "autofs", "bpf", "cgroup", "cgroup2", "configfs", "cpuset", "debugfs", "devpts", "devtmpfs", "efivarfs",
     "fuse", "fuseblk", "hugetlbfs", "mqueue", "none", "nsfs", "overlay", "overlayfs", "proc", "pstore", "ramfs",
     "securityfs", "selinuxfs", "smackfs", "swap", "sysfs", "tmpfs", "tracefs", "unionfs", "usbfs", "usbdevfs",
     "rootfs", "auto", "binfmt_misc", "rpc_pipefs", "nfsd", "fusectl"]
)  # fmt: skip
"""Types without a disk, mostly built in, and words that name no type."""
REAL = frozenset(
    ["adfs", "affs", "apfs", "bcachefs", "befs", "bfs", "btrfs", "cramfs", "ecryptfs", "efs", "erofs", "exfat", "f2fs",
     "freevxfs", "gfs2", "hfs", "hfsplus", "hpfs", "iso9660", "jffs2", "jfs", "lustre", "minix", "msdos", "nilfs2",
     "ntfs", "ntfs3", "ntfs-3g", "ocfs2", "omfs", "prl_fs", "qnx4", "qnx6", "reiser4", "reiserfs", "romfs", "squashfs",
     "sysv", "ubifs", "udf", "ufs", "umsdos", "vboxsf", "vfat", "virtiofs", "vmhgfs", "vxfs", "xfs", "zfs", "zonefs",
     "9p"]
) | EXT  # fmt: skip
"""Types that some kernel or program has."""
HELPERS = ("/sbin", "/usr/sbin", "/usr/bin", "/usr/local/sbin")
"""Where mount(8) of the distributions looks for mount.TYPE."""
UNSEEN = "the kernel may have it built in"
TEMPORARY = ("/run/", "/dev/", "/proc/", "/sys/", "/tmp/", "/var/tmp/")  # noqa: S108
"""Where what lies on the disk does not count, or may be gone at boot."""

_RELEASE = re.compile(r"(\d{1,4})\.(\d{1,4})")
_NOFAIL = re.compile(r"no[-_]?f(?:ai|ia)ll?")

Fault = tuple[str, str, tuple[Location, ...], tuple[Repair, ...]]
"""What is wrong, why that is in doubt, where else it says so, and repairs before the usual one."""


def find(facts: Facts) -> Iterator[Finding]:
    if facts.units.manager != "systemd":
        return
    facts.tree.require(*READS)
    lines = read_fstab(facts.tree.text(FSTAB) or "")
    root = next((each.type for each in lines if each.point == "/"), "")
    seen: set[str] = set()
    for line in lines:
        if not line.mounts or line.point in seen:
            continue
        seen.add(line.point)
        if line.required and (fault := _fault(facts.tree, line, root, lines)) is not None:
            yield _finding(facts, line, *fault)


def _fault(tree: Tree, line: FstabLine, root: str, lines: tuple[FstabLine, ...]) -> Fault | None:
    if line.has("bind", "rbind", "move", "remount"):
        return None
    versions = _versions(tree)
    return _options(line, versions) or _type(tree, line, root, versions) or _place(tree, line, lines)


def _versions(tree: Tree) -> tuple[str, ...]:
    """The kernel that boots, if the boot loader tells and its modules are there; else every kernel."""
    found, menu = kernels(tree), read_menu(tree)
    booting = kernel_version(menu.chosen.kernel) if menu is not None and menu.chosen is not None else ""
    return (booting,) if booting in found else found


def _options(line: FstabLine, versions: tuple[str, ...]) -> Fault | None:
    releases = [(int(each[1]), int(each[2])) for each in map(_RELEASE.match, versions) if each is not None]
    found: dict[str, str] = {}
    for option, doubt in refused_options(line.type, line.options):
        if doubt != OLDER:
            found[option] = doubt
        elif all(each >= GONE_SINCE for each in releases):
            found[option] = "" if releases else doubt
    values = dict(refused_values(line.type, line.options))
    found |= dict.fromkeys(values, "")
    if not found:
        return None
    changed = {option: "nofail" if _NOFAIL.fullmatch(option) else values.get(option, "") for option in found}
    words = ", ".join(found)
    made = f"remove {words} from" if not any(changed.values()) else f"correct {words} in"
    repair = Repair(
        f"{made} the options for {line.point} in {FSTAB}",
        Safety.SAFE,
        partial(_without, number=line.number, changed=changed),
    )
    doubt = "" if "" in found.values() else next(iter(found.values()))
    said = f"the options {words}" if len(found) > 1 else f"the option {words}"
    return f"{said}, which {line.type} does not {'take' if values else 'have'}", doubt, (), (repair,)


def _without(tree: Tree, number: int, changed: Mapping[str, str]) -> Tree:
    return tree.write(FSTAB, with_others(tree.text(FSTAB) or "", number, changed))


def _type(tree: Tree, line: FstabLine, root: str, versions: tuple[str, ...]) -> Fault | None:
    kind = line.type
    if not re.fullmatch(r"[A-Za-z0-9_+-]+", kind) or kind in VIRTUAL or kind == root or {kind, root} <= EXT:
        return None  # the initramfs brings what / needs
    for folder in HELPERS:
        tree.require(Read(f"{folder}/mount.{kind}", depth=0, content=False))
        if tree.entry(f"{folder}/mount.{kind}") is not None:
            return None
    stopped = forbidden(tree, kind) if kind in REAL else None
    if kind in EXT | {"xfs", "btrfs"} and stopped is None:
        return None
    has = support(tree, kind, versions)
    if has.built_in:
        return None
    doubt = "" if has.known and (has.module or kind not in REAL) else UNSEEN
    if stopped is not None:
        return f"{kind}, whose module {stopped.path} keeps from being loaded", doubt, (stopped,), ()
    if has.module or (kind in REAL and not has.known):
        return None
    return f"the file system type {kind}, which the kernel does not have", doubt, (), ()


def _place(tree: Tree, line: FstabLine, lines: tuple[FstabLine, ...]) -> Fault | None:
    """A file at the mount point, or above it. What lies below another mount is not seen."""
    path = line.place
    others = [each for each in lines if each.mounts and each.point != "/" and each is not line]
    if any(path.is_relative_to(each.place) and path != each.place for each in others):
        return None
    if f"{path}/".startswith(TEMPORARY) or (line.source.startswith("/") and not line.names_device):
        return None
    try:
        for each in (*reversed(path.parents), path):
            tree.require(Read(str(each), depth=0, content=False))
            entry = tree.entry(each)
            if entry is None:
                return None  # systemd makes the directory, also where a dangling link points
            if entry.is_file:
                return f"a directory at {each}, which is a file", "", (Location(PurePosixPath(each)),), ()
    except LinkLoop:
        return None
    return None


def _finding(
    facts: Facts, line: FstabLine, what: str, doubt: str, places: tuple[Location, ...], first: tuple[Repair, ...]
) -> Finding:
    return Finding(
        check="fstab-refused",
        step=STEP,
        severity=Severity.DOUBTFUL if doubt else Severity.BROKEN,
        message=f"{FSTAB} requires for {line.point} {what}. The boot stops in emergency mode, without SSH.",
        symptom=emergency_symptom(facts.units),
        locations=(line.location, *places),
        repairs=(*first, without_it(line)),
        subject=line.point,
        reason=doubt,
    )
