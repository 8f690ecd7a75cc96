"""What a small rescue system has not loaded yet is asked for."""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import FrameType

import pytest

from rescue.targets.host import resources
from rescue.targets.host.resources import ProgramError, ensure_device, run

pytestmark = pytest.mark.unit


def test_a_device_that_is_there_asks_for_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(resources, "run", lambda *words: pytest.fail(f"{words} was run"))
    assert ensure_device(str(tmp_path), "loop")


def test_a_device_that_is_missing_has_its_module_loaded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    device, asked = tmp_path / "loop-control", []

    def modprobe(*words: str) -> str:
        asked.append(words)
        device.touch()
        return ""

    monkeypatch.setattr(resources, "run", modprobe)
    assert ensure_device(str(device), "loop")
    assert asked == [("modprobe", "--quiet", "loop")]


def test_a_kernel_without_the_module_has_no_device(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def modprobe(*words: str) -> str:
        raise ProgramError("modprobe failed")

    monkeypatch.setattr(resources, "run", modprobe)
    assert not ensure_device(str(tmp_path / "loop-control"), "loop")


def test_a_program_gets_its_input_and_gives_back_every_byte() -> None:
    assert run("cat", given=b"first\nsecond \xff" * 50_000) == "first\nsecond \udcff" * 50_000
    assert run("cat") == ""


def test_a_program_that_fails_says_why() -> None:
    with pytest.raises(ProgramError, match=r"^sh failed: no room$"):
        run("sh", "-c", "echo no room >&2; exit 1")
    with pytest.raises(ProgramError, match=r"^sh failed: it exited with status 7$"):
        run("sh", "-c", "exit 7")
    with pytest.raises(ProgramError, match=r"^sh failed: signal 9$"):
        run("sh", "-c", "kill -9 $$")


def test_a_program_that_is_missing_names_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources, "PATH", "/nowhere")
    with pytest.raises(ProgramError, match="qemu-img is not installed") as raised:
        run("qemu-img", "info", "disk")
    assert raised.value.hint == "Install the package qemu-utils."


def test_a_program_does_not_outlive_who_is_interrupted() -> None:
    word = f"54321.{os.getpid()}"  # of no other test on this machine

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    def once_it_runs() -> None:
        while not _running(word.encode()):
            time.sleep(0.01)
        time.sleep(0.5)  # until it is waited for: before that, nobody could know of it
        os.kill(os.getpid(), signal.SIGALRM)

    before = signal.signal(signal.SIGALRM, interrupt)
    watcher = threading.Thread(target=once_it_runs, daemon=True)
    watcher.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            run("sleep", word)
        watcher.join()
    finally:
        signal.signal(signal.SIGALRM, before)
    for _ in range(500):  # it was killed, and ends when the kernel gets to it
        if not _running(word.encode()):
            return
        time.sleep(0.01)
    raise AssertionError("it is still there")


def _running(word: bytes) -> bool:
    """Whether a program with this word among its own is there."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has ended meanwhile
            if word in path.read_bytes().split(b"\0"):
                return True
    return False
