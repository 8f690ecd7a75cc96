"""An examination: every check asked about one tree, and the path to a login that comes of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rescue.checks import Check, all_checks
from rescue.facts import READS as FACT_READS
from rescue.facts import Facts
from rescue.login_path import LoginPath, login_path
from rescue.model import Client, Finding
from rescue.tree import NotCaptured, Read, Tree


@dataclass(frozen=True, slots=True)
class Examination:
    """What was found in one tree for one client."""

    facts: Facts
    path: LoginPath

    @property
    def findings(self) -> tuple[Finding, ...]:
        return self.path.findings


def examine(tree: Tree, client: Client, checks: Iterable[Check] | None = None) -> Examination:
    """Ask every check (or `checks`) about `tree`. Pure; raises `NotCaptured` where the tree is too small a picture.

    It is raised when every check was asked, with all that they miss: each enlargement of the picture costs a look at
    the target, and an examination.
    """
    asked = tuple(all_checks() if checks is None else checks)
    facts = Facts(tree, client)
    findings: list[Finding] = []
    missing: dict[Read, None] = {}
    for check in asked:
        try:
            findings.extend(check.find(facts))
        except NotCaptured as problem:
            missing.update(dict.fromkeys(problem.reads))
    if missing:
        raise NotCaptured(*missing)
    return Examination(facts, login_path(findings, (check.link for check in asked)))


def declared_reads(checks: Iterable[Check] | None = None) -> tuple[Read, ...]:
    """What the facts and every check (or `checks`) look at, each path once, as wide as the widest asks."""
    asked = all_checks() if checks is None else checks
    widest: dict[str, Read] = {}
    for read in (*FACT_READS, *(read for check in asked for read in check.reads)):
        known = widest.get(read.path, read)
        widest[read.path] = Read(
            read.path,
            max(read.depth, known.depth),
            read.content or known.content,
            max(read.limit, known.limit),
        )
    return tuple(widest[path] for path in sorted(widest))
