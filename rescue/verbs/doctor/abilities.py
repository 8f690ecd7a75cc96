"""What rescue can use of the system that it runs on, each with what is lost without it."""

from __future__ import annotations

import importlib
import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from rescue.formats.os_release import OS_RELEASE, Release, parse_os_release
from rescue.targets.host import device_mapper as _kernel
from rescue.targets.host.cache import cache_directory
from rescue.targets.host.resources import PATH
from rescue.targets.protocol import TargetError
from rescue.text.numbers import size
from rescue.verbs.doctor.kvm import Kvm, tried
from rescue.verbs.doctor.packages import install

_ROOM = 64 << 20
"""Bytes for the record of a fix and for what a run keeps: files of some MB, and a margin."""
_MEMORY = 300 << 20
"""Bytes: an inspection takes about 100 MB, libguestfs' machine more."""
_SYS_ADMIN = 1 << 21
"""CAP_SYS_ADMIN (linux/capability.h): to mount."""


class State(StrEnum):
    """Whether an ability is there."""

    OK = "ok"
    LIMITED = "limited"
    MISSING = "missing"
    UNKNOWN = "unknown"
    """Nothing here could tell."""


@dataclass(frozen=True, slots=True)
class Ability:
    """One ability. lost: what can't be done, or only worse; "" with OK. command: brings it; "" where none does."""

    name: str
    state: State
    detail: str
    lost: str = ""
    command: str = ""


@dataclass(frozen=True, slots=True)
class _Program:
    name: str
    what: str
    package: str
    lost: str


_PROGRAMS = (
    _Program("LVM", "lvm", "lvm", "LVM volumes that are active on this system are not found; those in images are"),
    _Program("cryptsetup", "cryptsetup", "cryptsetup", "encrypted disks (LUKS) open through libguestfs alone"),
    _Program("mdadm", "mdadm", "mdadm", "RAID arrays can't be assembled by hand"),
    _Program("btrfs", "btrfs", "btrfs", "btrfs file systems can't be checked or repaired by hand"),
    _Program("nft", "nft", "nft", "`rescue firewall --prove` can't load a server's nftables rules"),
    _Program("ssh", "ssh", "ssh", "you can't log in to a lab's server from here"),
)


def look(progress: Callable[[str], None]) -> tuple[Ability, ...]:
    """All of them. progress: told what takes a while."""
    release, machine = host_release(), platform.machine()

    def command(what: str) -> str:
        return install(release, what, machine)

    return (
        _root(),
        kvm(tried(progress)),
        _libguestfs(command("libguestfs")),
        _qemu(machine, command("qemu")),
        _device_mapper(command("dmsetup")),
        *(program(each.name, _found(each.what), each.lost, command(each.package)) for each in _PROGRAMS),
        memory(_available()),
        _room(),
        terminal(
            sys.stdin is not None and sys.stdin.isatty(),
            os.environ.get("TERM", ""),
            getattr(sys.stdout, "encoding", ""),
        ),
    )


def host_release() -> Release:
    """The distribution that runs here; empty where it does not say."""
    for name in OS_RELEASE:
        try:
            values = parse_os_release(Path(name).read_text(encoding="utf-8", errors="replace"))
        except OSError:
            continue
        return Release(
            values.get("ID", "").lower(), values.get("VERSION_ID", ""), values.get("PRETTY_NAME", ""),
            tuple(values.get("ID_LIKE", "").lower().split()),
        )  # fmt: skip
    return Release()


def _root() -> Ability:
    held = 0
    for line in _lines("/proc/self/status"):
        if line.startswith("CapEff:"):
            held = int(line.partition(":")[2].strip(), 16)
    return root(os.geteuid(), held)


def root(uid: int, capabilities: int) -> Ability:
    """uid: the effective one; capabilities: the effective set, as in /proc/self/status."""
    lost = "disks can't be opened, mounted or repaired; image files that you own and support bundles can"
    if uid != 0:
        return Ability("root", State.MISSING, f"this is user {uid}", lost, "sudo -i")
    if not capabilities & _SYS_ADMIN:
        return Ability("root", State.MISSING, "root without the right to mount, as in a container", lost)
    return Ability("root", State.OK, "root, with the right to mount")


def kvm(found: Kvm) -> Ability:
    """What the trial's end means."""
    lost = "libguestfs and the labs' machines run, but many times slower"
    match found:
        case Kvm.WORKS:
            return Ability("KVM", State.OK, "a kernel booted with it")
        case Kvm.BROKEN:
            return Ability("KVM", State.LIMITED, "/dev/kvm is there, but a kernel does not boot with it", lost)
        case Kvm.ABSENT:
            return Ability("KVM", State.LIMITED, "no /dev/kvm, as in most virtual machines", lost)
        case Kvm.FORBIDDEN:
            return Ability("KVM", State.LIMITED, "/dev/kvm may not be opened by this user", lost, "sudo -i")
        case Kvm.UNTRIED:
            return Ability("KVM", State.UNKNOWN, "/dev/kvm is there; no QEMU and kernel here to try it with")


def _libguestfs(command: str) -> Ability:
    lost = "image files open only with --backend kernel, for images that you trust; block devices and folders need none"
    # Imported by its name: the appliance is a large room, and here it is asked one question.
    launch = importlib.import_module("rescue.targets.appliance.launch")
    try:
        handle = launch.bindings().GuestFS(python_return_dict=True)
    except (TargetError, RuntimeError):
        return Ability(
            "libguestfs", State.MISSING, f"no Python bindings for Python {platform.python_version()}", lost, command
        )
    try:
        numbers = handle.version()
        path = handle.get_path()
    finally:
        handle.close()
    version = f"{numbers['major']}.{numbers['minor']}.{numbers['release']}"
    problem = appliance_problem(path)
    if problem:
        return Ability("libguestfs", State.MISSING, f"{version}, but {problem}", lost, command)
    return Ability("libguestfs", State.OK, f"{version}; its appliance can be made (not started)")


