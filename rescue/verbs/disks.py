"""``rescue disks``: what is attached here, what is on it, and what to type next. Changes nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from shlex import join

from rescue.errors import UsageError
from rescue.status import Status
from rescue.targets.host_disks import Content, Disk, Inside, disk_at, find_disks
from rescue.targets.protocol import TargetError
from rescue.text.numbers import size
from rescue.text.safe import safe
from rescue.ui import document
from rescue.ui.report import Report, command
from rescue.verbs.request.opening import opening_of
from rescue.verbs.request.options import DisksOptions
from rescue.verbs.request.session import Session

_NAME, _SIZE, _USED = 21, 10, 5
_COLUMN = 2 + _NAME + 1 + _SIZE + 2 + _USED + 2
"""Where what is on a device begins: two blanks, its name, its size, how full it is."""

_TABLES = {"gpt": "GPT partition table", "dos": "MBR partition table"}
_NO_ROOT = ("swap", "vfat", "ntfs", "iso9660")
_HOLDS = {
    "LVM": "LVM: holds logical volumes", "LVM2_member": "LVM: holds logical volumes",
    "RAID": "part of a RAID array", "linux_raid_member": "part of a RAID array",
    "LUKS": "encrypted (LUKS)", "crypto_LUKS": "encrypted (LUKS)",
    "swap": "swap space",
}  # fmt: skip


def run(session: Session, options: DisksOptions) -> Status:
    """List the block devices, or what was named."""
    named = options.what
    disks = tuple(_named(session, named)) if named else find_disks()
    if session.json:
        told = [_document(each, _commands(session, each, named=bool(named))) for each in disks]
        document.write({"schema": document.SCHEMA, "disks": told}, sys.stdout)
        return Status.CLEAR
    report = session.report
    heading = f"{'DEVICE':<{_NAME}} {'SIZE':>{_SIZE}}  {'USED':>{_USED}}  WHAT IS ON IT"
    report.exact(heading, "bold", 2)
    for disk in disks:
        _disk(report, disk)
    report.line()
    _next(session, disks, named)
    return Status.CLEAR


def _named(session: Session, names: tuple[str, ...]) -> Iterator[Disk]:
    """The devices and images that were named, with what the devices are divided into."""
    opening = session.request.opening
    here: tuple[Disk, ...] | None = None
    for name in names:
        path = Path(name)
        if path.is_dir():
            raise UsageError(f"{name} is a folder", f"Is a server's root mounted there? {command('inspect', name)}")
        try:
            if path.is_block_device():
                here = here or find_disks(("disk", "part", "lvm", "crypt", "mpath", "loop"))
                yield from _with_parts(here, str(path.resolve()))
                continue
            try:
                yield disk_at(path, opening_of(opening), look=opening.backend == "kernel")
            except TargetError as problem:
                if len(names) == 1:
                    raise
                # The others are listed all the same.
                yield Disk(name, path.stat().st_size, "file", problem=str(problem))
        except OSError as problem:
            raise TargetError(f"{name}: {problem.strerror}", "See what is here: rescue disks") from problem


def _with_parts(disks: tuple[Disk, ...], path: str) -> Iterator[Disk]:
    meant = {path}
    for disk in disks:
        if disk.path in meant or disk.above in meant:
            meant.add(disk.path)
            yield disk


def _commands(session: Session, disk: Disk, *, named: bool, unseen: bool = False) -> list[tuple[str, ...]]:
    """What to type to inspect it, if it was named with how it was to be opened. unseen: also where no root was seen."""
    found = disk.next_commands or ((("rescue", "inspect", disk.path),) if unseen else ())
    more = session.opening_words() if named and session.request.opening.root is None else ()
    return [(*words, *more) for words in found]


def _may_hold_a_root(disk: Disk) -> bool:
    return any(volume.content.fstype not in _NO_ROOT for volume in disk.inside)


def _next(session: Session, disks: tuple[Disk, ...], named: tuple[str, ...]) -> None:
    report = session.report
    others = [disk for disk in disks if not disk.is_own]
    commands = [words for disk in others for words in _commands(session, disk, named=bool(named))]
    unseen = [disk for disk in others if disk.type == "file" and not disk.next_commands and _may_hold_a_root(disk)]
    images = [words for disk in unseen for words in _commands(session, disk, named=bool(named), unseen=True)]
    if commands or images:
        report.line("To find out what keeps you out:")
        for words in (*commands, *images):
            report.exact(command(*words[1:]), "bold", 2)
        return
    if named:
        report.line("No server's root was found on it.")
        return
    report.line("No other server's root was found on them." if disks else "There is no block device here.")
    report.line("An image file or a mounted directory can be given as well: rescue inspect PATH.")
    report.line("To look at the system that runs here: rescue inspect /")


# -- rows -------------------------------------------------------------------------------------------------------------


def _disk(report: Report, disk: Disk) -> None:
    words = []
    if disk.table and not disk.content.fstype:
        words.append(_TABLES.get(disk.table, f"{disk.table} partition table"))
    elif disk.inside and not disk.content.fstype:
        words.append("a disk image" if disk.type == "file" else "its parts have no devices here")
    else:
        words += _words(disk.content)
    if disk.group:
        is_volume = disk.type == "lvm"
        words = [*words, f"volume group {disk.group}"] if is_volume else [f"LVM: a part of volume group {disk.group}"]
    if disk.is_own:
        words.append("of the system that runs here")
    if disk.mountpoint:
        words.append(f"mounted at {disk.mountpoint}")
    _row(report, disk.path, disk.size, disk.content, words)
    _more(report, disk.content, disk.problem, own=disk.is_own)
    for volume in disk.inside:
        _inside(report, disk, volume)


def _inside(report: Report, disk: Disk, volume: Inside) -> None:
    name = volume.name.removeprefix(f"{disk.path} ")
    shown = f"  {name}" if name != disk.path else "  (all of it)"
    _row(report, shown, volume.size, volume.content, _words(volume.content))
    _more(report, volume.content, volume.problem, own=False)


def _row(report: Report, name: str, length: int, content: Content, words: list[str]) -> None:
    used = f"{100 * content.used // content.size} %" if content.size else ""
    if len(name) > _NAME:
        report.exact(safe(name), indent=2)
        name = ""
    head = f"{safe(name):<{_NAME}} {size(length):>{_SIZE}}  {used:>{_USED}}  "
    report.line(f"{head}{safe(', '.join(words))}", indent=2, hang=_COLUMN - 2)


def _words(content: Content) -> list[str]:
    words = [_HOLDS.get(content.fstype, content.fstype) or "nothing known"]
    return words + ([f'named "{content.label}"'] if content.label else [])


def _more(report: Report, content: Content, problem: str, *, own: bool) -> None:
    if content.is_root and not own:
        name = f" on {content.hostname}" if content.hostname else ""
        report.line(safe(f"a server: {content.release or 'Linux'}{name}"), "bold", _COLUMN)
        if content.last_boot:
            report.line(f"last started {_time(content.last_boot)}", indent=_COLUMN)
    if problem:
        report.line(safe(problem), "yellow", _COLUMN)


def _time(seconds: int) -> str:
    """The disk's word for it may be any number."""
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
    except (ValueError, OverflowError, OSError):
        return "at no time that can be"


