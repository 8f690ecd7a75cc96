"""A record: what one fix changes, what distinguishes before from after, and how far the fix got."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from hashlib import sha256
from pathlib import PurePosixPath
from struct import Struct

from rescue.tree import Action, Change, Entry, Kind

KEPT_FLAGS = 0x30
"""The inode flags that matter: immutable and append-only. The others are the file system's own (chattr(1))."""

LABELS = frozenset({"security.selinux", "security.ima", "security.evm"})
"""Extended attributes that the kernel or a relabelling changes by itself: restored, but not required to match."""

ACL = "system.posix_acl_"
_ACL_ENTRY = Struct("<HHI")
_USER_OBJ, _GROUP_OBJ, _MASK, _OTHER = 0x01, 0x04, 0x10, 0x20


class State(StrEnum):
    """How far a fix got. STARTED and UNDOING are found only after a kill: the next run ends them.

    PREPARED: no change is made yet, the old contents are still being copied; the next fix deletes it.
    """

    PREPARED = "prepared"
    STARTED = "started"
    DONE = "done"
    ROLLED_BACK = "rolled back"
    UNDOING = "undoing"
    UNDONE = "undone"
    UNREADABLE = "unreadable"


class Standing(StrEnum):
    """Whether a path is in the state before a change, after it, or in between.

    BETWEEN: half done, as a kill leaves it: one side's content with some attributes of the other, a flag not yet set
    again, or nothing, where a file replaces a directory or the reverse.
    """

    BEFORE = "before"
    AFTER = "after"
    BETWEEN = "between"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Imprint:
    """An entry without its content: enough to recognise it and, together with the content, to restore it.

    digest: the SHA-256 of a regular file's content in hex; empty where the content was not captured. Other fields
    as in `Entry`.
    """

    kind: Kind
    mode: int
    uid: int
    gid: int
    size: int
    mtime: int | None
    digest: str = ""
    link: str = ""
    xattrs: tuple[tuple[str, bytes], ...] = ()
    flags: int = 0
    rdev: int = 0

    @classmethod
    def of(cls, entry: Entry) -> Imprint:
        """The imprint of `entry`."""
        digest = sha256(entry.data).hexdigest() if entry.data is not None else ""
        size = entry.size if entry.is_file else 0
        return cls(
            entry.kind, entry.mode, entry.uid, entry.gid, size, entry.mtime, digest, entry.link, entry.xattrs,
            entry.flags, entry.rdev,
        )  # fmt: skip

    def entry(self, data: bytes | None = None) -> Entry:
        """The entry, with `data` as its content."""
        return Entry(
            self.kind, self.mode, self.uid, self.gid, self.size, self.mtime, data=data, link=self.link,
            xattrs=self.xattrs, flags=self.flags, rdev=self.rdev,
        )  # fmt: skip

    def fits(self, entry: Entry | None, *, labels: bool = True) -> bool:
        """True if `entry` matches the imprint; times are ignored and, without `labels`, so are `LABELS`."""
        if entry is None:
            return False
        return (
            self.mode == entry.mode
            and (self.uid, self.gid) == (entry.uid, entry.gid)
            and (self.flags ^ entry.flags) & KEPT_FLAGS == 0
            and _counted(self.xattrs, self.mode, labels) == _counted(entry.xattrs, entry.mode, labels)
            and self.holds(entry)
        )

    def holds(self, entry: Entry) -> bool:
        """True if `entry` has the same content, whoever owns it."""
        if self.kind is not entry.kind or (self.link, self.rdev) != (entry.link, entry.rdev):
            return False
        if self.kind is not Kind.FILE:
            return True
        if self.size != entry.size:
            return False
        return not self.digest or (entry.data is not None and sha256(entry.data).hexdigest() == self.digest)


def _counted(xattrs: tuple[tuple[str, bytes], ...], mode: int, labels: bool) -> dict[str, bytes]:
    return {
        name: _settled(value, mode) if name == f"{ACL}access" else value
        for name, value in xattrs
        if labels or name not in LABELS
    }


def _settled(acl: bytes, mode: int) -> bytes:
    """The ACL as chmod(2) leaves it: owner, mask (without one, the group) and others are the mode's bits (acl(5)).

    The attribute is a version and entries of tag, permissions and id, little-endian (linux/posix_acl_xattr.h). Returns
    anything else unchanged.
    """
    if len(acl) % 8 != 4:
        return acl
    entries = [_ACL_ENTRY.unpack_from(acl, at) for at in range(4, len(acl), 8)]
    masked = any(tag == _MASK for tag, _, _ in entries)
    bits = {_USER_OBJ: mode >> 6 & 7, _MASK if masked else _GROUP_OBJ: mode >> 3 & 7, _OTHER: mode & 7}
    return acl[:4] + b"".join(_ACL_ENTRY.pack(tag, bits.get(tag, allowed), who) for tag, allowed, who in entries)


