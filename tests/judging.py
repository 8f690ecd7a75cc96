"""What the tests of evidence say: what of a literal server is not judged."""

from __future__ import annotations

from collections.abc import Mapping

from rescue.examine import examine
from rescue.model import Client, Gap
from rescue.tree import Entry, Tree
from tests.trees import KEY, server

ALWAYS = frozenset({"boot-unseen", "network-unseen"})
"""What is not judged on any server."""

ME = Client(user="alice", key=" ".join(KEY.split()[:2]))

Changes = Mapping[str, Entry | str | bytes | None]


def gaps(tree: Tree, client: Client = ME) -> list[Gap]:
    """What is not judged of the client's path, but for what never is."""
    return [gap for gap in examine(tree, client).path.gaps if gap.check not in ALWAYS]


def gaps_of(changes: Changes, client: Client = ME) -> list[tuple[str, str]]:
    """The step and the evidence of each gap of a healthy server with `changes`, each once."""
    return list(dict.fromkeys((gap.step.word, gap.check) for gap in gaps(server(changes), client)))
