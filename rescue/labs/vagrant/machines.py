"""The lab's three machines, run by Vagrant: the server, the client that can't reach it, and the rescue system.

What they are is said in the Vagrantfile at the top of the checkout. With libvirt on a machine that has it running, as
with any provider, Vagrant is called as a person calls it. Where root has libvirt's programs and nobody runs them (no
systemd, a container, KVM that does not work), they are run by `scripts/lab-namespace` in namespaces of their own.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from rescue.labs.errors import LabError
from rescue.labs.lessons.scenario import Scenario
from rescue.labs.machines.ssh import TALKATIVE, Attempt, attempt
from rescue.labs.programs import Progress
from rescue.labs.vagrant.box import PREFIX, RESCUE, Box, boxes, ensure_box, find_box, last_lines
from rescue.labs.vagrant.call import COMPLAINTS, PACKAGES, Said, called
from rescue.targets.host.cache import cache_directory

CHECKOUT = Path(__file__).resolve().parents[3]

SERVER, CLIENT = "server", "client"
MACHINES = (SERVER, CLIENT, RESCUE)
CLIENT_IMAGE = "debian12"

STEP_LIMIT = 1500.0
"""Seconds that one call of Vagrant may take; a boot without KVM on a busy computer is the longest."""
QUICK_LIMIT = 240.0
BROKEN_LIMIT = 900.0
"""Seconds until the server has broken itself and rebooted."""
ATTEMPT_LIMIT = 150.0

RELEASE = 5.0
"""Seconds after which a machine is free again whose action was interrupted."""

ROOM = 3 << 30
"""Bytes of disk that the machines need."""

BREAKING, FAILED = "lab: the server is broken now", "lab: break.sh has failed"
"""What `images/boxes/break-later` says on the serial line."""
AT_REST = re.compile(r"login: |Press Enter for maintenance|emergency mode|initramfs\)")
"""What the serial line says when a boot has come to its end, good or bad."""


TOLD = ("up", "halt", "destroy", "provision", "box")
"""Calls of Vagrant that take long, and say how far they are."""


def _silent(message: str) -> None:
    """For answers that are for us."""


class VagrantLab:
    """The lab's machines. One directory is one lab: what Vagrant notes of its machines is kept there.

    directory: None for the lab that scripts/lab-namespace has, too, in rescue's cache. checkout: where the Vagrantfile,
    images/ and scripts/ are. progress: is given a line for each thing that happens. Every method raises LabError.
    """

    def __init__(
        self,
        directory: Path | None = None,
        *,
        checkout: Path = CHECKOUT,
        progress: Progress = lambda message: None,
    ) -> None:
        self.directory = (directory or cache_directory() / "vagrant").resolve()
        self.checkout, self.progress = checkout, progress
        self._namespaced: bool | None = None
        self._plugin = False
        self._scenario: Scenario | None = None
        self._held = False

    # -- whether it can be used ------------------------------------------------------------------------------------

    def available(self) -> str:
        """Why Vagrant can't be used here, with what to do about it; empty if it can."""
        if not (self.checkout / "Vagrantfile").is_file():
            return f"there is no Vagrantfile in {self.checkout}: run rescue from a checkout"
        if shutil.which("vagrant") is None:
            return f"Vagrant is not installed. Debian: apt-get install --no-install-recommends {PACKAGES}"
        missing = [program for program in ("rsync", "ssh") if shutil.which(program) is None]
        if missing:
            return f"not installed: {', '.join(missing)}"
        if not self._libvirt_plugin():
            if shutil.which("VBoxManage"):
                return ""
            return f"Vagrant has no provider that works here. Debian: apt-get install vagrant-libvirt ({PACKAGES})"
        if not self._libvirt_runs() and (problem := self._namespace_impossible()):
            return f"libvirt's daemon does not run, and can't be run in a namespace of its own: {problem}"
        return self._boxes_missing()

    def _libvirt_plugin(self) -> bool:
        """Whether Vagrant has the plugin; asked once, as Vagrant takes seconds to start."""
        if not self._plugin:
            listed = subprocess.run(["vagrant", "plugin", "list"], capture_output=True, text=True, check=False)
            self._plugin = "vagrant-libvirt" in listed.stdout
        return self._plugin

    def _libvirt_runs(self) -> bool:
        command = ["virsh", "--connect", "qemu:///system", "--quiet", "uri"]
        try:
            return subprocess.run(command, capture_output=True, timeout=30, check=False).returncode == 0
        except (FileNotFoundError, subprocess.TimeoutExpired):
            return False

    def _namespace_impossible(self) -> str:
        if os.geteuid() != 0:
            return "that needs root. Start it (sudo systemctl start libvirtd), or use sudo"
        path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
        programs = ("libvirtd", "virtlogd", "virsh", "dnsmasq", "unshare", "nsenter")
        missing = [program for program in programs if shutil.which(program, path=path) is None]
        return f"not installed: {', '.join(missing)}. Debian: apt-get install {PACKAGES}" if missing else ""

    def _boxes_missing(self) -> str:
        if os.environ.get("LAB_BOX") and os.environ.get("LAB_RESCUE_BOX"):
            return ""
        if os.geteuid() == 0:
            return ""
        missing = [name for name in (CLIENT_IMAGE, RESCUE) if find_box(self.images, name) is None]
        return f"these boxes are not built: {', '.join(missing)}. Build them: sudo scripts/build-box" if missing else ""

    @property
    def images(self) -> Path:
        """The recipes' directory."""
        return self.checkout / "images"

    # -- a lab's life ----------------------------------------------------------------------------------------------

    def start(self, scenario: Scenario) -> Attempt:
        """Boot a healthy server and a client, break the server as the scenario says, and reboot it.

        Returns the login to the healthy server; afterwards its person is locked out. What an earlier scenario left is
        removed first. If it fails or is interrupted, everything is removed again. Boxes that are missing are built,
        which takes minutes and root.
        """
        if problem := self.available():
            raise LabError(f"Vagrant can't be used here: {problem}")
        try:
            self.prepare(scenario)
            self.up(CLIENT)
            self.up_healthy()
            healthy = self.attempt(scenario.user)
            self.break_server(scenario)
        except BaseException:
            self.abandon()
            raise
        return healthy

    def abandon(self) -> None:
        """`stop` after something else went wrong, which is what has to be told."""
        try:
            self.stop()
        except LabError:
            # A call that was interrupted may hold a machine a little longer.
            time.sleep(RELEASE)
            try:
                self.stop()
            except LabError as problem:
                self.progress(str(problem))

    def prepare(self, scenario: Scenario) -> None:
        """Libvirt is up, the boxes are there, and no server is."""
        self._bring_up()
        self._ensure_boxes(scenario)
        self._check_room()
        if any((self.directory / "machines" / "machines" / SERVER).glob("*/id")):
            self.destroy(SERVER)
        self._scenario = scenario

    def up_healthy(self) -> None:
        """Boot the server, and leave it healthy."""
        self._held = True
        try:
            self.up(SERVER)
        finally:
            self._held = False

    def break_server(self, scenario: Scenario) -> None:
        """Do to the running server what the scenario tells, and wait until it has rebooted as far as it goes."""
        self._must(SERVER, self._vagrant("provision", SERVER, "--provision-with", "break", "--no-tty"))
        self._wait_until_broken(scenario)

    def attempt(self, user: str, port: int = 22) -> Attempt:
        """A real ssh from the client to the server, as `user`: what it printed, and what the outside sees by it."""
        inner = " ".join(["ssh", *TALKATIVE, "-p", str(int(port)), "-l", user, "server", "true"])
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.-]*", user):
            raise LabError(f"this can't be a user's name: {user!r}")
        told = self.ssh(CLIENT, f"timeout 60 {inner}; echo lab-status $?")
        found = re.search(r"^lab-status (\d+)$", told.output, re.MULTILINE)
        if found is None:
            raise LabError(
                f"the client does not answer: {told.errors.strip()}", "vagrant halt -f client; vagrant up client"
            )
        output = told.output[: found.start()]
        # 124 is timeout(1)'s: the client was still waiting, which is one that did not get in.
        status = 255 if found[1] == "124" else int(found[1])
        return Attempt(status, output, told.errors)

    @property
    def disk(self) -> Path | None:
        """The server's disk, an image in QEMU's format qcow2; None if there is no server. Switch it off before use."""
        told = self._libvirt("domblklist", f"{PREFIX}{SERVER}")
        found = re.search(r"^\s*vda\s+(/.+)$", told.output, re.MULTILINE)
        return Path(found[1].strip()) if told.status == 0 and found else None

    def stop(self) -> None:
        """Remove the three machines and their disks, and end libvirt where it was started for them."""
        if self._uses_namespace() and not self._namespace_up():
            if not any((self.directory / "machines" / "machines").glob("*/libvirt/id")):
                return
            self._bring_up()
        try:
            self.destroy()
            if self._uses_namespace():
                # The boxes' disks, on which the machines' were layers: Vagrant makes them anew.
                listed = self._libvirt("vol-list", "default").output
                for name in re.findall(r"^\s*(\S+_vagrant_box_image_\S+)", listed, re.MULTILINE):
                    self._libvirt("vol-delete", "--pool", "default", name)
        finally:
            self.end()

    def end(self) -> None:
        """End libvirt where it was started for the lab; the machines that are off stay known."""
        if self._uses_namespace():
            self._call([str(self._namespace), "stop"], QUICK_LIMIT)

    def status(self) -> Mapping[str, str]:
        """Each machine's state in Vagrant's words ("running", "shutoff", "not_created"), by its name."""
        if self._uses_namespace() and not self._namespace_up():
            return dict.fromkeys(MACHINES, "not_created")
        told = self._vagrant("status", "--machine-readable", limit=QUICK_LIMIT)
        found = re.findall(r"^\d+,(\w+),state,(\w+)$", told.output, re.MULTILINE)
        return dict.fromkeys(MACHINES, "not_created") | dict(found)

    # -- its steps -------------------------------------------------------------------------------------------------

    def up(self, machine: str) -> None:
        """Switch a machine on, made first if it has to be.

        The rescue system's switches the server off and attaches its disk as /dev/vdb, also if it runs already; the
        server's takes the disk back.
        """
        self._bring_up()
        (self.directory / f"ssh-{machine}").unlink(missing_ok=True)
        self._must(machine, self._vagrant("up", machine, "--no-tty"))

    def halt(self, machine: str, *, force: bool = False) -> None:
        """Switch a machine off: by its button, or (force) by pulling the plug."""
        words = ("--force",) if force else ()
        self._must(machine, self._vagrant("halt", machine, *words, "--no-tty"))

    def destroy(self, machine: str = "") -> None:
        """Remove a machine and its disk, or all of them."""
        self._must(machine, self._vagrant("destroy", "--force", *((machine,) if machine else ()), "--no-tty"))

    def ssh(self, machine: str, command: str, limit: float = ATTEMPT_LIMIT) -> Attempt:
        """Run a shell's line on a machine as the user vagrant, who may use sudo."""
        words = ["-F", str(self._ssh_config(machine)), "-o", "ConnectTimeout=30", "-o", "BatchMode=yes"]
        environment = ["env", f"LAB_STATE={self.directory}"]
        return attempt([*environment, *self._prefix(), "ssh", *words, machine, command], limit)

    def _ssh_config(self, machine: str) -> Path:
        """An ssh_config(5) for the machine, asked of Vagrant once after each time that it was switched on."""
        config = self.directory / f"ssh-{machine}"
        if not config.is_file():
            told = self._vagrant("ssh-config", machine, limit=QUICK_LIMIT)
            if told.status != 0:
                raise LabError(f"Vagrant does not know how to reach {machine}", f"Is it on? vagrant up {machine}")
            # Nothing before "Host" belongs to the file.
            config.write_text(told.output[told.output.index("Host ") :])
        return config

    def serial_tail(self, machine: str, lines: int = 15) -> str:
        """The last lines of a machine's serial line, for a message; empty where none is kept."""
        log = self._serial(machine)
        if not log.is_file():
            return ""
        return "\n".join(["the serial line's last words:", *(f"    {line}" for line in last_lines(log, lines))])

    def _wait_until_broken(self, scenario: Scenario) -> None:
        """Until the server has been broken and has rebooted, as far as it goes."""
        self.progress("waiting until the server is broken and has rebooted")
        started = time.monotonic()
        while time.monotonic() - started < BROKEN_LIMIT:
            if self._serial(SERVER).is_file():
                said = self._serial(SERVER).read_text(errors="replace")
                if FAILED in said:
                    raise LabError(f"the scenario {scenario.id} could not be made\n{self.serial_tail(SERVER)}")
                if AT_REST.search(said.partition(BREAKING)[2]):
                    return
            elif self.attempt(scenario.user, scenario.port).symptom is scenario.symptom:
                return
            time.sleep(1)
        raise LabError(f"the server was not broken within {BROKEN_LIMIT:.0f} s\n{self.serial_tail(SERVER)}")

    def _check_room(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        if (free := shutil.disk_usage(self.directory).free) < ROOM:
            raise LabError(f"{self.directory} has {free >> 20} MiB left; the machines need {ROOM >> 20}", "Make room.")

    def _ensure_boxes(self, scenario: Scenario) -> None:
        """Build what is missing of the boxes, and make them known to Vagrant."""
        if not self._libvirt_plugin():
            return
        if not os.environ.get("LAB_BOX") and scenario.image not in boxes(self.images):
            raise LabError(
                f"no box can be made of the server {scenario.image}",
                f"Practise {scenario.id} without Vagrant. There are boxes of: {', '.join(boxes(self.images))}.",
            )
        listed = self._vagrant("box", "list", limit=QUICK_LIMIT).output
        wanted = {CLIENT_IMAGE, scenario.image} if not os.environ.get("LAB_BOX") else set()
        if not os.environ.get("LAB_RESCUE_BOX"):
            wanted.add(RESCUE)
        for name in sorted(wanted):
            box = ensure_box(self.images, name, self.progress)
            if box.known_as not in listed:
                self._add(box)

    def _add(self, box: Box) -> None:
        words = ("--name", box.known_as, "--provider", "libvirt", str(box.file), "--no-tty")
        self._must("", self._vagrant("box", "add", *words))
        if self._uses_namespace():
            for path in (self.directory / "vagrant.d" / "boxes").glob(f"{PREFIX}{box.name}-????????????"):
                if path.name != box.known_as:
                    shutil.rmtree(path)

    # -- how Vagrant is called -------------------------------------------------------------------------------------

    @property
    def _namespace(self) -> Path:
        return self.checkout / "scripts" / "lab-namespace"

    def _uses_namespace(self) -> bool:
        if self._namespaced is None:
            self._namespaced = not self._libvirt_runs() and not self._namespace_impossible()
        return self._namespaced

    def _namespace_up(self) -> bool:
        return self._call([str(self._namespace), "status"], QUICK_LIMIT).status == 0

    def _bring_up(self) -> None:
        if self._uses_namespace() and not self._namespace_up():
            said = self._call([str(self._namespace), "start"], QUICK_LIMIT)
            if said.status != 0:
                raise LabError(f"libvirt can't be started in a namespace of its own:\n{said.output.strip()}")

    def _prefix(self) -> list[str]:
        return [str(self._namespace)] if self._uses_namespace() else []

    def _serial(self, machine: str) -> Path:
        return self.directory / f"serial-{machine}.log"

    def _libvirt(self, *words: str) -> Said:
        return self._call([*self._prefix(), "virsh", "--connect", "qemu:///system", *words], QUICK_LIMIT)

    def _vagrant(self, *words: str, limit: float = STEP_LIMIT) -> Said:
        return self._call([*self._prefix(), "vagrant", *words], limit, tell=words[0] in TOLD)

    def _call(self, command: list[str], limit: float, *, tell: bool = False) -> Said:
        """Run a program to its end; it is ended, with its children, when we are interrupted.

        tell: whether each of its lines is for the person who waits.
        """
        environment = dict(os.environ, LAB_STATE=str(self.directory), VAGRANT_CHECKPOINT_DISABLE="1")
        if self._scenario is not None:
            environment["LAB_SCENARIO"] = self._scenario.id
        environment["LAB_HOLD"] = "1" if self._held else "0"
        if not self._namespaced:
            # Set by lab-namespace itself; for others it would say that everything is root's.
            del environment["LAB_STATE"]
            environment["VAGRANT_DOTFILE_PATH"] = str(self.directory / "machines")
        if "lab-namespace" in command[0]:
            environment["LAB_STATE"] = str(self.directory)
        progress = self.progress if tell else _silent
        return called(command, self.checkout, environment, limit, progress)

    def _must(self, machine: str, said: Said) -> None:
        """Raise LabError if a call has failed, in words that say what to do."""
        if said.status == 0:
            return
        tail = "\n".join(f"    {line}" for line in said.output.strip().split("\n")[-12:])
        serial = f"\n{self.serial_tail(machine)}" if machine and self.serial_tail(machine) else ""
        for pattern, wrong, hint in COMPLAINTS:
            if re.search(pattern, said.output):
                raise LabError(f"{wrong}; Vagrant said:\n{tail}{serial}", hint)
        raise LabError(f"Vagrant failed with status {said.status}:\n{tail}{serial}")
