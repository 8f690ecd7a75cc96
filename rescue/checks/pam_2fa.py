"""The server asks for a second-factor code, but has no secret of yours to check it.

Symptom: "Permission denied (keyboard-interactive)", after the key was accepted, whatever code is typed; the server's
log says "Failed to read /home/me/.google_authenticator".

Cause: a line with pam_google_authenticator in the auth stack of /etc/pam.d/sshd asks everybody for a code. Your file
with the secret was never created, was lost with the home, or can be read by others and so is not trusted. Or the line
skips users without a secret (nullok), and no other line in the stack succeeds: then PAM refuses.

Repair: remove others' access to the file. If it is missing, you can create one, or the line can let in users without a
secret (nullok); that needs your consent. If no line succeeds, add "auth required pam_permit.so" at the end, provided
that everybody also needs a key.

See: google-authenticator(1), pam_google_authenticator(8).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import PurePosixPath

from rescue.accounts.database import Account
from rescue.accounts.permissions import chmod
from rescue.facts import Facts
from rescue.logins import pam
from rescue.logins.each_login import each_login
from rescue.logins.pam_auth import asked, lacks_password, verdicts
from rescue.logins.pam_refused import insert_behind
from rescue.model import Finding, Location, Repair, Safety, Severity, Step, Symptom
from rescue.pam.google_authenticator import FOR_OTHERS, MODULE, open_to_others, secret_path
from rescue.pam.stacks import Answer, Facility, Handler, Service, module_present
from rescue.text.line_edit import commented, line_of
from rescue.tree import Read, Tree

STEP = Step.KEY
READS = pam.READS

PERMIT = "auth required pam_permit.so"
MOST_PEOPLE = 200


def find(facts: Facts) -> Iterator[Finding]:
    yield from each_login(facts, lambda account: _judged(facts, account))


def _judged(facts: Facts, account: Account) -> Finding | None:
    found = pam.policy(facts, account)
    if found is None or not asked(facts, account):
        return None
    stack = found.service.stack(Facility.AUTH)
    for handler in stack:
        if handler.name != MODULE or not module_present(facts.tree, handler.module):
            continue
        if handler.action(Answer.AUTH_ERR) in ("bad", "die"):
            lacking = _without_secret(facts, account, handler)
            if lacking is not None:
                return lacking
    return _nobody_says_yes(facts, account, found.service)


def _nobody_says_yes(facts: Facts, account: Account, service: Service) -> Finding | None:
    """A stack whose modules all ignore the account (or may: then it is doubtful)."""
    sure, perhaps = verdicts(facts, account, service)
    stack = service.stack(Facility.AUTH)
    refusing = sure.decided
    if service.broken is None and sure.answer not in pam.PASSES and refusing is not None:
        known = refusing.name == MODULE or lacks_password(facts, account)  # the latter belongs to sshd-auth-methods
        return None if known else _turned_away(facts, account, refusing)
    unasked = sure.answer not in pam.PASSES and sure.decided is None
    doubt = sure.answer in pam.PASSES and perhaps.answer not in pam.PASSES and perhaps.decided is None
    if service.broken is not None or not stack or not (unasked or doubt):
        return None
    last = stack[-1].location
    return Finding(
        check="pam-2fa",
        step=STEP,
        severity=Severity.BROKEN if unasked else Severity.DOUBTFUL,
        message=f"The server also needs PAM's consent, but no line accepts {account.name}: each skips the "
        f"account ({', '.join(str(each.location) for each in stack[:3])}), so PAM refuses.",
        symptom=Symptom.DENIED,
        words=_words(facts, account),
        locations=tuple(dict.fromkeys(each.location for each in stack)),
        repairs=tuple(_permissions(facts, last)),
        subject=account.name,
        reason="" if unasked else "what a module says to users without a second factor is not on the disk",
    )


def _turned_away(facts: Facts, account: Account, handler: Handler) -> Finding:
    out = Repair(
        f"comment out {handler.location}",
        Safety.UNSAFE,
        partial(commented, location=handler.location),
        weakens="users whom this line blocked on purpose can get in",
    )
    by_hand = Repair(f"review the lines up to {handler.location}", Safety.MANUAL)
    gone = not module_present(facts.tree, handler.module)
    why = f"the module {handler.module} is missing" if gone else f"{handler.name} refuses"
    return Finding(
        check="pam-2fa",
        step=STEP,
        severity=Severity.BROKEN,
        message=f"The server also needs PAM's consent, and PAM rejects {account.name} whatever is typed: {why} "
        f"({handler.location}).",
        symptom=Symptom.DENIED,
        words=_words(facts, account),
        locations=(handler.location,),
        repairs=(out,) if _keys_always(facts) else (by_hand,),
        subject=account.name,
    )


def _words(facts: Facts, account: Account) -> str:
    """If the key comes first and was accepted, only the code is left to be denied."""
    lists = facts.effective(account).words("AuthenticationMethods")
    second = bool(lists) and all(len(each.split(",")) > 1 for each in lists)
    return f"{account.name}@SERVER: Permission denied (keyboard-interactive)." if second else ""


def _permissions(facts: Facts, last: Location) -> Iterator[Repair]:
    if _keys_always(facts):
        yield Repair(f"add {PERMIT!r} after {last}", Safety.SAFE, partial(insert_behind, location=last, text=PERMIT))
    else:
        # If some login needs no key, a stack that accepts everybody would leave the server open.
        yield Repair("add a line that succeeds: @include common-auth, or a second factor for everybody", Safety.MANUAL)


def _keys_always(facts: Facts) -> bool:
    """Whether everybody with a shell needs a key to log in."""
    people = [each for each in facts.accounts.users if each.has_login_shell]
    return len(people) <= MOST_PEOPLE and all(_key_first(facts, each) for each in people)


def _key_first(facts: Facts, account: Account) -> bool:
    effective = facts.effective(account)
    if effective.alternatives("AuthenticationMethods"):
        return False
    return all("publickey" in each.split(",") for each in effective.words("AuthenticationMethods") or ("any",))


def _without_secret(facts: Facts, account: Account, handler: Handler) -> Finding | None:
    path = secret_path(account, handler)
    if path is None:
        return None
    facts.tree.require(Read(str(path), depth=0, content=False))
    if facts.tree.entry(path) is None:
        if "nullok" in handler.arguments:
            return None
        return _finding(facts, account, handler, path, "is missing", tuple(_ways(account, handler)))
    if open_to_others(facts.tree, account, handler, path):
        close = Repair(f"chmod go= {path}", Safety.SAFE, partial(_close, path=path))
        return _finding(facts, account, handler, path, "is open to others and so not trusted", (close,))
    return None


def _ways(account: Account, handler: Handler) -> Iterator[Repair]:
    yield Repair(
        f"create a secret for {account.name}",
        Safety.MANUAL,
        steps=f"rescue shell, then: su - {account.name} -c google-authenticator",
    )
    yield Repair(
        f"let in users without a secret ({handler.location})",
        Safety.UNSAFE,
        partial(_forgiving, location=handler.location),
        weakens="users without a secret will get in without a code",
    )


def _finding(
    facts: Facts, account: Account, handler: Handler, path: PurePosixPath, fault: str, repairs: tuple[Repair, ...]
) -> Finding:
    return Finding(
        check="pam-2fa",
        step=STEP,
        severity=Severity.BROKEN,
        message=f"The server asks {account.name} for a code, but {path}, which holds the secret, {fault} "
        f"({handler.location}).",
        symptom=Symptom.DENIED,
        words=_words(facts, account),
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
