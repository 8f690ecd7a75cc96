"""Whether KVM runs a guest here: a kernel is booted with it, until it says that it has no root file system.

/dev/kvm may be there and yet run no guest, and a guest of a few instructions may run where a kernel hangs. So it is
this system's own kernel that is booted. The answer is kept until the next boot.
"""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum
from pathlib import Path

from rescue.targets.host.cache import cache_directory

LIMIT = 15.0
"""Seconds; with a working KVM the guest is done in two."""
_DONE = b"Kernel panic - not syncing: VFS"
"""The last that a kernel says that was given no disk (init/do_mounts.c)."""


class Kvm(StrEnum):
    """How the trial ended."""

    WORKS = "works"
    BROKEN = "broken"
    ABSENT = "absent"
    FORBIDDEN = "forbidden"
    UNTRIED = "untried"
    """There is nothing to try it with: no QEMU for this architecture, or no kernel that can be read."""


def tried(progress: Callable[[str], None]) -> Kvm:
    """Try it, unless the answer of this boot is known."""
    device = Path("/dev/kvm")
    if not device.exists():
        return Kvm.ABSENT
    if not os.access(device, os.R_OK | os.W_OK):
        return Kvm.FORBIDDEN
    kernel = _kernel()
    if kernel is None or platform.machine() != "x86_64":
        return Kvm.UNTRIED
    known = cache_directory() / "doctor-kvm"
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        asked, _, answer = known.read_text().partition(" ")
        if asked == boot and answer in (Kvm.WORKS, Kvm.BROKEN):
            return Kvm(answer)
    except OSError:
        boot = ""
    progress(f"trying whether KVM boots a kernel (at most {LIMIT:.0f} seconds)")
    try:
        answer = Kvm.WORKS if _boots(kernel) else Kvm.BROKEN
    except OSError:
        return Kvm.UNTRIED
    with suppress(OSError):
        boot = boot or Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        known.parent.mkdir(parents=True, exist_ok=True)
        known.write_text(f"{boot} {answer}")
    return answer


def _kernel() -> Path | None:
    """A kernel of this system that can be read: the running one, else any."""
    running = Path(f"/boot/vmlinuz-{platform.release()}")
    shipped = Path(f"/usr/lib/modules/{platform.release()}/vmlinuz")
    others = [*sorted(Path("/boot").glob("vmlinuz*")), *sorted(Path("/usr/lib/modules").glob("*/vmlinuz"))]
    return next((each for each in (running, shipped, *others) if each.is_file() and os.access(each, os.R_OK)), None)


def _boots(kernel: Path) -> bool:
    """Raises OSError where QEMU can't be started."""
    command = ["qemu-system-x86_64", "-accel", "kvm", "-cpu", "host", "-m", "256", "-nodefaults", "-no-reboot"]
    command += ["-display", "none", "-serial", "stdio", "-kernel", str(kernel), "-append", "console=ttyS0 panic=-1"]
    try:
        ended = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=LIMIT, check=False)
    except subprocess.TimeoutExpired:
        return False
    return _DONE in ended.stdout
