"""Run every check on one tree, and build the path to a login from the results."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import PurePosixPath

from rescue.checks import Check, all_checks
from rescue.evidence import all_evidence
from rescue.facts import READS as FACT_READS
from rescue.facts import Facts
from rescue.keys.authorized_keys import AuthorizedKey
from rescue.login_path import LoginPath, login_path
from rescue.model import Client, Finding, Gap, Location, Severity, Step, Symptom
from rescue.sshd.offered import denied
from rescue.story.seen_in_boot import held_against_boot
from rescue.tree import NotCaptured, Read, ReadError, Tree


@dataclass(frozen=True, slots=True)
class Examination:
    """What was found in one tree for one client."""

    facts: Facts
    path: LoginPath
    keys: tuple[tuple[str, AuthorizedKey], ...] = ()
    """Accounts by name, each with a key that the server would accept for it."""

    @property
    def findings(self) -> tuple[Finding, ...]:
        return self.path.findings


def examine(
    tree: Tree, client: Client, checks: Iterable[Check] | None = None, *, evidence: bool | None = None
) -> Examination:
    """Run every check (or `checks`) on `tree`. Pure; raises `NotCaptured` if the snapshot lacks something.

    It is raised after all checks have run, with everything that they miss: each enlargement of the snapshot costs a
    capture and an examination. evidence: also collect what was not judged, which a plan's trials do not need; by
    default if all checks run.
    """
    if evidence is None:
        evidence = checks is None
    asked = tuple(all_checks() if checks is None else checks)
    facts = Facts(tree, client)
    findings: list[Finding] = []
    gaps: list[Gap] = []
    missing: dict[Read, None] = {}
    for check in asked:
        try:
            findings.extend(check.find(facts))
        except NotCaptured as problem:
            missing.update(dict.fromkeys(problem.reads))
        except ReadError as unread:
            gaps.append(_not_read(check.step, unread))
    for each in all_evidence() if evidence else ():
        try:
            gaps.extend(each.find(facts))
        except NotCaptured as problem:
            missing.update(dict.fromkeys(problem.reads))
        except ReadError as unread:
            gaps.append(_not_read(each.step, unread))
    keys: tuple[tuple[str, AuthorizedKey], ...] = ()
    users: list[str] = []
    try:
        users = [account.name for account in facts.logins] if evidence else []
        keys = tuple(_accepted(facts)) if evidence else ()
    except NotCaptured as problem:
        missing.update(dict.fromkeys(problem.reads))
    except ReadError as unread:
        gaps.append(_not_read(Step.ACCOUNT, unread))
    if evidence:
        try:
            # For the report, which captures nothing.
            _ = (facts.last_boot, facts.since_last_login)
            findings = held_against_boot(facts, [_in_words(facts, each) for each in findings])
        except NotCaptured as problem:
            missing.update(dict.fromkeys(problem.reads))
    if missing:
        raise NotCaptured(*missing)
    return Examination(facts, login_path(findings, (check.step for check in asked), gaps, users), keys)


def _in_words(facts: Facts, finding: Finding) -> Finding:
    """The finding with the client's "Permission denied" line, which lists the methods that this sshd offers."""
    if finding.symptom is not Symptom.DENIED or finding.words:
        return finding
    try:
        name = next(iter(finding.users), "") or finding.subject
        account = facts.accounts.get(name) or next(iter(facts.logins), None)
        if account is None or facts.sshd.fatal:
            return finding
        return replace(finding, words=denied(facts.effective(account), account.name) or "")
    except ReadError:
        return finding


def _not_read(step: Step, unread: ReadError) -> Gap:
    """A check needed something that could not be read, so its result is not known."""
    return Gap("file-unreadable", step, str(unread), locations=(Location(PurePosixPath(unread.path)),))


MOST_KEYS = 10
"""Keys tried one by one, to find one that the server would accept."""


def _accepted(facts: Facts) -> Iterator[tuple[str, AuthorizedKey]]:
    """The keys (only the client's, if it is known) with which nothing is broken at the steps account and key.

    Each is examined as if it were the client's. A server that rejects its own settings accepts no key.
    """
    if facts.sshd.fatal:
        return
    wanted = facts.client.key.split()[1] if facts.client.key is not None else None
    held = (
        (account.name, key)
        for account in facts.logins
        for found in facts.key_files(account)
        for key in found.keys
        if wanted in (None, key.blob)
    )
    checks = [check for check in all_checks() if check.step in (Step.ACCOUNT, Step.KEY)]
    for name, key in islice(held, MOST_KEYS):
        client = replace(facts.client, user=name, key=key.public)
        found = examine(facts.tree, client, checks, evidence=False).findings
        if not any(finding.severity is Severity.BROKEN for finding in found):
            yield name, key


def declared_reads(checks: Iterable[Check] | None = None) -> tuple[Read, ...]:
    """What the facts, every check (or `checks`) and all evidence read: each path once, with the widest request."""
    asked = all_checks() if checks is None else checks
    widest: dict[str, Read] = {}
    own = (read for check in asked for read in check.reads)
    judged = (read for each in all_evidence() for read in each.reads)
    for read in (*FACT_READS, *own, *judged):
        known = widest.get(read.path, read)
        widest[read.path] = Read(
            read.path,
            max(read.depth, known.depth),
            read.content or known.content,
            max(read.limit, known.limit),
        )
    return tuple(widest[path] for path in sorted(widest))
