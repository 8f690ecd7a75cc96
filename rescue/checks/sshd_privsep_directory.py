"""sshd's empty directory (/run/sshd) is missing or writable by others.

Symptom: "ssh: connect to host SERVER port 22: Connection refused"; the server's log says "Missing privilege separation
directory: /run/sshd", or that it "must be owned by root and not group or world-writable".

Cause: the part of sshd that talks to strangers locks itself into an empty directory that belongs to root. On Debian and
Ubuntu it is /run/sshd, which is gone after each boot; RuntimeDirectory=sshd in the service's unit creates it again, so
a custom unit in /etc/systemd/system needs that line too. Elsewhere it is on the disk (/usr/share/empty.sshd,
/var/empty/sshd, /var/empty); a restore that skips empty directories, or a recursive chmod, breaks it. Without it sshd
does not start.

Repair: add the line in a drop-in; or create the directory, or make it owned and writable by root only.

See: systemd.exec(5) on RuntimeDirectory=, sshd(8) on /run/sshd; PRIVSEP_PATH in sshd.c of OpenSSH.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import PurePosixPath

from rescue.accounts.permissions import put, with_mode
from rescue.facts import Facts
from rescue.formats.append_line import ended
from rescue.formats.packages import PROGRAM_LIMIT
from rescue.logins import sshd_program
from rescue.logins.ssh_units import SYSTEM, of_ending_server, serving, ssh_service
from rescue.logins.sshd_program import program
from rescue.model import Finding, Location, Repair, Safety, Severity, Step
from rescue.services.tmpfiles import TMPFILES_READS, tmpfile_lines
from rescue.services.units import Unit
from rescue.tree import Read, Tree

STEP = Step.SERVICE
READS = (*sshd_program.READS, *TMPFILES_READS)

CHECK = "sshd-privsep-directory"
VOLATILE = "/run/sshd"
ON_DISK = ("/usr/share/empty.sshd", "/var/empty/sshd", "/var/empty")
FOREIGN_WRITE = 0o022
MODES = {"/usr/share/empty.sshd": 0o711, "/var/empty/sshd": 0o711, "/var/empty": 0o755}

DROP_IN = "rescue.conf"
LINES = "[Service]\nRuntimeDirectory=sshd\nRuntimeDirectoryMode=0755\n"


def find(facts: Facts) -> Iterator[Finding]:
    unit = ssh_service(facts.units)
    if unit is None or unit not in serving(facts.units):
        return
    path = program(facts)
    facts.tree.require(Read(path, depth=0, limit=PROGRAM_LIMIT))
    data = facts.tree.data_if_read(path) or b""
    if b"\0/run/sshd\0" in data:
        if facts.units.manager == "systemd" and not _made(facts.tree, unit):
            yield _unmade(unit, facts)
        return
    place = next((each for each in ON_DISK if f"\0{each}\0".encode() in data), None)
    if place is not None:
        yield from _on_disk(facts, place)


def _made(tree: Tree, unit: Unit) -> bool:
    """Whether the unit, one of its commands or systemd-tmpfiles(8) creates /run/sshd."""
    words = {word for value in unit.values("Service", "RuntimeDirectory") for word in value.text.split()}
    if "sshd" in words or str(unit.path).startswith("/etc/init.d/"):
        return True
    if any(VOLATILE in value.text for value in unit.values("Service", "ExecStartPre")):
        return True
    places = (VOLATILE, f"/var{VOLATILE}")
    return any(len(words) > 1 and words[0][:1] in "dDvqQ" and words[1] in places for words, _ in tmpfile_lines(tree))


def _unmade(unit: Unit, facts: Facts) -> Finding:
    path = f"{SYSTEM}/{unit.name}.d/{DROP_IN}"
    where = Location(unit.path) if unit.path is not None else None
    return Finding(
        check=CHECK,
        step=STEP,
        severity=Severity.BROKEN,
        message=f"Nothing creates {VOLATILE} at boot, and sshd does not start without it ({unit.path}).",
        symptom=of_ending_server(facts.units),
        locations=(where,) if where else (),
        repairs=(
            Repair(f"add a drop-in: {unit.name} creates {VOLATILE}", Safety.SAFE, partial(_dropped_in, path=path)),
        ),
        subject=VOLATILE,
    )


def _dropped_in(tree: Tree, path: str) -> Tree:
    before = tree.text(path) or ""
    return tree.write(path, f"{ended(before)}{LINES}")


def _on_disk(facts: Facts, path: str) -> Iterator[Finding]:
    tree = facts.tree
    tree.require(Read(path, depth=0))
    entry = tree.entry(path)
    if entry is not None and entry.is_dir and entry.uid == 0 and not entry.mode & FOREIGN_WRITE:
        return
    what = "is missing" if entry is None else "is not a directory" if not entry.is_dir else "is not root's only"
    repairs: tuple[Repair, ...] = (Repair(f"create a directory owned by root at {path}", Safety.MANUAL),)
    if entry is None or entry.is_dir:
        title = f"create {path}" if entry is None else f"make {path} owned and writable by root only"
        repairs = (Repair(title, Safety.SAFE, partial(_closed, path=path)),)
    yield Finding(
        check=CHECK,
        step=STEP,
        severity=Severity.BROKEN,
        message=f"{path} {what}, and sshd does not start without that empty directory.",
        symptom=of_ending_server(facts.units),
        locations=(Location(PurePosixPath(path)),),
        repairs=repairs,
        subject=path,
    )


def _closed(tree: Tree, path: str) -> Tree:
    entry = tree.entry(path)
    if entry is None:
        return tree.make_dir(path, mode=MODES[path])
    mine = replace(entry, uid=0, gid=0) if entry.uid else entry
    return put(tree, tree.resolve(path), with_mode(mine, entry.mode & ~FOREIGN_WRITE))
