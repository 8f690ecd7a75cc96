"""The SSH server does not run the command that would name your keys.

Symptom: "me@SERVER: Permission denied (publickey)."; the server's log says "Unsafe AuthorizedKeysCommand: bad ownership
or modes for directory /opt", "Could not stat", "execve: Permission denied" or "AuthorizedKeysCommandUser not found".

Cause: AuthorizedKeysCommand (or AuthorizedPrincipalsCommand, for certificates) is to print the keys that count. sshd
runs it only where the command and every directory above it belong to root and nobody else may write there, and it runs
it as another user, who has to exist and to be able to execute it. sshd -t looks at none of that.

Repair: directories and the command are closed to other writers; a command that its user may not execute is opened to
that user. What the command prints is not on the disk and is not judged.

See: sshd_config(5) on AuthorizedKeysCommand; subprocess and safe_path in misc.c of OpenSSH.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import PurePosixPath

from rescue.accounts.database import PASSWD, Account
from rescue.accounts.permissions import Person, with_mode
from rescue.accounts.program_access import AS_USER_READS, barriers
from rescue.facts import Facts
from rescue.formats.program_faults import program_faults
from rescue.formats.program_files import LARGEST
from rescue.keys.strictmodes import OTHERS_WRITE, Rule, Walk
from rescue.logins.each_login import SSHD_READS, each_login
from rescue.model import Finding, Location, Repair, Safety, Severity, Step, Symptom
from rescue.sshd.effective import Setting
from rescue.tree import LinkLoop, Read, Tree

STEP = Step.KEY
READS = (*SSHD_READS, *AS_USER_READS)

KEYS, PRINCIPALS = "AuthorizedKeysCommand", "AuthorizedPrincipalsCommand"
SEARCHED = ("/usr/bin", "/bin", "/usr/sbin", "/sbin")
"""The command's PATH (_PATH_STDPATH, defines.h)."""
ENV = ("/usr/bin/env", "/bin/env")
KEPT = "the keys in the account's own files count all the same"


@dataclass(frozen=True, slots=True)
class CommandFault:
    """Why sshd does not run the command. path: the file concerned, if one is."""

    what: str
    path: PurePosixPath | None = None
    repair: Repair | None = None


def find(facts: Facts) -> Iterator[Finding]:
    if not facts.sshd.fatal:
        yield from each_login(facts, lambda account: _judged(facts, account), meant=False)


def _judged(facts: Facts, account: Account) -> Finding | None:
    effective = facts.effective(account)
    if effective.words("PubkeyAuthentication") == ("no",):
        return None
    for keyword in (KEYS, PRINCIPALS):
        if keyword == PRINCIPALS and effective.words("TrustedUserCAKeys") in ((), ("none",)):
            continue
        fault = refused(facts, account, keyword)
        if fault is None:
            continue
        keys = {key.blob for found in facts.key_files(account) for key in found.keys}
        if facts.client.key is not None and facts.client.key.split()[1] in keys:
            return None
        return _finding(account, keyword, effective.setting(keyword), fault, KEPT if keys else "")
    return None


def refused(facts: Facts, account: Account, keyword: str = KEYS) -> CommandFault | None:
    """Why the command does not run for the account; None where it does, or where there is none. NotCaptured."""
    effective = facts.effective(account)
    setting = effective.setting(keyword)
    if setting.location is None or not setting.words or setting.words[0].lower() == "none":
        return None
    command = _expanded(_first_word(" ".join(setting.words)), account)
    if command is None:
        return None
    user = " ".join(effective.words(f"{keyword}User")[:1])
    runner = facts.accounts.get(_expanded(user, account) or user)
    if runner is None:
        return CommandFault(f"the account {user} that it is to run as does not exist", None, _other_user(keyword))
    if not command.startswith("/"):
        return CommandFault(f"{command} is no absolute path")
    return next(_faults(facts, command, runner), None)


def _first_word(text: str) -> str:
    text = text.strip()
    if text.startswith('"'):
        return text[1:].partition('"')[0]
    return text.split()[0] if text else ""


def _expanded(text: str, account: Account) -> str | None:
    """The text with the tokens that the account decides; None where there is another (TOKENS of sshd_config(5))."""
    for token, value in (("%u", account.name), ("%h", account.home), ("%U", str(account.uid))):
        text = text.replace(token, value)
    return None if "%" in text.replace("%%", "") else text.replace("%%", "%")


def _other_user(keyword: str) -> Repair:
    return Repair(f"name an account that exists in {keyword}User (nobody, if the command may run as it)", Safety.MANUAL)


def _faults(facts: Facts, command: str, runner: Account) -> Iterator[CommandFault]:
    tree = facts.tree
    tree.require(Read(command, depth=0, limit=LARGEST))
    try:
        real = tree.resolve(command)
    except LinkLoop:
        yield CommandFault(f"{command} is a link that leads in a circle", PurePosixPath(command))
        return
    entry = tree.entry(command)
    if entry is None:
        again = Repair(f"put {command} back, from its package or a backup", Safety.MANUAL)
        yield CommandFault(f"{command} is not there", PurePosixPath(command), again)
        return
    if not entry.is_file:
        yield CommandFault(f"{command} is no file", real)
        return
    yield from _unsafe(facts, real)
    yield from _not_started(facts, command, runner)


