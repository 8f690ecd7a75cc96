"""Vagrant does not take a server that nobody can log in to for a machine in a bad state."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from rescue.labs.vagrant.machines import CHECKOUT

pytestmark = pytest.mark.vagrant

PROGRAM = Path(__file__).with_name("first_look.rb")


def test_vagrant_sees_the_machine_s_state_before_it_is_told_that_the_server_answers() -> None:
    """It once said "The machine is in the '' state" of a server whose console asked for a login."""
    ruby = shutil.which("ruby", path="/usr/bin")
    if ruby is None or shutil.which("vagrant") is None:
        pytest.skip("no Vagrant of Debian's, with its Ruby")
    command = [ruby, str(PROGRAM), str(CHECKOUT / "Vagrantfile"), "3", "1.5"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert (ended.returncode, ended.stdout) == (0, "3\n"), ended.stderr
