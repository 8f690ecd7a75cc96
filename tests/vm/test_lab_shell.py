"""`scripts/lab-shell`, as somebody who writes a scenario uses it: a terminal, and root on the broken machine."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import termios
import tty
from pathlib import Path

import pytest

from tests.conftest import LoadImage
from tests.vm.test_machine import REPOSITORY

pytestmark = pytest.mark.vm

LIMIT = 600.0
"""Seconds of silence, after which nothing more will come."""

SCRIPT = REPOSITORY / "scripts" / "lab-shell"


def test_the_broken_machine_is_kept_until_its_shell_is_left(lab_image: LoadImage, place: Path) -> None:
    lab_image("debian12")
    master, terminal = pty.openpty()
    # Nothing of the pseudo-terminal's own echo is in what is read.
    tty.setraw(terminal)
    before = termios.tcgetattr(terminal)
    running = subprocess.Popen(
        [SCRIPT, "sshd-disabled"], stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True,
        env=dict(os.environ, RESCUE_PYTHON=sys.executable, TMPDIR=str(place), TERM="vt100"),
    )  # fmt: skip
    try:
        told = heard(master, "you are root on its console")
        assert "root sees: refused (the scenario says: refused)" in told
        types(master, "systemctl is-enabled ssh; id -un; echo $TERM-$((6 * 7)) $(tty)\r")
        shown = heard(master, "vt100-42 /dev/ttyS1")
        assert {"disabled", "root"} <= set(shown.split())
        # Ctrl-C is the machine's, and what runs there gets it.
        types(master, """sh -c 'trap "echo caught" INT; echo rea""dy; sleep 600'\r""")
        heard(master, "ready")
        types(master, "\x03")
        heard(master, "caught")
        types(master, "echo still $((40 + 2)); exit 7\r")
        heard(master, "still 42")
        assert running.wait(60) == 7
        assert termios.tcgetattr(terminal) == before
        assert list(place.iterdir()) == []
    finally:
        running.kill()
        running.wait()
        os.close(terminal)
        os.close(master)


def test_a_scenario_that_is_not_there_is_said() -> None:
    done = subprocess.run(
        [SCRIPT, "ssh-disabled"], capture_output=True, text=True, check=False,
        env=dict(os.environ, RESCUE_PYTHON=sys.executable),
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert "Did you mean sshd-disabled" in done.stderr


def types(keyboard: int, keys: str) -> None:
    os.write(keyboard, keys.encode())


def heard(screen: int, until: str) -> str:
    """What comes over the terminal, up to `until` and the end of its line."""
    said = ""
    while "\n" not in said.partition(until)[2]:
        assert select.select([screen], [], [], LIMIT)[0], said
        said += os.read(screen, 4096).decode(errors="replace")
    return said
