"""Whether a lab is passed: a real login, what has to be kept, and all that was changed since the lock-out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from rescue.labs.lessons.scenario import Keep, Scenario
from rescue.labs.machines.ssh import Attempt
from rescue.model import Symptom
from rescue.targets.open import open_target
from rescue.targets.opening import Opening
from rescue.targets.protocol import Target, TargetError
from rescue.tree import Change, Entry, Read, Tree

CONTENT = 16 << 20
"""Bytes of a changed file that are compared; of a larger one size and time alone."""

OURS = "/var/lib/rescue"
"""Where `rescue fix` keeps its record on the server."""

BY_ITSELF = (
    "/run", "/tmp", "/var/cache", "/var/log", "/var/tmp", "/var/lib/dhcp", "/var/lib/logrotate",  # noqa: S108  of the server
    "/var/lib/private", "/var/lib/systemd", "/var/lib/chrony", "/etc/.pwd.lock", "/etc/.updated", "/var/.updated",
    "/root/.bash_history", "/lost+found",
)  # fmt: skip
"""What a running server writes without being asked."""


@dataclass(frozen=True, slots=True)
class Differences:
    """What is not on the disk as it was. No time of a file counts.

    made: what a person, or `rescue fix`, did. by_itself: what a running server writes without being asked. recorded:
    whether there is a record of `rescue fix`.
    """

    made: tuple[Change, ...]
    by_itself: tuple[PurePosixPath, ...] = ()
    recorded: bool = False


@dataclass(frozen=True, slots=True)
class Grade:
    """What a check has found. lost: what should have been kept and was not."""

    login: Attempt
    lost: tuple[Keep, ...]
    differences: Differences

    @property
    def passed(self) -> bool:
        """In, and nothing thrown away for it."""
        return self.login.symptom is Symptom.OK and self.login.status == 0 and not self.lost


def grade(scenario: Scenario, login: Attempt, broken: Path, disk: Path, image_format: str = "raw") -> Grade:
    """Compare the disk with what it was when the lab began. image_format: of both. Raises TargetError."""
    with opened(broken, image_format) as one, opened(disk, image_format) as two:
        before, after = _compared(one, two)
        kept = after.merged(two.capture([Read(keep.file, depth=0) for keep in scenario.keeps]))
    return Grade(login, lost(scenario, kept), differences(before, after))


def lost(scenario: Scenario, tree: Tree) -> tuple[Keep, ...]:
    """What the scenario says has to be so still, and is not."""
    return tuple(keep for keep in scenario.keeps if not re.search(keep.holds, tree.text(keep.file) or ""))


def differences(before: Tree, after: Tree) -> Differences:
    """What leads from one tree to the other, sorted by who does such things."""
    changes = sorted(_changes(before, after), key=lambda change: str(change.path))
    ours = [change for change in changes if _below(change.path, (OURS,))]
    # Its directories come to be with the record.
    parents = {each for change in ours for each in change.path.parents}
    others = [change for change in changes if change not in ours and not (_mere(change) and change.path in parents)]
    return Differences(
        tuple(change for change in others if not _below(change.path, BY_ITSELF)),
        tuple(change.path for change in others if _below(change.path, BY_ITSELF)),
        bool(ours),
    )


def _changes(before: Tree, after: Tree) -> Iterator[Change]:
    yield from after.since(before)
    for path in before.paths():
        old, new = before.lentry(path), after.lentry(path)
        # Too large to be read, of one size, and written to.
        if old and new and old.same(new) and old.is_file and old.data is None and old.mtime != new.mtime:
            yield Change(path, old, new)


def _mere(change: Change) -> bool:
    """A directory, whatever is said of it."""
    entry = change.after or change.before
    return entry is not None and entry.is_dir


def _below(path: PurePosixPath, places: tuple[str, ...]) -> bool:
    return any(path.is_relative_to(place) for place in places)


@contextmanager
def opened(disk: Path, image_format: str = "raw") -> Iterator[Target]:
    """The disk to look at: mounted by this kernel where that can be, else in an appliance. Raises TargetError."""
    try:
        opened = _open(disk, "kernel", image_format)
    except TargetError:
        # A volume group, or a file system that this kernel does not know.
        opened = _open(disk, "guestfs", image_format)
    try:
        yield opened
    finally:
        opened.close()


def _open(disk: Path, backend: str, image_format: str) -> Target:
    opening = Opening(format=image_format)
    return open_target(
        str(disk), write=False, backend=backend, root=None, progress=lambda message: None, opening=opening
    )


def _compared(one: Target, two: Target) -> tuple[Tree, Tree]:
    """Both disks as a whole, with the content of what may differ: what was written to has another time or size."""
    everything = [Read("/", content=False)]
    before, after = one.capture(everything), two.capture(everything)
    suspects = [str(path) for path in {*before.paths(), *after.paths()} if _suspect(before, after, path)]
    reads = [Read(path, depth=0, limit=CONTENT) for path in sorted(suspects)]
    return before.merged(one.capture(reads)), after.merged(two.capture(reads))


def _suspect(before: Tree, after: Tree, path: PurePosixPath) -> bool:
    old, new = before.lentry(path), after.lentry(path)
    files = [entry for entry in (old, new) if entry is not None and entry.is_file]
    return bool(files) and (old is None or new is None or _touched(old, new))


def _touched(old: Entry, new: Entry) -> bool:
    # Another inode in the same place: replaced, perhaps with the time of the old one.
    return not old.same(new) or old.mtime != new.mtime or old.ident[1] != new.ident[1]
