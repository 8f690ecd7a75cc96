"""What differs at one path between two trees."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath

from rescue.tree.entry import Entry


class Action(StrEnum):
    """What a change does to the disk."""

    CREATE = "create"
    REPLACE = "replace"
    METADATA = "metadata"
    SHORTEN = "shorten"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class Change:
    """A path with its entries before and after: the unit of plans, diffs, the undo log and undo."""

    path: PurePosixPath
    before: Entry | None
    after: Entry | None

    @property
    def inverse(self) -> Change:
        return Change(self.path, self.after, self.before)

    @property
    def action(self) -> Action:
        if self.before is None:
            return Action.CREATE
        if self.after is None:
            return Action.REMOVE
        if self.before.same_content(self.after):
            return Action.METADATA
        if self.after.is_file and self.after.data is None:
            return Action.SHORTEN
        return Action.REPLACE

    @property
    def reversible(self) -> bool:
        """False if the lost content was not captured: a log that is removed or shortened."""
        if self.before is None or not self.before.is_file:
            return True
        return self.action is Action.METADATA or self.before.data is not None

    @property
    def frees(self) -> int:
        """Bytes that the change frees; 0 if it uses some."""
        if self.before is None or not self.before.is_file:
            return 0
        if self.before.nlink > 1 and self.after is None:
            return 0
        return max(0, self.before.allocated - (self.after.allocated if self.after else 0))
