"""sshd does not run the command that supplies your keys.

Symptom: "me@SERVER: Permission denied (publickey)."; the server's log says "Unsafe AuthorizedKeysCommand: bad ownership
or modes for directory /opt", "Could not stat", "execve: Permission denied" or "AuthorizedKeysCommandUser not found".

Cause: AuthorizedKeysCommand (or AuthorizedPrincipalsCommand, for certificates) prints the accepted keys. sshd runs it
only if root owns the command and every directory above it, and nobody else can write there; it runs it as another user,
who must exist and be able to execute it. sshd -t checks none of that.

Repair: remove others' write permission on the directories and the command; let the command's user execute it. What the
command prints is not on the disk and is not judged.

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
KEPT = "the keys in the account's own files still work"


@dataclass(frozen=True, slots=True)
class CommandFault:
    """Why sshd does not run the command. path: the file concerned, if any."""

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
    """Why the command does not run for the account; None if it does, or if there is none. Raises NotCaptured."""
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
        return CommandFault(f"the account {user}, which should run it, does not exist", None, _other_user(keyword))
    if not command.startswith("/"):
        return CommandFault(f"{command} is not an absolute path")
    return next(_faults(facts, command, runner), None)


def _first_word(text: str) -> str:
    text = text.strip()
    if text.startswith('"'):
        return text[1:].partition('"')[0]
    return text.split()[0] if text else ""


def _expanded(text: str, account: Account) -> str | None:
    """The text with the account's tokens expanded; None if it has other tokens (TOKENS of sshd_config(5))."""
    for token, value in (("%u", account.name), ("%h", account.home), ("%U", str(account.uid))):
        text = text.replace(token, value)
    return None if "%" in text.replace("%%", "") else text.replace("%%", "%")


def _other_user(keyword: str) -> Repair:
    return Repair(f"name an existing account in {keyword}User (nobody, if the command may run as it)", Safety.MANUAL)


def _faults(facts: Facts, command: str, runner: Account) -> Iterator[CommandFault]:
    tree = facts.tree
    tree.require(Read(command, depth=0, limit=LARGEST))
    try:
        real = tree.resolve(command)
    except LinkLoop:
        yield CommandFault(f"{command} is a link loop", PurePosixPath(command))
        return
    entry = tree.entry(command)
    if entry is None:
        again = Repair(f"restore {command} from its package or a backup", Safety.MANUAL)
        yield CommandFault(f"{command} is missing", PurePosixPath(command), again)
        return
    if not entry.is_file:
        yield CommandFault(f"{command} is not a file", real)
        return
    yield from _unsafe(facts, real)
    yield from _not_started(facts, command, runner)


def _unsafe(facts: Facts, real: PurePosixPath) -> Iterator[CommandFault]:
    """What safe_path refuses for root without a home."""
    for each in _walk(facts).faults(real):
        mode = f"mode {each.entry.mode & 0o7777:04o}"
        if each.rule is Rule.WRITABLE:
            whose = f"{mode}, group {each.entry.gid}"
            # A directory such as /tmp is meant for everybody; removing a group's write permission does no harm.
            shared = each.shared and each.entry.mode & OTHERS_WRITE
            move = Repair("move the command to a directory of root's, such as /usr/local/bin", Safety.MANUAL)
            way = move if shared else _closed(each.path, each.mode, real)
            yield CommandFault(f"others can write to {each.path} ({whose})", each.path, way)
        else:
            yield CommandFault(
                f"{each.path} belongs to uid {each.entry.uid}, not to root", each.path, _roots(each.path, real)
            )


def _walk(facts: Facts) -> Walk:
    root = facts.accounts.by_uid(0) or Account("root", 0, 0, "", "", Location(PurePosixPath(PASSWD)))
    return Walk(facts.tree, facts.accounts, replace(root, home=""), private_groups=facts.release.is_debian)


def _closed(path: PurePosixPath, mode: int, command: PurePosixPath) -> Repair:
    title = f"chmod {mode & 0o7777:04o} {path}"
    if path == command:
        weakens = "sshd will trust what others may have written there; review it first"
        return Repair(title, Safety.UNSAFE, partial(_put, path=path, mode=mode), weakens=weakens)
    return Repair(title, Safety.SAFE, partial(_put, path=path, mode=mode))


def _roots(path: PurePosixPath, command: PurePosixPath) -> Repair:
    edit = partial(_put, path=path, uid=0)
    weakens = "sshd will trust what its owner may have written there; review it first"
    return Repair(f"chown root {path}", Safety.UNSAFE, edit, weakens=weakens)


def _put(
    tree: Tree, path: PurePosixPath, mode: int | None = None, uid: int | None = None, gid: int | None = None
) -> Tree:
    entry = tree.lentry(path)
    if entry is None:
        raise ValueError(f"{path} is gone")
    if mode is not None:
        tree = tree.with_entries({str(path): with_mode(entry, mode)})
    return tree if uid is None and gid is None else tree.set_mode(path, uid=uid, gid=gid)


def _not_started(facts: Facts, command: str, runner: Account) -> Iterator[CommandFault]:
    """What execve(2) refuses to the user who runs it."""
    tree, person = facts.tree, facts.person(runner)
    for interpreter in _interpreters(tree, command):
        tree.require(Read(interpreter, depth=0, limit=LARGEST))
        if tree.entry(interpreter) is None:
            missing = Repair(f"install {interpreter}, which {command} needs", Safety.MANUAL)
            yield CommandFault(f"{interpreter}, which {command} needs, is missing", PurePosixPath(interpreter), missing)
            return
    for each in barriers(tree, command, person):
        mode = f"mode {each.entry.mode & 0o7777:04o}"
        what = f"{runner.name}, who should run it, can't access {each.path} ({mode})"
        yield CommandFault(what, each.path, _opened(runner, each.path, each.entry.is_dir, command))
    entry = tree.entry(command)
    if entry is not None and not _script(tree, command):
        for fault in program_faults(tree, command):
            yield CommandFault(f"{fault.path} {fault.what}", PurePosixPath(fault.path))


def _script(tree: Tree, path: str) -> bool:
    data = tree.data_if_read(path)
    return data is None or data.startswith(b"#!") or not data.startswith(b"\x7fELF")


def _interpreters(tree: Tree, command: str) -> Iterator[str]:
    """The program after "#!", and the one that env(1) should find."""
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
    """Everybody may pass the directories, but not list them; only its user's group may use the command, which may
    contain a secret."""
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
    raise ValueError(f"more than its mode blocks {command}")


def _finding(account: Account, keyword: str, setting: Setting, fault: CommandFault, reason: str) -> Finding:
    assert setting.location is not None
    place = (Location(fault.path),) if fault.path is not None else ()
    by_hand = Repair(f"repair what {keyword} names ({setting.location}), or comment it out", Safety.MANUAL)
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
