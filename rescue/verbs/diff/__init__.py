"""``rescue diff OLD NEW``: who gained and who lost access between two states of one server. Changes nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rescue.compare.access import Compared, PortChange, UserChange, compare
from rescue.compare.pair import Pair
from rescue.errors import UsageError
from rescue.status import Status
from rescue.text.numbers import listed
from rescue.text.safe import safe
from rescue.ui import document
from rescue.ui.report import Report, command
from rescue.verbs.request.options import CompareOptions
from rescue.verbs.request.session import Session


def run(session: Session, options: CompareOptions) -> Status:
    """Capture both, compare, show. BROKEN where somebody lost access."""
    with pair_of(session, options) as (pair, old, new):
        session.progress("comparing who gets in")
        found = pair.worked(lambda before, after: compare(before, after, session.client))
    if session.json:
        document.write(as_document(found, old, new), sys.stdout)
    else:
        _show(session.report, found, old, new)
    return Status.BROKEN if found.lost else Status.CLEAR


@contextmanager
def pair_of(session: Session, options: CompareOptions) -> Iterator[tuple[Pair, str, str]]:
    """Both targets, open and captured. Raises UsageError where one is not named."""
    old, new = options.old, options.new
    if old is None or new is None:
        verb = session.request.verb
        raise UsageError(
            f"{verb} takes the server before and after: two disks, directories, images or support bundles",
            f"Such as: rescue {verb} before.bundle /dev/vda",
        )
    with session.target(old, write=False) as before, session.target(new, write=False) as after:
        session.progress("reading both")
        yield Pair.of(before, after, session.client), old, new


def _show(report: Report, found: Compared, old: str, new: str) -> None:
    report.line(f"From {safe(old)} to {safe(new)}", "bold")
    if not found.ports and not found.users:
        report.line(f"Nobody gained and nobody lost access, as far as two disks show it ({_judged(found)}).", "green")
        return
    for port in found.ports:
        _port(report, port)
    for user in found.users:
        source = f"from {user.source}" if user.source is not None else "from anywhere"
        style = "bold red" if user.lost else "green" if user.gained else "yellow"
        causes = f" ({listed(user.causes[:4])})" if user.causes else ""
        before, after = user.before or "no account", user.after or "no account"
        report.line(f"{safe(user.user)} {source}: {before} -> {after}{causes}", style, 2, 2)
    report.line()
    report.line(f"Judged: {_judged(found)}.")
    if found.lost:
        report.line(f"Which lines did it: {command('blame', old, new)}", "", 0, 2)


def _judged(found: Compared) -> str:
    users = listed([safe(each) for each in found.judged[:6]]) or "no user"
    sources = ", ".join(map(str, found.sources))
    return f"{users}, from any address" + (f" and from {sources}" if sources else "")


def _port(report: Report, each: PortChange) -> None:
    what = f"port {each.port}, IPv{each.version}"
    before, after = each.listens
    if before != after and before is not None and after is not None:
        report.line(f"{what}: sshd {'listens' if after else 'does not listen any more'}", "yellow", 2, 2)
    if each.lost:
        report.line(f"{what}: the firewall now blocks {each.lost.summary()}", "bold red", 2, 2)
    if each.gained:
        report.line(f"{what}: the firewall now lets in {each.gained.summary()}", "green", 2, 2)


def as_document(found: Compared, old: str, new: str) -> dict[str, object]:
    """What ``diff --json`` prints."""
    return {
        "schema": document.SCHEMA,
        "old": old,
        "new": new,
        "lost": found.lost,
        "ports": [
            {
                "port": each.port, "version": each.version, "lost": each.lost.summary(50),
                "gained": each.gained.summary(50), "unsure": each.unsure.summary(50),
                "listened": each.listens[0], "listens": each.listens[1],
            }
            for each in found.ports
        ],
        "users": [_user(each) for each in found.users],
        "judged": {"users": list(found.judged), "from": [str(each) for each in found.sources]},
    }  # fmt: skip


def _user(each: UserChange) -> dict[str, object]:
    return {
        "user": each.user,
        "from": str(each.source) if each.source is not None else None,
        "before": str(each.before) if each.before is not None else None,
        "after": str(each.after) if each.after is not None else None,
        "lost": each.lost,
        "gained": each.gained,
        "causes": list(each.causes),
    }
