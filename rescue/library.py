"""The library: what the commands do, as functions with typed results. ``import rescue`` gives them all.

A target is opened, inspected for a client, planned for, fixed, and a fix is undone. The commands call the same
functions. Whatever is refused on purpose is a `rescue.errors.RescueError` with a message, a hint and a status; a value
that can't be (a port of 70000) is a ValueError. `rescue explain api` is the manual.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from rescue import apply
from rescue.apply import Applied, Recovered, Undoing, Undone
from rescue.examine import Examination
from rescue.login_path import LoginPath, UserVerdict, Verdict
from rescue.logs.last_boot import LastBoot
from rescue.logs.last_login import LastLogin
from rescue.machine_id import MACHINE_ID_READ, machine_id
from rescue.model import Client, Finding, Gap, Symptom
from rescue.planner import Choose, Demanded, Plan, make_plan, safe_repairs
from rescue.survey import complete, survey
from rescue.targets import open as opener
from rescue.targets.opening import BACKENDS, Opening, no_passphrase
from rescue.targets.protocol import Target
from rescue.text.diff import unified
from rescue.tree import Change, Tree
from rescue.undo_log import InDirectory, JournalStore, Record

Named = str | os.PathLike[str]
"""A path of this machine."""
Passphrase = bytes | Callable[[str, bool], bytes]
"""A passphrase for every encrypted volume; or a function that is called with a volume's name, and with true where its
last answer was wrong. It may raise TargetError to give up."""


# -- what is given back ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was found on a target for a client. It stays true of nothing but the moment: the target may be closed.

    name, method, notes: the target's. examination: the facts and the path behind the properties below.
    """

    name: str
    method: str
    notes: tuple[str, ...]
    examination: Examination

    @property
    def client(self) -> Client:
        """For whom it was judged."""
        return self.examination.facts.client

    @property
    def port(self) -> int:
        """The port that was judged: the client's, or the one that the disk shows to be meant."""
        return self.examination.facts.dialled

    @property
    def hostname(self) -> str:
        """The server's own name; "" if it has none."""
        return self.examination.facts.hostname

    @property
    def release(self) -> str:
        """The system's name, as "Debian GNU/Linux 12 (bookworm)"; "" if unknown."""
        return self.examination.facts.release.name

    @property
    def path(self) -> LoginPath:
        """The steps in order, each with its state, its findings and what was not judged."""
        return self.examination.path

    @property
    def verdict(self) -> Verdict:
        """The whole path's: CLEAR only where everything that decides was read and holds."""
        return self.path.verdict

    @property
    def symptom(self) -> Symptom:
        """What the client sees from outside; OK where nothing was found."""
        return self.path.symptom

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Every finding in the order of the steps, which is that of their numbers."""
        return self.path.findings

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """All that was not judged."""
        return self.path.gaps

    @property
    def last_login(self) -> LastLogin | None:
        """The last login over SSH that the server's own logs tell of; None if they tell of none."""
        return self.examination.facts.last_login

    @property
    def last_boot(self) -> LastBoot | None:
        """How the last boot went, by the server's own logs; None if they tell of none."""
        return self.examination.facts.last_boot

    @property
    def users(self) -> tuple[UserVerdict, ...]:
        """Each account that was judged, with its own verdict."""
        return self.path.users


@dataclass(frozen=True, slots=True)
class Fixed:
    """A fix, and the inspection after it.

    plan: what was asked for. applied: what was written, and where the undo log is; None where the plan had no change.
    after: the target inspected again.
    """

    plan: Plan
    applied: Applied | None
    after: Inspection

    @property
    def id(self) -> str | None:
        """What `undo` takes; None where nothing was written."""
        return self.applied.record.id if self.applied is not None else None


# -- what can be done --------------------------------------------------------------------------------------------------


def open_target(
    spec: Named,
    *,
    write: bool = False,
    backend: str = "auto",
    root: str | None = None,
    disks: Iterable[Named] = (),
    format: str | None = None,
    allow_backing: bool = False,
    passphrase: Passphrase | None = None,
    progress: Callable[[str], None] | None = None,
) -> Target:
    """Open a server's root. Use it as a context manager: it is closed at the end of the block.

    spec: "/" for the running system, a directory, a block device, an image file or a support bundle.
    write: a fix or an undo will follow. Nothing can be written to a target that was opened without it.
    backend: "kernel" or "guestfs" for disks and images; "auto" chooses, and never gives an image to this machine's
    kernel. root: which of a disk's file systems is the server's root. disks: the server's other disks.
    format: that of image files ("raw", "qcow2"); None to tell it from the file. allow_backing: an image may have
    backing files. passphrase: of an encrypted disk. progress: called with words about what takes a while.

    Raises TargetError; of its kinds TargetBusy (in use), TargetUnsafe, OnlyKernel (an image, and no libguestfs) and
    SeveralRoots (say which with `root`) are worth telling apart.
    """
    if backend not in BACKENDS:
        raise ValueError(f"backend is one of {', '.join(BACKENDS)}, not {backend!r}")
    return opener.open_target(
        os.fspath(spec),
        write=write,
        backend=backend,
        root=root,
        progress=progress or _silent,
        opening=Opening(
            disks=tuple(Path(disk) for disk in disks),
            format=format,
            allow_backing=allow_backing,
            passphrase=_asked(passphrase),
            asks=callable(passphrase),
        ),
    )


