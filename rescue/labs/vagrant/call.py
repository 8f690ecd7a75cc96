"""One call of Vagrant or libvirt: run to its end, told line by line, and what its complaints mean."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rescue.labs.programs import Progress

PACKAGES = "vagrant vagrant-libvirt libvirt-daemon libvirt-daemon-driver-qemu libvirt-clients dnsmasq-base rsync"

COMPLAINTS = (
    (r"libvirt-sock|Failed to connect socket|Error while connecting to [Ll]ibvirt", "libvirt's daemon can't be reached",
     "Start it: sudo systemctl start libvirtd. Without systemd: sudo scripts/lab-namespace start."),
    (r"No space left on device|not enough (free )?space", "the disk is full",
     "Make room; the machines need 3 GiB. `vagrant destroy -f` frees what they take."),
    (r"[Aa]ddress already in use|port .*(in use|collision)|ports? .*forwarded", "a port or an address is in use",
     "End what uses it, or set LAB_NET to another network, such as 192.168.57."),
    (r"Network .*(already in use|overlap)|interface .*already exists", "the lab's network is in use here",
     "Set LAB_NET to another one, such as 192.168.57."),
    (r"[Bb]ox '[^']*' could not be found|couldn't be found or", "Vagrant has no box for the machine",
     "Build it: sudo scripts/build-box. With a network Vagrant would have fetched one from the catalogue."),
    (r"provider '[^']*' could not be found|No usable default provider", "Vagrant has no provider that works here",
     f"Debian: apt-get install --no-install-recommends {PACKAGES}"),
    (r"another process is already executing", "another Vagrant works on this machine at the moment",
     "Wait until it is done, or end it."),
    (r"Failed to get .*lock", "a disk is in use by two machines",
     "Halt the rescue system: vagrant halt -f rescue."),
    (r"waiting for the machine to boot|unable to communicate|waiting for domain", "the machine does not boot",
     "Its serial line's last words are above. Give it more time with LAB_BOOT_TIMEOUT (seconds), or begin anew."),
)  # fmt: skip
"""What Vagrant and its providers print -> what is wrong, what to do."""


@dataclass(frozen=True, slots=True)
class Said:
    """A call that has ended."""

    status: int
    output: str


def called(
    command: Sequence[str], directory: Path, environment: Mapping[str, str], limit: float, progress: Progress
) -> Said:
    """Run a program to its end; it is ended, with its children, when we are interrupted or after `limit` seconds."""
    process = subprocess.Popen(
        command, cwd=directory, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, errors="replace", start_new_session=True,
    )  # fmt: skip
    overdue = threading.Timer(limit, os.killpg, (process.pid, signal.SIGKILL))
    overdue.start()
    lines = []
    try:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line)
            if shown := line.strip().removeprefix("==> "):
                progress(shown)
        return Said(process.wait(), "".join(lines))
    except BaseException:
        _end(process)
        raise
    finally:
        overdue.cancel()


def _end(process: subprocess.Popen[str]) -> None:
    """Interrupt a program and its children, as Ctrl-C does, so that it cleans up; then kill what is left.

    Vagrant goes on to the end of what it does after the first, and ends at once after the second.
    """
    for number, patience in ((signal.SIGINT, 15.0), (signal.SIGINT, 15.0), (signal.SIGKILL, 5.0)):
        try:
            os.killpg(process.pid, number)
            process.wait(patience)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            continue
        return
