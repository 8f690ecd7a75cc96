"""nsswitch.conf makes the system ignore its own account files.

Symptom: "Connection refused" or a connection that closes at once, for everybody; the server's log says "Privilege
separation user sshd does not exist". If only shadow is affected: "Connection closed by SERVER port 22" after the key
was accepted.

Cause: the line passwd: (or group:, shadow:) in /etc/nsswitch.conf does not name "files": a directory service was set up
or removed, or the line has a typo. If the whole file is missing, that does no harm.

Repair: put "files" first in that line. The other sources stay.

See: nsswitch.conf(5).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from re import compile as compile_pattern

from rescue.facts import Facts
from rescue.formats.nsswitch import NSSWITCH, NSSWITCH_READ, Database, databases
from rescue.logins import pam
from rescue.logins.ssh_units import of_ending_server
from rescue.model import Finding, Location, Repair, Safety, Severity, Step, Symptom
from rescue.tree import Tree

STEP = Step.SERVICE
READS = (*pam.READS, NSSWITCH_READ)

LOCAL = frozenset({"files", "compat", "altfiles", "db"})
"""Sources that read accounts from the disk."""

EMPTY = "a line without any source stops programs with newer glibc releases (Debian 13), not with older ones"

_STOP = compile_pattern(r"\[\s*!?\s*(notfound|unavail)\s*=\s*return", 2)


def find(facts: Facts) -> Iterator[Finding]:
    lines = databases(facts.tree)
    if "passwd" in lines and _asks_files(lines["passwd"]) is not True:
        what = "sshd can't even find its own user"
        yield _finding("passwd", lines["passwd"], Step.SERVICE, of_ending_server(facts.units), what)
    if "shadow" in lines and _asks_files(lines["shadow"]) is not True:
        account = next(iter(facts.logins), None)
        found = pam.policy(facts, account) if account is not None else None
        if account is not None and found is not None and pam.asks_shadow(facts, account, found):
            what = "PAM rejects everybody, because it finds no account"
            yield _finding("shadow", lines["shadow"], Step.ACCOUNT, Symptom.CLOSED, what)
        elif not lines["shadow"].sources.strip():
            what = "sshd may crash when it looks up the account"
            ending = _finding("shadow", lines["shadow"], Step.ACCOUNT, Symptom.CLOSED, what)
            yield replace(ending, severity=Severity.DOUBTFUL, reason=EMPTY)


def _asks_files(line: Database) -> bool | None:
    """Whether the local files are used; None if that depends on what an earlier source says."""
    if not any(word in LOCAL for word in line.words):
        return False
    stop = _STOP.search(line.sources)
    return True if stop is None or any(word in LOCAL for word in line.sources[: stop.start()].split()) else None


def _finding(name: str, line: Database, link: Step, symptom: Symptom, what: str) -> Finding:
    doubtful, place = _asks_files(line) is None, line.location
    return Finding(
        check="nss-broken",
        step=link,
        severity=Severity.DOUBTFUL if doubtful else Severity.BROKEN,
        message=f"The local accounts are ignored ({place}: {place.text.strip()}): {what}.",
        symptom=symptom,
        locations=(place,),
        repairs=(
            Repair(
                f'put "files" first in the line {name}: of {NSSWITCH}', Safety.SAFE, partial(with_files, place=place)
            ),
        ),
        subject=name,
        reason="a source before the files, which is not on the disk, may end the search" if doubtful else "",
    )


def with_files(tree: Tree, place: Location) -> Tree:
    """The tree where the line names the local files first."""
    lines = (tree.text(NSSWITCH) or "").split("\n")
    name, colon, sources = lines[place.line - 1].partition(":")
    blanks = sources[: len(sources) - len(sources.lstrip(" \t"))] or " "
    lines[place.line - 1] = f"{name}{colon}{blanks}files {sources.lstrip(' ' + chr(9))}".rstrip()
    return tree.write(NSSWITCH, "\n".join(lines))
