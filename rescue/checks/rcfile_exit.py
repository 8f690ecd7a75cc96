"""A shell start file runs `exit`, or replaces the shell with a missing program, which ends every session.

Symptom: the key is accepted, the message of the day may appear, then "Connection to SERVER closed.", at once; or
"-bash: /usr/bin/fish: No such file or directory" before it.

Cause: a line with `exit` or `logout` is outside of every condition in /etc/profile, a file in /etc/profile.d, or the
account's own .bash_profile, .bash_login, .profile or .bashrc, which bash reads when it starts. Most often it came with
a script that was pasted there. Or it is `exec /usr/bin/fish`, and that program is missing or not executable.

Repair: comment out the line. The lines after it run again.

See: bash(1) on INVOCATION.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from re import compile as compile_pattern

from rescue.accounts.database import Account
from rescue.facts import Facts
from rescue.formats.shell_script import script_lines
from rescue.logins.each_login import SSHD_READS
from rescue.model import Finding, Location, Repair, Safety, Severity, Step, Symptom
from rescue.text.line_edit import line_of
from rescue.tree import Read, Tree

STEP = Step.SESSION
SYSTEM, FOLDER = "/etc/profile", "/etc/profile.d"
READS = (*SSHD_READS, Read(SYSTEM, depth=0), Read(FOLDER, depth=1))

SHELLS = frozenset({"bash", "sh", "dash", "ash", ""})
OWN = (".bash_profile", ".bash_login", ".profile")
"""bash reads the first that exists; sh and dash read only the last."""

_EXIT = compile_pattern(r"(?:exit|logout)(?:[ \t]+\d{1,3})?[ \t]*;?[ \t]*(?:#.*)?")
_EXEC = compile_pattern(r"exec[ \t]+(/[\w./+-]+)(?:[ \t].*)?")
_RETURN = compile_pattern(r"return\b.*")


def find(facts: Facts) -> Iterator[Finding]:
    if facts.sshd.fatal:
        return
    told: set[Location] = set()
    for account in facts.logins:
        place = _exit(facts, account)
        if place is not None and place not in told:
            told.add(place)
            yield _finding(account, place)


def _exit(facts: Facts, account: Account) -> Location | None:
    """The first exit that an interactive login shell of the account certainly runs."""
    shell = account.shell.rpartition("/")[2]
    effective = facts.effective(account)
    if shell not in SHELLS or effective.words("ForceCommand") not in ((), ("none",)):
        return None
    if effective.words("ChrootDirectory") not in ((), ("none",)):
        return None
    for path in _files(facts.tree, account, shell):
        place = _unconditional(facts.tree, path, bash=shell == "bash")
        if place is not None:
            return place
    return None


def _files(tree: Tree, account: Account, shell: str) -> Iterator[str]:
    """What the shell reads, in order. .bashrc only if one of the others reads it."""
    tree.require(Read(SYSTEM, depth=0), Read(FOLDER, depth=1))
    system = tree.text(SYSTEM) or ""
    if system:
        yield SYSTEM
    if FOLDER in system:
        yield from (f"{FOLDER}/{name}" for name in tree.children(FOLDER) if name.endswith(".sh"))
    home = account.home.rstrip("/")
    if not home.startswith("/"):
        return
    own = [f"{home}/{name}" for name in (OWN if shell == "bash" else OWN[-1:])]
    tree.require(*(Read(path, depth=0) for path in (*own, f"{home}/.bashrc")))
    first = next((path for path in own if tree.entry(path) is not None), None)
    if first is not None:
        yield first
        if shell == "bash" and ".bashrc" in (tree.text(first) or ""):
            yield f"{home}/.bashrc"


def _unconditional(tree: Tree, path: str, *, bash: bool) -> Location | None:
    """The line with an exit outside of every condition that is surely reached.

    bash: whether an exec that fails ends the shell, too, which bash does while it reads its start files.
    """
    text = tree.text(path) or ""
    raw = text.split("\n")
    for line in script_lines(None, text):
        # The line as a whole counts: "test && exit" hangs on a condition.
        said = raw[line.number - 1].strip()
        if line.certain and _RETURN.fullmatch(said):
            return None
        if line.certain and (_EXIT.fullmatch(said) or (bash and _replaced(tree, said))):
            return Location(tree.resolve(path), line.number, raw[line.number - 1].rstrip())
    return None


def _replaced(tree: Tree, said: str) -> bool:
    """Whether the shell ends because the program that it is replaced with can't be started by anybody."""
    match = _EXEC.fullmatch(said)
    if match is None or any(mark in said for mark in "|&;"):
        return False
    tree.require(Read(match[1], depth=0, content=False))
    entry = tree.entry(match[1])
    return entry is None or not entry.is_file or not entry.mode & 0o111


def _finding(account: Account, place: Location) -> Finding:
    return Finding(
        check="rcfile-exit",
        step=STEP,
        severity=Severity.BROKEN,
        message=f"The shell of {account.name} ends as soon as it starts: {place} runs {place.text.strip()}.",
        symptom=Symptom.CLOSED,
        locations=(place,),
        repairs=(Repair(f"comment out {place}", Safety.SAFE, partial(_commented, location=place)),),
        subject=str(place.path),
    )


def _commented(tree: Tree, location: Location) -> Tree:
    lines, at = line_of(tree, location)
    lines[at] = f"# {lines[at]}"
    return tree.write(location.path, "\n".join(lines))
