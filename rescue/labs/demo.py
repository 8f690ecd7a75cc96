"""``python -m rescue.labs.demo RECIPES``: a real server locked out, rescued, and put back, before your eyes.

Every command is printed before it runs, and every one is real: a Debian 12 server is booted, broken from inside as
people break theirs, tried with ssh, repaired from its disk, and booted again.
"""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from rescue.labs.image import ImageError, ensure_image
from rescue.labs.machine import Machine, MachineError, can_boot, work_copy
from rescue.labs.network import Network, PrivateNetwork, UserNetwork, private_possible
from rescue.labs.recipe import RecipeError, cache_directory
from rescue.status import Status

RECIPE = "debian12"

BREAK = "ufw allow 80; ufw allow 443; ufw --force enable"
"""What so much advice says, in its order: the web is allowed, the firewall switched on. SSH was forgotten."""


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
    """Run the demo. 0 if everything went as it has to; 1 with the reason."""
    options = _options(arguments)
    if problem := can_boot():
        print(f"demo: no machine can be booted here: {problem}. Run scripts/setup.", file=sys.stderr)
        return 1
    try:
        with ExitStack() as stack:
            _play(options, stack)
    except (DemoError, ImageError, MachineError, RecipeError) as problem_:
        print(f"\ndemo: {problem_}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ndemo: cancelled; every machine that it started is off", file=sys.stderr)
        return Status.CANCELLED
    return 0


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/demo", description=__doc__.split("\n\n")[1])
    parser.add_argument("recipes", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--keep", action="store_true", help="stop at the broken server and leave its disk to play with")
    parser.add_argument(
        "--boot", type=Path, metavar="IMAGE", help="only boot a disk that --keep left, and log in to it"
    )
    parser.add_argument(
        "--backend", default="auto", choices=("auto", "guestfs", "kernel"), help="who reads the disk (as in rescue)"
    )
    return parser.parse_args(arguments)


def _play(options: argparse.Namespace, stack: ExitStack) -> None:
    stage = Stage()
    stage.step("A Debian 12 server")
    image = ensure_image(options.recipes, RECIPE, stage.note)
    network = _network(stage)
    stack.callback(network.close)
    if options.boot is not None:
        machine = stack.enter_context(Machine(image, options.boot, network=network))
        _visit(stage, machine)
        return
    directory = cache_directory() / "demo" if options.keep else Path(tempfile.mkdtemp(prefix="rescue-demo-"))
    directory.mkdir(parents=True, exist_ok=True)
    disk = directory / "server.raw"
    if not options.keep:
        stack.callback(directory.rmdir)
        stack.callback(disk.unlink, missing_ok=True)
    stage.note(f"a copy of its disk: {disk}")
    work_copy(image.disk, disk)
    machine = stack.enter_context(Machine(image, disk, network=network))
    _break(stage, machine)
    if options.keep:
        _left(stage, disk)
        return
    _rescue(stage, machine, disk, options.backend)


def _network(stage: Stage) -> Network:
    """The private network where scripts/demo has put us into a namespace of our own."""
    if private_possible() and os.environ.get("RESCUE_DEMO_NAMESPACE") == "1":
        return PrivateNetwork(inside=True)
    stage.note("(QEMU's own network: a dropped connection shows as a silent server)")
    return UserNetwork()


def _break(stage: Stage, machine: Machine) -> None:
    stage.step("It boots, and you log in")
    _up(stage, machine)
    stage.run(machine.ssh_command("hostname; uptime"))
    stage.step('You ask for help with "securing" it, and get this advice')
    stage.run(machine.ssh_command(BREAK))
    stage.step("You log out. Later you want to log in again:")
    # 255 is ssh's own failure.
    stage.run(machine.ssh_command("hostname"), expect=(255,))
    stage.note("Locked out. All that is left is the provider's panel: power off, and a look at the disk.")
    _down(stage, machine)


def _up(stage: Stage, machine: Machine) -> None:
    print(f"$ {shlex.join(machine.start().command_line)}", flush=True)
    took = machine.wait_for_login()
    stage.note(f"(up after {took:.0f} s)")


def _down(stage: Stage, machine: Machine) -> None:
    began = time.monotonic()
    machine.power_off()
    stage.note(f"(powered off in {time.monotonic() - began:.0f} s)")


def _rescue(stage: Stage, machine: Machine, disk: Path, backend: str) -> None:
    how = [] if backend == "auto" else ["--backend", backend]
    program = [sys.executable, "-m", "rescue"]

    def rescue(*words: str, expect: tuple[int, ...] = (0,)) -> None:
        stage.run([*program, *words, *how], expect=expect, shown=shlex.join(["rescue", *words, *how]))

    stage.step("What keeps you out? (the disk is only read)")
    rescue("inspect", str(disk), expect=(Status.BROKEN,))
    stage.step("Repair it")
    rescue("fix", str(disk), "--yes")
    stage.step("Boot the server again, and log in")
    _up(stage, machine)
    stage.run(machine.ssh_command("hostname; ufw status"))
    _down(stage, machine)
    stage.step("Had it been a mistake: take the repair back")
    rescue("undo", str(disk))
    stage.step("Done: locked out, found, repaired, logged in, taken back.")


def _visit(stage: Stage, machine: Machine) -> None:
    """Boot a disk, try to log in, and switch the machine off again."""
    stage.step("It boots")
    print(f"$ {shlex.join(machine.start().command_line)}", flush=True)
    machine.wait_for_boot()
    stage.run(machine.ssh_command("hostname; ufw status"), expect=(0, 255))
    _down(stage, machine)


def _left(stage: Stage, disk: Path) -> None:
    stage.step("The broken server's disk is yours:")
    for line in (
        f".venv/bin/rescue inspect {disk}",
        f".venv/bin/rescue fix {disk}",
        f"scripts/demo --boot {disk}      # does it let you in now?",
        f".venv/bin/rescue history {disk}",
        f".venv/bin/rescue undo {disk}",
        f"rm {disk}",
    ):
        stage.note(line)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
