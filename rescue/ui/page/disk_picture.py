"""How full the server's file systems are, and what fills them, as bars."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rescue.space.usage import Usage, top_directories
from rescue.text.numbers import size
from rescue.tree import FileSystem
from rescue.ui.page.markup import Html, joined, tag

MANY = 10
WIDTH = 1000
FULL = 90
"""Percent of a file system from which on its bar is red."""


@dataclass(frozen=True, slots=True)
class Filled:
    """A file system, and what fills it; None where that was not measured."""

    filesystem: FileSystem
    usage: Usage | None = None


def percent(filesystem: FileSystem) -> int:
    """How much of it people can use no more."""
    if not filesystem.size:
        return 0
    return 100 - 100 * min(filesystem.available, filesystem.size) // filesystem.size


def disk_pictures(filled: Iterable[Filled]) -> Html:
    """A bar for each file system whose size is known, and the directories that hold most."""
    return joined(*(_one(each) for each in filled if each.filesystem.size))


def _one(filled: Filled) -> Html:
    file_system = filled.filesystem
    share = percent(file_system)
    says = f"{share} % of {size(file_system.size)} used, {size(file_system.available)} left"
    if file_system.inodes:
        used = 100 - 100 * file_system.inodes_free // file_system.inodes
        says += f"; {used} % of its {file_system.inodes} inodes used"
    kind = "bad" if share >= FULL else "ok"
    bar = _bar(share / 100, kind, f"{file_system.mount}: {says}")
    return joined(tag("h3", file_system.mount), tag("p", says), bar, _held(filled.usage))


def _bar(share: float, kind: str, label: str) -> Html:
    whole = tag("rect", x=0, y=0, width=WIDTH, height=20, class_="fill-none")
    part = tag("rect", x=0, y=0, width=max(0, min(WIDTH, round(WIDTH * share))), height=20, class_=f"fill-{kind}")
    return tag(
        "svg", whole, part, xmlns="http://www.w3.org/2000/svg", viewBox=f"0 0 {WIDTH} 20", preserveAspectRatio="none",
        class_="bar", role="img", aria_label=label,
    )  # fmt: skip


def _held(usage: Usage | None) -> Html:
    if usage is None or not usage.bytes:
        return Html("")
    note = "" if usage.complete else tag("p", "Not everything could be read: the sums are too small.", class_="soft")
    found = [(str(each.path), each.bytes) for each in top_directories(usage, MANY)]
    files = [(str(each.path), each.bytes) for each in usage.files[:MANY]]
    return joined(
        Html(note), tag("h4", "The directories that hold most"), _bars(found, usage.bytes),
        *((tag("h4", "The largest files"), _bars(files, usage.bytes)) if files else ()),
    )  # fmt: skip


def _bars(held: Sequence[tuple[str, int]], whole: int) -> Html:
    return tag(
        "ul",
        *(
            tag("li", tag("code", path), f" {size(bytes_)}", _bar(bytes_ / whole, "doubt", f"{path}: {size(bytes_)}"))
            for path, bytes_ in held
        ),
    )
