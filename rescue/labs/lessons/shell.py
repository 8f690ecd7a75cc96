"""``python -m rescue.labs.lessons.shell SCENARIO``: a root shell on the console of the broken machine."""

from __future__ import annotations

import argparse
import shlex
import signal
import sys
import tempfile
from pathlib import Path
from types import FrameType

from rescue.labs.errors import LabError
from rescue.labs.lessons.lab_disk import check_disks_room, fill_disk, image_of
from rescue.labs.lessons.scenario import Scenario, ScenarioError, scenario
from rescue.labs.machines.machine import Machine, MachineError, can_boot
from rescue.labs.machines.saved import start_healthy
from rescue.status import Status

EPILOG = """\
What happens: the scenario's healthy server is booted (or restored), break.sh is run on it as root, it is powered off
and booted again, and the real ssh says what the scenario's person sees. Then you are root on its console, whether or
not anybody can log in and however far the boot got: try systemctl --failed, journalctl -b, findmnt, ss -tlnp.

Type exit, or Ctrl-D, to leave; Ctrl-] leaves a shell that hangs. The machine runs until then (poweroff and reboot end
it, too), and its disk is a copy that is removed afterwards. Commands may also be piped in. The file of the first serial
line and the ssh command are printed, for another terminal.

Exit status: that of the shell; 1 the machine can't be brought up, 2 no such scenario, 130 left by Ctrl-].
"""


def main(arguments: list[str]) -> int:
    """Bring the broken machine up and hand over its console; returns the exit status."""
    options = _options(arguments)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _ended)
    try:
        return _shell(scenario(options.scenario), healthy=options.healthy)
    except LabError as problem:
        _say(str(problem))
        if problem.hint:
            _say(problem.hint)
        return Status.USAGE if isinstance(problem, ScenarioError) else Status.FAILED
    except KeyboardInterrupt:
        _say("cancelled; nothing is left running")
        return Status.CANCELLED


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/lab-shell",
        description="Get a root shell on the serial console of a scenario's broken machine; it runs until you leave.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("scenario", metavar="SCENARIO", help="a folder of rescue/labs/scenarios/ (rescue lab list)")
    parser.add_argument("--healthy", action="store_true", help="the server before break.sh, to write one by")
    return parser.parse_args(arguments)


def _shell(chosen: Scenario, *, healthy: bool) -> int:
    if problem := can_boot():
        raise LabError(problem, "Run scripts/setup.")
    image = image_of(chosen, _say)
    with tempfile.TemporaryDirectory(prefix="rescue-shell-") as place:
        disk = Path(place) / "server.raw"
        check_disks_room(image, chosen, disk.parent)
        with Machine(image, disk, whole=chosen.whole) as machine:
            _say(f"{chosen.image}: the healthy server comes up")
            small = chosen.disk
            start_healthy(
                machine,
                variant=f"{small.size}, {small.inodes}" if small else "",
                make_disk=lambda path: fill_disk(image, chosen, path),
                progress=_say,
            )
            if not healthy:
                _break(machine, chosen)
            _say(f"the serial line: tail -f {shlex.quote(str(machine.serial_log))}")
            _say(f"from outside: {shlex.join(machine.ssh_command(user=chosen.user, family=chosen.family))}")
            _say("you are root on its console; exit or Ctrl-D to leave, Ctrl-] where it hangs")
            try:
                status = machine.shell()
            except MachineError:
                if not machine.has_ended:
                    raise
                _say("the machine is off")
                return Status.CLEAR
    return Status.CANCELLED if status is None else status


def _break(machine: Machine, chosen: Scenario) -> None:
    """Do what the story tells, boot again, and say what is seen."""
    _say("break.sh runs on it")
    done = machine.console(chosen.break_script)
    if done.status != 0:
        # Who writes a scenario wants the shell now, not a traceback.
        _say(f"break.sh ended with status {done.status}, so it is not booted again; it printed:\n{done.output}")
        return
    _say("it boots again")
    machine.power_off()
    if not machine.start().wait_until_settled():
        _say(f"the boot does not get to its end\n{machine.serial_tail()}")
    seen = machine.ssh("true", user=chosen.user, port=chosen.port, family=chosen.family)
    _say(f"{chosen.user} sees: {seen.symptom} (the scenario says: {chosen.symptom})")


def _say(message: str) -> None:
    print(f"lab-shell: {message}", file=sys.stderr, flush=True)


def _ended(number: int, frame: FrameType | None) -> None:
    """End the machine and remove its disk on the way out."""
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
