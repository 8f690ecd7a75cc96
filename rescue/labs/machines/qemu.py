"""How QEMU is called for a lab's server, and what its complaints mean."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from rescue.labs.images.layout import Layout
from rescue.labs.machines.accelerate import CPU
from rescue.labs.machines.boot import BootFiles
from rescue.labs.machines.initramfs import WHOLE
from rescue.labs.machines.network import Network
from rescue.labs.programs import search_path

QEMU = "qemu-system-x86_64"

QUIET_BOOT = (
    "console=ttyS0",
    "quiet",
    "net.ifnames=0",
    "mitigations=off",
    "tsc=reliable",
    "random.trust_cpu=on",
    "modprobe.blacklist=kvm_amd,kvm_intel",
    "init_on_alloc=0",
    "norandmaps",
)
"""What the kernel is told beside the root device.

The last two take a third of an emulated boot's work away, and have no say in a login: pages that are not cleared
beforehand, and programs at the same addresses.
"""

PROCESSORS = "1"
"""A second one makes no boot shorter without KVM, and costs this computer half as much again (29 s instead of 20)."""

QCOW2_MAGIC = b"QFI\xfb"
"""QEMU's docs/interop/qcow2.txt."""

COMPLAINTS = (
    (r'Failed to get "?write"? lock', "the disk {disk} is in use by another QEMU", "Power that machine off first."),
    (
        r"cannot set up guest memory|Cannot allocate memory",
        "there is not enough memory for a machine with {memory} MiB",
        "Close other programs, or power other machines off.",
    ),
    (
        r"Could not set up host forwarding rule",
        "the port of this computer that should lead to the machine is in use",
        "Start it again: another port is looked for each time.",
    ),
    (
        r"could not configure /dev/net/tun|Operation not permitted.*tun",
        "no network device could be made",
        "That needs root and /dev/net/tun.",
    ),
    (
        r"Could not open '(?P<path>[^']*)'|could not open kernel file|could not load initrd",
        "a file that the machine needs can't be opened",
        "See QEMU's own words above; an image that is not whole is built anew by scripts/build-images.",
    ),
    (r"No such file or directory", "a program is missing", "Run scripts/setup."),
)
"""What QEMU prints (block/file-posix.c, softmmu/physmem.c, net/slirp.c, net/tap-linux.c) -> problem, next step."""


@dataclass(frozen=True, slots=True)
class Hardware:
    """A machine as QEMU is told to make it. memory: MiB. disks: the first is the server's, all are written to."""

    kind: str
    """The accelerator, as `rescue.labs.machines.accelerate` names it."""
    boot: BootFiles
    layout: Layout
    root: str
    disks: tuple[Path, ...]
    memory: int
    whole: bool = False
    """Whether nothing is left out of its boot (`rescue.labs.machines.left_out`)."""

    def command(self, network: Network, work: Path) -> list[str]:
        """QEMU's call. work: where its serial lines and its monitor are put."""
        words = (*self.layout.kernel_words(self.root), *QUIET_BOOT, *network.kernel_words())
        words += (WHOLE,) if self.whole else ()
        return [
            QEMU,
            *("-accel", self.kind, "-cpu", CPU[self.kind], "-machine", "q35"),
            *("-smp", PROCESSORS, "-m", str(self.memory)),
            *("-nodefaults", "-no-reboot", "-display", "none"),
            *("-kernel", str(self.boot.kernel), "-initrd", str(self.boot.initrd), "-append", " ".join(words)),
            *(word for disk in self.disks for word in ("-drive", drive(disk))),
            *network.arguments(),
            *("-device", "virtio-net-pci,netdev=net0,romfile=", "-device", "virtio-rng-pci"),
            *("-serial", f"file:{work / 'serial.log'}"),
            *("-chardev", f"socket,id=console,path={work / 'console'},server=on,wait=off"),
            *("-serial", "chardev:console"),
            *("-qmp", f"unix:{work / 'qmp'},server=on,wait=off"),
        ]


def drive(disk: Path) -> str:
    """A virtio disk, as -drive takes it: raw or qcow2. A comma in a name is doubled (qemu(1))."""
    try:
        with disk.open("rb") as stream:
            kind = "qcow2" if stream.read(4) == QCOW2_MAGIC else "raw"
    except OSError:
        # QEMU will say what is wrong with it.
        kind = "raw"
    return f"file={str(disk).replace(',', ',,')},if=virtio,format={kind},cache=unsafe"


def explained(said: str, disks: Sequence[Path], memory: int) -> tuple[str, str]:
    """What went wrong, from QEMU's last words, and what to do about it; both empty where they say nothing known."""
    for pattern, problem, hint in COMPLAINTS:
        if re.search(pattern, said):
            return problem.format(disk=disks[0] if disks else "", memory=memory), hint
    return "", ""


@cache
def version() -> str:
    """QEMU's own version, as it prints it."""
    asked = subprocess.run([QEMU, "--version"], capture_output=True, text=True, check=True, env=_environment())
    return asked.stdout.partition("\n")[0]


def can_boot() -> str:
    """Why no machine can be booted here; empty if one can."""
    missing = [each for each in (QEMU, "setpriv", "nsenter", "ssh") if shutil.which(each, path=search_path()) is None]
    return f"missing: {', '.join(missing)}" if missing else ""


def _environment() -> dict[str, str]:
    return dict(os.environ, PATH=search_path())
