"""``python -m scripts.developer.demo RECIPES [SCENARIO]``: a real server locked out, rescued, and restored.

Every command is printed before it runs, and every one is real: a Debian server is booted, broken from inside as people
break theirs, tried with ssh, repaired from its disk, and booted again.
"""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
import tempfile
import textwrap
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from rescue.labs.errors import LabError
from rescue.labs.images.image import BuiltImage, ensure_image, find_image
from rescue.labs.lessons.lab_disk import make_lab_disk
from rescue.labs.lessons.scenario import Scenario, all_scenarios, scenario
from rescue.labs.machines.machine import Machine, can_boot
from rescue.labs.machines.network import Network, PrivateNetwork, UserNetwork, private_possible
from rescue.status import Status

DEFAULT = "ufw-enable-without-ssh"


class DemoError(Exception):
    """A step did not do what it has to do."""


@dataclass
class Stage:
    """Prints what happens, with the time since the start."""

    started: float = field(default_factory=time.monotonic)
    color: bool = field(default_factory=lambda: sys.stdout.isatty() and "NO_COLOR" not in os.environ)

    def step(self, words: str) -> None:
        """A headline."""
        text = f"[{time.monotonic() - self.started:5.0f} s] {words}"
        print(f"\n\x1b[1m{text}\x1b[0m" if self.color else f"\n{text}", flush=True)

    def note(self, words: str) -> None:
        print(f"    {words}", flush=True)

    def run(self, command: list[str], *, expect: tuple[int, ...] = (0,), shown: str = "") -> int:
        """Print a command and run it; raises DemoError if its status is not one of `expect`."""
        print(f"$ {shown or shlex.join(command)}", flush=True)
        began = time.monotonic()
        status = subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode
        self.note(f"(status {status}, {time.monotonic() - began:.1f} s)")
        if status not in expect:
            raise DemoError(f"this ended with status {status}, where {' or '.join(map(str, expect))} was due")
        return status


def main(arguments: list[str]) -> int:
    """Run the demo. 0 if everything went as it has to; 1 with the reason; 2 for a scenario that can't be shown."""
    options = _options(arguments)
    try:
        chosen = scenario(options.scenario)
        if chosen.waiting:
            raise LabError(
                f"{chosen.id} is only to practise on: {' or '.join(chosen.waiting)} can't be found yet",
                f"Practise it with: rescue lab start {chosen.id}",
            )
    except LabError as problem:
        return _failed(problem, Status.USAGE)
    if hindrance := can_boot():
        return _failed(LabError(f"no machine can be booted here: {hindrance}", "Run scripts/setup."), Status.FAILED)
    try:
        if options.prepare:
            _prepare(options, chosen)
            return Status.CLEAR
        with ExitStack() as stack:
            _play(options, chosen, stack)
    except (DemoError, LabError) as problem:
        return _failed(problem, Status.FAILED)
    except KeyboardInterrupt:
        print("\ndemo: cancelled; every machine that it started is off", file=sys.stderr)
        return Status.CANCELLED
    return Status.CLEAR


def _failed(problem: Exception, status: Status) -> Status:
    print(f"\ndemo: {problem}", file=sys.stderr)
    if hint := getattr(problem, "hint", ""):
        print(hint, file=sys.stderr)
    return status


