"""A lab whose server and client are machines of Vagrant's, as the Vagrantfile at the top of the checkout has them.

Both are switched off between two commands. The server's disk is one file then: Vagrant makes it as a layer over the
box's, and no program should have to trust a file that leads to another.
"""

from __future__ import annotations

import base64
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

from rescue.labs.errors import LabError
from rescue.labs.lessons.backends import LockOut, Typed, Watcher
from rescue.labs.lessons.scenario import Scenario
from rescue.labs.machines.console import ENVIRONMENT, SCRIPT_LIMIT
from rescue.labs.machines.machine import work_copy
from rescue.labs.machines.network import ADDRESS, CLIENT
from rescue.labs.machines.ssh import Attempt
from rescue.labs.programs import run
from rescue.labs.vagrant.box import RESCUE, boxes, find_box
from rescue.labs.vagrant.machines import CLIENT as CLIENT_MACHINE
from rescue.labs.vagrant.machines import SERVER
from rescue.labs.vagrant.practice import VagrantPractice
from rescue.model import Symptom

SETTLING = 120.0
"""Seconds that a server which is up may take to show its symptom, or to let somebody in."""

SETTLED = 45.0
"""The same where it was waited for the end of the boot before: sshd starts about then."""

AGENT_LIMIT = 600.0
"""Seconds until the agent on a server that boots has to answer."""


class VagrantWay:
    """Brings the server up with Vagrant. Needs root, and libvirt; see `rescue.labs.lessons.backends.Backend`."""

    name = "vagrant"
    about = "a machine of Vagrant's, with a client beside it"

    def hindrance(self, scenario: Scenario) -> str:
        return self._unusable or self._unsuitable(scenario)

    @cached_property
    def _unusable(self) -> str:
        """Why Vagrant can't be used here for any scenario. Asked once: Vagrant takes seconds to start."""
        if shutil.which("vagrant") is None:
            return "it is not installed"
        if os.geteuid() != 0:
            return "it needs root: the disks of libvirt's machines are root's"
        lab = VagrantPractice()
        if not os.environ.get("LAB_BOX"):
            missing = [name for name in boxes(lab.images) if name != RESCUE and find_box(lab.images, name) is None]
            if missing:
                return f"its boxes are not built: sudo scripts/build-box {' '.join(missing)}"
        return lab.available() or lab.not_libvirt()

    def _unsuitable(self, scenario: Scenario) -> str:
        if scenario.image not in boxes(VagrantPractice().images):
            return f"there is no box of its server, {scenario.image}"
        if scenario.disk:
            return "its server has a small disk of its own, and a box has not"
        if scenario.family == 6:
            return "its client comes over IPv6, which is not set up between Vagrant's machines"
        told = (scenario.break_script, scenario.solve_script, *scenario.options)
        if any(address in text for text in told for address in (ADDRESS, CLIENT)):
            return "its story names addresses that Vagrant's machines do not have"
        return ""

    def steps(self) -> int:
        return 7

    def lock_out(self, scenario: Scenario, disk: Path, watcher: Watcher) -> LockOut:
        lab = VagrantPractice(progress=watcher.note)
        try:
            watcher.step("Vagrant gets ready")
            lab.prepare(scenario)
            watcher.step("the client boots")
            lab.up(CLIENT_MACHINE)
            watcher.step("the server boots, and you log in")
            lab.up_healthy()
            healthy = lab.attempt(scenario.user)
            watcher.step("what the story tells is done to it, and it reboots")
            lab.break_server(scenario)
            watcher.step("you try to log in")
            broken = _awaited(lab, scenario, scenario.symptom)
            watcher.step("switching both off")
            lab.rest(save=(CLIENT_MACHINE,), off=(SERVER,))
            own = lab.disk_file()
            watcher.step("making the server's disk one file")
            _flatten(own)
            lab.end()
        except BaseException:
            lab.abandon()
            raise
        return LockOut(own, healthy, broken)

    def attempt(self, scenario: Scenario, disk: Path, watcher: Watcher) -> Attempt:
        lab = VagrantPractice(progress=watcher.note)
        # What a boot writes is no part of the repair.
        with _running(lab, disk):
            watcher.step("the client boots")
            lab.up(CLIENT_MACHINE)
            watcher.step("the server boots, and you try to log in")
            lab.boot_from_disk()
            return _awaited(lab, scenario, Symptom.OK, SETTLED if lab.tells_of_boots else SETTLING)

    def type_in(self, scenario: Scenario, disk: Path, script: str, watcher: Watcher) -> Typed:
        lab = VagrantPractice(progress=watcher.note)
        with _running(lab, disk) as own:
            watcher.step("the server boots")
            lab.boot_from_disk()
            watcher.step("the commands are typed in on its console")
            done = _typed(lab, script)
            watcher.step("switching the server off")
            lab.rest(off=(SERVER,))
            work_copy(own, disk)
        return done

    def remove(self) -> None:
        """The machines with their disks. Nothing happens where there are none."""
        if shutil.which("vagrant"):
            VagrantPractice().stop()


