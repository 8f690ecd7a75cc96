"""What is mounted where on this machine, from /proc/self/mountinfo (proc_pid_mountinfo(5))."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from rescue.targets.host.openat import raw
from rescue.tree import FileSystem

NETWORK = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "glusterfs", "afs", "autofs", "fuse.sshfs", "fuse.glusterfs"}
)
"""File systems that wait for another machine, for ever if it is gone."""

PSEUDO = frozenset(
    {
        "proc", "sysfs", "devtmpfs", "devpts", "cgroup", "cgroup2", "securityfs", "debugfs", "tracefs", "configfs",
        "pstore", "efivarfs", "bpf", "mqueue", "hugetlbfs", "fusectl", "binfmt_misc", "rpc_pipefs", "nsfs", "selinuxfs",
    }
)  # fmt: skip
"""File systems without files: the kernel's own."""

_PACKED = frozenset({"squashfs", "iso9660", "erofs", "cramfs", "udf"})
"""Full by design: every byte is used and none can be written."""

_OCTAL = re.compile(rb"\\([0-7]{3})")


@dataclass(frozen=True, slots=True)
class Mount:
    """One line of mountinfo. root: the directory of the file system that is mounted. device: "major:minor"."""

    point: str
    type: str
    source: str
    device: str
    root: str
    read_only: bool


def mounts() -> tuple[Mount, ...]:
    """Every mount that can be seen, in the order in which they were made; () without /proc."""
    try:
        text = Path("/proc/self/mountinfo").read_bytes()
    except OSError:
        return ()
    return parse_mountinfo(text)


def parse_mountinfo(text: bytes) -> tuple[Mount, ...]:
    """The mounts of a mountinfo file; invalid lines are left out."""
    return tuple(parsed for line in text.split(b"\n") if (parsed := _parse(line)) is not None)


def mount_at(path: str) -> Mount | None:
    """The mount that holds the real host path `path`."""
    best = None
    for mount in mounts():
        inside = mount.point == "/" or path == mount.point or path.startswith(mount.point + "/")
        if inside and (best is None or len(mount.point) >= len(best.point)):
            best = mount
    return best


def mounts_of(device: int) -> tuple[Mount, ...]:
    """Where the block device with this number (st_rdev) is mounted."""
    number = f"{os.major(device)}:{os.minor(device)}"
    return tuple(mount for mount in mounts() if mount.device == number)


def filesystems_below(path: str, *, running: bool) -> tuple[FileSystem, ...]:
    """The file systems of the server whose root is the real host path `path`: the one that holds it, those below.

    `read_only` is told of a running system only: a disk at rest is mounted as the rescue system pleases.
    """
    found: dict[str, FileSystem] = {}
    above = mount_at(path)
    base = "" if path == "/" else path
    below = [mount for mount in mounts() if mount.point.startswith(base + "/") and mount.point != path]
    for mount in [*([above] if above else []), *below]:
        inside = "/" if mount is above else mount.point[len(base) :]
        # The one that holds the root counts whatever it is: a live system's, or one behind sshfs.
        if (mount is above or _counts(mount, running)) and (measured := _measure(mount, inside, running)) is not None:
            found[inside] = measured
        else:
            found.pop(inside, None)
    return tuple(found.values())


def _counts(mount: Mount, running: bool) -> bool:
    if mount.type == "tmpfs" and running and mount.point != "/":
        return mount.point in ("/tmp", "/var/tmp", "/run")  # noqa: S108 - the names are the point
    return mount.type not in NETWORK | PSEUDO | _PACKED


def _measure(mount: Mount, inside: str, running: bool) -> FileSystem | None:
    try:
        found = os.statvfs(raw(mount.point))
    except OSError:
        return None
    if not found.f_blocks:
        return None
    return FileSystem(
        inside,
        mount.type,
        size=found.f_blocks * found.f_frsize,
        free=found.f_bfree * found.f_frsize,
        available=found.f_bavail * found.f_frsize,
        inodes=found.f_files,
        inodes_free=found.f_ffree,
        read_only=mount.read_only and running,
        source=mount.source,
    )


def _parse(line: bytes) -> Mount | None:
    left, separator, right = line.partition(b" - ")
    fields, rest = left.split(b" "), right.split(b" ")
    if not separator or len(fields) < 6 or len(rest) < 3:
        return None
    read_only = b"ro" in fields[5].split(b",") or b"ro" in rest[2].split(b",")
    return Mount(_text(fields[4]), _text(rest[0]), _text(rest[1]), _text(fields[2]), _text(fields[3]), read_only)


def _text(field: bytes) -> str:
    return _OCTAL.sub(lambda found: bytes((int(found[1], 8) & 0xFF,)), field).decode("utf-8", "surrogateescape")
