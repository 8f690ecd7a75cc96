"""A support bundle as a target: it is looked at, never changed."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path, PurePosixPath
from shlex import join

from rescue.space.usage import Usage
from rescue.targets.bundle.file import is_bundle, read_bundle
from rescue.targets.protocol import BUNDLE, TargetError
from rescue.tree import Entry, NotCaptured, Read, Tree


class BundleTarget:
    """The bundle in the file at `path`."""

    def __init__(self, path: Path) -> None:
        self._bundle = read_bundle(path)
        self.name = str(path)
        self.method = BUNDLE

    @property
    def notes(self) -> tuple[str, ...]:
        """What the bundle is of, and what its target had to be said of."""
        own = self._bundle
        options = f", for {join(own.client)}" if own.client else ""
        return (f"a bundle of {own.name} ({own.method}), taken {own.created}{options}", *own.notes)

    def capture(self, reads: Iterable[Read]) -> Tree:
        """The whole bundle. Raises TargetError where it holds nothing of what is asked for."""
        wanted = tuple(reads)
        tree = self._bundle.tree
        missing = [read.path for read in wanted if not _holds(tree, read)]
        if missing and len(missing) == len(wanted):
            raise TargetError(
                f"the bundle {self.name} does not hold {missing[0]!r}, which must be seen for this",
                "Take it anew, with this version of rescue and the same --user: rescue capture -o FILE",
            )
        return tree

    def usage(self, mount: str) -> Usage:
        """What filled the file system mounted there. Raises TargetError where that was not measured."""
        for each in self._bundle.usages:
            if each.mount == mount:
                return each
        raise TargetError(f"the bundle {self.name} does not tell what fills {mount}", "Take it anew, without --quick.")

    def put(self, path: PurePosixPath, entry: Entry) -> None:
        """See `rescue.targets.protocol.Target.put`: refused."""
        raise refused(self.name)

    def set_metadata(self, path: PurePosixPath, entry: Entry) -> None:
        """See `rescue.targets.protocol.Target.set_metadata`: refused."""
        raise refused(self.name)

    def shorten(self, path: PurePosixPath, keep: int) -> None:
        """See `rescue.targets.protocol.Target.shorten`: refused."""
        raise refused(self.name)

    def remove(self, path: PurePosixPath) -> None:
        """See `rescue.targets.protocol.Target.remove`: refused."""
        raise refused(self.name)

    def sync(self) -> None:
        """See `rescue.targets.protocol.Target.sync`: there is nothing to write."""

    def lock(self) -> AbstractContextManager[None]:
        """See `rescue.targets.protocol.Target.lock`: refused."""
        raise refused(self.name)

    def close(self) -> None:
        """See `rescue.targets.protocol.Target.close`: nothing is open."""


def open_bundle(path: Path, *, write: bool) -> BundleTarget:
    """The bundle at `path`, which is a file that gzip has packed. Raises TargetError for any other such file."""
    if not is_bundle(path):
        raise TargetError(
            f"{path} is packed by gzip, and no bundle of a server",
            f"If it is a disk image, unpack it first: gunzip --keep {path}",
        )
    if write:
        raise refused(str(path))
    return BundleTarget(path)


def refused(name: str) -> TargetError:
    """The error for whoever would change a bundle."""
    return TargetError(
        f"{name} is a bundle of a server: there is nothing to repair in it",
        "See what would be changed with --dry-run, and run the fix where the server's disk is.",
    )


def _holds(tree: Tree, read: Read) -> bool:
    try:
        tree.require(read)
    except NotCaptured:
        return False
    return True
