"""Vagrant's machines for `rescue lab`: they run while a command does, and are switched off in between."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rescue.labs.errors import LabError
from rescue.labs.vagrant.box import PREFIX
from rescue.labs.vagrant.machines import AT_REST, BROKEN_LIMIT, SERVER, VagrantLab

SHUTDOWN_LIMIT = 120.0
"""Seconds that a server may take to shut down before its plug is pulled."""


class VagrantPractice(VagrantLab):
    """The lab's machines, with what a person who practises needs of them beside Vagrant's own commands."""

    def not_libvirt(self) -> str:
        """Why the disk and the console of the machines can't be had; empty with libvirt's."""
        return "" if self._libvirt_plugin() else "the plugin vagrant-libvirt is missing; see rescue explain vagrant"

    def disk_file(self) -> Path:
        """The server's disk, whether it is there or not just now."""
        self._bring_up()
        if (disk := self.disk) is None:
            raise LabError("Vagrant's server is gone", "Start the lab again: rescue lab stop, rescue lab start")
        return disk

    def boot_from_disk(self) -> None:
        """Boot the broken server from its disk as it is, and wait until the boot is at its end, good or bad."""
        log = self._serial(SERVER)
        log.unlink(missing_ok=True)
        self.up(SERVER)
        started = time.monotonic()
        while time.monotonic() - started < BROKEN_LIMIT:
            if not log.is_file() or AT_REST.search(log.read_text(errors="replace")):
                return
            time.sleep(1)

    @property
    def tells_of_boots(self) -> bool:
        """Whether the server's serial line is kept, which says how far a boot is."""
        return self._serial(SERVER).is_file()

    def stopped_early(self) -> bool:
        """Whether the server's boot has ended in the emergency shell, as far as its serial line tells."""
        log = self._serial(SERVER)
        return log.is_file() and "emergency mode" in log.read_text(errors="replace")

    def rest(self, *, save: Sequence[str] = (), off: Sequence[str] = ()) -> None:
        """Machines that run: write down the state of some, from which they go on, and switch others off."""
        for machine in (*save, *off):
            domain = f"{PREFIX}{machine}"
            if self._state(domain) != "running":
                continue
            if machine in save and self._libvirt("managedsave", domain).status == 0:
                continue
            self._libvirt("shutdown", domain)
            deadline = time.monotonic() + SHUTDOWN_LIMIT
            while self._state(domain) == "running" and not self._hangs(machine) and time.monotonic() < deadline:
                time.sleep(1)
            if self._state(domain) == "running":
                self._libvirt("destroy", domain)

    def _state(self, domain: str) -> str:
        return self._libvirt("domstate", domain).output.strip()

    def _hangs(self, machine: str) -> bool:
        return machine == SERVER and self.stopped_early()

    def agent(self, order: Mapping[str, object]) -> dict[str, Any] | None:
        """Ask the agent on the server (QEMU's guest agent); None where it does not answer."""
        said = self._libvirt("qemu-agent-command", "--timeout", "30", f"{PREFIX}{SERVER}", json.dumps(order))
        if said.status != 0:
            return None
        try:
            answer = json.loads(said.output)["return"]
        except (ValueError, KeyError, TypeError):
            return None
        return answer if isinstance(answer, dict) else None
