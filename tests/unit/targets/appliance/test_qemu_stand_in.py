"""The program that stands for QEMU asks how QEMU is called, and becomes that."""

from __future__ import annotations

import subprocess
import threading
from pathlib import Path

import pytest

from rescue.targets.appliance.qemu_stand_in import Listener

pytestmark = pytest.mark.unit


@pytest.fixture
def listener(tmp_path: Path) -> Listener:
    (tmp_path / "room").mkdir()
    return Listener("/bin/echo", tmp_path / "room", tmp_path)


def started(listener: Listener, *words: bytes | str) -> subprocess.Popen[bytes]:
    with listener.told():
        return subprocess.Popen([str(listener.script), *words], stdout=subprocess.PIPE)


def test_it_asks_and_becomes_what_it_is_told(listener: Listener) -> None:
    process = started(listener, "-m", "1", "-append", "a b", b"\xff\n")
    assert listener.asked(lambda: True) == ["/bin/echo", "-m", "1", "-append", "a b", "\udcff\n"]
    listener.answer(["/bin/echo", "told", "\udcfe", ""])
    assert process.communicate()[0] == b"told \xfe \n"
    listener.close()
    listener.close()


def test_whoever_wants_to_know_what_qemu_can_asks_qemu(listener: Listener) -> None:
    assert started(listener, "-help").communicate()[0] == b"-help\n"
    assert listener.asked(lambda: False) is None


def test_without_an_answer_it_gives_up(listener: Listener) -> None:
    process = started(listener, "-append")
    assert listener.asked(lambda: True) is not None
    listener.close()
    assert process.wait(20) == 1


def test_it_is_kept_and_has_the_time_of_the_qemu_that_it_stands_for(listener: Listener, tmp_path: Path) -> None:
    before = listener.script.stat()
    assert before.st_mtime_ns == Path("/bin/echo").stat().st_mtime_ns
    listener.close()
    again = Listener("/bin/echo", tmp_path / "room", tmp_path)
    assert again.script.stat().st_ino == before.st_ino
    again.close()
    other = Listener("/bin/cat", tmp_path / "room", tmp_path)
    assert other.script.stat().st_mtime_ns == Path("/bin/cat").stat().st_mtime_ns
    other.close()
    assert not (tmp_path / "room" / "ask").exists()


def test_it_is_waited_for_as_long_as_somebody_may_ask(listener: Listener) -> None:
    process: list[subprocess.Popen[bytes]] = []
    threading.Timer(0.2, lambda: process.append(started(listener, "-append"))).start()
    assert listener.asked(lambda: not process or process[0].poll() is None) == ["/bin/echo", "-append"]
    listener.close()
    assert process[0].wait(20) == 1
