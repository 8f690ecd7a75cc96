"""nsswitch.conf(5): where accounts are looked up."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from re import compile as compile_pattern

from rescue.model import Location
from rescue.tree import Read, Tree

NSSWITCH = PurePosixPath("/etc/nsswitch.conf")
NSSWITCH_READ = Read(str(NSSWITCH), depth=0)

_ACTION = compile_pattern(r"\[[^\]]*\]")


@dataclass(frozen=True, slots=True)
class Database:
    """One line. sources: as written, with the actions between them ("files [NOTFOUND=return] sss")."""

    sources: str
    location: Location

    @property
    def words(self) -> list[str]:
        """The sources alone."""
        return words(self.sources)


def words(sources: str) -> list[str]:
    """The sources without the actions between them."""
    return _ACTION.sub(" ", sources).split()


def databases(tree: Tree) -> dict[str, Database]:
    """The lines by their names; of two with one name the last counts."""
    found = {}
    for number, line in enumerate((tree.text(NSSWITCH) or "").split("\n"), start=1):
        name, colon, sources = line.partition("#")[0].partition(":")
        if colon:
            found[name.strip()] = Database(sources, Location(NSSWITCH, number, line.rstrip()))
    return found
