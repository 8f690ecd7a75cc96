"""May this user read or pass through this entry? Mode bits and POSIX ACLs (path_resolution(7), acl(5))."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from struct import Struct

from rescue.tree import MAX_LINKS, Entry, Tree

READ, WRITE, SEARCH = 4, 2, 1

ACL_ACCESS = "system.posix_acl_access"

_ACL_HEADER = Struct("<I")
_ACL_ENTRY = Struct("<HHI")
_USER_OBJ, _USER, _GROUP_OBJ, _GROUP, _MASK, _OTHER = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20


@dataclass(frozen=True, slots=True)
class Person:
    """The uid and gids of a process."""

    uid: int
    gids: frozenset[int]


def allows(entry: Entry, person: Person, wanted: int) -> bool:
    """Whether `person` may do `wanted` (READ, WRITE, SEARCH, or'ed) with `entry`. Root always may."""
    if person.uid == 0:
        return True
    if person.uid == entry.uid:
        return entry.mode >> 6 & wanted == wanted
    acl = _acl(entry)
    if acl:
        return _acl_allows(acl, entry, person, wanted)
    shift = 3 if entry.gid in person.gids else 0
    return entry.mode >> shift & wanted == wanted


def _acl(entry: Entry) -> tuple[tuple[int, int, int], ...]:
    """(tag, permissions, id) of the access ACL, empty if there is none (linux/posix_acl_xattr.h, version 2)."""
    raw = entry.xattr(ACL_ACCESS)
    if raw is None or len(raw) < _ACL_HEADER.size or _ACL_HEADER.unpack_from(raw)[0] != 2:
        return ()
    body = raw[_ACL_HEADER.size :]
    return () if len(body) % _ACL_ENTRY.size else tuple(_ACL_ENTRY.iter_unpack(body))


def _acl_allows(acl: tuple[tuple[int, int, int], ...], entry: Entry, person: Person, wanted: int) -> bool:
    """The access check algorithm of acl(5), after the owner has been dealt with."""
    mask = next((bits for tag, bits, _ in acl if tag == _MASK), 7)
    for tag, bits, ident in acl:
        if tag == _USER and ident == person.uid:
            return bits & mask & wanted == wanted
    in_group = False
    for tag, bits, ident in acl:
        if (tag == _GROUP_OBJ and entry.gid in person.gids) or (tag == _GROUP and ident in person.gids):
            in_group = True
            if bits & mask & wanted == wanted:
                return True
    if in_group:
        return False
    return next((bits for tag, bits, _ in acl if tag == _OTHER), 0) & wanted == wanted


def with_mode(entry: Entry, mode: int) -> Entry:
    """`entry` after chmod(2): where it has an ACL, its owner, mask (or group) and other entries follow (acl(5))."""
    acl = _acl(entry)
    if not acl:
        return replace(entry, mode=mode)
    group = _MASK if any(tag == _MASK for tag, _, _ in acl) else _GROUP_OBJ
    bits = {_USER_OBJ: mode >> 6 & 7, group: mode >> 3 & 7, _OTHER: mode & 7}
    raw = _ACL_HEADER.pack(2) + b"".join(_ACL_ENTRY.pack(tag, bits.get(tag, now), ident) for tag, now, ident in acl)
    xattrs = tuple((name, raw if name == ACL_ACCESS else value) for name, value in entry.xattrs)
    return replace(entry, mode=mode, xattrs=xattrs)


def chmod(tree: Tree, path: str | PurePosixPath, mode: int) -> Tree:
    """`tree` after chmod(2) of what is at `path` (links followed). FileNotFoundError if nothing is."""
    entry = tree.entry(path)
    if entry is None:
        raise FileNotFoundError(str(path))
    return put(tree, tree.resolve(path), with_mode(entry, mode))


def put(tree: Tree, real: PurePosixPath, entry: Entry) -> Tree:
    """`tree` with `entry` at the real path, and at every other name that the same file has there."""
    return tree.with_entries(dict.fromkeys((str(name) for name in tree.names_of(real)), entry))


def passed(tree: Tree, path: str | PurePosixPath) -> Iterator[tuple[PurePosixPath, Entry]]:
    """Every directory that the kernel searches on its way to `path`, links followed, the root first.

    Ends early where the way ends: at what does not exist, is no directory, or after too many links.
    """
    at, left, followed = "/", [part for part in reversed(str(path).split("/")) if part], 0
    seen: set[str] = set()
    while left:
        entry = tree.lentry(at)
        if entry is None or not entry.is_dir:
            return
        if at not in seen:
            seen.add(at)
            yield PurePosixPath(at), entry
        part = left.pop()
        if part == "..":
            at = at.rpartition("/")[0] or "/"
            continue
        if part == ".":
            continue
        here = f"{at if at != '/' else ''}/{part}"
        found = tree.lentry(here)
        if found is None or not found.is_link:
            at = here
            continue
        followed += 1
        if followed > MAX_LINKS:
            return
        if found.link.startswith("/"):
            at = "/"
        left.extend(piece for piece in reversed(found.link.split("/")) if piece)


def first_barrier(tree: Tree, path: str | PurePosixPath, person: Person) -> tuple[PurePosixPath, Entry] | None:
    """The first directory above `path` that `person` may not search; None if there is none."""
    return next((step for step in passed(tree, path) if not allows(step[1], person, SEARCH)), None)