def inspect(target: Target, client: Client | None = None, *, again: Inspection | Plan | None = None) -> Inspection:
    """The path to a login of `client`, and what breaks it. Changes not one byte.

    client: who wants in; None for anybody: root and every account that was set up for a login.
    again: an earlier inspection or a plan of the same target, which makes this one quicker.
    Raises TargetError where the target can't be read.
    """
    earlier = None if again is None else _tree(again)
    _, examination = survey(target, client or Client(), again=earlier)
    return _inspection(target, examination)


def plan(target: Target, found: Inspection, *, choose: Choose = safe_repairs, demanded: Demanded = ()) -> Plan:
    """The changes that mend what was found, each proven on an in-memory copy. Writes nothing.

    found: an inspection of `target`; the plan is for its client.
    choose: called with a finding and the tree as the plan has it so far; returns one of `finding.repairs`, or None to
    leave the finding. It is called for what comes to light on the way, too, and may be called again for the same
    finding: the same answer is expected. `safe_repairs` takes what ``--yes`` takes, `any_repairs` what
    ``--yes --unsafe`` takes.
    demanded: edits to make first, whatever is found, each with a finding that names it.
    Raises TargetError where the target can't be read.
    """
    asked = tuple(demanded)
    tree = found.examination.facts.tree
    _, made = complete(target, tree, lambda tree: make_plan(tree, found.client, choose, demanded=asked))
    return made


def fix(target: Target, plan: Plan, *, undo_log: Named | None = None) -> Fixed:
    """Write the changes of `plan`, all or none, record them for `undo`, and inspect again.

    target: opened with ``write=True``. undo_log: a directory of this machine for the records of this server alone;
    None for the target's own, /var/lib/rescue. A plan without changes writes nothing. An earlier fix that was
    interrupted is ended first.
    Raises ApplyError; TargetChanged, with nothing written, where a file is not what the plan saw: inspect and plan
    again. TargetBusy where another fix holds the target.
    """
    if not plan.changes:
        return Fixed(plan, None, _inspection(target, plan.after))
    titles = [f"{mend.finding.check}: {mend.repair.title}" for mend in plan.mends]
    applied = apply.apply_changes(target, plan.changes, titles, store=store_for(target, undo_log))
    return Fixed(plan, applied, inspect(target, plan.before.facts.client, again=plan))


def undo(target: Target, fix_id: str | None = None, *, undo_log: Named | None = None) -> Undone:
    """Take back the fix `fix_id`, else the latest: content, owner, mode and attributes, byte for byte.

    target: opened with ``write=True``. undo_log: as for `fix`.
    Raises ApplyError; UndoRefused, with nothing written, where a later change would be lost; NothingToUndo.
    """
    return apply.undo(target, fix_id, store=store_for(target, undo_log))


def preview_undo(target: Target, fix_id: str | None = None, *, undo_log: Named | None = None) -> Undoing:
    """What `undo` would do now with the same arguments. Writes nothing, and raises what `undo` would raise."""
    return apply.undoing(target, fix_id, store=store_for(target, undo_log))


def history(target: Target, *, undo_log: Named | None = None) -> tuple[Record, ...]:
    """Every fix that was made on the target, the first one first. Writes nothing."""
    return apply.history(target, store_for(target, undo_log))


def recover(target: Target, *, undo_log: Named | None = None) -> tuple[Recovered, ...]:
    """End what a kill or a power cut left half done; () if there was nothing. `fix` and `undo` begin with it.

    target: opened with ``write=True``. Raises Conflict where somebody else changed a file since; ApplyError.
    """
    return apply.recover(target, store_for(target, undo_log))


def diff(change: Change) -> str:
    """A change as a unified diff: safe to print, and without secrets. Lines end in a newline."""
    return "".join(f"{line}\n" for line in unified(change))


# -- how ---------------------------------------------------------------------------------------------------------------


def store_for(target: Target, undo_log: Named | None) -> JournalStore | None:
    """The records in the directory `undo_log`, of this server alone; None for the target's own."""
    if undo_log is None:
        return None
    # machine-id(5): it stays when the server gets another name, and no fix changes it.
    return InDirectory(Path(undo_log), machine_id(target.capture([MACHINE_ID_READ])))


def _inspection(target: Target, examination: Examination) -> Inspection:
    return Inspection(target.name, target.method, tuple(target.notes), examination)


def _tree(earlier: Inspection | Plan) -> Tree:
    return (earlier.examination if isinstance(earlier, Inspection) else earlier.before).facts.tree


def _asked(given: Passphrase | None) -> Callable[[str, bool], bytes]:
    if given is None:
        return no_passphrase
    if isinstance(given, bytes):
        return lambda name, again: given
    return given


def _silent(message: str) -> None:
    """Nobody listens."""
