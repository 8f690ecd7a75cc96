"""Modules that ask for a second factor: what their own files say of one account, before anybody is asked.

Sources: pam_google_authenticator.c, pam_oath.c and usersfile.c of oath-toolkit, pam-u2f.c and util.c of pam-u2f,
pam_duo.c of duo_unix. No secret is looked at: only whether files and names are there.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from re import compile as compile_pattern

from rescue.accounts.database import Account
from rescue.pam.google_authenticator import FOR_OTHERS, code_answer, secret_path
from rescue.pam.google_authenticator import MODULE as CODES
from rescue.pam.stacks import Answer, Handler
from rescue.tree import Read, Tree

OATH, U2F, DUO = "pam_oath", "pam_u2f", "pam_duo"
FACTORS = frozenset({CODES, OATH, U2F, DUO, "pam_yubico"})
ASK = frozenset({CODES, OATH, "pam_yubico"})
"""Those that ask for a code in a question of its own, which only keyboard-interactive can put."""
TOGETHER = frozenset({"forward_pass", "use_first_pass", "try_first_pass"})
"""Arguments with which the code is typed behind the password, in one answer."""

OATH_USERS = "/etc/users.oath"
U2F_KEYS = "~/.config/Yubico/u2f_keys"
DUO_CONF = ("/etc/security/pam_duo.conf", "/etc/duo/pam_duo.conf")

_HOTP = compile_pattern(r"[ \t]*HOTP\S*[ \t]+(\S+)[ \t]")


@dataclass(frozen=True, slots=True)
class FactorAnswer:
    """What a module says. answer: None where more than the disk decides; why: of a refusal, or of that, for the middle
    of a sentence."""

    answer: Answer | None
    why: str = ""
    path: PurePosixPath | None = None


def factor_answer(tree: Tree, account: Account, handler: Handler) -> FactorAnswer:
    """What a module of `FACTORS` says to somebody who can answer its question. NotCaptured."""
    if handler.name == CODES:
        return _codes(tree, account, handler)
    if handler.name == OATH:
        return _oath(tree, account, handler)
    if handler.name == U2F:
        return _u2f(tree, account, handler)
    if handler.name == DUO:
        return _duo(tree, handler)
    return FactorAnswer(None, "it asks a server on the internet")


def _codes(tree: Tree, account: Account, handler: Handler) -> FactorAnswer:
    path = secret_path(account, handler)
    answer = code_answer(tree, account, handler)
    why = f"the secret in {path} is missing or not trusted" if answer is Answer.AUTH_ERR else ""
    return FactorAnswer(answer, why, path)


def _argument(handler: Handler, name: str, default: str = "") -> str:
    return next((word[len(name) + 1 :] for word in handler.arguments if word.startswith(f"{name}=")), default)


def _place(account: Account, text: str) -> PurePosixPath | None:
    for mark, value in (("${HOME}", account.home), ("${USER}", account.name), ("%u", account.name)):
        text = text.replace(mark, value)
    if text.startswith("~/"):
        text = f"{account.home}/{text[2:]}"
    return PurePosixPath(text) if text.startswith("/") and "$" not in text else None


def _oath(tree: Tree, account: Account, handler: Handler) -> FactorAnswer:
    """The users' file names the account, or it is turned away (oath_authenticate_usersfile)."""
    path = _place(account, _argument(handler, "usersfile", OATH_USERS))
    if path is None:
        return FactorAnswer(None, "where its users' file is hangs on the login")
    tree.require(Read(str(path), depth=0))
    if tree.entry(path) is None:
        return FactorAnswer(Answer.AUTHINFO_UNAVAIL, f"{path}, its users' file, is missing", path)
    text = tree.text_if_read(path)
    if text is None:
        return FactorAnswer(None, f"{path}, its users' file, can't be read")
    names = {match[1] for line in text.split("\n") if (match := _HOTP.match(line)) is not None}
    if account.name in names:
        return FactorAnswer(Answer.SUCCESS, path=path)
    return FactorAnswer(Answer.USER_UNKNOWN, f"{path} has no line for {account.name}", path)


def _u2f(tree: Tree, account: Account, handler: Handler) -> FactorAnswer:
    path = _place(account, _argument(handler, "authfile", U2F_KEYS))
    if path is not None and "nouserok" not in handler.arguments:
        tree.require(Read(str(path), depth=0, content=False))
        if tree.entry(path) is None:
            return FactorAnswer(Answer.AUTHINFO_UNAVAIL, f"{path}, its list of devices, is missing", path)
    return FactorAnswer(None, "it needs a device that is plugged into the server itself")


def _duo(tree: Tree, handler: Handler) -> FactorAnswer:
    named = _argument(handler, "conf")
    places = (named,) if named.startswith("/") else DUO_CONF
    tree.require(*(Read(path, depth=0, content=False) for path in places))
    path = next((PurePosixPath(path) for path in places if tree.entry(path) is not None), None)
    if path is None:
        return FactorAnswer(Answer.SERVICE_ERR, f"{places[0]}, its settings, is missing", PurePosixPath(places[0]))
    entry = tree.entry(path)
    if entry is not None and (entry.mode & FOR_OTHERS or entry.uid != 0):
        return FactorAnswer(Answer.SERVICE_ERR, f"{path}, its settings, must be root's alone (mode 0600)", path)
    return FactorAnswer(None, "it asks a server on the internet")