def _unsafe(facts: Facts, real: PurePosixPath) -> Iterator[CommandFault]:
    """What safe_path, asked for root and without a home, refuses."""
    for each in _walk(facts).faults(real):
        mode = f"mode {each.entry.mode & 0o7777:04o}"
        if each.rule is Rule.WRITABLE:
            whose = f"{mode}, group {each.entry.gid}"
            # One such as /tmp is everybody's by its purpose; that a group may write is undone without harm.
            shared = each.shared and each.entry.mode & OTHERS_WRITE
            move = Repair("move the command to a directory that is root's alone, such as /usr/local/bin", Safety.MANUAL)
            way = move if shared else _closed(each.path, each.mode, real)
            yield CommandFault(f"{each.path} can be written by others ({whose})", each.path, way)
        else:
            yield CommandFault(
                f"{each.path} belongs to uid {each.entry.uid} and not to root", each.path, _roots(each.path, real)
            )


def _walk(facts: Facts) -> Walk:
    root = facts.accounts.by_uid(0) or Account("root", 0, 0, "", "", Location(PurePosixPath(PASSWD)))
    return Walk(facts.tree, facts.accounts, replace(root, home=""), private_groups=facts.release.is_debian)


def _closed(path: PurePosixPath, mode: int, command: PurePosixPath) -> Repair:
    title = f"chmod {mode & 0o7777:04o} {path}"
    if path == command:
        weakens = "what others wrote into it would count: read it through first"
        return Repair(title, Safety.UNSAFE, partial(_put, path=path, mode=mode), weakens=weakens)
    return Repair(title, Safety.SAFE, partial(_put, path=path, mode=mode))


def _roots(path: PurePosixPath, command: PurePosixPath) -> Repair:
    edit = partial(_put, path=path, uid=0)
    weakens = "what its owner wrote there would count: read it through first"
    return Repair(f"chown root {path}", Safety.UNSAFE, edit, weakens=weakens)


def _put(
    tree: Tree, path: PurePosixPath, mode: int | None = None, uid: int | None = None, gid: int | None = None
) -> Tree:
    entry = tree.lentry(path)
    if entry is None:
        raise ValueError(f"{path} is not there any more")
    if mode is not None:
        tree = tree.with_entries({str(path): with_mode(entry, mode)})
    return tree if uid is None and gid is None else tree.set_mode(path, uid=uid, gid=gid)


def _not_started(facts: Facts, command: str, runner: Account) -> Iterator[CommandFault]:
    """What execve(2) refuses to the user as whom it is run."""
    tree, person = facts.tree, facts.person(runner)
    for interpreter in _interpreters(tree, command):
        tree.require(Read(interpreter, depth=0, limit=LARGEST))
        if tree.entry(interpreter) is None:
            missing = Repair(f"install {interpreter}, which {command} is written for", Safety.MANUAL)
            yield CommandFault(
                f"{interpreter}, which {command} is written for, is not there", PurePosixPath(interpreter), missing
            )
            return
    for each in barriers(tree, command, person):
        mode = f"mode {each.entry.mode & 0o7777:04o}"
        what = f"{runner.name}, as whom it is to run, may not use {each.path} ({mode})"
        yield CommandFault(what, each.path, _opened(runner, each.path, each.entry.is_dir, command))
    entry = tree.entry(command)
    if entry is not None and not _script(tree, command):
        for fault in program_faults(tree, command):
            yield CommandFault(f"{fault.path} {fault.what}", PurePosixPath(fault.path))


def _script(tree: Tree, path: str) -> bool:
    data = tree.data_if_read(path)
    return data is None or data.startswith(b"#!") or not data.startswith(b"\x7fELF")


def _interpreters(tree: Tree, command: str) -> Iterator[str]:
    """The program behind "#!", and the one that env(1) is to look for."""
    data = tree.data_if_read(command) or b""
    words = data[2:256].partition(b"\n")[0].decode("utf-8", "surrogateescape").split() if data.startswith(b"#!") else []
    if not words or not words[0].startswith("/"):
        return
    yield words[0]
    if words[0] in ENV and len(words) == 2 and "/" not in words[1]:
        paths = [f"{folder}/{words[1]}" for folder in SEARCHED]
        tree.require(*(Read(path, depth=0, content=False) for path in paths))
        yield next((path for path in paths if tree.entry(path) is not None), paths[0])


def _opened(runner: Account, path: PurePosixPath, folder: bool, command: str) -> Repair:
    title = f"let {runner.name} {'pass' if folder else 'execute'} {path}"
    return Repair(
        title, Safety.SAFE, partial(_open, command=command, person=Person(runner.uid, frozenset({runner.gid})))
    )


def _open(tree: Tree, command: str, person: Person) -> Tree:
    """Directories are opened for everybody to pass, not to list; the command for its user's group alone: it may hold
    a secret."""
    for _ in range(50):
        found = next(barriers(tree, command, person), None)
        if found is None:
            return tree
        own = found.path == tree.resolve(command)
        if own and person.uid:
            tree = _put(tree, found.path, mode=found.entry.mode | 0o050, gid=min(person.gids))
        else:
            tree = _put(tree, found.path, mode=found.entry.mode | (0o011 if found.entry.is_dir else 0o555))
        if next(barriers(tree, command, person), None) == found:
            break
    raise ValueError(f"{command} is closed by more than its mode")


def _finding(account: Account, keyword: str, setting: Setting, fault: CommandFault, reason: str) -> Finding:
    assert setting.location is not None
    place = (Location(fault.path),) if fault.path is not None else ()
    by_hand = Repair(f"mend what {keyword} names ({setting.location}), or comment it out", Safety.MANUAL)
    return Finding(
        check="keys-command-unsafe",
        step=STEP,
        severity=Severity.DOUBTFUL if reason else Severity.BROKEN,
        message=f"sshd does not run {keyword} ({setting.location}) for {account.name}: {fault.what}.",
        symptom=Symptom.DENIED,
        locations=(setting.location, *place),
        repairs=(fault.repair or by_hand,),
        subject=account.name,
        reason=reason,
    )
