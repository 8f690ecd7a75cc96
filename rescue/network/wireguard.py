"""wg-quick's files (wg-quick(8)): what an interface is set to, and what its peers may be asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from rescue.model import Location
from rescue.network.profile import Profile, written
from rescue.services.unit_files import Assignment
from rescue.tree import Read, Tree

FOLDER = "/etc/wireguard"
READS = (Read(FOLDER, depth=1),)
MOST_FILES = 100
MOST_LINES = 20_000


@dataclass(frozen=True, slots=True)
class Conf:
    """One file. Its sections are in lower case here; of keys the case does not count either."""

    path: PurePosixPath
    assignments: tuple[Assignment, ...]

    @property
    def name(self) -> str:
        """The interface's name."""
        return self.path.name.removesuffix(".conf")

    def get(self, section: str, key: str) -> tuple[Assignment, ...]:
        return tuple(each for each in self.assignments if (each.section, each.key.lower()) == (section, key))

    def words(self, section: str, key: str) -> Iterator[tuple[str, Location]]:
        """The words of all lines of a key, which stand between commas or blanks."""
        for each in self.get(section, key):
            yield from ((word, each.location) for word in each.text.replace(",", " ").split())


def confs(tree: Tree) -> Iterator[Conf]:
    """Every file."""
    for name in tree.children(FOLDER)[:MOST_FILES]:
        path = PurePosixPath(FOLDER) / name
        entry = tree.entry(path)
        if name.endswith(".conf") and entry is not None and entry.is_file:
            yield Conf(path, tuple(_assignments(path, tree.text(path) or "")))


def _assignments(path: PurePosixPath, text: str) -> Iterator[Assignment]:
    """As parse_options of wg-quick: "#" begins a comment wherever it stands. A place has no text: keys are secret."""
    section = ""
    for number, line in enumerate(text.split("\n", MOST_LINES)[:MOST_LINES], 1):
        said = line.partition("#")[0].strip()
        if said.startswith("["):
            section = said.strip("[]").lower()
            continue
        key, equals, value = said.partition("=")
        if equals and section:
            key = key.strip()
            yield Assignment(section, key, value.strip(), Location(path, number, key))


def profiles(tree: Tree) -> Iterator[Profile]:
    """One for each file."""
    for conf in confs(tree):
        own = written(conf.words("interface", "address"))
        yield Profile("wg-quick", Location(conf.path), (conf.name,), written=own, wired=False)
