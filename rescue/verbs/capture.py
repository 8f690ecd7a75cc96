"""``rescue capture TARGET``: a bundle of a server without its secrets, for others to judge. Changes nothing."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path, PurePosixPath
from shlex import join

from rescue.accounts.database import Account
from rescue.errors import UsageError
from rescue.examine import declared_reads, examine
from rescue.facts import Facts
from rescue.formats.hostname import read_hostname
from rescue.model import Client, Finding
from rescue.planner import Choose, Plan, any_repairs, make_plan, safe_repairs
from rescue.redaction.files import without_secrets
from rescue.space.policy import candidates, reads
from rescue.space.usage import Usage, measured
from rescue.status import Status
from rescue.story.whole import story
from rescue.survey import complete
from rescue.targets.bundle.file import Bundle, write_bundle
from rescue.targets.protocol import BUNDLE, Target, TargetError
from rescue.targets.usage import scan_usage
from rescue.text.numbers import plural, size
from rescue.text.safe import safe
from rescue.tree import Entry, NotCaptured, Read, Tree
from rescue.ui import document
from rescue.ui.program import home_name
from rescue.undo_log import InTarget, read_records
from rescue.verbs.firewall import judge
from rescue.verbs.request.last_target import resolved
from rescue.verbs.request.options import CaptureOptions
from rescue.verbs.request.session import Session

MANY_USERS = 20
"""Accounts for which a bundle can be asked: those that --user could name on the target."""

NOBODY = 65534
"""The uid of the account "nobody", the last one of those that adduser(8) gives to people and others."""

CHANGED = (
    "without the secrets the verdict on this server is another one: trust what rescue inspect says where the disk is"
)


@dataclass
class Recorder:
    """A target that keeps all that was ever captured of it."""

    target: Target
    tree: Tree

    def capture(self, reads: Iterable[Read]) -> Tree:
        """See `rescue.targets.protocol.Target.capture`."""
        captured = self.target.capture(reads)
        self.tree = self.tree.merged(captured)
        return captured

    def put(self, path: PurePosixPath, entry: Entry) -> None:
        """Nothing is written while a bundle is taken."""
        raise TargetError(f"{self.target.name} is only looked at")

    def remove(self, path: PurePosixPath) -> None:
        """Nothing is removed while a bundle is taken."""
        raise TargetError(f"{self.target.name} is only looked at")


def run(session: Session, options: CaptureOptions) -> Status:
    """Look at all that any verb would, leave the secrets out, prove that the verdict is the same, write."""
    spec = resolved(session)
    words = options.output
    if words is not None:
        _refuse_existing(_place(words))
    with session.target(spec, write=False) as target:
        if target.method == BUNDLE:
            raise UsageError(f"{spec} is a bundle already", f"Copy it: cp {join([spec])} NEW")
        session.progress("looking at all that may matter")
        tree, clients = gathered(target, session.client, logs=options.with_logs)
        usages = _usages(session, target, tree, quick=options.quick)
        name, method, notes = target.name, target.method, target.notes
    shown = without_secrets(tree, logs=options.with_logs)
    if not same_verdicts(tree, shown, clients):
        notes = (*notes, CHANGED)
    taken = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    bundle = Bundle(shown, name, method, taken, notes, tuple(_who(session)), usages)
    path = (
        _place(words)
        if words is not None
        else Path(os.environ.get("RESCUE_VIA_FOLDER") or "", f"{_called(shown)}.bundle")
    )
    _write(path, bundle)
    _tell(session, path, bundle)
    return Status.CLEAR


def gathered(target: Target, client: Client, *, logs: bool = False) -> tuple[Tree, tuple[Client, ...]]:
    """All of the target that a verb could ask for, for `client` and for every account that could log in."""
    recorder = Recorder(target, target.capture((*declared_reads(), *reads())))
    _, examination = complete(recorder, recorder.tree, lambda tree: examine(tree, client))
    named = [each.name for each in examination.facts.accounts.users if _is_person(each)][:MANY_USERS]
    clients = (client, *(replace(client, user=name) for name in named if name != client.user))
    for each in clients:
        # What a repaired server is asked for, too: a fix can be tried on the bundle.
        for choose in (safe_repairs, any_repairs):
            complete(recorder, recorder.tree, partial(_planned, client=each, choose=choose))
    complete(recorder, recorder.tree, lambda tree: judge(tree, client))
    complete(recorder, recorder.tree, lambda tree: candidates(tree, "/"))
    if logs:
        complete(recorder, recorder.tree, lambda tree: story(Facts(tree, client)))
    with suppress(TargetError):
        read_records(InTarget(recorder))
    return recorder.tree, clients


def _planned(tree: Tree, client: Client, choose: Choose) -> Plan:
    return make_plan(tree, client, choose)


def _is_person(account: Account) -> bool:
    """Whether somebody may ask for it: it has a login shell, or may have had one (uids from 1000 on: login.defs(5))."""
    return account.has_login_shell or 1000 <= account.uid < NOBODY


def same_verdicts(tree: Tree, shown: Tree, clients: Iterable[Client]) -> bool:
    """Whether all that is found in `tree` is found in `shown`, and nothing else, for every one of `clients`."""
    try:
        return all(
            _compared(examine(tree, client).findings) == _compared(examine(shown, client).findings)
            for client in clients
        )
    except NotCaptured:
        return False


FROM_LOGS = frozenset({"last-key-gone", "last-boot-failed", "last-sshd-failed"})
"""Causes that logs alone show: which of those go along is the person's own choice."""


