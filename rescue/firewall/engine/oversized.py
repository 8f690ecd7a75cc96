"""A rules file that was not read: it is larger than anything a capture takes in, or the disk fails."""

from __future__ import annotations

from pathlib import PurePosixPath

from rescue.firewall.engine.ruleset import Action, Chain, LoadProblem, Rule, Ruleset, RuleTarget, Table, built_in_hook
from rescue.model import Location

MOST_RULES, MOST_LINES = 150_000, 1_500_000
"""How many rules, and lines including comments and empty ones, one iptables file may have: what memory allows."""


def too_many(text: str) -> bool:
    """Whether a rules file is too long to evaluate."""
    return text.count("\n-") + text.count("\n[") > MOST_RULES or text.count("\n") > MOST_LINES


def unread_ruleset(version: int, path: PurePosixPath) -> Ruleset:
    """The ruleset of a file that could not be read."""
    reason = f"{path}, which could not be read"
    lost, problem = "what its rules do is not known", "the file could not be read"
    return depends_on(version, Location(path), reason, lost, problem)


def depends_on(version: int, here: Location, reason: str, lost: str, problem: str = "") -> Ruleset:
    """A ruleset with unknown content: every verdict is DEPENDS."""
    rule = Rule("INPUT", (), RuleTarget(Action.DEPENDS, reason=reason), here)
    hook, priority = built_in_hook("filter", "INPUT")
    chains = {"INPUT": Chain("INPUT", "ACCEPT", here, (rule,), hook, priority)}
    fault = LoadProblem(problem or f"not read: {reason}", here, lost)
    return Ruleset(version, {"filter": Table("filter", chains)}, (fault,))
