"""The boot stops: the kernel or initramfs of the default boot entry is missing.

Symptom: nothing answers: "Connection timed out" or "No route to host". The provider's console shows GRUB's "error: file
... not found", or a kernel panic: "VFS: Unable to mount root fs", "Cannot open root device".

Cause: the boot loader's default entry names files that are missing, empty or truncated: /boot filled up during an
upgrade, somebody removed an old kernel by hand, a snapshot caught the middle of an upgrade, or a package was never
fully configured. Or the entry looks for the root file system by a UUID, a label or a partition that no disk has,
because it was reformatted or copied. Or the kernel's modules in /lib/modules are missing: then drivers that are not in
the initramfs can't be loaded, often those of the network or of /boot/efi.

rescue reads grub.cfg with grubenv, and the entries in /boot/loader/entries. It doesn't check whether the kernel fits
this machine, or what the initramfs contains.

Repair: if the menu has another entry with intact files, make that one the default; it is an older kernel, so this needs
your consent. Else rebuild the initramfs by hand in a shell on the server (update-initramfs, dracut).

See: grub-mkconfig(8), update-initramfs(8), dracut(8), kernel-install(8), the kernel's documentation on initrd.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import PurePosixPath

from rescue.boot.fstab import tag_of
from rescue.boot.images import INITRD_LIMIT, KERNEL_LIMIT, initrd_fault, kernel_fault
from rescue.boot.loader import READS as LOADER_READS
from rescue.boot.loader import BootEntry, BootMenu, kernel_version, on_the_server, read_menu, with_saved
from rescue.boot.modules import MODULE_READS, MODULES, kernels
from rescue.boot.named import devices_named
from rescue.facts import Facts
from rescue.formats.packages import PACKAGE_READS, package_state
from rescue.model import Finding, Location, Repair, Safety, Severity, Step, Symptom
from rescue.tree import Device, Read, Tree

STEP = Step.BOOT
READS = (*LOADER_READS, *MODULE_READS, *PACKAGE_READS)

BUILT_IN = "a kernel with the drivers for this disk built in needs no initramfs"
ELSEWHERE = "it may be on a server disk that is not attached here"
RENAMED = "the server may name its disks in another order"
DRIVERS = "the kernel and its initramfs may hold all the drivers that the server needs"

_ROOT = re.compile(r"(?:^|\s)\"?root=\"?([^\s\"]+)")
_FIRST_DISK = re.compile(r"/dev/(?:[hsv]da|xvda|(?:nvme0n1|mmcblk0)p)\d+")


def find(facts: Facts) -> Iterator[Finding]:
    menu = read_menu(facts.tree)
    if menu is None or menu.chosen is None:
        return
    faults = list(_faults(facts.tree, menu.chosen))
    for place, said, doubt in faults[:1]:
        yield _finding(facts, menu, menu.chosen, place, said, doubt)


def _faults(tree: Tree, entry: BootEntry) -> Iterator[tuple[Location, str, str]]:
    """An entry's faults: location, description, and why it is in doubt."""
    if entry.kernel and entry.kernel_at and "$" not in entry.kernel:
        fault = _fault(tree, entry.kernel, KERNEL_LIMIT, kernel=True)
        if fault:
            yield entry.kernel_at, f"the kernel {entry.kernel} {fault}", ""
    for each in entry.initrds:
        fault = _fault(tree, each, INITRD_LIMIT, kernel=False) if "$" not in each else ""
        if fault and entry.initrd_at:
            named = re.search(r"\broot=(?:UUID|LABEL|/dev/mapper|/dev/disk|PARTLABEL|\"?UUID)", entry.options)
            yield entry.initrd_at, f"the initramfs {each} {fault}", "" if named else BUILT_IN
    if entry.kernel_at is not None:
        yield from ((entry.kernel_at, said, doubt) for said, doubt in (*_root(tree, entry), *_modules(tree, entry)))


def _root(tree: Tree, entry: BootEntry) -> Iterator[tuple[str, str]]:
    """Whether a disk here has the root file system that the kernel is told; a volume is made by the initramfs."""
    told = _ROOT.findall(entry.options)
    devices = tree.devices
    if not told or devices is None or "$" in told[-1] or "/PARTNROFF" in told[-1]:
        return
    kind, value = tag_of(told[-1])
    if not any(_names(each)[kind] for each in devices.found) or devices_named(told[-1], devices):
        return
    said = f"the root file system has {told[-1]}, which no disk here has"
    if kind:
        yield said, "" if devices.complete else ELSEWHERE
    elif _FIRST_DISK.fullmatch(value) and not devices.complete:
        yield f"the root file system is {value}, and the first disk has no such partition", RENAMED


def _names(device: Device) -> dict[str, str | int]:
    return {
        "UUID": device.uuid, "LABEL": device.label, "PARTUUID": device.partuuid, "PARTLABEL": device.partlabel,
        "": device.number,
    }  # fmt: skip


def _modules(tree: Tree, entry: BootEntry) -> Iterator[tuple[str, str]]:
    """Whether the kernel's modules are there. Kernels without any are told by there being none at all."""
    version = kernel_version(entry.kernel)
    if not entry.initrds or not version[:1].isdigit() or "rescue" in version or version.endswith(".old"):
        return
    there = kernels(tree)
    packaged = package_state(tree, f"linux-image-{version}") == ("install", "ok", "installed")
    if version not in there and (there or packaged):
        yield f"its modules in {MODULES}/{version} are missing", DRIVERS


def _fault(tree: Tree, path: str, limit: int, *, kernel: bool) -> str:
    found = on_the_server(tree, path)
    if found is None:
        return "is missing"
    entry = tree.entry(found)
    if entry is None or not entry.is_file:
        return "is not a file"
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
        message=f"The default boot entry can't start: {said}.",
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
            f"boot {whole.title or whole.id} by default",
            Safety.UNSAFE,
            partial(_chosen, place=menu.chosen_by, saved=menu.saved, name=whole.path),
            weakens="an older kernel starts, without the fixes of the newer one",
        )
    version = kernel_version(bad.kernel)
    make = f"update-initramfs -c -k {version}\nupdate-grub"
    if facts.release.is_red_hat:
        make = f"dracut -f --kver {version}"
    elif not facts.release.is_debian:
        make = "mkinitcpio -P, dracut -f or mkinitfs: whichever your distribution has"
    yield Repair(
        "rebuild the initramfs or reinstall the kernel, in rescue shell",
        Safety.MANUAL,
        steps=f"First check whether /boot is full (df -h /boot).\nrescue shell\n{make}",
    )


def _usable(tree: Tree, entry: BootEntry, bad: BootEntry) -> bool:
    """Whether the entry would boot: it has all its files and is not for single-user mode."""
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
        raise ValueError(f"{place} has changed since")
    head = lines[at].partition("=")[0]
    if "'" in name or '"' in name or "$" in name:
        raise ValueError("the name of the entry can't be written there")
    lines[at] = f'{head}="{name}"'
    return tree.write(PurePosixPath(place.path), "\n".join(lines))
