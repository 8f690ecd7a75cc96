"""fstab(5) as far as it says where a directory would come from: lines that count, and lines that are commented out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from re import compile as compile_pattern

from rescue.model import Location
from rescue.tree import Tree

FSTAB = PurePosixPath("/etc/fstab")

_OCTAL = compile_pattern(r"\\([0-7]{3})")
_COMMENTED = compile_pattern(r"\s*#+\s*(\S+\s+/\S*\s+\S+(?:\s+.*)?)")


@dataclass(frozen=True, slots=True)
class Mount:
    """One line: what is mounted where. active is false where the line is a comment."""

    source: str
    place: PurePosixPath
    options: tuple[str, ...]
    location: Location
    active: bool

    @property
    def at_boot(self) -> bool:
        return self.active and "noauto" not in self.options


def mounts(tree: Tree) -> Iterator[Mount]:
    """The lines of the file that have a mount point, comments that look like one among them."""
    for number, line in enumerate((tree.text(FSTAB) or "").split("\n"), start=1):
        comment = _COMMENTED.fullmatch(line)
        words = (comment[1] if comment else line).split()
        if len(words) < 3 or not words[1].startswith("/") or (not comment and line.lstrip().startswith("#")):
            continue
        place = PurePosixPath(_OCTAL.sub(lambda match: chr(int(match[1], 8)), words[1]))
        options = tuple(words[3].split(",")) if len(words) > 3 else ()
        yield Mount(words[0], place, options, Location(FSTAB, number, line.rstrip()), comment is None)


def holding(tree: Tree, path: PurePosixPath) -> Mount | None:
    """The line whose mount point is nearest above `path`, other than /; of two lines the one that counts."""
    fitting = [each for each in mounts(tree) if path.is_relative_to(each.place) and each.place != PurePosixPath("/")]
    return max(fitting, key=lambda each: (len(each.place.parts), each.active), default=None)
