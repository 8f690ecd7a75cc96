"""Which changes closed the door: for each new finding the smallest set of changed lines that brings it about. Pure.

A finding of the new state that the old one has not is reproduced on the old state plus some of the changes: first the
files, then the lines of those files are left out one by one until nothing more can be (`minimal`). What remains is not
what an author meant, but what is enough.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from pathlib import PurePosixPath

from rescue.checks import all_checks
from rescue.compare.minimal import minimal
from rescue.examine import examine
from rescue.model import Client, Finding, Severity
from rescue.tree import Change, Entry, Tree

MOST_LINES = 3000
"""Lines of a file that is taken apart; a longer one counts as a whole."""
MOST_FINDINGS = 10


@dataclass(frozen=True, slots=True)
class Blamed:
    """A finding that is new, and the smallest changes that bring it about; () where no captured file does: free space,
    time, or another device. changed: how many files differ in all."""

    finding: Finding
    changes: tuple[Change, ...]
    changed: int


def blame(old: Tree, new: Tree, client: Client) -> tuple[Blamed, ...]:
    """For each finding that the new state has and the old one has not. Raises NotCaptured."""
    before = {each.key for each in examine(old, client).findings}
    after = [each for each in examine(new, client).findings if each.key not in before]
    # What is certain comes first: of a doubt the reader wants to know less.
    after.sort(key=lambda each: (each.severity is not Severity.BROKEN, each.step.order))
    changes = new.since(old)
    return tuple(_blamed(old, changes, each, client) for each in after[:MOST_FINDINGS])


def _blamed(old: Tree, changes: tuple[Change, ...], finding: Finding, client: Client) -> Blamed:
    checks = [each for each in all_checks() if each.id == finding.check]

    def has(some: Sequence[Change]) -> bool:
        found = examine(_changed(old, some, changes), client, checks, evidence=False).findings
        return any(each.key == finding.key for each in found)

    if has(()) or not has(changes):
        # By itself, or not by files at all.
        return Blamed(finding, (), len(changes))
    files = minimal(changes, has)
    return Blamed(finding, _lines(files, has), len(changes))


def _changed(old: Tree, some: Iterable[Change], every: tuple[Change, ...]) -> Tree:
    """`old` with some of the changes, and with what they stand on: a new file's directories, what a directory held."""
    chosen = {str(each.path): each.after for each in some}
    if chosen:
        gone = {path for path, after in chosen.items() if after is None}
        parents = {str(parent) for path, after in chosen.items() if after for parent in PurePosixPath(path).parents}
        for each in every:
            path = str(each.path)
            below = any(str(parent) in gone for parent in each.path.parents)
            if path not in chosen and ((each.before is None and path in parents) or (below and each.after is None)):
                chosen[path] = each.after
    return old.with_entries(chosen, edited=False) if chosen else old


# -- lines -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Unit:
    """A part of one file's change: lines that go and come, or (at < 0) its mode, owner and the like, or the whole."""

    path: PurePosixPath
    at: int
    old: tuple[str, ...] = ()
    new: tuple[str, ...] = ()


class _File:
    """A changed file, taken apart."""

    def __init__(self, change: Change) -> None:
        self.change = change
        self.parts: list[tuple[str, ...] | _Unit] = []
        before, after = change.before, change.after
        lines = _text(before), _text(after)
        whole = lines[0] is None or lines[1] is None or max(map(len, (lines[0] or (), lines[1] or ()))) > MOST_LINES
        self.apart = not whole and after is not None and lines[0] != lines[1]
        if self.apart:
            self.parts = _parts(change.path, lines[0] or (), lines[1] or ())

    @property
    def units(self) -> list[_Unit]:
        made = [each for each in self.parts if isinstance(each, _Unit)]
        before, after = self.change.before, self.change.after
        # The rest of the change: everything, where it is not taken apart.
        alike = (
            before is not None
            and after is not None
            and replace(after, data=None, size=0).same(replace(before, data=None, size=0))
        )
        return made if self.apart and alike else [_Unit(self.change.path, -1), *made]

    def with_units(self, units: Iterable[_Unit]) -> Change | None:
        """The change made of these parts alone; None for none of them."""
        chosen = {each.at for each in units if each.path == self.change.path}
        before, after = self.change.before, self.change.after
        if not chosen:
            return None
        if not self.apart or after is None:
            return self.change
        base = after if -1 in chosen or before is None else before
        lines = [
            line
            for part in self.parts
            for line in (part if not isinstance(part, _Unit) else part.new if part.at in chosen else part.old)
        ]
        data = "".join(lines).encode("utf-8", "surrogateescape")
        return Change(self.change.path, before, replace(base, data=data, size=len(data)))


def _text(entry: Entry | None) -> tuple[str, ...] | None:
    """A file's lines with their ends; () for no file, None for what is no text or was not read."""
    if entry is None:
        return ()
    if not entry.is_file or entry.data is None or b"\0" in entry.data:
        return None
    lines = entry.data.decode("utf-8", "surrogateescape").split("\n")
    return tuple(f"{line}\n" for line in lines[:-1]) + ((lines[-1],) if lines[-1] else ())


def _parts(path: PurePosixPath, old: tuple[str, ...], new: tuple[str, ...]) -> list[tuple[str, ...] | _Unit]:
    made: list[tuple[str, ...] | _Unit] = []
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    for kind, first, last, start, end in matcher.get_opcodes():
        gone, come = old[first:last], new[start:end]
        if kind == "equal":
            made.append(gone)
        elif len(gone) == len(come):
            made += [
                _Unit(path, len(made) + at, (one,), (two,))
                for at, (one, two) in enumerate(zip(gone, come, strict=True))
            ]
        else:
            # Lines that go and lines that come, each for itself: one of them may be what matters.
            singles = [((one,), ()) for one in gone] + [((), (two,)) for two in come]
            made += [_Unit(path, len(made) + at, one, two) for at, (one, two) in enumerate(singles)]
    return made


def _lines(files: tuple[Change, ...], has: Callable[[Sequence[Change]], bool]) -> tuple[Change, ...]:
    """The changes reduced to the lines that matter."""
    apart = [_File(each) for each in files]
    units = [unit for each in apart for unit in each.units]

    def made(some: Sequence[_Unit]) -> list[Change]:
        return [change for each in apart if (change := each.with_units(some)) is not None]

    if not has(made(units)):
        return files
    return tuple(made(minimal(units, lambda some: has(made(some)))))
