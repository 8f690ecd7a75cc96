"""A lab's server as a machine: booted by QEMU, logged in to with the real ssh, always ended."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from rescue.labs.errors import LabError
from rescue.labs.images.image import BuiltImage
from rescue.labs.machines import serial_console
from rescue.labs.machines.accelerate import accelerator
from rescue.labs.machines.boot import boot_files
from rescue.labs.machines.console import SCRIPT_LIMIT, Ended
from rescue.labs.machines.initramfs import BOOTED, STOPPED
from rescue.labs.machines.network import Network, best_network
from rescue.labs.machines.qemu import Hardware, can_boot, explained
from rescue.labs.machines.ssh import TALKATIVE, Attempt, asked_for_password, attempt, write_config
from rescue.labs.programs import search_path
from rescue.targets.appliance.qemu_state import read_state, write_state
from rescue.targets.appliance.qmp import Monitor, MonitorError
from rescue.targets.host.closing import Closing
from rescue.targets.host.pdeathsig import tied

__all__ = ["Machine", "MachineError", "can_boot", "work_copy"]

BOOT_LIMIT = 600.0
"""Seconds until a machine has to answer. Twenty are usual without KVM, and many times that on a busy computer."""

OFF_LIMIT = 300.0
"""Seconds that a machine may take to power off."""

BUTTON_LIMIT = 30.0
"""Seconds until a machine that does not heed its power button is told to power off by its console."""

COMMAND_LIMIT = 120.0

BOOTING_LIMIT = 40.0
"""Seconds that one try to log in may take while the machine is still booting."""


class MachineError(LabError):
    """A machine does not do what it should. The message ends with the last lines of its serial line."""


class Machine(Closing):
    """One machine on one disk. Use it in a `with` statement: whatever happens, QEMU is ended.

    disk: a raw or qcow2 image that the machine writes to. root: the device of its root file system, as the machine sees
    it; by default the one of the image's layout. extra_disks: further ones (/dev/vdb, ...), written to as well.
    memory: MiB. whole: its boot is a server's, of which nothing is left out (`rescue.labs.machines.left_out`).
    """

    def __init__(
        self,
        image: BuiltImage,
        disk: Path,
        *,
        root: str | None = None,
        network: Network | None = None,
        memory: int = 1024,
        extra_disks: Sequence[Path] = (),
        whole: bool = False,
    ) -> None:
        self.image, self.disk, self.memory = image, disk, memory
        self.whole = whole
        self.root = root or image.root_device
        self.extra_disks = tuple(extra_disks)
        self.given_network = network
        self.network: Network | None = None
        self.command_line: list[str] = []
        """How QEMU was called, once it was."""
        self._qemu: subprocess.Popen[bytes] | None = None
        self._monitor: Monitor | None = None
        self._restored = False
        self._work = Path(tempfile.mkdtemp(prefix="rescue-lab-"))

    # -- its life ----------------------------------------------------------------------------------------------

    @property
    def hardware(self) -> Hardware:
        """What QEMU is told to make. Raises boot.BootError."""
        files = boot_files(self.image)
        disks = (self.disk, *self.extra_disks)
        return Hardware(accelerator(files), files, self.image.layout, self.root, disks, self.memory, self.whole)

    @property
    def pid(self) -> int | None:
        """QEMU's process; None while the machine is off."""
        return self._qemu.pid if self._qemu else None

    @property
    def has_ended(self) -> bool:
        """Whether QEMU, once started, ended by itself and well: the machine was powered off or rebooted from inside."""
        return self._qemu is not None and self._qemu.poll() == 0

    def start(self, *, state: Path | None = None) -> Self:
        """Switch it on; returns as soon as QEMU runs. state: a file that `save` wrote, from which it goes on.

        Raises MachineError with the reason and what to do; then nothing is left running.
        """
        if self._qemu is not None:
            raise MachineError("the machine is on already", "Power it off first.")
        hardware = self.hardware
        # What an earlier run said on it would be taken for this one's.
        (self._work / "serial.log").unlink(missing_ok=True)
        (self._work / "qmp").unlink(missing_ok=True)
        self.network = self.given_network or best_network()
        self.command_line = hardware.command(self.network, self._work)
        incoming = ["-incoming", "defer"] if state else []
        try:
            self._qemu = subprocess.Popen(
                # The kernel ends it should this process be killed.
                self.network.command(*tied(*self.command_line, *incoming)),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=(self._work / "qemu.log").open("wb"),
                env=dict(os.environ, PATH=search_path()),
            )
            self._monitor = Monitor(self._work / "qmp", self._must_live)
            self._restored = state is not None
            if state:
                read_state(self._monitor, state)
        except MonitorError as problem:
            self._gone_wrong(problem)
        except FileNotFoundError as missing:
            self._off()
            raise MachineError(f"the program {missing.filename} is not installed", "Run scripts/setup.") from None
        except BaseException:
            self.kill()
            raise
        return self

    def _gone_wrong(self, problem: MonitorError) -> None:
        """The monitor failed: with the reason that QEMU gave when it ended, or else the monitor's own."""
        try:
            if self._qemu is not None:
                # It closes its monitor first and ends then.
                self._qemu.wait(5)
            self._must_live()
        except subprocess.TimeoutExpired:
            pass
        finally:
            self.kill()
        raise MachineError(f"{problem}\n{self.serial_tail()}") from problem

    def save(self, state: Path, disk: Path) -> None:
        """Write the running machine's state to the file `state` and what is on its disk to `disk`; it goes on then."""
        self._order("stop")
        try:
            write_state(self._told_by_monitor(), state)
            work_copy(self.disk, disk)
        except MonitorError as problem:
            raise MachineError(str(problem), problem.hint) from problem
        finally:
            self._order("cont")

    def _order(self, name: str) -> None:
        try:
            self._told_by_monitor().order(name)
        except MonitorError as problem:
            raise MachineError(str(problem), problem.hint) from problem

    def _told_by_monitor(self) -> Monitor:
        if self._monitor is None:
            raise MachineError("the machine is off")
        return self._monitor

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
        """Wait until the machine's services are up, whether or not anybody can log in; returns the seconds."""
        started = time.monotonic()
        if not self.wait_until_settled(limit):
            where = "ended in the emergency shell" if STOPPED in self.serial() else f"took more than {limit:.0f} s"
            raise MachineError(f"the boot {where}\n{self.serial_tail()}", "Its console may work still.")
        return time.monotonic() - started

    def wait_until_settled(self, limit: float = BOOT_LIMIT) -> bool:
        """Wait until the boot has come to its end: true if the system is up.

        False if it ended in the emergency shell, or is not at its end after `limit` seconds: who asks the machine for
        a login nevertheless sees what people see of such a server.
        """
        started = time.monotonic()
        while time.monotonic() - started < limit:
            self._must_live()
            if self._restored or BOOTED in (said := self.serial()):
                return True
            if STOPPED in said:
                return False
            time.sleep(0.2)
        return False

    def wait_for_console(self, limit: float = BOOT_LIMIT) -> float:
        """Wait until `console` takes scripts, which is early in a boot, and so in one that does not get through."""
        started = time.monotonic()
        while time.monotonic() - started < limit:
            self._must_live()
            if self._restored or serial_console.READY in self.serial():
                return time.monotonic() - started
            time.sleep(0.2)
        raise MachineError(f"the console did not listen within {limit:.0f} s\n{self.serial_tail()}")

    def _must_live(self) -> None:
        if self._qemu is None:
            raise MachineError("the machine is off")
        if self._qemu.poll() is not None:
            said = (self._work / "qemu.log").read_text(errors="replace").strip()
            problem, hint = explained(said, (self.disk, *self.extra_disks), self.memory)
            ended = f"QEMU ended with status {self._qemu.returncode}: {_printable(said)}\n{self.serial_tail()}"
            raise MachineError(f"{problem}; {ended}" if problem else ended, hint)

    def console(self, script: str, limit: float = SCRIPT_LIMIT) -> Ended:
        """Run a script as root on the machine, as in a web console: it needs no login and no network.

        script: POSIX shell, which stops at the first failure. Raises MachineError if it does not end.
        """
        self.wait_for_console()
        try:
            return serial_console.run(self._work / "console", script, limit, self._must_live)
        except serial_console.ConsoleError as problem:
            raise MachineError(f"{problem}\n{self.serial_tail()}") from problem

    def shell(self, keyboard: int = 0, screen: int = 1) -> int | None:
        """A root shell on its console, for a person or a pipe; see `rescue.labs.serial_console.shell`."""
        self.wait_for_console()
        try:
            return serial_console.shell(self._work / "console", keyboard, screen, self._must_live)
        except serial_console.ConsoleError as problem:
            raise MachineError(f"{problem}\n{self.serial_tail()}") from problem

    def run_script(self, script: str, limit: float = SCRIPT_LIMIT) -> int:
        """`console`, of which only the exit status matters."""
        return self.console(script, limit).status

    def power_off(self, limit: float = OFF_LIMIT) -> None:
        """Press the power button and wait until the system has shut itself down. Needs no login.

        A system that does not heed the button, as in the emergency shell, is told by its console.
        """
        self._must_live()
        self._order("system_powerdown")
        if not self._ends_within(min(limit, BUTTON_LIMIT)):
            self._told_to_power_off()
            if not self._ends_within(limit - BUTTON_LIMIT):
                raise MachineError(f"it did not power off within {limit:.0f} s\n{self.serial_tail()}")
        self._off()

    def _ends_within(self, limit: float) -> bool:
        assert self._qemu is not None
        try:
            self._qemu.wait(max(limit, 0))
        except subprocess.TimeoutExpired:
            return False
        return True

    def _told_to_power_off(self) -> None:
        try:
            serial_console.run(self._work / "console", "systemctl poweroff", COMMAND_LIMIT)
        except serial_console.ConsoleError:
            # It may be gone before it has answered; whether it is, is seen next.
            return

    def reboot_soft(self) -> Self:
        """Power it off and start it."""
        self.power_off()
        return self.start()

    def reboot_hard(self) -> Self:
        """Pull the plug and start it."""
        self.kill()
        return self.start()

    def kill(self) -> None:
        """Pull the plug."""
        if self._qemu is not None:
            self._qemu.kill()
            self._qemu.wait()
        self._off()

    def _off(self) -> None:
        self._qemu = None
        self._restored = False
        if self._monitor is not None:
            self._monitor.close()
            self._monitor = None
        if self.network is not None and self.network is not self.given_network:
            self.network.close()
        self.network = None

    def close(self) -> None:
        """Pull the plug and remove everything but the disk. May be called twice."""
        self.kill()
        shutil.rmtree(self._work, ignore_errors=True)

    @property
    def serial_log(self) -> Path:
        """The file that holds everything that came over the serial line."""
        return self._work / "serial.log"

    # -- what it says ------------------------------------------------------------------------------------------

    def config(self, user: str = "root") -> Path:
        """The ssh_config(5) with which ``ssh -F CONFIG server`` reaches the machine as `user`."""
        if self.network is None:
            raise MachineError("the machine is off", "Start it first.")
        path = self._work / f"ssh-{user}"
        write_config(path, self.network.host, self.network.port, user, self.image.key)
        return path

    def ssh_command(
        self, *command: str, user: str = "root", options: tuple[str, ...] = (), family: int = 4
    ) -> list[str]:
        """The real client's call, over IPv4 or IPv6."""
        config = self.config(user)
        assert self.network is not None
        if family == 6:
            if not self.network.host6:
                raise MachineError("this network has no IPv6", "A private network has: that needs root.")
            options = (*options, "-o", f"HostName={self.network.host6}")
        return self.network.command("ssh", "-F", str(config), *options, "server", *command)

    def ssh(
        self,
        *command: str,
        user: str = "root",
        port: int | None = None,
        family: int = 4,
        limit: float = COMMAND_LIMIT,
        password: str = "",
    ) -> Attempt:
        """Run a command on the machine by ssh; `port` only where it is another than the network's own.

        password: what it is answered with where the server asks for one.
        """
        asked, answers = asked_for_password(self.config(user), password)
        options = (*asked, *TALKATIVE) if port is None else (*asked, *TALKATIVE, "-p", str(port))
        return attempt(self.ssh_command(*command, user=user, options=options, family=family), limit, answers)

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
    return "".join(each if each.isprintable() or each == "\n" else "?" for each in line)


def work_copy(source: Path, copy: Path) -> Path:
    """A copy of an image that may be written to; holes stay holes, shared blocks are shared where that is possible."""
    subprocess.run(["cp", "--sparse=always", "--reflink=auto", str(source), str(copy)], check=True)
    return copy
