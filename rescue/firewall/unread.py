"""A rules file that was not read, as it is larger than anything a capture takes in."""

from __future__ import annotations

from pathlib import PurePosixPath

from rescue.firewall.ruleset import Action, Chain, Problem, Rule, Ruleset, Table, Target, built_in_hook
from rescue.model import Location


def unread_ruleset(version: int, path: PurePosixPath) -> Ruleset:
    """A ruleset of which nothing is known: every connection depends on it."""
    here = Location(path)
    reason = f"{path}, which is too large to be read"
    rule = Rule("INPUT", (), Target(Action.DEPENDS, reason=reason), here)
    hook, priority = built_in_hook("filter", "INPUT")
    chains = {"INPUT": Chain("INPUT", "ACCEPT", here, (rule,), hook, priority)}
    problem = Problem("the file is too large to be read", here, "what its rules do is not known")
    return Ruleset(version, {"filter": Table("filter", chains)}, (problem,))
