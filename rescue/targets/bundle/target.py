"""A support bundle as a read-only target."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path, PurePosixPath
from shlex import join

from rescue.space.usage import Usage
from rescue.targets.bundle.file import is_bundle, read_bundle
from rescue.targets.host.closing import Closing
from rescue.targets.protocol import BUNDLE, TargetError
from rescue.tree import Entry, Read, Tree


class BundleTarget(Closing):
    """The bundle in the file at `path`."""

    def __init__(self, path: Path) -> None:
        self._bundle = read_bundle(path)
        self.name = str(path)
        self.method = BUNDLE

    @property
    def notes(self) -> tuple[str, ...]:
        """What the bundle was made of, and the notes of its target."""
        own = self._bundle
        options = f", for {join(own.client)}" if own.client else ""
        return (f"a bundle of {own.name} ({own.method}), taken {own.created}{options}", *own.notes)

    def capture(self, reads: Iterable[Read]) -> Tree:
        """The whole bundle. Raises TargetError if it holds none of the requests."""
        wanted = tuple(reads)
        tree = self._bundle.tree
        missing = [read.path for read in wanted if not tree.holds(read)]
        if missing and len(missing) == len(wanted):
            raise TargetError(
                f"the bundle {self.name} does not hold {missing[0]!r}, which is needed for this",
                "Make a new one, with this version of rescue and the same --user: rescue capture -o FILE",
            )
        return tree

    def usage(self, mount: str) -> Usage:
        """What filled the file system mounted there. Raises TargetError if that was not measured."""
        for each in self._bundle.usages:
            if each.mount == mount:
                return each
        raise TargetError(
            f"the bundle {self.name} does not record what fills {mount}", "Make a new one, without --quick."
        )

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
    """The bundle in the gzip file at `path`. Raises TargetError if it is not a bundle."""
    if not is_bundle(path):
        raise TargetError(
            f"{path} is a gzip file, but not a support bundle",
            f"If it is a disk image, unpack it first: gunzip --keep {path}",
        )
    if write:
        raise refused(str(path))
    return BundleTarget(path)


def refused(name: str) -> TargetError:
    """The error for a change of a bundle."""
    return TargetError(
        f"{name} is a support bundle: it can't be repaired",
        "Preview the changes with --dry-run, and run the fix where the server's disk is.",
    )
