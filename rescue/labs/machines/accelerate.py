"""Whether KVM works here, found out by trying it.

/dev/kvm may be there and yet run no guest: inside a virtual machine, say, whose host does not pass everything on. So
a guest is booted that only says a line, with a time limit. The answer holds until the next boot of this computer.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from rescue.labs.machines.boot import BootFiles
from rescue.labs.machines.initramfs import PROBE_ANSWER
from rescue.targets.host.cache import cache_directory

KVM, TCG = "kvm", "tcg,thread=multi"

CPU = {KVM: "host", TCG: "max"}

PROBE_LIMIT = 15.0
"""Seconds; with a working KVM the guest answers in less than one."""


def accelerator(files: BootFiles) -> str:
    """`KVM` or `TCG`, as QEMU's option -accel takes it."""
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return TCG
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    known = cache_directory() / "kvm-probe"
    try:
        asked, _, answer = known.read_text().partition(" ")
        if asked == boot and answer in (KVM, TCG):
            return answer
    except OSError:
        pass
    answer = KVM if _answers(files) else TCG
    known.parent.mkdir(parents=True, exist_ok=True)
    known.write_text(f"{boot} {answer}")
    return answer


def _answers(files: BootFiles) -> bool:
    command = ["qemu-system-x86_64", "-accel", KVM, "-cpu", CPU[KVM], "-machine", "q35", "-m", "256", "-nodefaults"]
    command += ["-no-reboot", "-display", "none", "-serial", "stdio"]
    command += ["-kernel", str(files.kernel), "-initrd", str(files.initrd), "-append", "console=ttyS0 quiet lab.probe"]
    try:
        ended = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=PROBE_LIMIT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    return PROBE_ANSWER in ended.stdout.decode(errors="replace")
