"""Who is not root has a network of their own, too, where the computer lets people have user namespaces."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.system

REPOSITORY = Path(__file__).resolve().parents[2]
NOBODY = 65534

ASK = """
import subprocess
from rescue.labs.machines.network import PrivateNetwork, private_possible
if not private_possible():
    raise SystemExit(75)
network = PrivateNetwork()
try:
    for words in (("ip", "-br", "address", "show", "lab0"), ("id", "-u")):
        print(subprocess.run(network.command(*words), capture_output=True, text=True, check=True).stdout)
finally:
    network.close()
"""


def test_nobody_makes_a_private_network_and_leaves_no_trace() -> None:
    command = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    if subprocess.run(
        [*command, "test", "-r", str(REPOSITORY / "rescue/labs/machines/network.py")], check=False
    ).returncode:
        pytest.skip("nobody may read this checkout")
    before = sorted(Path("/sys/class/net").iterdir())
    environment = dict(os.environ, PYTHONPATH=str(REPOSITORY), PYTHONDONTWRITEBYTECODE="1")
    ended = subprocess.run(
        [*command, sys.executable, "-c", ASK], env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    if ended.returncode == 75:
        pytest.skip("this computer lets nobody have a user namespace with a network")
    assert ended.returncode == 0, ended
    assert "192.0.2.1/24" in ended.stdout
    assert ended.stdout.split()[-1] == "0"
    assert sorted(Path("/sys/class/net").iterdir()) == before