def appliance_problem(path: str) -> str:
    """Why no appliance can be had of the folders in `path` (joined by ":"), or ""."""
    folders = [Path(each) for each in path.split(":") if each]
    if any(all((each / part).is_file() for part in ("kernel", "initrd", "root")) for each in folders):
        return ""
    if not any((each / "supermin.d").is_dir() for each in folders):
        return "its appliance is not installed"
    if _found("supermin") is None:
        return "supermin, which makes its appliance, is not installed"
    chosen = os.environ.get("SUPERMIN_KERNEL")
    found = [*Path("/boot").glob("vmlinuz-*"), *Path("/lib/modules").glob("*/vmlinuz")]
    kernels = [Path(chosen)] if chosen else found
    if not kernels:
        return "no kernel is installed for its appliance"
    return "" if any(os.access(each, os.R_OK) for each in kernels) else "its kernel in /boot is readable by root alone"


def _qemu(machine: str, command: str) -> Ability:
    found = next(
        (where for where in map(_found, (f"qemu-system-{machine}", "qemu-kvm")) if where),
        "/usr/libexec/qemu-kvm" if os.access("/usr/libexec/qemu-kvm", os.X_OK) else None,
    )
    return program("QEMU", found, "neither libguestfs' appliance nor a lab's machine can be started", command)


def _device_mapper(command: str) -> Ability:
    if _found("dmsetup") is None:
        return device_mapper(tool=False, kernel=False, snapshots=False, command=command)
    if os.geteuid() != 0:
        return Ability("device-mapper", State.UNKNOWN, "only root can ask the kernel")
    return device_mapper(
        tool=True, kernel=_kernel.has_device_mapper(), snapshots=_kernel.available(), command=command
    )  # fmt: skip


def device_mapper(*, tool: bool, kernel: bool, snapshots: bool, command: str) -> Ability:
    """tool: dmsetup(8) is here. kernel: the kernel has device-mapper; snapshots: also what overlays are made of."""
    lost = "this kernel can't open LVM or encrypted disks; libguestfs can (--backend guestfs)"
    if not tool:
        return program("device-mapper", None, lost, command)
    if not kernel:
        return Ability("device-mapper", State.MISSING, "not in this kernel, or not loaded", lost, "modprobe dm_mod")
    if not snapshots:
        less = "a disk with an unclean file system can be looked at through QEMU or libguestfs alone"
        return Ability("device-mapper", State.LIMITED, "without snapshots", less, "modprobe dm_snapshot")
    return Ability("device-mapper", State.OK, "dmsetup, and a kernel with snapshots")


def _found(name: str) -> str | None:
    """Where a program is: in PATH, or where rescue looks too, as a user's PATH seldom has /usr/sbin."""
    return shutil.which(name) or shutil.which(name, path=PATH)


def program(name: str, found: str | None, lost: str, command: str) -> Ability:
    """An ability that is a program, found at a path or not at all."""
    if found is None:
        return Ability(name, State.MISSING, "not installed", lost, command)
    return Ability(name, State.OK, found)


def _available() -> int | None:
    for line in _lines("/proc/meminfo"):
        words = line.split()
        if words[:1] == ["MemAvailable:"] and words[1].isdecimal():
            return int(words[1]) * 1024
    return None


def memory(available: int | None) -> Ability:
    """available: bytes that programs can still have."""
    if available is None:
        return Ability("memory", State.UNKNOWN, "this kernel does not say")
    if available < _MEMORY:
        lost = "large disks and libguestfs may not be readable: end other programs"
        return Ability("memory", State.LIMITED, f"only {size(available)} available", lost)
    return Ability("memory", State.OK, f"{size(available)} available")


def _room() -> Ability:
    where = "/run" if os.geteuid() == 0 else str(cache_directory().parent)
    try:
        return room(where, shutil.disk_usage(where).free)
    except OSError:
        return Ability("room", State.UNKNOWN, f"{where} is not there")


def room(where: str, free: int) -> Ability:
    """For what a run keeps on this system; the record of a fix lies on the target unless it is put here."""
    if free < _ROOM:
        lost = "a record of a fix (--undo-log) and the state of a run may not fit; put the record on another disk"
        return Ability("room", State.LIMITED, f"only {size(free)} free in {where}", lost)
    return Ability("room", State.OK, f"{size(free)} free in {where}")


def terminal(interactive: bool, kind: str, encoding: str | None) -> Ability:
    """interactive: a person can be asked. kind: TERM."""
    words = f"TERM={kind or 'not set'}, {encoding or 'no encoding'}"
    if not interactive:
        lost = "nothing can be asked: fix needs --yes, and the guided menu does not run"
        return Ability("terminal", State.LIMITED, f"standard input is not a terminal; {words}", lost)
    if kind in ("", "dumb", "unknown"):
        return Ability("terminal", State.LIMITED, words, "menus are plain text without colour")
    if (encoding or "").lower().replace("-", "") != "utf8":
        return Ability("terminal", State.LIMITED, words, "names that are not ASCII are shown as escapes")
    return Ability("terminal", State.OK, words)


def _lines(name: str) -> Iterator[str]:
    try:
        yield from Path(name).read_text(encoding="utf-8", errors="replace").split("\n")
    except OSError:
        return
