"""The vagrant tier runs the lab's three machines as a person does: it needs Vagrant, libvirt's programs and root."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from rescue.labs.vagrant.machines import VagrantLab

STARTED = time.monotonic()


def tell(message: str) -> None:
    """What happens, with the seconds since the start: a boot takes minutes where there is no KVM."""
    print(f"[{time.monotonic() - STARTED:5.0f} s] {message}", flush=True)


@pytest.fixture(scope="session")
def lab() -> Iterator[VagrantLab]:
    """The lab; every machine is removed afterwards."""
    lab = VagrantLab(progress=tell)
    if problem := lab.available():
        pytest.skip(f"no Vagrant: {problem}")
    try:
        yield lab
    finally:
        lab.stop()
