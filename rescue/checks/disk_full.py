"""The disk is full: logins hang, or a file that they need could not be written.

Symptom: the login hangs after the password or key was accepted, or the connection is refused because sshd could not
create its host keys, or your key is denied because it was never written to the disk. Programs on the server say "No
space left on device".

Cause: a file system that the login needs (/, /var, /var/lib, /var/log) has run out of blocks or of inodes; without
inodes no file can be created even if space is left. Usual reasons: a log that grew, logs that are no longer rotated,
package caches, and millions of small session files. sshd itself starts on a full disk; the services around it fail:
systemd can't create the state directory of systemd-logind, so pam_systemd waits; ssh-keygen -A can't write host keys;
cloud agents can't deliver keys; auditd stops the machine if disk_full_action says so. ext4 reserves 5 % for root, which
users can't use. A file that was being written when the disk filled up may now be empty: look at the other findings too.

Repair: delete package caches, closed journals, rotated logs and crash dumps, in this order, until a tenth of the disk
or 1 GiB is free; then truncate very large logs at the start, keeping the newest part. Databases, mail, backups, homes
and the audit log are not touched. Undo can't bring deleted files back. If that is not enough, rescue lists other large
files for you to decide.

See: statvfs(3), mke2fs(8) -m, systemd-journald.service(8), logrotate(8), auditd.conf(5).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import PurePosixPath

from rescue.facts import Facts
from rescue.model import Finding, Location, Repair, Safety, Severity, Step, Symptom
from rescue.space.advice import advice
from rescue.space.policy import make_room, prune, reads, without
from rescue.space.room import Level, Resource, Shortage, shortages, wanted_bytes, wanted_inodes
from rescue.space.summary import summary
from rescue.space.usage import Usage, captured_usage, top_directories
from rescue.text.numbers import listed, plural, size
from rescue.tree import FileSystem, LinkLoop, Read, Tree

STEP = Step.DISK
READS: tuple[Read, ...] = ()
"""Only the free space of file systems, which every snapshot has. What can be deleted is read only if one is full."""

NEEDED = ("/", "/var", "/var/lib", "/var/log", "/var/log/audit")
"""Mount points where a boot or a login needs space."""
SHOWN = 3
"""How many directories a message names."""


def find(facts: Facts) -> Iterator[Finding]:
    for filesystem in facts.tree.filesystems:
        short = shortages(filesystem) if filesystem.mount in NEEDED else ()
        if short:
            yield _finding(facts.tree, filesystem, short)


def _finding(tree: Tree, filesystem: FileSystem, short: tuple[Shortage, ...]) -> Finding:
    inodes = any(each.resource is Resource.INODES for each in short)
    asked = reads(temporary=inodes)
    tree.require(*asked)
    usage = captured_usage(tree, filesystem.mount, _areas(tree, asked))
    broken = any(each.level is not Level.LOW for each in short)
    return Finding(
        check="disk-full",
        step=STEP,
        severity=Severity.BROKEN if broken else Severity.DOUBTFUL,
        message=" ".join([*(_shortage(each) for each in short), _what_fills(usage, filesystem, inodes)]),
        symptom=Symptom.HANGS,
        locations=(
            Location(PurePosixPath(filesystem.mount)),
            *(Location(each.path, text=size(each.bytes)) for each in usage.files if each.bytes * 20 >= filesystem.size),
        ),
        repairs=tuple(_repairs(tree, filesystem, usage, inodes)),
        subject=filesystem.mount,
        reason="" if broken else "it is not full yet, but a boot or a login may fill it",
    )


def _areas(tree: Tree, asked: tuple[Read, ...]) -> list[PurePosixPath]:
    """The real paths of the given directories, none inside another."""
    real: set[PurePosixPath] = set()
    for each in asked:
        try:
            real.add(tree.resolve(each.path))
        except LinkLoop:
            continue
    return sorted(path for path in real if real.isdisjoint(path.parents))


# -- words -------------------------------------------------------------------------------------------------------------


def _shortage(short: Shortage) -> str:
    filesystem = short.filesystem
    name = f"The file system at {filesystem.mount} ({size(filesystem.size)})"
    if short.resource is Resource.INODES:
        if short.level is Level.NONE:
            return f"{name} has no inodes left: no file can be created there, even if space is left."
        return f"{name} has only {plural(short.left, 'inode')} of {filesystem.inodes} left for new files."
    if short.level is Level.NONE:
        return f"{name} is full: not even root can write there."
    if short.level is Level.LOW:
        return f"{name} is nearly full: {size(short.left)} left."
    if filesystem.type == "btrfs":
        return f"{name} is full: btrfs has no space for metadata, so {size(short.left)} of free blocks can't be used."
    return f"{name} is full: only the {size(short.left)} reserved for root are left."


def _what_fills(usage: Usage, filesystem: FileSystem, inodes: bool) -> str:
    found = []
    for each in top_directories(usage, SHOWN, by_inodes=inodes):
        if inodes and each.inodes * 20 >= filesystem.inodes:
            found.append(f"{each.path} ({plural(each.inodes, 'file')})")
        elif not inodes and each.bytes * 20 >= filesystem.size:
            found.append(f"{each.path} ({size(each.bytes)})")
    if found:
        return f"Much of it is in {listed(found)}."
    return "Logs and caches are not what fills it: `rescue space` shows what does."


# -- repairs -----------------------------------------------------------------------------------------------------------


def _repairs(tree: Tree, filesystem: FileSystem, usage: Usage, inodes: bool) -> Iterator[Repair]:
    """The safe repair if logs, caches and dumps are enough; for inodes old temporary files too; else by hand."""
    mount = filesystem.mount
    bytes_wanted, inodes_wanted = wanted_bytes(filesystem), wanted_inodes(filesystem)
    removals = prune(tree, mount, bytes_wanted, inodes_wanted)
    if _enough(after := without(tree, removals), mount):
        yield Repair(
            title=f"free space on {mount}: {summary(removals, inodes=inodes)}",
            safety=Safety.UNSAFE,
            edit=partial(make_room, mount=mount),
            weakens="deleted logs can't be brought back by undo",
            irreversible=True,
        )
    elif inodes:
        removals = prune(tree, mount, bytes_wanted, inodes_wanted, temporary=True)
        if _enough(after := without(tree, removals), mount):
            yield Repair(
                title=f"free space on {mount}: {summary(removals, inodes=inodes)}",
                safety=Safety.UNSAFE,
                edit=partial(make_room, mount=mount, temporary=True),
                weakens="deleted logs and temporary files can't be brought back by undo",
                irreversible=True,
            )
    left = next(each for each in after.filesystems if each.mount == mount)
    if wanted_bytes(left) or wanted_inodes(left):
        yield Repair(
            title=f"choose what else to remove from {mount}: "
            + ("directories with many files" if inodes else "large files"),
            safety=Safety.MANUAL,
            steps="\n".join(_steps(usage, inodes)),
        )


def _enough(tree: Tree, mount: str) -> bool:
    return all(not shortages(each) for each in tree.filesystems if each.mount == mount)


def _steps(usage: Usage, inodes: bool) -> Iterator[str]:
    yield "`rescue space` with this target lists all large files, not only logs and caches."
    for each in top_directories(usage, 8, by_inodes=inodes):
        what = plural(each.inodes, "file") if inodes else size(each.bytes)
        hint = advice(each.path)
        yield f"{what} in {each.path}" + (f": {hint}" if hint else "")
    if inodes:
        yield "Small files pile up in /var/lib/php/sessions, /var/spool, /tmp, mail folders and website caches."
    yield "Or enlarge the disk at your provider: most systems grow the file system at the next boot."
