"""libvirt in namespaces of its own: it comes up, leaves no trace in the machine's own network, and ends whole."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rescue.labs.vagrant.machines import CHECKOUT

pytestmark = pytest.mark.vagrant

PROGRAM = str(CHECKOUT / "scripts" / "lab-namespace")


def call(state: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Call scripts/lab-namespace on a state of its own."""
    environment = dict(os.environ, LAB_STATE=str(state))
    return subprocess.run([PROGRAM, *words], env=environment, capture_output=True, text=True, check=False, timeout=300)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    """A state's directory; what runs on it is ended."""
    yield tmp_path / "state"
    call(tmp_path / "state", "stop")


def own_network() -> list[str]:
    """The names of this machine's own cards and its own rules of nftables."""
    links = sorted(path.name for path in Path("/sys/class/net").iterdir())
    rules = subprocess.run(["nft", "list", "ruleset"], capture_output=True, text=True, check=False).stdout
    return [*links, rules]


def test_libvirt_runs_unseen_by_the_machine_and_ends_without_a_trace(state: Path) -> None:
    before = own_network()
    started = call(state, "start")
    assert started.returncode == 0, started
    assert call(state, "status").returncode == 0
    assert "vagrant-libvirt" in call(state, "virsh", "net-list", "--name").stdout
    assert "virbr0" in call(state, "ip", "-o", "link").stdout
    assert own_network() == before
    pid = (state / "init.pid").read_text().strip()
    inside = Path(f"/proc/{pid}/ns/pid").stat().st_ino
    assert call(state, "stop").returncode == 0
    assert call(state, "status").returncode == 3
    deadline = time.monotonic() + 30
    while _in_namespace(inside) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not _in_namespace(inside)
    assert own_network() == before


def test_what_was_defined_is_there_again_after_a_new_start(state: Path) -> None:
    for _ in range(2):
        assert call(state, "start").returncode == 0
        assert call(state, "virsh", "pool-list", "--name").stdout.split() == ["default"]
        assert call(state, "stop").returncode == 0


def test_a_command_s_status_is_handed_on_and_without_a_namespace_it_says_what_to_do(state: Path) -> None:
    refused = call(state, "true")
    assert refused.returncode == 3
    assert "start" in refused.stderr
    assert call(state, "start").returncode == 0
    assert call(state, "sh", "-c", "exit 7").returncode == 7


@pytest.mark.parametrize("words, status", [((), 2), (("--nonsense",), 2), (("--help",), 0)])
def test_its_usage_is_told(words: tuple[str, ...], status: int, state: Path) -> None:
    told = call(state, *words)
    assert told.returncode == status
    assert "lab-namespace start" in told.stdout + told.stderr


def _in_namespace(inode: int) -> list[str]:
    """The processes in the process namespace."""
    found = []
    for link in Path("/proc").glob("[0-9]*/ns/pid"):
        try:
            if link.stat().st_ino == inode:
                found.append(link.parts[2])
        except OSError:
            continue
    return found
