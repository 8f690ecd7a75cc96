"""What the tests of whole machines share: disks looked at from outside, and people who try to log in."""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rescue.labs.images.disks import make_ext4
from rescue.labs.images.image import BuiltImage
from rescue.labs.images.layout import stable_uuid
from rescue.labs.lessons.scenario import Scenario
from rescue.labs.machines.machine import Machine
from rescue.labs.machines.saved import start_healthy
from rescue.labs.machines.ssh import Attempt
from rescue.model import Symptom
from tests.machines.broken import BrokenRoot, Manifest, Stamp

SETTLING = 240.0
"""Seconds that a server which is up may take to show its symptom: fail2ban bans again some time after its start."""

DIGESTS: dict[Path, dict[Stamp, str]] = {}
"""Image -> what was read of its servers' disks: a disk is looked at four times, and few files change between."""


def healthy(machine: Machine, scenario: Scenario) -> None:
    """Bring the scenario's server up, restored if it can be, with a disk of its own size where the scenario says so."""
    disk, image = scenario.disk, machine.image
    if disk is None:
        start_healthy(machine)
        return
    start_healthy(
        machine,
        variant=f"{disk.size}, {disk.inodes}",
        make_disk=lambda path: make_ext4(image.root, path, disk.size, uuid=stable_uuid(image.name), inodes=disk.inodes),
    )


def tried(machine: Machine, scenario: Scenario) -> Attempt:
    """What the scenario's person sees once."""
    return machine.ssh(
        "echo in", user=scenario.user, port=scenario.port, family=scenario.family, password=scenario.password
    )


def seen(machine: Machine, scenario: Scenario, symptom: Symptom) -> Attempt:
    """What the scenario's person sees, asked again for a while until it is `symptom`."""
    deadline = time.monotonic() + SETTLING
    while (attempt := tried(machine, scenario)).symptom is not symptom and time.monotonic() < deadline:
        time.sleep(2)
    return attempt


def is_in(machine: Machine, scenario: Scenario) -> Attempt:
    """The scenario's person logs in, which has to work."""
    attempt = seen(machine, scenario, Symptom.OK)
    assert (attempt.status, attempt.output) == (0, "in\n"), f"{attempt}\n{machine.serial_tail()}"
    return attempt


def digest(path: Path) -> str:
    """SHA-256 of an image's content: of each piece that is not all zeros, and of where it is.

    A hole and written zeros are the same: of zeros that a file system has merely allocated SEEK_DATA (lseek(2)) tells
    while they are in the page cache, so that reading a disk makes another map of it.
    """
    told = hashlib.sha256()
    with path.open("rb") as stream:
        for at in _pieces(stream.fileno()):
            data = os.pread(stream.fileno(), PIECE, at)
            if data != NOUGHT[: len(data)]:
                told.update(b"%d %d\n" % (at, len(data)))
                told.update(data)
    return told.hexdigest()


PIECE = 1 << 20
NOUGHT = bytes(PIECE)


def _pieces(file: int) -> Iterator[int]:
    """Where the pieces begin in which there may be anything, in their order."""
    end = os.lseek(file, 0, os.SEEK_END)
    at = 0
    while at < end:
        try:
            at = os.lseek(file, at, os.SEEK_DATA) // PIECE * PIECE
        except OSError:
            # No data up to the end.
            return
        yield at
        at += PIECE


@contextmanager
def opened(image: BuiltImage, disk: Path) -> Iterator[BrokenRoot]:
    """The root file system of a disk that no machine uses, to be read."""
    flags = ",".join(each for each in ("ro", "loop", image.layout.flags) if each)
    with tempfile.TemporaryDirectory(prefix="rescue-look-") as mount:
        subprocess.run(["mount", "-t", image.layout.filesystem, "-o", flags, str(disk), mount], check=True)
        try:
            yield BrokenRoot(Path(mount), known=DIGESTS.setdefault(image.directory, {}))
        finally:
            subprocess.run(["umount", mount], check=True)


def manifest(image: BuiltImage, disk: Path) -> Manifest:
    """Everything on the disk but the journal of fixes."""
    with opened(image, disk) as root:
        return root.manifest()
