"""Would sshd open and trust this file of a user? Checks StrictModes and plain access.

Follows auth_openfile (auth.c) and safe_path (misc.c) of OpenSSH; Debian and Ubuntu patch safe_path so that a group
whose only member is the user may write (user-group-modes.patch).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import PurePosixPath

from rescue.accounts.database import Account, Accounts
from rescue.accounts.permissions import READ, SEARCH, Person, allows, first_barrier, put, with_mode
from rescue.tree import MAX_LINKS, Entry, Read, Tree

OTHERS_WRITE = 0o002
GROUP_WRITE = 0o020
WRITERS = OTHERS_WRITE | GROUP_WRITE
STICKY = 0o1000


class Rule(StrEnum):
    """sshd's requirements for each component; the value says how one is violated."""

    OWNER = "belongs to somebody else"
    WRITABLE = "can be written by others"
    UNREADABLE = "can't be read by the user"
    UNSEARCHABLE = "can't be entered by the user"


@dataclass(frozen=True, slots=True)
class StrictModesFault:
    """One component that makes sshd ignore the file.

    path: real, links resolved. mode, uid, gid: the least change with which the component would do; those of `entry`
    where they need not change. shared: it lies outside of the user's home and others depend on it as it is (somebody
    else's directory, or one like /tmp), so that no change of it is right.
    """

    path: PurePosixPath
    entry: Entry
    rule: Rule
    mode: int
    uid: int
    gid: int
    shared: bool = False


@dataclass(frozen=True, slots=True)
class Walk:
    """How one distribution's sshd checks one account's files.

    private_groups: whether a group that only the user is in may write (Debian's patch). strict: StrictModes.
    """

    tree: Tree
    accounts: Accounts
    account: Account
    private_groups: bool
    strict: bool = True

    def faults(self, path: PurePosixPath) -> tuple[StrictModesFault, ...]:
        """What keeps sshd from using the regular file at `path`, as named; () if it would, or if none is there.

        Where the user can't even get to the file only that is told: sshd asks no further.
        """
        entry = self.tree.entry(path)
        if entry is None or not entry.is_file:
            return ()
        real = self.tree.resolve(path)
        self._require_above(real)
        closed = (*self._barriers(path), *self._unreadable(real, entry))
        if closed or not self.strict:
            return closed
        return tuple(self._untrusted(real, entry))

    def mended(self, path: PurePosixPath) -> Tree:
        """The tree with every fault of `path` repaired. Raises ValueError if that is not ours to change."""
        walk = self
        for _ in range(2 * len(path.parts) + MAX_LINKS):
            faults = walk.faults(path)
            if not faults:
                return walk.tree
            for fault in faults:
                if fault.shared:
                    raise ValueError(f"{fault.path} {fault.rule}, and others need it so")
                changed = replace(with_mode(fault.entry, fault.mode), uid=fault.uid, gid=fault.gid)
                walk = replace(walk, tree=put(walk.tree, fault.path, changed))
        raise ValueError(f"{path} can't be made acceptable to sshd")

    def _require_above(self, real: PurePosixPath) -> None:
        self.tree.require(*(Read(str(each), depth=0) for each in (real, *real.parents)))

    @property
    def _person(self) -> Person:
        return Person(self.account.uid, self.accounts.gids_of(self.account))

    def _home(self) -> PurePosixPath | None:
        """realpath(3) of the home directory, as the user sees it; None if it can't be found."""
        home = self.account.home
        if not home.startswith("/") or self.tree.entry(home) is None:
            return None
        if first_barrier(self.tree, home, self._person) is not None:
            return None
        return self.tree.resolve(home)

    def _barriers(self, path: PurePosixPath) -> Iterator[StrictModesFault]:
        barrier = first_barrier(self.tree, path, self._person)
        if barrier is not None:
            yield self._access_fault(*barrier, Rule.UNSEARCHABLE, SEARCH)

    def _unreadable(self, real: PurePosixPath, entry: Entry) -> Iterator[StrictModesFault]:
        if entry.is_file and not allows(entry, self._person, READ):
            yield self._access_fault(real, entry, Rule.UNREADABLE, READ)

    def _untrusted(self, real: PurePosixPath, entry: Entry) -> Iterator[StrictModesFault]:
        home = self._home()
        yield from self._judge(real, entry, home)
        for above in real.parents:
            found = self.tree.lentry(above)
            if found is not None:
                yield from self._judge(above, found, home)
            if above == home:
                return

    def _judge(self, path: PurePosixPath, entry: Entry, home: PurePosixPath | None) -> Iterator[StrictModesFault]:
        own = _is_below(path, home)
        if entry.uid not in (0, self.account.uid):
            # A directory that several may need belongs to root; the user's own files, and the key file, to the user.
            uid, gid = (self.account.uid, self.account.gid) if own or entry.is_file else (0, 0)
            theirs = not own and self.accounts.by_uid(entry.uid) is not None
            yield StrictModesFault(path, entry, Rule.OWNER, entry.mode, uid, gid, shared=theirs)
        elif entry.mode & OTHERS_WRITE or (entry.mode & GROUP_WRITE and not self._group_is_private(entry)):
            shared = not own and bool(entry.mode & STICKY)
            yield StrictModesFault(
                path, entry, Rule.WRITABLE, entry.mode & ~WRITERS, entry.uid, entry.gid, shared=shared
            )

    def _group_is_private(self, entry: Entry) -> bool:
        """Debian's rule: nobody but the user has the group as primary, and its list names only the file's owner."""
        group = self.accounts.group(entry.gid)
        if not self.private_groups or group is None:
            return False
        primary = [each for each in self.accounts.entries if each.gid == group.gid]
        owner = self.accounts.by_uid(entry.uid)
        if owner is None or any(each.uid != self.account.uid for each in primary):
            return False
        return (not group.members or group.members == (owner.name,)) and bool(primary or group.members)

    def _access_fault(self, path: PurePosixPath, entry: Entry, rule: Rule, wanted: int) -> StrictModesFault:
        """Inside the home the user becomes the owner; elsewhere everybody may read or pass."""
        home = self.account.home
        if _is_below(path, self._home() or (PurePosixPath(home) if home.startswith("/") else None)):
            mode = entry.mode | wanted << 6
            return StrictModesFault(path, entry, rule, mode, self.account.uid, self.account.gid)
        spread = wanted << 6 if entry.uid == self.account.uid else wanted | wanted << 3
        return StrictModesFault(path, entry, rule, entry.mode | spread, entry.uid, entry.gid)


def _is_below(path: PurePosixPath, home: PurePosixPath | None) -> bool:
    """Whether `path` is the home or in it. A home that is / does not count."""
    return home is not None and home != PurePosixPath("/") and path.is_relative_to(home)
