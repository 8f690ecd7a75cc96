"""Where pam_google_authenticator(8) keeps an account's secret, and its answer if that is missing or not trusted."""

from __future__ import annotations

from pathlib import PurePosixPath

from rescue.accounts.database import Account
from rescue.pam.stacks import Answer, Handler
from rescue.tree import Read, Tree

MODULE = "pam_google_authenticator"
FOR_OTHERS = 0o077


def secret_path(account: Account, handler: Handler) -> PurePosixPath | None:
    """Where the account's secret is; None where the line names a place that hangs on more than the account."""
    named = next((word[len("secret=") :] for word in handler.arguments if word.startswith("secret=")), "")
    text = named or "~/.google_authenticator"
    marks = {"${HOME}": account.home, "${USER}": account.name, "%u": account.name, "%h": account.home}
    for mark, value in marks.items():
        text = text.replace(mark, value)
    if text.startswith("~/"):
        text = f"{account.home}/{text[2:]}"
    return PurePosixPath(text) if text.startswith("/") and "$" not in text and "%" not in text else None


def open_to_others(tree: Tree, account: Account, handler: Handler, path: PurePosixPath) -> bool:
    """Whether the file is there, the account's, and may be read by others, so that it is not trusted."""
    entry = tree.entry(path)
    if entry is None or entry.uid != account.uid or not entry.mode & FOR_OTHERS:
        return False
    return not any(word.startswith("allowed_perm") or word == "no_strict_owner" for word in handler.arguments)


def code_answer(tree: Tree, account: Account, handler: Handler) -> Answer | None:
    """The module's answer to the right code; None if the secret's location is unknown. NotCaptured."""
    path = secret_path(account, handler)
    if path is None:
        return None
    tree.require(Read(str(path), depth=0, content=False))
    if tree.entry(path) is None:
        return Answer.IGNORE if "nullok" in handler.arguments else Answer.AUTH_ERR
    return Answer.AUTH_ERR if open_to_others(tree, account, handler, path) else Answer.SUCCESS