@contextmanager
def _running(lab: VagrantPractice, disk: Path) -> Iterator[Path]:
    """The server's own disk, with what is on `disk`: whatever is done to it, it is what it was afterwards.

    At the end both machines are switched off, and libvirt is ended where it was started for them.
    """
    own = lab.disk_file()
    kept = own.with_name(f"{own.name}.kept")
    if kept.exists():
        # Of a command that was killed.
        lab.rest(off=(SERVER, CLIENT_MACHINE))
        kept.replace(own)
    if not own.is_file():
        raise LabError(f"the server's disk, {own}, is not there any more", "rescue lab reset gives it back.")
    source = kept if disk == own else disk
    own.rename(kept)
    try:
        work_copy(source, own)
        yield own
    finally:
        try:
            lab.rest(save=(CLIENT_MACHINE,), off=(SERVER,))
        finally:
            kept.replace(own)
        lab.end()


def _flatten(disk: Path) -> None:
    """Make an image that is a layer over another one whole."""
    new = disk.with_name(f"{disk.name}.whole")
    try:
        run("qemu-img", "convert", "-O", "qcow2", str(disk), str(new))
        shutil.copymode(disk, new)
        new.replace(disk)
    finally:
        new.unlink(missing_ok=True)


def _awaited(lab: VagrantPractice, scenario: Scenario, symptom: Symptom, limit: float = SETTLING) -> Attempt:
    """A login, tried again for a while until it shows `symptom`: sshd may start after the console's prompt."""
    deadline = time.monotonic() + limit
    while True:
        seen = lab.attempt(scenario.user, scenario.port)
        if seen.symptom is symptom or time.monotonic() > deadline:
            return seen
        time.sleep(2)


def _typed(lab: VagrantPractice, script: str) -> Typed:
    """Run a script as root by the guest's agent, which needs neither a login nor a network (QEMU's qga/qapi-schema)."""
    deadline = time.monotonic() + AGENT_LIMIT
    while lab.agent({"execute": "guest-ping"}) is None:
        if lab.stopped_early() or time.monotonic() > deadline:
            raise LabError(
                "the server's boot does not get as far as its agent, which would type the commands in",
                "Do it on the disk instead, as a rescue system would: rescue lab status says where it is.",
            )
        time.sleep(2)
    variables = [f"{name}={value}" for name, value in ENVIRONMENT.items()]
    given = base64.b64encode(f"cd /root\n{script}".encode()).decode()
    words = {"path": "/bin/sh", "arg": ["-eu", "-s"], "env": variables, "input-data": given, "capture-output": True}
    started = lab.agent({"execute": "guest-exec", "arguments": words})
    if started is None:
        raise LabError("the server's agent does not take the commands", "rescue lab reset gives back the broken disk.")
    deadline = time.monotonic() + SCRIPT_LIMIT
    while time.monotonic() < deadline:
        told = lab.agent({"execute": "guest-exec-status", "arguments": {"pid": started["pid"]}})
        if told is not None and told.get("exited"):
            output = (base64.b64decode(told.get(name, "")) for name in ("out-data", "err-data"))
            return Typed(int(told.get("exitcode", 255)), b"".join(output).decode(errors="replace"))
        time.sleep(0.5)
    raise LabError(f"the script was not done after {SCRIPT_LIMIT:.0f} s:\n{script}")
