"""The system looks for its accounts elsewhere than in its own files: nsswitch.conf.

Symptom: "Connection refused" or a connection that closes at once, for everybody; the server's log says "Privilege
separation user sshd does not exist". Where only shadow is concerned: "Connection closed by SERVER port 22" after the
key was accepted.

Cause: the line passwd: (or group:, shadow:) of /etc/nsswitch.conf does not name "files": after a directory service was
set up, or taken away, or after a slip of the pen. A file that is missing as a whole does no harm.

Repair: "files" is put first in that line. What else it names stays.

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
"""Sources that read the accounts of the disk."""

EMPTY = "a line without any source stops programs with newer releases of glibc (Debian 13), not with older ones"

_STOP = compile_pattern(r"\[\s*!?\s*(notfound|unavail)\s*=\s*return", 2)


def find(facts: Facts) -> Iterator[Finding]:
    lines = databases(facts.tree)
    if "passwd" in lines and _asks_files(lines["passwd"]) is not True:
        what = "sshd finds not even its own user"
        yield _finding("passwd", lines["passwd"], Step.SERVICE, of_ending_server(facts.units), what)
    if "shadow" in lines and _asks_files(lines["shadow"]) is not True:
        account = next(iter(facts.logins), None)
        found = pam.policy(facts, account) if account is not None else None
        if account is not None and found is not None and pam.asks_shadow(facts, account, found):
            what = "PAM turns everybody away, as it finds no account"
            yield _finding("shadow", lines["shadow"], Step.ACCOUNT, Symptom.CLOSED, what)
        elif not lines["shadow"].sources.strip():
            what = "sshd may end as it looks for the account"
            ending = _finding("shadow", lines["shadow"], Step.ACCOUNT, Symptom.CLOSED, what)
            yield replace(ending, severity=Severity.DOUBTFUL, reason=EMPTY)


def _asks_files(line: Database) -> bool | None:
    """Whether the local files are asked; None where that hangs on what another source before them says."""
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
        message=f"The local accounts are not looked at ({place}: {place.text.strip()}): {what}.",
        symptom=symptom,
        locations=(place,),
        repairs=(
            Repair(
                f'put "files" first in the line {name}: of {NSSWITCH}', Safety.SAFE, partial(with_files, place=place)
            ),
        ),
        subject=name,
        reason="the source before the files may end the search, which is not on the disk" if doubtful else "",
    )


def with_files(tree: Tree, place: Location) -> Tree:
    """The tree in which the line asks the local files first."""
    lines = (tree.text(NSSWITCH) or "").split("\n")
    name, colon, sources = lines[place.line - 1].partition(":")
    blanks = sources[: len(sources) - len(sources.lstrip(" \t"))] or " "
    lines[place.line - 1] = f"{name}{colon}{blanks}files {sources.lstrip(' ' + chr(9))}".rstrip()
    return tree.write(NSSWITCH, "\n".join(lines))
