"""``rescue shell TARGET [-- COMMAND]``: the server's own programs, inside its root; nothing stays mounted."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from rescue.errors import UsageError
from rescue.status import Status
from rescue.targets.appliance.run import INPUT_LIMIT, run_in_appliance
from rescue.targets.appliance.target import GuestfsTarget
from rescue.targets.chroot.run import Inside, prompt, run_inside
from rescue.targets.disks.roots import READS, FoundRoot, found_root
from rescue.targets.files.directory import DirectoryTarget
from rescue.targets.mounted import good_name
from rescue.targets.open import open_target, opened_by_libguestfs
from rescue.targets.protocol import TargetUnsafe
from rescue.text.safe import safe
from rescue.ui.report import command
from rescue.verbs.request.last_target import resolved
from rescue.verbs.request.opening import opening_of
from rescue.verbs.request.options import ShellOptions
from rescue.verbs.request.session import Session


def run(session: Session, options: ShellOptions) -> int:
    """Assemble, enter, close. The status is the command's own; a shell's is always CLEAR."""
    words = options.command
    if session.json:
        raise UsageError("--json: the terminal belongs to the server's own programs", "Leave --json away.")
    spec = resolved(session)
    session.agree_to_kernel(spec)
    opening = session.request.opening
    apart = opened_by_libguestfs(Path(spec), opening.backend)
    _refuse(spec, words, apart)
    typed = _typed() if apart else b""
    target = open_target(
        spec, write=not options.read_only, backend=opening.backend, root=opening.root, progress=session.progress,
        opening=opening_of(opening),
    )  # fmt: skip
    try:
        if isinstance(target, GuestfsTarget):
            return _in_appliance(target, words, typed)
        if not isinstance(target, DirectoryTarget):
            raise UsageError(f"{spec} can't be entered", "Name the server's disk, or the folder where it is mounted.")
        found = found_root(target.capture(READS))
        name = good_name(found.hostname) if found is not None else ""
        where = Inside(
            Path(target.path), name, write=not options.read_only, network=not options.no_network,
            devices=() if options.read_only else _devices(spec),
        )  # fmt: skip
        with target.lock():
            if not words:
                _welcome(session, spec, found, where)
            status = run_inside(where, words)
    finally:
        target.close()
    if not words:
        session.progress("everything is unmounted again" if Path(spec).resolve() != where.root else "you have left it")
        return Status.CLEAR
    return status


def _refuse(spec: str, words: tuple[str, ...], apart: bool) -> None:
    if str(Path(spec).resolve()) == "/":
        raise UsageError("/ is the system that runs here: you are in it", "Name the server's disk; see rescue disks.")
    if apart and not words:
        raise TargetUnsafe(
            f"a shell to type in would run the programs of {spec} on this machine",
            f"One command runs apart from it: {command('shell', spec, '--', 'COMMAND')}. "
            f"If you trust the disk: {command('shell', spec, '--backend', 'kernel')}",
        )
    if not apart and os.geteuid() != 0:
        raise UsageError("a shell in the server's root needs root", f"sudo {command('shell', spec)}")


def _typed() -> bytes:
    """What is piped or redirected into the command; nothing of a terminal or a network connection."""
    try:
        kind = os.fstat(0).st_mode
    except OSError:
        return b""
    if not (stat.S_ISREG(kind) or stat.S_ISFIFO(kind)):
        return b""
    typed = sys.stdin.buffer.read(INPUT_LIMIT + 1)
    if len(typed) > INPUT_LIMIT:
        raise UsageError(
            f"the command can be given {INPUT_LIMIT >> 20} MiB to read, no more",
            "Copy large files to the server with rescue mount.",
        )
    return typed


def _in_appliance(target: GuestfsTarget, words: tuple[str, ...], typed: bytes) -> int:
    found = found_root(target.capture(READS))
    with target.lock():
        return run_in_appliance(
            target.handle, target.points, words, name=good_name(found.hostname) if found is not None else "",
            write=target.writable, typed=typed, out=_into(sys.stdout.buffer), err=_into(sys.stderr.buffer),
        )  # fmt: skip


def _into(stream: BinaryIO) -> Callable[[bytes], None]:
    def give(data: bytes) -> None:
        stream.write(data)
        stream.flush()

    return give


def _devices(spec: str) -> tuple[Path, ...]:
    """The server's disk and its partitions, so that a boot loader can be installed from inside."""
    path = Path(spec).resolve()
    if not (path.exists() and stat.S_ISBLK(path.stat().st_mode)):
        return ()
    number = path.stat().st_rdev
    here = Path(f"/sys/dev/block/{os.major(number)}:{os.minor(number)}").resolve()
    whole = here.parent if (here / "partition").exists() else here
    names = [whole.name, *sorted(each.parent.name for each in whole.glob("*/partition"))]
    return tuple(node for name in names if (node := Path("/dev") / name).is_block_device())


def _welcome(session: Session, spec: str, found: FoundRoot | None, where: Inside) -> None:
    if not sys.stdin.isatty() or session.request.output.quiet:
        return
    report = session.report
    named = safe(found.release) if found is not None else "a server"
    written = "what you change is changed on its disk" if where.write else "read-only"
    report.line(f"You are in {safe(spec)}: {named}, {written}.", "bold")
    report.line(
        f"The prompt begins with {prompt(where.name).strip()}. The server's own programs run here, not this "
        "rescue system's; its services are not started."
    )
    if where.network:
        report.line(
            "The network is the rescue system's, and can't be changed from here, nor can its firewall: for "
            "ufw, iptables and nft leave, and enter with --no-network."
        )
    else:
        report.line("There is no network here: ufw, iptables and nft act on an empty one.")
    report.line("A new password for NAME: passwd NAME. Leave with exit or Ctrl-D; then all is unmounted.")
    report.line()
