"""What is kept of saved machines, and for how long."""

import os
from pathlib import Path

import pytest

from rescue.labs.machines.saved import UNUSED, _remove_orphans

pytestmark = pytest.mark.unit

IMAGE, STATE = "debian12-0123456789ab", "debian12-0123456789ab-ba9876543210"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RESCUE_CACHE", str(tmp_path))
    for path in (tmp_path / IMAGE, tmp_path / "saved" / STATE):
        path.mkdir(parents=True)
    (tmp_path / "saved" / f"{STATE}.lock").touch()
    return tmp_path / "saved"


def test_a_saved_machine_is_kept_with_its_image(place: Path) -> None:
    _remove_orphans(place)
    assert sorted(path.name for path in place.iterdir()) == [STATE, f"{STATE}.lock"]


def test_a_saved_machine_goes_with_its_image(place: Path) -> None:
    (place.parent / IMAGE).rmdir()
    _remove_orphans(place)
    assert list(place.iterdir()) == []


def test_a_saved_machine_that_nobody_asks_for_goes(place: Path) -> None:
    long_ago = (place / STATE).stat().st_mtime - UNUSED - 60
    os.utime(place / STATE, (long_ago, long_ago))
    _remove_orphans(place)
    assert not (place / STATE).exists()
