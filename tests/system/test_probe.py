"""`rescue probe` against real servers, routers and firewalls in network namespaces: a sample.

All of them, and the table of docs/probe.md: scripts/probe-matrix.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.schemas import faults
from tests.system.outside_cases import CASES, Case
from tests.system.outside_lab import SERVER, outside_lab

pytestmark = [pytest.mark.system, pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")]

SAMPLE = [each for each in CASES if each.quick]


@pytest.mark.parametrize("case", SAMPLE, ids=lambda case: case.id)
def test_a_situation_is_told_and_its_cause_is_possible(case: Case, tmp_path: Path) -> None:
    with outside_lab(tmp_path) as lab:
        case.make(lab)
        told = lab.probe(case.host, *case.words)
    assert faults({name: value for name, value in told.items() if name not in ("status", "seconds")}, "probe-2") == []
    assert told["situation"] == case.situation
    assert set(case.causes) <= set(told["causes"])
    assert told["status"] == (0 if told["open"] else 4 if case.situation == "no-route" else 3)


def test_a_moved_port_is_found_and_remembered(tmp_path: Path) -> None:
    with outside_lab(tmp_path) as lab:
        lab.sshd(port=48022)
        assert lab.probe(SERVER)["situation"] == "refused"
        assert lab.probe(SERVER, "--port", "48022")["open"]
        again = lab.probe(SERVER)
    assert again["possible"][0]["commands"] == [f"ssh -p 48022 root@{SERVER}"]
    assert any("port 48022" in each for each in again["changed"])


def test_a_hostile_server_drives_no_terminal_and_ends(tmp_path: Path) -> None:
    with outside_lab(tmp_path) as lab:
        lab.listener("while True:\n    peer.sendall(b'SSH-\\x1b[2J\\x1b]0;x\\x07' * 4096)")
        done = lab.asked(SERVER)
        checked = lab.asked(SERVER, "--check")
    assert done.returncode == 3
    assert checked.returncode == 2
    for text in (done.stdout, done.stderr, checked.stdout):
        assert all(each.isprintable() or each == "\n" for each in text)
        assert len(text) < 5000
    assert checked.stdout.count("\n") == 1