def _options(arguments: list[str]) -> argparse.Namespace:
    ready = "\n".join(f"  {each.id:<32} {each.title}" for each in all_scenarios() if not each.waiting)
    parser = argparse.ArgumentParser(
        prog="scripts/demo",
        description="A real server locked out, rescued, and put back, before your eyes.",
        epilog=f"scenarios:\n{ready}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("recipes", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("scenario", nargs="?", default=DEFAULT, metavar="SCENARIO", help=f"default: {DEFAULT}")
    # Its packages come over the network, which the demo's own namespace does not have.
    parser.add_argument("--prepare", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument(
        "--backend", default="auto", choices=("auto", "guestfs", "kernel"), help="who reads the disk (as in rescue)"
    )
    return parser.parse_args(arguments)


def _prepare(options: argparse.Namespace, chosen: Scenario) -> None:
    """Build what the demo needs and is not there yet."""
    if find_image(options.recipes, chosen.image) is None:
        stage = Stage()
        stage.step(f"Building a real server ({chosen.image}), once")
        ensure_image(options.recipes, chosen.image, stage.note)


def _play(options: argparse.Namespace, chosen: Scenario, stack: ExitStack) -> None:
    stage = Stage()
    stage.step(f"A real server ({chosen.image})")
    image = ensure_image(options.recipes, chosen.image, stage.note)
    network = _network(stage)
    stack.callback(network.close)
    directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rescue-demo-")))
    disk = directory / "server.raw"
    make_lab_disk(image, chosen, disk)
    stage.note(f"a copy of its disk: {disk}")
    machine = stack.enter_context(Machine(image, disk, network=network))
    show = Show(stage, machine, chosen, disk, image, options.backend)
    show.locked_out()
    show.rescued()
    show.taken_back()


def _network(stage: Stage) -> Network:
    """The private network where scripts/demo has put us into a namespace of our own."""
    if private_possible() and os.environ.get("RESCUE_DEMO_NAMESPACE") == "1":
        return PrivateNetwork(inside=True)
    stage.note("(QEMU's own network: a dropped connection shows as a silent server)")
    return UserNetwork()


@dataclass
class Show:
    """One scenario, step by step."""

    stage: Stage
    machine: Machine
    scenario: Scenario
    disk: Path
    image: BuiltImage
    backend: str

    def locked_out(self) -> None:
        """The healthy server, what its owner does to it, and the ssh that fails."""
        self.stage.step("It boots, and you log in")
        self._up()
        self._login("hostname; uptime", healthy=True)
        self.stage.step(f"Then this happens: {self.scenario.title}")
        for line in textwrap.wrap(self.scenario.story, 76):
            self.stage.note(line)
        print("\n" + textwrap.indent(self.scenario.break_script, "# "), flush=True)
        if status := self.machine.run_script(self.scenario.break_script):
            raise DemoError(f"this ended with status {status} on the server")
        self._down()
        self.stage.step("The server starts again. You want to log in:")
        self.machine.start().wait_for_boot()
        who = self.scenario
        print(f"$ {shlex.join(self._call('hostname'))}", flush=True)
        seen = self.machine.ssh("hostname", user=who.user, port=self._port, family=who.family)
        print(seen.errors.strip(), flush=True)
        if seen.symptom is not who.symptom:
            raise DemoError(f"the client should have seen {who.symptom!s}, and saw {seen.symptom!s}")
        self.stage.note("Locked out. All that is left is the provider's panel: power off, and a look at the disk.")
        self._down()

    def rescued(self) -> None:
        """From the disk alone: the cause, the repair, and the login as its proof."""
        who = self.scenario.words(self.image.key)
        self.stage.step("What keeps you out? (the disk is only read)")
        self._rescue("inspect", *who, expect=(Status.BROKEN,))
        self.stage.step("Repair it")
        # Status 3: nothing wrong is left, but whether it boots and its network comes up is not on the disk.
        repaired = (Status.CLEAR, Status.BROKEN)
        self._rescue("fix", "--yes", *(("--unsafe",) if self.scenario.unsafe else ()), *who, expect=repaired)
        self.stage.step("Boot the server again, and log in")
        self._up()
        self._login("hostname; uptime")
        self._down()

    def taken_back(self) -> None:
        """The undo."""
        self.stage.step("Had it been a mistake: take the repair back")
        self._rescue("undo", "--yes")
        self.stage.step("Done: locked out, found, repaired, logged in, taken back.")

    @property
    def _port(self) -> int | None:
        return None if self.scenario.port == 22 else self.scenario.port

    def _up(self) -> None:
        print(f"$ {shlex.join(self.machine.start().command_line)}", flush=True)
        took = self.machine.wait_for_boot()
        self.stage.note(f"(up after {took:.0f} s)")

    def _down(self) -> None:
        began = time.monotonic()
        self.machine.power_off()
        self.stage.note(f"(powered off in {time.monotonic() - began:.0f} s)")

    def _login(self, command: str, *, healthy: bool = False) -> None:
        self.stage.run(self._call(command, healthy=healthy))

    def _call(self, command: str, *, healthy: bool = False) -> list[str]:
        """The client's call; the healthy server still listens on its usual port."""
        port = () if healthy or self._port is None else ("-p", str(self._port))
        user, family = self.scenario.user, self.scenario.family
        return self.machine.ssh_command(command, user=user, options=port, family=family)

    def _rescue(self, verb: str, *words: str, expect: tuple[int, ...] = (Status.CLEAR,)) -> None:
        how = () if self.backend == "auto" else ("--backend", self.backend)
        command = [verb, str(self.disk), *words, *how]
        shown = shlex.join(["rescue", *command])
        self.stage.run([sys.executable, "-m", "rescue", *command], expect=expect, shown=shown)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
