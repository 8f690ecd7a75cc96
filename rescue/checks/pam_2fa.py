"""The server asks for a code of your second factor, and has no secret of yours to check it by.

Symptom: "Permission denied (keyboard-interactive)", after the key was accepted, whatever code is typed; the server's
log says "Failed to read /home/me/.google_authenticator".

Cause: a line with pam_google_authenticator in the auth stack of /etc/pam.d/sshd asks everybody for a code. Your file
with the secret was never made, was lost with the home, or may be read by others, so that it is not trusted.

Repair: a file that is open to others is closed. Where there is none a person can make one, or the line can be told to
let those in who have no secret (nullok), if you say so.

See: google-authenticator(1), pam_google_authenticator(8).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import PurePosixPath

from rescue.checks import _pam
from rescue.checks._each_login import each_login
from rescue.checks._pam_refused import line_of
from rescue.facts import Facts
from rescue.formats.accounts import Account
from rescue.formats.pam import Answer, Facility, Handler, module_present
from rescue.formats.permissions import chmod
from rescue.model import Finding, Link, Location, Repair, Safety, Severity, Symptom
from rescue.tree import Read, Tree

LINK = Link.KEY
READS = _pam.READS

MODULE = "pam_google_authenticator"
METHOD = "keyboard-interactive"
FOR_OTHERS = 0o077


def find(facts: Facts) -> Iterator[Finding]:
    yield from each_login(facts, lambda account: _judged(facts, account))


def _judged(facts: Facts, account: Account) -> Finding | None:
    found = _pam.policy(facts, account)
    if found is None or not _asked(facts, account):
        return None
    for handler in found.service.stack(Facility.AUTH):
        if handler.name != MODULE or not module_present(facts.tree, handler.module):
            continue
        if handler.action(Answer.AUTH_ERR) in ("bad", "die"):
            return _without_secret(facts, account, handler)
    return None


def _asked(facts: Facts, account: Account) -> bool:
    """Whether every way to log in asks PAM for more than a password: each list has keyboard-interactive."""
    lists = facts.effective(account).words("AuthenticationMethods")
    return bool(lists) and all(any(each.partition(":")[0] == METHOD for each in one.split(",")) for one in lists)


def _without_secret(facts: Facts, account: Account, handler: Handler) -> Finding | None:
    path = _secret(account, handler)
    if path is None:
        return None
    facts.tree.require(Read(str(path), depth=0, content=False))
    entry = facts.tree.entry(path)
    if entry is None:
        if "nullok" in handler.arguments:
            return None
        return _finding(account, handler, path, "is not there", tuple(_ways(account, handler)))
    if (
        entry.uid == account.uid
        and entry.mode & FOR_OTHERS
        and not any(word.startswith("allowed_perm") or word == "no_strict_owner" for word in handler.arguments)
    ):
        close = Repair(f"chmod go= {path}", Safety.SAFE, partial(_close, path=path))
        return _finding(account, handler, path, "is open to others, so it is not trusted", (close,))
    return None


def _secret(account: Account, handler: Handler) -> PurePosixPath | None:
    """Where the account's secret is; None where the line names a place that hangs on more than the account."""
    named = next((word[len("secret=") :] for word in handler.arguments if word.startswith("secret=")), "")
    text = named or "~/.google_authenticator"
    marks = {"${HOME}": account.home, "${USER}": account.name, "%u": account.name, "%h": account.home}
    for mark, value in marks.items():
        text = text.replace(mark, value)
    if text.startswith("~/"):
        text = f"{account.home}/{text[2:]}"
    return PurePosixPath(text) if text.startswith("/") and "$" not in text and "%" not in text else None


def _ways(account: Account, handler: Handler) -> Iterator[Repair]:
    yield Repair(
        f"make a secret for {account.name}",
        Safety.MANUAL,
        steps=f"rescue shell, then: su - {account.name} -c google-authenticator",
    )
    yield Repair(
        f"let in who has no secret ({handler.location})",
        Safety.UNSAFE,
        partial(_forgiving, location=handler.location),
        weakens="whoever has no secret is asked for no code",
    )


def _finding(
    account: Account, handler: Handler, path: PurePosixPath, fault: str, repairs: tuple[Repair, ...]
) -> Finding:
    return Finding(
        check="pam-2fa",
        link=LINK,
        severity=Severity.BROKEN,
        message=f"The server asks {account.name} for a code, and {path}, which has the secret, {fault} "
        f"({handler.location}).",
        symptom=Symptom.DENIED,
        locations=(handler.location, Location(path)),
        repairs=repairs,
        subject=account.name,
    )


def _close(tree: Tree, path: PurePosixPath) -> Tree:
    entry = tree.entry(path)
    return tree if entry is None else chmod(tree, path, entry.mode & ~FOR_OTHERS)


def _forgiving(tree: Tree, location: Location) -> Tree:
    lines, at = line_of(tree, location)
    code, mark, comment = lines[at].partition("#")
    lines[at] = f"{code.rstrip()} nullok{' #' if mark else ''}{comment}"
    return tree.write(location.path, "\n".join(lines))
