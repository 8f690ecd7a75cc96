"""A root with one of everything, written with the system's own tools, and the literal tree that it must be seen as."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
from dataclasses import replace
from pathlib import Path

from rescue.tree import CONTENT_LIMIT, Entry, Kind, Read, Tree

TIME = 1_700_000_000_123_456_789
"""Every regular file's modification time, in nanoseconds."""

OS_RELEASE = b'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n'
ODD = b"caf\xe9.conf"
"""A name in Latin-1, which is not UTF-8."""

ACL = struct.pack(
    "<I" + "HHI" * 5,
    2,
    *(0x01, 6, 0xFFFFFFFF),
    *(0x02, 4, 1234),
    *(0x04, 4, 0xFFFFFFFF),
    *(0x10, 4, 0xFFFFFFFF),
    *(0x20, 0, 0xFFFFFFFF),
)
"""user::rw-, user:1234:r--, group::r--, mask::r--, other::--- as the kernel stores it (linux/posix_acl_xattr.h)."""

CAPABILITY = struct.pack("<IIIII", 0x02000001, 1 << 13, 0, 0, 0)
"""cap_net_raw=ep (linux/capability.h: revision 2, effective)."""

LARGE = CONTENT_LIMIT + 1
SPARSE = 600 << 10


def file(data: bytes, mode: int = 0o644, uid: int = 0, gid: int = 0) -> Entry:
    return Entry(Kind.FILE, mode, uid, gid, size=len(data), mtime=TIME, data=data)


def link(target: str) -> Entry:
    return Entry(Kind.LINK, 0o777, size=len(os.fsencode(target)), link=target)


def folder(mode: int = 0o755, uid: int = 0, gid: int = 0) -> Entry:
    return Entry(Kind.DIR, mode, uid, gid)


def literal() -> dict[str, Entry]:
    """Every entry of the sample but the root. nlink, ident, allocated and the size of directories are not told."""
    odd = os.fsdecode(ODD)
    return {
        "/etc": folder(),
        "/etc/os-release": link("../usr/lib/os-release"),
        "/etc/passwd": file(b"root:x:0:0:root:/root:/bin/bash\n"),
        "/etc/fstab": file(b"# nothing but the root\n"),
        "/etc/hostname": file(b"lab\n"),
        "/etc/empty": file(b""),
        "/etc/no-newline": file(b"Port 22\r\nPort 23"),
        "/etc/shadow": file(b"root:*:19700:0:99999:7:::\n", 0o640, 0, 42),
        "/etc/hard-1": file(b"two names\n", 0o600),
        "/etc/hard-2": file(b"two names\n", 0o600),
        "/etc/acl": replace(file(b"acl\n", 0o640), xattrs=(("system.posix_acl_access", ACL),)),
        "/etc/capable": replace(file(b"ELF", 0o755), xattrs=(("security.capability", CAPABILITY),)),
        "/etc/noted": replace(file(b"noted\n"), xattrs=(("user.note", b"a\0b"), ("user.other", b"plain"))),
        "/etc/setuid": file(b"ELF", 0o4755),
        "/etc/immutable": replace(file(b"stays\n"), flags=0x10),
        "/etc/append": replace(file(b"grows\n"), flags=0x20),
        "/etc/sparse": file(bytes(SPARSE - 1) + b"x"),
        "/etc/large": replace(file(b""), size=LARGE, data=None),
        "/etc/fifo": Entry(Kind.FIFO, 0o620, 0, 5),
        "/etc/socket": Entry(Kind.SOCKET, 0o755),
        "/etc/char": Entry(Kind.CHAR, 0o600, rdev=os.makedev(1, 3)),
        "/etc/block": Entry(Kind.BLOCK, 0o660, 0, 6, rdev=os.makedev(7, 300)),
        "/etc/loop-a": link("loop-b"),
        "/etc/loop-b": link("/etc/loop-a"),
        "/etc/self": link("self"),
        "/etc/absolute": link("/srv/data/one"),
        "/etc/upwards": link("../../../../../../srv/data/one"),
        "/etc/outwards": link("/../../proc/../../../etc/passwd-of-nobody"),
        "/etc/dangling": link("nowhere/at/all"),
        "/etc/folder-link": link("../srv/data"),
        "/etc/link-to-odd": link(f"../srv/{odd}"),
        "/etc/ssh": folder(),
        "/etc/ssh/sshd_config": file(b"Include /etc/ssh/sshd_config.d/*.conf\n", 0o600),
        "/etc/ssh/sshd_config.d": folder(),
        f"/etc/ssh/sshd_config.d/{odd}": file(b"Port 2222\n"),
        "/etc/ssh/sshd_config.d/10-\x1b[2J.conf": file(b"Port 2223\n"),
        "/etc/ssh/sshd_config.d/\u00fcber.conf": file(b"Port 2224\n"),
        f"/etc/{odd}": folder(0o750, 1000, 1001),
        f"/etc/{odd}/inside": file(b"in an odd folder\n", 0o600, 1000, 1001),
        "/home": folder(),
        "/home/alice": folder(0o700, 1000, 1000),
        "/home/alice/.ssh": folder(0o700, 1000, 1000),
        "/home/alice/.ssh/authorized_keys": file(b"ssh-ed25519 AAAA alice\n", 0o600, 1000, 1000),
        "/srv": folder(),
        "/srv/data": folder(),
        "/srv/data/one": file(b"one\n"),
        f"/srv/{odd}": file(b"odd\n"),
        "/tmp": folder(0o1777),
        "/usr": folder(),
        "/usr/lib": folder(),
        "/usr/lib/os-release": file(OS_RELEASE),
        "/var": folder(),
        "/var/log": folder(0o775, 0, 4),
    }