# -- the document -----------------------------------------------------------------------------------------------------


def _document(disk: Disk, following: list[tuple[str, ...]]) -> dict[str, object]:
    commands = [join(words) for words in following]
    return {
        "path": disk.path,
        "size": disk.size,
        "type": disk.type,
        "table": disk.table or None,
        "part_of": disk.above or None,
        "volume_group": disk.group or None,
        **_content(disk.content),
        **_root(disk),
        "mountpoint": disk.mountpoint,
        "is_own": disk.is_own,
        "volumes": [
            {"name": each.name, "size": each.size, **_content(each.content), "problem": each.problem}
            for each in disk.inside
        ],
        "problem": disk.problem,
        "next": commands[0] if commands else "",
        "commands": commands,
    }


def _root(disk: Disk) -> dict[str, object]:
    """The server on it; of several the first."""
    first = disk.roots[0] if disk.roots else disk.content
    return {"release": first.release, "hostname": first.hostname, "is_root": first.is_root}


def _content(content: Content) -> dict[str, object]:
    return {
        "label": content.label,
        "fstype": content.fstype,
        "uuid": content.uuid,
        "filesystem_size": content.size or None,
        "filesystem_used": content.used if content.size else None,
        "release": content.release,
        "hostname": content.hostname,
        "is_root": content.is_root,
        "last_boot": _time(content.last_boot) if content.last_boot else None,
    }