def _compared(findings: Iterable[Finding]) -> list[dict[str, object]]:
    return [document.finding(replace(each, seen="")) for each in findings if each.check not in FROM_LOGS]


def _usages(session: Session, target: Target, tree: Tree, *, quick: bool) -> tuple[Usage, ...]:
    """What fills each of the server's file systems; without the one that can't be measured."""
    if quick:
        return ()
    session.progress("measuring what lies where (--quick leaves this out)")
    found = []
    for mount in measured(tree.filesystems):
        try:
            found.append(scan_usage(target, mount))
        except TargetError as problem:
            session.progress(str(problem))
    return tuple(found)


def _who(session: Session) -> list[str]:
    """The options that say who wants in, but for the key's file, which is not where the bundle is read."""
    who = session.client
    words = ["--user", who.user] if who.user is not None else []
    for source in who.sources:
        words += ["--from", str(source)]
    return words + (["--port", str(who.port)] if who.port is not None else [])


def _called(tree: Tree) -> str:
    """The server's name, as far as it is good for the name of a file."""
    name = read_hostname(tree)
    return re.sub(r"[^A-Za-z0-9.-]", "", name).strip(".-")[:63] or "server"


def _place(words: str) -> Path:
    return Path(words).expanduser()


def _refuse_existing(path: Path) -> None:
    if path.exists() or path.is_symlink():
        raise UsageError(f"{path} is there already", "Name another file after -o, or remove it first.")


def _write(path: Path, bundle: Bundle) -> None:
    """Write it whole, readable by its owner alone, or not at all."""
    _refuse_existing(path)
    part = path.with_name(f".{path.name}.part-{os.getpid()}")
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as problem:
        raise UsageError(
            f"{path}: {problem.strerror}", "Name a file in a directory that is there and can be written: -o FILE"
        ) from problem
    try:
        with os.fdopen(descriptor, "wb") as stream:
            write_bundle(stream, bundle)
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _tell(session: Session, path: Path, bundle: Bundle) -> None:
    length, count = path.stat().st_size, len(bundle.tree)
    if session.json:
        document.write(
            {
                "schema": document.SCHEMA,
                "bundle": home_name(path),
                "bytes": length,
                "entries": count,
                "target": {"name": bundle.name, "method": bundle.method, "notes": list(bundle.notes)},
                "taken": bundle.created,
            },
            sys.stdout,
        )
        return
    report = session.report
    report.exact(f"{safe(home_name(path))}: {size(length)}, {plural(count, 'entry', 'entries')}", "bold")
    for note in bundle.notes:
        report.line(f"Note: {safe(note)}", "yellow")
    report.line(
        "Private keys, password hashes and passwords in settings were left out. Names of users, addresses and the "
        "settings themselves are in it: give it to people whom you trust with those."
    )
    report.line("Whoever has it can ask:")
    for verb in ("inspect", "firewall", "space", "fix --dry-run"):
        report.exact(safe(f"rescue {verb} {join([path.name])}"), "bold", 2)
