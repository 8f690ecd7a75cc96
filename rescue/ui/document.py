"""The JSON documents: for programs, stable under their schema number, described by rescue/schema.

Strings keep what the target holds, with bytes that are no UTF-8 as \\udcXX escapes; secrets never get this far.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import count
from shlex import join
from typing import TextIO

from rescue.examine import Examination
from rescue.library import Fixed, Inspection
from rescue.login_path import UserVerdict
from rescue.logs.last_boot import LastBoot
from rescue.logs.last_login import LastLogin
from rescue.logs.timeline import Row
from rescue.model import Client, Finding, Gap, Location, Repair
from rescue.planner import Plan, taken_unasked
from rescue.text.diff import unified
from rescue.tree import Change
from rescue.version import __version__

SCHEMA = 2
LARGE = 1 << 20
"""Characters of a document that is not indented any more: that is done in Python alone, and takes long."""

Json = Mapping[str, object]
Commands = Iterable[Sequence[str]]
"""Commands to type next, each as its words after the program's name."""


def document(result: Inspection | Fixed) -> dict[str, object]:
    """A result of the library as ``inspect --json`` or ``fix --json`` prints it, for `json.dumps`."""
    if isinstance(result, Inspection):
        return inspection(result.examination, result.name, result.method, result.notes)
    after = result.after
    return fix(
        result.plan, after.name, after.method, applied=result.applied is not None, journal=result.id,
        after=after.examination, notes=after.notes,
    )  # fmt: skip


def inspection(
    examination: Examination, name: str, method: str, notes: Sequence[str] = (), following: Commands = ()
) -> dict[str, object]:
    """What ``inspect --json`` prints. following: what to type next."""
    path, facts = examination.path, examination.facts
    numbers = count(1)
    return {
        "schema": SCHEMA,
        "version": __version__,
        "time": _time(facts.now),
        "target": {"name": name, "method": method, "notes": list(notes)},
        "hostname": facts.hostname or None,
        "release": {
            "id": facts.release.id,
            "version": facts.release.version_id,
            "name": facts.release.name,
        },
        "client": client(facts.client, facts.dialled),
        "verdict": str(path.verdict),
        "symptom": str(path.symptom),
        "path": [
            {
                "step": str(step.step),
                "state": str(step.state),
                "findings": [each.check for each in step.findings],
                "numbers": [next(numbers) for _ in step.findings],
                "missing": [gap(each) for each in step.gaps],
            }
            for step in path.steps
        ],
        "findings": [{"number": number, **finding(each)} for number, each in enumerate(path.findings, 1)],
        "users": [user(each, examination) for each in path.users],
        "last_login": last_login(facts.last_login),
        "last_boot": last_boot(facts.last_boot),
        "since_last_login": [row(each) for each in facts.since_last_login],
        "next": commands(following),
    }


def _time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds")


def commands(following: Commands) -> list[str]:
    """Commands as a shell takes them, with the program's plain name."""
    return [join(["rescue", *words]) for words in following]


def gap(each: Gap) -> dict[str, object]:
    """Something that decides a step and was not judged."""
    return {"evidence": each.check, "what": each.what, "supply": each.supply, "user": each.user or None}


def user(each: UserVerdict, examination: Examination) -> dict[str, object]:
    """One account's own verdict; `blocked_by` are the findings' numbers, from 1."""
    numbers = [number for number, found in enumerate(examination.findings, 1) if found in each.findings]
    keys = [
        {"type": key.type, "fingerprint": key.fingerprint, "comment": key.comment}
        for name, key in examination.keys
        if name == each.user
    ]
    return {"user": each.user, "verdict": str(each.verdict), "blocked_by": numbers, "keys": keys}


def client(who: Client, dialled: int) -> dict[str, object]:
    """Who wants in. `port` is the one that is judged; null user and empty from mean any; null program: today's ssh."""
    return {
        "user": who.user,
        "from": [str(source) for source in who.sources],
        "port": dialled,
        "program": who.program or None,
    }


def finding(each: Finding) -> dict[str, object]:
    """One finding."""
    return {
        "cause": each.check,
        "subject": each.subject,
        "step": str(each.step),
        "severity": str(each.severity),
        "message": each.message,
        "reason": each.reason,
        "seen": each.seen,
        "symptom": str(each.symptom),
        "words": each.words or None,
        "locations": [location(at) for at in each.locations],
        "repairs": [repair(each, way) for way in each.repairs],
    }


def location(at: Location) -> dict[str, object]:
    """A file of the target; line is null where the whole file is meant."""
    return {"file": str(at.path), "line": at.line or None, "text": at.text}


