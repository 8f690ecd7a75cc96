"""Set up a root for its programs: /dev, /proc, /sys, name servers. Called after chroot(2).

From there no path of the server's, whatever its links say, leads out of its root.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import stat
import struct
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from rescue.targets.host.syscalls import MS_BIND, MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_RDONLY, MS_REMOUNT, mount
from rescue.targets.protocol import TargetError

_NODES = {"null": (1, 3), "zero": (1, 5), "full": (1, 7), "random": (1, 8), "urandom": (1, 9), "tty": (5, 0)}
_LINKS = {
    "ptmx": "pts/ptmx", "fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1",
    "stderr": "/proc/self/fd/2",
}  # fmt: skip


def mount_proc() -> None:
    """/proc of this process's namespace, /sys for reading; the kernel's settings in them can't be changed."""
    _mounted("proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
    _mounted("sysfs", "/sys", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY)
    for path in ("/proc/sys", "/proc/sysrq-trigger"):
        if not Path(path).exists():
            continue  # this kernel has none
        mount(path, path, "", MS_BIND)
        mount("", path, "", MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC)


def _mounted(kind: str, point: str, flags: int, options: str = "") -> None:
    try:
        mount(kind, point, kind, flags, options)
    except OSError as problem:
        if problem.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
            raise
        raise TargetError(
            f"the server has no directory {point}, which its programs need",
            f"Create it: run rescue mount, then mkdir {point.lstrip('/')} in that folder.",
        ) from problem


def mount_dev(nodes: Sequence[tuple[str, os.stat_result]]) -> None:
    """A new /dev with nodes of its own, and copies of `nodes` (name, stat(2)) of this machine."""
    _mounted("tmpfs", "/dev", MS_NOSUID | MS_NOEXEC, "mode=755")
    for name, (major, minor) in _NODES.items():
        os.mknod(f"/dev/{name}", stat.S_IFCHR | 0o666, os.makedev(major, minor))
    for name, told in nodes:
        os.mknod(f"/dev/{name}", stat.S_IFMT(told.st_mode) | 0o600, told.st_rdev)
    for name, target in _LINKS.items():
        Path(f"/dev/{name}").symlink_to(target)
    for name, mode in (("pts", 0o755), ("shm", 0o1777)):
        Path(f"/dev/{name}").mkdir(mode=mode)
    mount("devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620,gid=5")
    mount("tmpfs", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777")  # noqa: S108 - the name is the point


def resolver() -> bytes:
    """This machine's name servers: the server's own may not be reachable from here."""
    try:
        with Path("/etc/resolv.conf").open("rb") as stream:
            return stream.read(64 << 10)
    except OSError:
        return b""


def mount_resolver(text: bytes) -> None:
    """Mounted over the server's own file, which is not changed. If that is missing, it is not made."""
    if not text:
        return
    own = Path("/run/rescue-resolv.conf")
    own.write_bytes(text)
    at = Path("/etc/resolv.conf")
    with suppress(OSError):
        # systemd-resolved's file is in /run, which is new here.
        if at.is_symlink() and (where := Path(os.path.realpath(at))).is_relative_to("/run") and not where.exists():
            where.parent.mkdir(parents=True, exist_ok=True)
            where.write_bytes(text)
        elif at.is_file():
            mount(str(own), str(at), "", MS_BIND)


def loopback_up() -> None:
    """The interface lo of a new network namespace is down at first."""
    # SIOCSIFFLAGS with IFF_UP (netdevice(7)).
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        fcntl.ioctl(made, 0x8914, struct.pack("16sH22x", b"lo", 1))