def _mixed(entry: Entry, one: Imprint, other: Imprint) -> bool:
    """True if each attribute of `entry` is that of one of the two, or an intermediate value of setting it.

    chown(2) clears the set-id bits, setting an ACL changes the mode's group bits and chmod(2) the ACL's mask
    (acl(5)), and the flags are cleared during the change.
    """
    acls = any(name.startswith(ACL) for side in (one, other, entry) for name, _ in side.xattrs)
    bits = 0o1707 if acls else 0o1777
    sides = (dict(one.xattrs), dict(other.xattrs))
    names = {name for side in (one, other, entry) for name, _ in side.xattrs}
    mine = dict(entry.xattrs)
    return (
        entry.uid in (one.uid, other.uid)
        and entry.gid in (one.gid, other.gid)
        and entry.mode & bits in (one.mode & bits, other.mode & bits)
        and entry.flags & KEPT_FLAGS & ~(one.flags | other.flags) == 0
        and all(
            mine.get(name) in [side.get(name) for side in sides]
            for name in names
            if name not in LABELS and not name.startswith(ACL)
        )
    )


@dataclass(frozen=True, slots=True)
class RecordedChange:
    """One change as the undo log records it.

    kept: the name, inside the fix's folder, of the file with the old content ("before/0001"); empty if there is none.
    reversible: False if the lost content was not saved: a log that was removed or shortened.
    """

    path: PurePosixPath
    action: Action
    before: Imprint | None
    after: Imprint | None
    reversible: bool = True
    kept: str = ""

    def standing(self, present: Entry | None) -> Standing:
        """Whether `present`, what is at the path now, is the state before the change, after it, or neither."""
        if not self.reversible:
            return self._standing_of_lost(present)
        for labels in (True, False):
            # Compare with the exact old entry first, so that a change of only a label is seen; otherwise a file that
            # the server has relabelled since counts as what the fix left.
            sides = [(Standing.BEFORE, self.before), (Standing.AFTER, self.after)]
            for standing, side in sides if labels else reversed(sides):
                if present is None if side is None else side.fits(present, labels=labels):
                    return standing
        return Standing.BETWEEN if self._half_done(present) else Standing.OTHER

    def _half_done(self, present: Entry | None) -> bool:
        if present is None:
            return self.in_two_steps
        if self.before is None:
            # A directory is made first and its owner set afterwards; a rollback removes it only while it is empty.
            made = self.after is not None and self.after.kind is Kind.DIR and present.is_dir
            return made and self.after is not None and present.uid in (0, self.after.uid)
        if self.after is None:
            return self.before.holds(present) and _mixed(present, self.before, self.before)
        held = self.before.holds(present) or self.after.holds(present)
        return held and _mixed(present, self.before, self.after)

    def _standing_of_lost(self, present: Entry | None) -> Standing:
        # A log keeps growing, is rotated and started again: only its length can be compared.
        if present is None or self.before is None or present.size < self.before.size:
            return Standing.AFTER
        return Standing.BEFORE

    @property
    def in_two_steps(self) -> bool:
        """True if a directory is replaced by something else or the reverse: rename(2) can't do that atomically."""
        if self.before is None or self.after is None:
            return False
        return (self.before.kind is Kind.DIR) != (self.after.kind is Kind.DIR)


@dataclass(frozen=True, slots=True)
class Record:
    """What one fix does, and how far it got.

    id: UTC time of the start, such as 20261122T184500Z, with -2 and so on if two began within a second. number: 1 for
    the target's first fix; gives the order even if a rescue system's clock is wrong. started, finished, undone: UTC,
    ISO 8601; empty if that has not happened. titles: the repairs. left: paths that a recovery found in a state that is
    neither before nor after, and did not touch. protected: directories around the changed paths that are immutable or
    append-only, with these flags (a kill in the middle of a change leaves them cleared). problem: why the record is
    unreadable.
    """

    id: str
    number: int
    state: State
    started: str = ""
    finished: str = ""
    undone: str = ""
    version: str = ""
    hostname: str = ""
    target: str = ""
    titles: tuple[str, ...] = ()
    changes: tuple[RecordedChange, ...] = ()
    left: tuple[PurePosixPath, ...] = ()
    protected: tuple[tuple[PurePosixPath, int], ...] = ()
    problem: str = ""

    @property
    def interrupted(self) -> bool:
        """True if a kill or a power cut interrupted it."""
        return self.state in (State.STARTED, State.UNDOING)

    @property
    def not_restorable(self) -> tuple[PurePosixPath, ...]:
        """What an undo can't restore."""
        return tuple(change.path for change in self.changes if not change.reversible)

    def at(self, state: State, **times: str) -> Record:
        """This record in a later state."""
        return replace(self, state=state, **times)  # type: ignore[arg-type]  # the times are all text

    def leaving(self, paths: tuple[PurePosixPath, ...]) -> Record:
        """This record with the paths that a recovery did not touch."""
        return replace(self, left=paths)


def recorded(changes: Sequence[Change]) -> tuple[tuple[RecordedChange, ...], dict[str, bytes]]:
    """`changes` as the undo log records them, and the old contents by the names they are saved under."""
    kept: dict[str, bytes] = {}
    made = []
    for number, change in enumerate(changes, 1):
        before, name = change.before, ""
        lost = change.action is not Action.METADATA
        if lost and before is not None and before.is_file and before.data is not None:
            name = f"before/{number:04d}"
            kept[name] = before.data
        made.append(
            RecordedChange(
                change.path,
                change.action,
                Imprint.of(before) if before else None,
                Imprint.of(change.after) if change.after else None,
                change.reversible,
                name,
            )
        )
    return tuple(made), kept
