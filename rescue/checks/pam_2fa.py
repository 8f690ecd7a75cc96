"""The server asks for a second factor, but has no secret of yours to check it, or can't ask for the code.

Symptom: "Permission denied (keyboard-interactive)", after the key was accepted, whatever code is typed; the server's
log says "Failed to read /home/me/.google_authenticator".

Cause: a line with pam_google_authenticator in the auth stack of /etc/pam.d/sshd asks everybody for a code. Your file
with the secret was never created, was lost with the home, or can be read by others and so is not trusted. Or the line
skips users without a secret (nullok), and no other line in the stack succeeds: then PAM refuses. pam_oath refuses users
whom its users' file does not name, pam_duo everybody where its settings are missing or open to others. Or all of them
are well, but sshd has only the method "password", which can't ask a second question: KbdInteractiveAuthentication is
no, as Debian ships it.

Repair: remove others' access to the file. If it is missing, you can create one, or the line can let in users without a
secret (nullok); that needs your consent. If no line succeeds, add "auth required pam_permit.so" at the end, provided
that everybody also needs a key. If sshd can't ask, set KbdInteractiveAuthentication yes.

See: google-authenticator(1), pam_google_authenticator(8), pam_oath(8); sshpam_passwd_conv in auth-pam.c of OpenSSH.
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
from rescue.logins.pam_modules import MODULES
from rescue.logins.pam_refused import insert_behind, past_deny
from rescue.logins.put_back import put_back
from rescue.logins.ways.pam_auth import RULED, WITHOUT_ANSWER, asked, by_keyboard, lacks_password, verdicts
from rescue.logins.ways.password import by_password
from rescue.model import Finding, Location, Repair, Safety, Severity, Step, Symptom
from rescue.pam.google_authenticator import FOR_OTHERS, MODULE, open_to_others, secret_path
from rescue.pam.second_factor import ASK, FACTORS, factor_answer
from rescue.pam.stacks import Answer, Facility, Handler, Service, module_present, run
from rescue.pam.templates import TEMPLATE_READS, blank
from rescue.sshd import edit
from rescue.sshd.effective import Setting
from rescue.text.line_edit import commented, line_of
from rescue.tree import Read, Tree

STEP = Step.KEY
READS = (*pam.READS, *TEMPLATE_READS)

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
    return _nobody_says_yes(facts, account, found.service) or _cannot_ask(facts, account, found.service)


def _cannot_ask(facts: Facts, account: Account, service: Service) -> Finding | None:
    """A stack that would accept a code, where sshd can ask for the password only."""
    if service.broken is not None or by_keyboard(facts, account):
        return None
    whole, _ = verdicts(facts, account, service)
    alone, _ = verdicts(facts, account, service, keyboard=False)
    line = alone.decided
    if whole.answer not in pam.PASSES or alone.answer in pam.PASSES or line is None:
        return None
    asking = next((each for each in service.stack(Facility.AUTH) if each.name in ASK), line)
    effective = facts.effective(account)
    setting = effective.setting("KbdInteractiveAuthentication")
    lists = effective.setting("AuthenticationMethods")
    places = (setting.location, asking.location, lists.location)
    where = f" ({setting.location or 'the default'})"
    if setting.words == ("yes",):
        why = f"AuthenticationMethods names password, not keyboard-interactive ({lists.location})"
    else:
        why = f"KbdInteractiveAuthentication is no{where}, and the method password has no second question"
    return Finding(
        check="pam-2fa",
        step=STEP,
        severity=Severity.BROKEN,
        message=f"The server wants a code from {account.name} ({asking.location}), but can't ask for it: {why}.",
        symptom=Symptom.DENIED,
        locations=tuple(each for each in places if each is not None),
        repairs=tuple(_questions(setting, lists)),
        subject=account.name,
    )


def _questions(setting: Setting, lists: Setting) -> Iterator[Repair]:
    """What lets sshd ask: the same password and code, in questions of their own."""
    if lists.words not in ((), ("any",)):
        yield Repair(
            f"require keyboard-interactive, not password ({lists.location}), with KbdInteractiveAuthentication yes",
            Safety.MANUAL,
        )
    elif setting.location is not None:
        back = partial(edit.set_value, location=setting.location, value="yes")
        yield Repair(f"set KbdInteractiveAuthentication yes ({setting.location})", Safety.SAFE, back)


def _nobody_says_yes(facts: Facts, account: Account, service: Service) -> Finding | None:
    """A stack whose modules all ignore the account (or may: then it is doubtful)."""
    sure, perhaps = verdicts(facts, account, service)
    stack = service.stack(Facility.AUTH)
    refusing = sure.decided
    if service.broken is None and sure.answer not in pam.PASSES and refusing is not None:
        asking = refusing.name == MODULE and module_present(facts.tree, refusing.module)
        known = asking or lacks_password(facts, account)  # the latter belongs to sshd-auth-methods
        return None if known else _turned_away(facts, account, service, refusing)
    unasked = sure.answer not in pam.PASSES and sure.decided is None
    doubt = sure.answer in pam.PASSES and perhaps.answer not in pam.PASSES and perhaps.decided is None
    if service.broken is not None or not (unasked or doubt):
        return None
    if not stack:
        return _no_stack(facts, account, service)
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


def _no_stack(facts: Facts, account: Account, service: Service) -> Finding:
    """No auth line at all, in the service's files nor in those of "other": PAM refuses every password."""
    empty = [path for path in service.files if blank(facts.tree.text(path) or "")]
    places = tuple(Location(path) for path in empty or service.files[:1])
    what = f"{' and '.join(str(path) for path in empty)} is empty" if empty else f"{service.files[0]} has no auth line"
    return Finding(
        check="pam-2fa",
        step=STEP,
        severity=Severity.BROKEN,
        message=f"PAM refuses every password and code of {account.name}: {what}.",
        symptom=Symptom.DENIED,
        words=_words(facts, account),
        locations=places,
        repairs=(
            *(repair for path in empty for repair in put_back(facts, str(path))),
            Repair("restore the auth lines (Debian, Ubuntu: pam-auth-update --force in rescue shell)", Safety.MANUAL),
        ),
        subject=account.name,
    )


