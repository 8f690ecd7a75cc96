"""What a small rescue system has not loaded yet is asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from rescue.targets.host import resources
from rescue.targets.host.resources import ProgramError, ensure_device

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