def write_sample(root: Path) -> None:
    """Write the sample below `root`, an empty directory, as root."""
    os.umask(0o022)
    base = os.fsencode(root)
    entries = literal()
    for path, entry in entries.items():
        where = base + os.fsencode(path)
        if entry.is_dir:
            Path(os.fsdecode(where)).mkdir()
        elif entry.is_link:
            Path(os.fsdecode(where)).symlink_to(entry.link)
        elif entry.kind is Kind.SOCKET:
            _bind(where)
        elif entry.kind in (Kind.FIFO, Kind.CHAR, Kind.BLOCK):
            kinds = {Kind.FIFO: 0o010000, Kind.CHAR: 0o020000, Kind.BLOCK: 0o060000}
            os.mknod(where, kinds[entry.kind] | 0o600, entry.rdev)
        elif path == "/etc/hard-2":
            os.link(base + b"/etc/hard-1", where)
        else:
            Path(os.fsdecode(where)).write_bytes(entry.data or b"")
        if not entry.is_link:
            os.chown(where, entry.uid, entry.gid)
            Path(os.fsdecode(where)).chmod(entry.mode)
    os.truncate(base + b"/etc/large", LARGE)
    with Path(os.fsdecode(base + b"/etc/sparse")).open("wb") as stream:
        stream.seek(SPARSE - 1)
        stream.write(b"x")
    _tool("setfacl", "-m", "u:1234:r", base + b"/etc/acl")
    _tool("setcap", "cap_net_raw=ep", base + b"/etc/capable")
    _tool("setfattr", "-n", "user.note", "-v", "0x610062", base + b"/etc/noted")
    _tool("setfattr", "-n", "user.other", "-v", "plain", base + b"/etc/noted")
    for path, entry in entries.items():
        if entry.is_file:
            os.utime(base + os.fsencode(path), ns=(TIME, TIME))
    _tool("chattr", "+i", base + b"/etc/immutable")
    _tool("chattr", "+a", base + b"/etc/append")


def free_sample(root: Path) -> None:
    """Take the protecting flags off, so that the sample can be deleted."""
    for name in (b"/etc/immutable", b"/etc/append"):
        where = os.fsencode(root) + name
        if os.path.lexists(where):
            _tool("chattr", "-ia", where)


def _bind(where: bytes) -> None:
    # An address holds 108 bytes; temporary directories are longer.
    path, before = Path(os.fsdecode(where)), Path.cwd()
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(before)


def _tool(*words: str | bytes) -> None:
    subprocess.run(words, check=True, stdin=subprocess.DEVNULL)


READS = (Read("/"),)


def seen(tree: Tree) -> dict[str, Entry]:
    """The tree's entries but its root and lost+found, without what no two file systems agree on."""
    found = {}
    for path in tree.paths():
        entry = tree.lentry(path)
        assert entry is not None
        if str(path) in ("/", "/lost+found"):
            continue
        entry = replace(entry, nlink=1, ident=(0, 0), allocated=0)
        if not entry.is_file:
            entry = replace(entry, mtime=None)
        if entry.is_dir or entry.kind in (Kind.FIFO, Kind.SOCKET, Kind.CHAR, Kind.BLOCK):
            entry = replace(entry, size=0)
        found[str(path)] = entry
    return found
