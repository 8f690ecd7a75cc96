"""An examination: every check asked about one tree, and the path to a login that comes of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rescue.checks import Check, all_checks
from rescue.facts import Facts
from rescue.login_path import LoginPath, login_path
from rescue.model import Client, Finding
from rescue.tree import Read, Tree


@dataclass(frozen=True, slots=True)
class Examination:
    """What was found in one tree for one client."""

    facts: Facts
    path: LoginPath

    @property
    def findings(self) -> tuple[Finding, ...]:
        return self.path.findings


def examine(tree: Tree, client: Client, checks: Iterable[Check] | None = None) -> Examination:
    """Ask every check (or `checks`) about `tree`. Pure; raises `NotCaptured` where the tree is too small a picture."""
    asked = tuple(all_checks() if checks is None else checks)
    facts = Facts(tree, client)
    findings = [finding for check in asked for finding in check.find(facts)]
    return Examination(facts, login_path(findings, (check.link for check in asked)))


def declared_reads(checks: Iterable[Check] | None = None) -> tuple[Read, ...]:
    """What every check (or `checks`) says that it looks at, each path once, as wide as the widest asks."""
    widest: dict[str, Read] = {}
    for check in all_checks() if checks is None else checks:
        for read in check.reads:
            known = widest.get(read.path)
            widest[read.path] = (
                read
                if known is None
                else Read(
                    read.path,
                    max(read.depth, known.depth),
                    read.content or known.content,
                    max(read.limit, known.limit),
                )
            )
    return tuple(widest[path] for path in sorted(widest))
