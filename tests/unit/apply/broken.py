"""A server with something of every kind to repair, its repair, and the ways in which writing ends early."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import PurePosixPath

from rescue.tree import Change, Entry, FileSystem, Kind, Tree, directory, file, symlink
from tests.trees import ROOMY, server
from tests.unit.memory_target import Killed, MemoryTarget

OLD = 1_600_000_000_123_456_789
ACL = ("system.posix_acl_access", b"\x02\x00\x00\x00\x01\x00\x06\x00")
LABEL = ("security.selinux", b"system_u:object_r:etc_t:s0\0")
CONFIG = "/etc/ssh/sshd_config"
BIG_LOG = "/var/log/syslog"
OLD_LOG = "/var/log/syslog.1"
STRANGE = "/etc/motd.d/caf\udce9"


def clock() -> Callable[[], datetime]:
    """One second later each time it is asked."""
    times = iter(datetime(2026, 11, 22, 18, 45, tzinfo=UTC) + timedelta(seconds=each) for each in range(10_000))
    return lambda: next(times)


def big(size: int, ident: int) -> Entry:
    """A log that was captured without its content."""
    return Entry(Kind.FILE, 0o640, 0, 4, size, OLD, ident=(1, ident), allocated=size)


def broken(filesystem: FileSystem = ROOMY) -> Tree:
    """A server with something of every kind to repair."""
    return server(
        {
            CONFIG: replace(file("Port 2222\n"), mtime=OLD, xattrs=(LABEL, ACL)),
            "/etc/nologin": replace(file("closed\n", 0o600), mtime=OLD),
            "/etc/resolv.conf": replace(file("nameserver 192.0.2.1\n"), mtime=OLD, flags=0x10),
            "/home/alice/.ssh": replace(directory(0o777, 1000, 1000), mtime=OLD),
            "/etc/systemd/system/ssh.service": symlink("/dev/null"),
            "/etc/swap": replace(directory(0o750, 5, 6), mtime=OLD),
            STRANGE: replace(file(b"\xff\0binary"), mtime=OLD),
            BIG_LOG: big(8 << 20, 11),
            OLD_LOG: big(4 << 20, 12),
            "/var/lib/private": directory(0o700),
        },
        filesystem,
    )


def repaired(tree: Tree) -> Tree:
    """The same server, repaired: every action, every kind."""
    tree = tree.write(CONFIG, "Port 22\n")
    tree = tree.remove("/etc/nologin", "/etc/systemd/system/ssh.service", OLD_LOG)
    tree = tree.write("/etc/resolv.conf", "nameserver 198.51.100.1\n")
    tree = tree.set_mode("/home/alice/.ssh", mode=0o700)
    tree = tree.write(STRANGE, b"\xfe\0binary")
    tree = tree.write("/etc/ufw/applications.d/ssh", "[OpenSSH]\n", mode=0o600)
    tree = tree.make_link("/etc/systemd/system/sshd.service", "/usr/lib/systemd/system/ssh.service")
    tree = tree.remove("/etc/swap").write("/etc/swap", "now a file\n")
    return tree.shorten(BIG_LOG, 1 << 20)


def plan(tree: Tree) -> tuple[Change, ...]:
    return repaired(tree).since(tree)


def reversible_plan(tree: Tree) -> tuple[Change, ...]:
    return tuple(change for change in plan(tree) if change.reversible)


def files(tree: Tree, *, times: bool = True) -> dict[str, object]:
    """Everything that counts of every file outside the journal."""
    return {
        str(path): (
            entry.kind,
            entry.mode,
            entry.uid,
            entry.gid,
            entry.size if entry.is_file else 0,
            entry.data,
            entry.link,
            entry.xattrs,
            entry.flags,
            entry.mtime if times and entry.is_file else 0,
        )
        for path in tree.paths()
        if not path.is_relative_to("/var/lib/rescue") and (entry := tree.lentry(path)) is not None
    }


def without(captured: dict[str, object], *paths: str) -> dict[str, object]:
    return {path: what for path, what in captured.items() if path not in paths}


def target_of(tree: Tree) -> MemoryTarget:
    return MemoryTarget(tree)


def killer(at: int) -> Callable[[int, str, PurePosixPath], None]:
    def hook(call: int, name: str, path: PurePosixPath) -> None:
        if call == at:
            raise Killed

    return hook


def calls(work: Callable[[MemoryTarget], object], target: MemoryTarget) -> int:
    """How many moments `work` can be killed at."""
    counted = [0]

    def hook(call: int, name: str, path: PurePosixPath) -> None:
        counted[0] = call

    target.hook = hook
    work(target)
    return counted[0]


def old_or_new(now: Tree, old: Tree, new: Tree) -> None:
    """Every file is as before or as after, but what is exchanged for a directory, which may be missing."""
    captured, before, after = (files(each, times=False) for each in (now, old, new))
    for path in before.keys() | after.keys():
        if path != "/etc/swap" or path in captured:
            assert captured.get(path) in (before.get(path), after.get(path)), path
    assert captured.keys() <= before.keys() | after.keys()


def failing(at: int, problem: Exception, *, lasting: bool = False) -> Callable[[int, str, PurePosixPath], None]:
    def hook(call: int, name: str, path: PurePosixPath) -> None:
        if call == at or (lasting and call > at):
            raise problem

    return hook


def full(blocks: int = 0, inodes: int = 0) -> FileSystem:
    return FileSystem("/", "ext4", 64 << 20, blocks * 4096, 0, 1000, inodes)
