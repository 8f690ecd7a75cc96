"""A signal while one of the rescue system's programs runs."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from rescue.targets.host.resources import Resources, run

pytestmark = pytest.mark.system


@pytest.fixture
def soon() -> Iterator[None]:
    """SIGTERM for this process in a tenth of a second."""
    timer = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGTERM))
    timer.start()
    yield
    timer.join()


def test_a_signal_ends_the_program_and_is_told(soon: None) -> None:
    with pytest.raises(KeyboardInterrupt):
        run("sleep", "60")


def test_what_closes_is_done_to_its_end(soon: None, tmp_path: Path) -> None:
    """An unmounting that a signal ended halfway would leave the rest open."""
    resources = Resources()
    done = tmp_path / "done"
    resources.add(lambda: _keep(done, run("sh", "-c", "sleep 0.5; echo closed")))
    with pytest.raises(KeyboardInterrupt):
        resources.close()
    assert done.read_text() == "closed\n"


def _keep(path: Path, text: str) -> None:
    path.write_text(text)
