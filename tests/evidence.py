"""What every test of an evidence module says: these gaps, and silence on a healthy server."""

from __future__ import annotations

from rescue.evidence import all_evidence
from rescue.facts import Facts
from rescue.model import Client, Gap
from rescue.tree import Tree


def gaps(tree: Tree, evidence: str, client: Client | None = None) -> list[Gap]:
    """What the module says was not judged in `tree`."""
    (module,) = [each for each in all_evidence() if each.id == evidence]
    return list(module.find(Facts(tree, client or Client())))