def _turned_away(facts: Facts, account: Account, service: Service, handler: Handler) -> Finding:
    why, path = _why(facts, account, handler)
    place = Location(path) if path is not None else None
    begun = f"PAM refuses every password of {account.name}"
    if not by_password(facts, account):
        begun = f"The server also needs PAM's consent, and PAM rejects {account.name} whatever is typed"
    return Finding(
        check="pam-2fa",
        step=STEP,
        severity=Severity.BROKEN,
        message=f"{begun}: {why} ({handler.location}).",
        symptom=Symptom.DENIED,
        words=_words(facts, account),
        locations=(handler.location, *((place,) if place is not None else ())),
        repairs=tuple(_past(facts, account, service, handler)),
        subject=account.name,
    )


def _past(facts: Facts, account: Account, service: Service, handler: Handler) -> Iterator[Repair]:
    """What leads past a line that refuses, where the password or the key is still needed without it."""
    stack = service.stack(Facility.AUTH)
    empty = [path for path in service.files if blank(facts.tree.text(path) or "")]
    if empty:
        for path in empty:
            yield from put_back(facts, str(path))
    elif handler.module and (_keys_always(facts) or _asks_without(facts, account, stack, handler)):
        if handler.name == "pam_deny":
            yield from past_deny(stack, handler)
        else:
            out = partial(commented, location=handler.location)
            weakens = "users whom this line blocked on purpose can get in"
            yield Repair(f"comment out {handler.location}", Safety.UNSAFE, out, weakens=weakens)
        return
    yield Repair(f"review the lines up to {handler.location}", Safety.MANUAL)


def _asks_without(facts: Facts, account: Account, stack: tuple[Handler, ...], gone: Handler) -> bool:
    """Whether the stack without a line still refuses a wrong password, whatever all the others say."""

    def ask(handler: Handler) -> Answer:
        if handler.name == "pam_unix":
            return Answer.AUTH_ERR
        if handler.name == "pam_deny":
            return Answer.PERM_DENIED
        return Answer.IGNORE if handler.name in WITHOUT_ANSWER else Answer.SUCCESS

    unix = any(handler.name == "pam_unix" for handler in stack)
    shorter = tuple(handler for handler in stack if handler is not gone)
    if gone.name == "pam_deny":  # its repair makes a jump longer, or takes the line out
        return unix and run(stack, ask).answer not in pam.PASSES
    return unix and run(shorter, ask).answer not in pam.PASSES


def _why(facts: Facts, account: Account, handler: Handler) -> tuple[str, PurePosixPath | None]:
    """Why a line refuses, by the module's own files, and which of them."""
    if not handler.module:
        return "the line names no module, or a file that is missing", None
    if not module_present(facts.tree, handler.module):
        return f"the module {handler.module} is missing", None
    why, path = "", None
    if handler.name in FACTORS:
        found = factor_answer(facts.tree, account, handler)
        why, path = found.why, found.path
    elif handler.name in RULED:
        ruling = MODULES[handler.name].rule(facts, account, handler)
        why, path = ruling.why, ruling.location.path if ruling.location is not None else None
    return f"{handler.name} refuses{f', as {why}' if why else ''}", path


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
