"""The writing methods of a target opened for writing, forwarded to its writer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import PurePosixPath
from typing import Protocol

from rescue.targets.protocol import TargetError
from rescue.tree import Entry


class Writes(Protocol):
    """What a writer does; see `rescue.targets.protocol.Target`."""

    def put(self, path: PurePosixPath, entry: Entry) -> None: ...
    def set_metadata(self, path: PurePosixPath, entry: Entry) -> None: ...
    def shorten(self, path: PurePosixPath, keep: int) -> None: ...
    def remove(self, path: PurePosixPath) -> None: ...


class Forwarding(ABC):
    """A target whose writer may be missing."""

    @abstractmethod
    def _writing(self) -> Writes:
        """The writer. Raises `only_for_looking` if there is none."""

    def put(self, path: PurePosixPath, entry: Entry) -> None:
        """See `rescue.targets.protocol.Target.put`."""
        self._writing().put(path, entry)

    def set_metadata(self, path: PurePosixPath, entry: Entry) -> None:
        """See `rescue.targets.protocol.Target.set_metadata`."""
        self._writing().set_metadata(path, entry)

    def shorten(self, path: PurePosixPath, keep: int) -> None:
        """See `rescue.targets.protocol.Target.shorten`."""
        self._writing().shorten(path, keep)

    def remove(self, path: PurePosixPath) -> None:
        """See `rescue.targets.protocol.Target.remove`."""
        self._writing().remove(path)


def only_for_looking(name: str) -> TargetError:
    """The error for a change of a target that was not opened for writing."""
    return TargetError(f"{name} was opened read-only")
