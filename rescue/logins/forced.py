"""Commands that a login starts instead of a shell: from the key's line, or ForceCommand. No check itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from re import compile as compile_pattern

from rescue.accounts.database import Account
from rescue.facts import Facts
from rescue.keys.authorized_keys import AuthorizedKey
from rescue.model import Finding
from rescue.tree import Read

ONLY_SAY = frozenset({"echo", "printf", "true", "false", "exit", "nologin", "logger", ":"})
"""Programs that end the session and start nothing else."""

_PLAIN = compile_pattern(r"/[\w./+-]+(?: +[\w./+=:,@%-]+)*")

RUNS_MORE = ("$SSH_ORIGINAL_COMMAND", "`", "$(", "${SSH_ORIGINAL_COMMAND", "&&", "||", "|", "exec ", "bash", "sh ")


def only_says(command: str) -> bool:
    """Whether a command certainly only prints text, like the one that cloud-init uses to close root's account."""
    if any(mark in command for mark in RUNS_MORE):
        return False
    first = [part.split()[0].rpartition("/")[2] for part in command.split(";") if part.strip()]
    return bool(first) and all(word in ONLY_SAY or word == "sleep" for word in first)


def starts_nothing(facts: Facts, command: str) -> str:
    """Why the command certainly starts nothing: its program is missing or nobody may execute it; else "".

    Only a command that is a single absolute path with plain arguments is judged, as the shell expands the rest.
    """
    if not _PLAIN.fullmatch(command):
        return ""
    program = command.split()[0]
    facts.tree.require(Read(program, depth=0, content=False))
    entry = facts.tree.entry(program)
    if entry is None:
        return f"{program} is missing"
    return "" if entry.is_file and entry.mode & 0o111 else f"{program} is not executable"


def keys_of(facts: Facts, account: Account) -> tuple[AuthorizedKey, ...]:
    """The keys in question: the client's if it is known, else all keys of the account."""
    wanted = facts.client.key.split()[1] if facts.client.key is not None else ""
    keys = (key for found in facts.key_files(account) for key in found.keys)
    return tuple(key for key in keys if not wanted or key.blob == wanted)


def counting_keys(facts: Facts, account: Account) -> tuple[AuthorizedKey, ...]:
    """Those of them that sshd looks at: none where it takes no keys at all."""
    return () if facts.effective(account).words("PubkeyAuthentication") == ("no",) else keys_of(facts, account)


def where_nobody_else_gets_a_shell(facts: Facts, judge: Callable[[Account], Finding | None]) -> Iterator[Finding]:
    """What `judge` finds for the named user; or for all users, if none was named and none gets a shell."""
    found = [judge(account) for account in facts.logins]
    if facts.client.user is None and None in found:
        return
    yield from (finding for finding in found if finding is not None)
