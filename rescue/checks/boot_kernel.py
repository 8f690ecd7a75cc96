"""The boot loader starts a kernel that is not there, or without its initramfs, and the boot ends there.

Symptom: nothing answers: "Connection timed out" or "No route to host". The provider's console shows GRUB's "error: file
... not found", or a kernel panic: "VFS: Unable to mount root fs", "Cannot open root device".

Cause: the default entry of the boot loader names files that are not there, are empty or were cut off: /boot was full
during an upgrade, an old kernel was removed by hand, a snapshot was taken half-way, a package was not configured to the
end. Or it looks for the root file system by a UUID that no disk has: it was formatted anew, or copied.

What is looked at: grub.cfg with grubenv, and entries in /boot/loader/entries. Whether the kernel fits this machine, and
what lies in the initramfs, is not.

Repair: where the menu has another entry whose files are whole, that one becomes the default: it is an older kernel, and
for you to agree to. Else the initramfs is made anew in a shell of the server (update-initramfs, dracut), which has to
be done by hand.

See: grub-mkconfig(8), update-initramfs(8), dracut(8), kernel-install(8), the kernel's documentation on initrd.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import PurePosixPath

from rescue.boot.images import INITRD_LIMIT, KERNEL_LIMIT, initrd_fault, kernel_fault
from rescue.boot.loader import READS as LOADER_READS
from rescue.boot.loader import BootEntry, BootMenu, kernel_version, on_the_server, read_menu, with_saved
from rescue.facts import Facts
from rescue.model import Finding, Location, Repair, Safety, Severity, Step, Symptom
from rescue.tree import Device, Read, Tree

STEP = Step.BOOT
READS = LOADER_READS

BUILT_IN = "a kernel that has the drivers of this disk built in can do without"
ELSEWHERE = "it may be on a disk of the server that is not attached here"


def find(facts: Facts) -> Iterator[Finding]:
    menu = read_menu(facts.tree)
    if menu is None or menu.chosen is None:
        return
    faults = list(_faults(facts.tree, menu.chosen))
    for place, said, doubt in faults[:1]:
        yield _finding(facts, menu, menu.chosen, place, said, doubt)


def _faults(tree: Tree, entry: BootEntry) -> Iterator[tuple[Location, str, str]]:
    """What is wrong with an entry: where it stands, in words, and why that is a doubt."""
    if entry.kernel and entry.kernel_at and "$" not in entry.kernel:
        fault = _fault(tree, entry.kernel, KERNEL_LIMIT, kernel=True)
        if fault:
            yield entry.kernel_at, f"the kernel {entry.kernel} {fault}", ""
    for each in entry.initrds:
        fault = _fault(tree, each, INITRD_LIMIT, kernel=False) if "$" not in each else ""
        if fault and entry.initrd_at:
            named = re.search(r"\broot=(?:UUID|LABEL|/dev/mapper|/dev/disk|PARTLABEL|\"?UUID)", entry.options)
            yield entry.initrd_at, f"the initramfs {each} {fault}", "" if named else BUILT_IN
    root = re.search(r"(?:^|\s)root=\"?UUID=([^\s\"]+)", entry.options)
    devices = tree.devices
    known = [each for each in devices.found if each.uuid] if devices is not None else []
    if root is None or entry.kernel_at is None or devices is None or not known:
        return
    if not any(_has(each, root[1]) for each in known):
        said = f"the root file system is looked for by UUID={root[1]}, which no disk here has"
        yield entry.kernel_at, said, "" if devices.complete else ELSEWHERE


def _has(device: Device, uuid: str) -> bool:
    return device.uuid.lower() == uuid.lower()


def _fault(tree: Tree, path: str, limit: int, *, kernel: bool) -> str:
    found = on_the_server(tree, path)
    if found is None:
        return "is not there"
    entry = tree.entry(found)
    if entry is None or not entry.is_file:
        return "is no file"
    if entry.size == 0:
        return "is empty"
    if entry.size > limit:
        return ""
    tree.require(Read(str(found), depth=0, limit=limit))
    data = tree.data(found)
    if data is None:
        return ""
    return kernel_fault(data) if kernel else initrd_fault(data)


def _finding(facts: Facts, menu: BootMenu, entry: BootEntry, place: Location, said: str, doubt: str) -> Finding:
    return Finding(
        check="boot-kernel",
        step=STEP,
        severity=Severity.DOUBTFUL if doubt else Severity.BROKEN,
        message=f"The boot loader's default entry can't be started: {said}.",
        symptom=Symptom.UNREACHABLE,
        locations=tuple(each for each in (place, menu.chosen_by) if each is not None),
        repairs=tuple(_repairs(facts, menu, entry)),
        subject=entry.title or entry.id,
        reason=doubt,
    )


def _repairs(facts: Facts, menu: BootMenu, bad: BootEntry) -> Iterator[Repair]:
    whole = next((each for each in menu.entries if each is not bad and _usable(facts.tree, each, bad)), None)
    if whole is not None and menu.chosen_by is not None:
        yield Repair(
            f"start {whole.title or whole.id} by default",
            Safety.UNSAFE,
            partial(_chosen, place=menu.chosen_by, saved=menu.saved, name=whole.path),
            weakens="an older kernel is started, without what the newer one has mended",
        )
    version = kernel_version(bad.kernel)
    make = f"update-initramfs -c -k {version}\nupdate-grub"
    if facts.release.is_red_hat:
        make = f"dracut -f --kver {version}"
    elif not facts.release.is_debian:
        make = "mkinitcpio -P, dracut -f or mkinitfs: what your distribution has"
    yield Repair(
        "make the initramfs, or install the kernel again, in the server's own system",
        Safety.MANUAL,
        steps=f"Look first whether /boot is full (df -h /boot).\nrescue shell\n{make}",
    )


def _usable(tree: Tree, entry: BootEntry, bad: BootEntry) -> bool:
    """Whether the entry would start: not for single user, with all of its files."""
    if not entry.kernel or (entry.kernel == bad.kernel and entry.initrds == bad.initrds):
        return False
    if re.search(r"(?:^|\s)(?:single|1|rescue|emergency|systemd\.unit=\S+)(?:\s|$)", entry.options):
        return False
    return bool(entry.initrds) and not any(True for _ in _faults(tree, entry))


def _chosen(tree: Tree, place: Location, saved: bool, name: str) -> Tree:
    if saved:
        path = place.path.with_name("grubenv")
        return tree.write(path, with_saved(tree.text(path) or "", name))
    lines = (tree.text(place.path) or "").split("\n")
    at = place.line - 1
    if not 0 <= at < len(lines) or lines[at].strip()[:200] != place.text:
        raise ValueError(f"{place} is another line by now")
    head = lines[at].partition("=")[0]
    if "'" in name or '"' in name or "$" in name:
        raise ValueError("the entry's name can't be written there")
    lines[at] = f'{head}="{name}"'
    return tree.write(PurePosixPath(place.path), "\n".join(lines))
