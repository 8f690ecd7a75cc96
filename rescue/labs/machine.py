"""A lab's server as a machine: booted by QEMU, logged in to with the real ssh, always ended."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from rescue.labs.accelerate import CPU, accelerator
from rescue.labs.boot import BootFiles, boot_files
from rescue.labs.image import Image
from rescue.labs.initramfs import BOOTED
from rescue.labs.network import Network, best_network
from rescue.labs.ssh import TALKATIVE, Attempt, attempt, write_config

QEMU = "qemu-system-x86_64"

BOOT_LIMIT = 240.0
"""Seconds until a machine has to answer. Twenty are usual on an idle computer without KVM."""

OFF_LIMIT = 90.0
"""Seconds that a machine may take to power off."""

COMMAND_LIMIT = 120.0

BOOTING_LIMIT = 40.0
"""Seconds that one try to log in may take while the machine is still booting."""

QUIET_BOOT = (
    "console=ttyS0",
    "quiet",
    "net.ifnames=0",
    "mitigations=off",
    "tsc=reliable",
    "random.trust_cpu=on",
    "modprobe.blacklist=kvm_amd,kvm_intel",
)


class MachineError(Exception):
    """A machine does not do what it should. The message ends with the last lines of its serial line."""


class Machine:
    """One machine on one disk. Use it in a `with` statement: whatever happens, QEMU is ended.

    disk: a raw image that the machine writes to. root: the device of its root file system, as the machine sees it; by
    default the one of the image's layout.
    """

    def __init__(
        self, image: Image, disk: Path, *, root: str = "", network: Network | None = None, memory: int = 1024
    ) -> None:
        self.image, self.disk, self.root, self.memory = image, disk, root, memory
        self._given = network
        self.network: Network | None = None
        self.command_line: list[str] = []
        """How QEMU was called, once it was."""
        self._qemu: subprocess.Popen[bytes] | None = None
        self._work = Path(tempfile.mkdtemp(prefix="rescue-lab-"))

    # -- its life ----------------------------------------------------------------------------------------------

    def start(self) -> Self:
        """Switch it on; returns at once."""
        files = boot_files(self.image, self._work)
        # What an earlier run said on it would be taken for this one's.
        (self._work / "serial.log").unlink(missing_ok=True)
        self.network = self._given or best_network()
        for user in ("root", "alice"):
            write_config(self.config(user), self.network.host, self.network.port, user, self.image.key)
        self.command_line = self._command(files, self.network)
        self._qemu = subprocess.Popen(
            # The kernel ends it should this process be killed.
            self.network.command("setpriv", "--pdeathsig", "KILL", *self.command_line),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=(self._work / "qemu.log").open("wb"),
        )
        return self

    def _command(self, files: BootFiles, network: Network) -> list[str]:
        kind = accelerator(files)
        words = (*self.image.layout.kernel_words(self.root), *QUIET_BOOT, *network.kernel_words())
        return [
            QEMU,
            *("-accel", kind, "-cpu", CPU[kind], "-machine", "q35", "-smp", "2", "-m", str(self.memory)),
            *("-nodefaults", "-no-reboot", "-display", "none"),
            *("-kernel", str(files.kernel), "-initrd", str(files.initrd), "-append", " ".join(words)),
            *("-drive", f"file={self.disk},if=virtio,format=raw,cache=unsafe"),
            *network.arguments(),
            *("-device", "virtio-net-pci,netdev=net0,romfile=", "-device", "virtio-rng-pci"),
            *("-serial", f"file:{self._work / 'serial.log'}"),
            *("-qmp", f"unix:{self._work / 'qmp'},server=on,wait=off"),
        ]

    def config(self, user: str = "root") -> Path:
        """The ssh_config(5) with which ``ssh -F CONFIG server`` reaches the machine as `user`."""
        return self._work / f"ssh-{user}"

    def wait_for_login(self, user: str = "root", limit: float = BOOT_LIMIT) -> float:
        """Wait until `user` can log in; returns the seconds since the call. Raises MachineError with the reason."""
        started = time.monotonic()
        last = Attempt(255, "", "it was never tried")
        while time.monotonic() - started < limit:
            self._must_live()
            last = self.ssh("true", user=user, limit=BOOTING_LIMIT)
            if last.status == 0:
                return time.monotonic() - started
            time.sleep(0.2)
        raise MachineError(f"no login within {limit:.0f} s; ssh said: {last.errors.strip()}\n{self.serial_tail()}")

    def wait_for_boot(self, limit: float = BOOT_LIMIT) -> float:
        """Wait until the machine's services are up, whether or not anybody can log in."""
        started = time.monotonic()
        while time.monotonic() - started < limit:
            self._must_live()
            if BOOTED in self.serial():
                return time.monotonic() - started
            time.sleep(0.2)
        raise MachineError(f"the system did not come up within {limit:.0f} s\n{self.serial_tail()}")

    def _must_live(self) -> None:
        if self._qemu is None:
            raise MachineError("the machine is off")
        if self._qemu.poll() is not None:
            said = (self._work / "qemu.log").read_text(errors="replace").strip()
            raise MachineError(f"QEMU ended with status {self._qemu.returncode}: {said}\n{self.serial_tail()}")

    def power_off(self, limit: float = OFF_LIMIT) -> None:
        """Press the power button and wait until the system has shut itself down. Needs no login."""
        self._must_live()
        assert self._qemu is not None
        self._button()
        try:
            self._qemu.wait(limit)
        except subprocess.TimeoutExpired:
            raise MachineError(f"it did not power off within {limit:.0f} s\n{self.serial_tail()}") from None
        self._off()

    def _button(self) -> None:
        """ACPI's power button by QMP: a greeting, the handshake, the command."""
        with socket.socket(socket.AF_UNIX) as talk:
            talk.settimeout(10)
            talk.connect(str(self._work / "qmp"))
            stream = talk.makefile("rw")
            stream.readline()
            for order in ("qmp_capabilities", "system_powerdown"):
                stream.write(json.dumps({"execute": order}) + "\n")
                stream.flush()
                stream.readline()

    def kill(self) -> None:
        """Pull the plug."""
        if self._qemu is not None:
            self._qemu.kill()
            self._qemu.wait()
        self._off()

    def _off(self) -> None:
        self._qemu = None
        if self.network is not None and self.network is not self._given:
            self.network.close()
        self.network = None

    def close(self) -> None:
        """Pull the plug and remove everything but the disk. May be called twice."""
        self.kill()
        shutil.rmtree(self._work, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- what it says ------------------------------------------------------------------------------------------

    def ssh_command(self, *command: str, user: str = "root", options: tuple[str, ...] = ()) -> list[str]:
        """The real client's call."""
        if self.network is None:
            raise MachineError("the machine is off")
        return self.network.command("ssh", "-F", str(self.config(user)), *options, "server", *command)

    def ssh(self, *command: str, user: str = "root", port: int | None = None, limit: float = COMMAND_LIMIT) -> Attempt:
        """Run a command on the machine by ssh; `port` only where it is another than the network's own."""
        options = TALKATIVE if port is None else (*TALKATIVE, "-p", str(port))
        return attempt(self.ssh_command(*command, user=user, options=options), limit)

    def serial(self) -> str:
        """Everything that came over the serial line."""
        try:
            return (self._work / "serial.log").read_text(errors="replace")
        except FileNotFoundError:
            return ""

    def serial_tail(self, lines: int = 15) -> str:
        """The last lines of it, for a message."""
        said = [line.rstrip() for line in self.serial().split("\n") if line.strip()]
        if not said:
            return "(the serial line is silent)"
        return "the serial line's last words:\n" + "\n".join(f"    {_printable(line)}" for line in said[-lines:])


def _printable(line: str) -> str:
    return "".join(each if each.isprintable() else "?" for each in line)


def work_copy(source: Path, copy: Path) -> Path:
    """A copy of an image that may be written to; holes stay holes, shared blocks are shared where that is possible."""
    subprocess.run(["cp", "--sparse=always", "--reflink=auto", str(source), str(copy)], check=True)
    return copy


def can_boot() -> str:
    """Why no machine can be booted here; empty if one can."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    missing = [each for each in (QEMU, "setpriv", "nsenter", "ssh") if shutil.which(each, path=path) is None]
    return f"missing: {', '.join(missing)}" if missing else ""
