"""Your key runs a fixed command instead of a shell.

Symptom: the key is accepted, then a text such as 'Please login as the user "debian" rather than the user "root".', and
the connection closes; or the connection closes without a word.

Cause: the key's line in authorized_keys begins with command="...". cloud-init puts such a command before root's keys,
so that people log in as the image's user; backup keys have one too.

Repair: log in as the user that the text names. Removing the command needs your consent: whoever wrote it did not want
the key to give a shell.

See: sshd(8) on AUTHORIZED_KEYS FILE FORMAT; cloud-init's disable_root.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from re import IGNORECASE
from re import compile as compile_pattern

from rescue.accounts.database import Account
from rescue.facts import Facts
from rescue.logins.each_login import SSHD_READS
from rescue.logins.forced import keys_of, only_says, starts_nothing, where_nobody_else_gets_a_shell
from rescue.model import Finding, Location, Repair, Safety, Severity, Step, Symptom
from rescue.tree import Tree

STEP = Step.SESSION
READS = SSHD_READS

LONGEST = 100
_OPTION = compile_pattern(r'command="(?:\\.|[^"\\])*"', IGNORECASE)
_NAMED = compile_pattern(r'login as the user \\*"([^"\\]{1,32})\\*"')


def find(facts: Facts) -> Iterator[Finding]:
    if not facts.sshd.fatal:
        yield from where_nobody_else_gets_a_shell(facts, lambda account: _judged(facts, account))


def _judged(facts: Facts, account: Account) -> Finding | None:
    effective = facts.effective(account)
    keys = keys_of(facts, account)
    commands = [key.option("command") for key in keys]
    # ForceCommand overrides a key's own command (do_exec in session.c); another check reports it.
    if not keys or None in commands or effective.words("ForceCommand") not in ((), ("none",)):
        return None
    command, place = commands[0] or "", keys[0].location
    gone = starts_nothing(facts, command)
    certain = all(only_says(each or "") or starts_nothing(facts, each or "") for each in commands)
    shown = command if len(command) <= LONGEST else command[:LONGEST] + "..."
    return Finding(
        check="key-command",
        step=STEP,
        severity=Severity.BROKEN if certain else Severity.DOUBTFUL,
        message=f"The key of {account.name} runs a fixed command instead of a shell ({place}): {shown}"
        + (f", and {gone}" if gone else ""),
        symptom=Symptom.CLOSED,
        locations=tuple(key.location for key in keys),
        repairs=tuple(_repairs(account, command, place)),
        subject=account.name,
        reason="" if certain else "the key may be meant for this command, or the command may start a shell",
    )


def _repairs(account: Account, command: str, place: Location) -> Iterator[Repair]:
    named = _NAMED.search(command)
    if named is not None:
        yield Repair(f"log in as {named[1]}", Safety.MANUAL)
    yield Repair(
        f"remove the command from the key's line ({place})",
        Safety.UNSAFE,
        partial(without_command, location=place),
        weakens=f"the key will give a shell as {account.name}",
    )


def without_command(tree: Tree, location: Location) -> Tree:
    """The tree where the line has no command. ValueError if it is gone already."""
    lines = (tree.text(location.path) or "").split("\n")
    line = lines[location.line - 1] if location.line <= len(lines) else ""
    match = _OPTION.search(line)
    if match is None:
        raise ValueError(f"{location}: the command is gone")
    before, after = line[: match.start()], line[match.end() :]
    if before.endswith(","):
        before = before[:-1]
    elif after.startswith(","):
        after = after[1:]
    lines[location.line - 1] = (before + after).lstrip(" ")
    return tree.write(location.path, "\n".join(lines))