def repair(each: Finding, way: Repair) -> dict[str, object]:
    """A way to mend a finding. unattended: whether --yes takes it without --unsafe."""
    return {
        "title": way.title,
        "safety": str(way.safety),
        "weakens": way.weakens,
        "irreversible": way.irreversible,
        "unattended": taken_unasked(each, way),
    }


def last_login(each: LastLogin | None) -> dict[str, object] | None:
    """The last login; what its log does not tell is null."""
    if each is None:
        return None
    return {
        "time": _time(each.at),
        "user": each.user,
        "from": str(each.address) if each.address is not None else None,
        "port": each.port,
        "method": each.method or None,
        "key": {"type": each.key_type, "fingerprint": each.fingerprint} if each.fingerprint else None,
        "log": str(each.source),
    }


def last_boot(each: LastBoot | None) -> dict[str, object] | None:
    """How the last boot went. What it does not list may have happened all the same."""
    if each is None:
        return None
    return {
        "time": _time(each.at) if each.at is not None else None,
        "until": _time(each.until) if each.until is not None else None,
        "whole": each.whole,
        "log": str(each.source),
        "came_up": each.came_up,
        "emergency": each.emergency.message if each.emergency is not None else None,
        "panic": each.panic.message if each.panic is not None else None,
        "targets": [{"name": name, "time": _time(at) if at is not None else None} for name, at in each.targets],
        "failed": [event.message for event in each.failed],
        "troubles": [event.message for event in each.troubles],
        "sshd_errors": [event.message for event in each.sshd_errors],
        "interfaces": [
            {
                "name": one.name,
                "mac": one.mac or None,
                "address": one.address or None,
                "up": one.up,
                "was": one.was or None,
            }
            for one in each.interfaces
        ],
        "listening": [{"address": address, "port": port} for address, port in each.listening],
        "ended": each.ended,
        "boots": each.boots,
        "loop": each.loop,
    }


def row(each: Row) -> dict[str, object]:
    """A row of the time line. until: of the last one, where there are several."""
    return {
        "time": _time(each.at),
        "kind": str(each.kind),
        "what": each.what,
        "source": str(each.source),
        "count": each.count,
        "until": _time(each.until) if each.until is not None else None,
    }


def change(each: Change) -> dict[str, object]:
    """One change: what is done to which path, how it looks, and what it frees in bytes."""
    return {
        "path": str(each.path),
        "action": str(each.action),
        "diff": "\n".join(unified(each)),
        "reversible": each.reversible,
        "frees": each.frees,
    }


def fix(
    plan: Plan,
    name: str,
    method: str,
    *,
    applied: bool,
    journal: str | None,
    after: Examination,
    notes: Sequence[str] = (),
    following: Commands = (),
    following_after: Commands = (),
) -> dict[str, object]:
    """What ``fix --json`` prints. `after` is the second inspection: proven only, if nothing was applied.

    following, following_after: what to type next, after the fix and for what it left.
    """
    numbers = {each.key: number for number, each in enumerate(plan.before.findings, 1)}
    return {
        **inspection(plan.before, name, method, notes, following),
        "repairs": [
            {
                "cause": each.finding.check,
                "number": numbers.get(each.finding.key),
                "title": each.repair.title,
                "weakens": each.repair.weakens,
            }
            for each in plan.mends
        ],
        "changes": [change(each) for each in plan.changes],
        "left": [
            {"cause": each.finding.check, "number": numbers.get(each.finding.key), "reason": each.reason}
            for each in plan.left
        ],
        "applied": applied,
        "journal": journal,
        "after": inspection(after, name, method, notes, following_after),
    }


def error(message: str, hint: str, status: int) -> dict[str, object]:
    """What every verb prints with ``--json`` when it fails."""
    return {"schema": SCHEMA, "error": {"message": message, "hint": hint, "status": status}}


def write(document: Json, out: TextIO) -> None:
    """Print one document: indented for people, but for a large one, which only a program reads."""
    pieces = [f"{json.dumps(key)}: {_compact(value)}" for key, value in document.items()]
    if sum(map(len, pieces)) <= LARGE:
        pieces = [json.dumps(document, indent=2, ensure_ascii=True)]
        out.write(f"{pieces[0]}\n")
        return
    for number, piece in enumerate(pieces):
        out.write(f"{'{' if not number else ', '}{piece}")
    out.write("}\n")


def _compact(value: object) -> str:
    """A value on one line; a list item by item, as the encoder needs many times an item's room."""
    if isinstance(value, list):
        return f"[{', '.join(json.dumps(each, ensure_ascii=True) for each in value)}]"
    return json.dumps(value, ensure_ascii=True)
