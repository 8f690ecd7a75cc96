"""Two targets of one server, captured alike: what one of them is asked for, both are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from rescue.model import Client
from rescue.survey import ROUNDS, Captures, survey
from rescue.targets.protocol import Target, TargetError
from rescue.tree import NotCaptured, Tree

T = TypeVar("T")


@dataclass
class Pair:
    """The targets and their snapshots, which grow while something is worked out."""

    old_target: Captures
    new_target: Captures
    old: Tree
    new: Tree

    @classmethod
    def of(cls, old: Target, new: Target, client: Client) -> Pair:
        """Both captured for `client`, each with what the other needed, too. Raises TargetError."""
        before, _ = survey(old, client)
        after, _ = survey(new, client)
        made = cls(old, new, before, after)
        made.old = before.merged(old.capture(after.reads))
        made.new = after.merged(new.capture(before.reads))
        return made

    def worked(self, work: Callable[[Tree, Tree], T]) -> T:
        """`work` on the old and the new snapshot, both enlarged by what it asks for. It is pure. Raises TargetError."""
        for _ in range(ROUNDS):
            try:
                return work(self.old, self.new)
            except NotCaptured as missing:
                held = len(self.old.reads) + len(self.new.reads)
                self.old = self.old.merged(self.old_target.capture(missing.reads))
                self.new = self.new.merged(self.new_target.capture(missing.reads))
                if len(self.old.reads) + len(self.new.reads) == held:
                    break
        raise TargetError("the two snapshots never become complete", "Links or includes there may form a loop.")
