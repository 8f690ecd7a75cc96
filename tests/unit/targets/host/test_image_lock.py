"""An image that a QEMU has open: of a running machine, of libguestfs, of one that is about to end."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rescue.targets.host.image_lock import busy, hold_as_writer, refuse_if_used, written_by_machine
from rescue.targets.protocol import TargetBusy

pytestmark = pytest.mark.unit

HOLD = """
import os, sys, time
sys.path.insert(0, sys.argv[2])
from rescue.targets.host.image_lock import hold_as_writer
descriptor = os.open(sys.argv[1], os.O_RDWR)
hold_as_writer(descriptor)
print("held", flush=True)
sys.stdin.read(1)
time.sleep(0.5)  # as a QEMU that was told to end, and writes back what it has
"""


@contextmanager
def held(image: Path, program: str, *words: str) -> Iterator[subprocess.Popen[str]]:
    """A process that has the image open as a QEMU that writes, and is called `program`."""
    called = image.parent / program
    called.symlink_to(sys.executable)
    repository = str(Path(__file__).resolve().parents[4])
    process = subprocess.Popen(
        [str(called), "-c", HOLD, str(image), repository, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        text=True, env={**os.environ, "PYTHONHOME": sys.base_prefix},
    )  # fmt: skip
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "server.img"
    path.write_bytes(bytes(4096))
    return path


def test_an_image_that_nobody_has_open_is_free(image: Path) -> None:
    assert not written_by_machine(image)
    refuse_if_used(image)


def test_a_running_machine_is_told(image: Path) -> None:
    with held(image, "qemu-system-x86_64"):
        assert written_by_machine(image)
        with pytest.raises(TargetBusy, match=f"a running machine uses {image}"):
            refuse_if_used(image)


@pytest.mark.parametrize("words", [("-name", "guestfs-x", "path=/run/libguestfs/guestfsd.sock"), ()])
def test_one_that_is_about_to_end_is_waited_for(image: Path, words: tuple[str, ...]) -> None:
    with held(image, "qemu-system-x86_64" if words else "qemu-nbd", *words) as process:
        assert process.stdin is not None
        process.stdin.write("x")
        process.stdin.flush()
        assert not written_by_machine(image)
        refuse_if_used(image)


def test_another_rescue_is_not_called_a_running_machine(image: Path) -> None:
    with held(image, "qemu-system-x86_64", "path=/run/libguestfs/guestfsd.sock"):
        assert "another program has" in str(busy(image))
    with image.open("r+b") as stream:
        hold_as_writer(stream.fileno())
        assert "a running machine uses" in str(busy(image)), "by somebody who can't be seen"
