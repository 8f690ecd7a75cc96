"""Somebody who practises with `rescue lab`, on the command line alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rescue.labs.lessons.private_mounts import own_mounts
from tests.machines.command import REPOSITORY

LIMIT = 900
"""Seconds that a command may take: a machine that is booted on a busy computer is the longest."""


@dataclass
class Person:
    """Somebody who practises, with a state directory of their own."""

    home: Path

    @property
    def lab(self) -> Path:
        return self.home / "state" / "rescue" / "lab"

    @property
    def disk(self) -> Path:
        return self.lab / "server.raw"

    @property
    def left(self) -> list[str]:
        """What lies in the lab's directory, but for the lock and the list of what was passed."""
        return sorted({path.name for path in self.lab.iterdir()} - {"lock", "passed.json"})

    def environment(self) -> dict[str, str]:
        return dict(os.environ, PYTHONPATH=str(REPOSITORY), HOME=str(self.home),
                    XDG_STATE_HOME=str(self.home / "state"),
                    XDG_CACHE_HOME=str(Path.home() / ".cache"))  # fmt: skip

    def begin(self, *words: str) -> subprocess.Popen[str]:
        """The command, running."""
        command = [sys.executable, "-m", "rescue", *words]
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=self.environment(), start_new_session=True,
        )  # fmt: skip

    def types(self, *words: str, status: int = 0) -> str:
        """The command to its end, with the status that it has to have; what it printed."""
        running = self.begin(*words)
        said, complained = running.communicate(timeout=LIMIT)
        assert running.returncode == status, f"{words}: status {running.returncode}\n{said}\n{complained}"
        return said + complained

    def reads(self, *words: str, status: int = 0) -> dict[str, Any]:
        """The document of the command."""
        running = self.begin(*words, "--json")
        said, complained = running.communicate(timeout=LIMIT)
        assert running.returncode == status, f"{words}: status {running.returncode}\n{said}\n{complained}"
        document = json.loads(said)
        assert isinstance(document, dict)
        return document

    def starts(self, name: str, way: str = "namespaces") -> dict[str, Any]:
        """A lab, with its document."""
        return self.reads("lab", "start", name, "--with", way)

    def edits(self, change: Callable[[Path], None]) -> None:
        """Do something to the mounted disk, as with ``mount -o loop``."""
        with own_mounts(), self.mounted() as root:
            change(root)

    @contextmanager
    def mounted(self) -> Iterator[Path]:
        point = self.home / "mnt"
        point.mkdir(exist_ok=True)
        subprocess.run(["mount", "-o", "loop", str(self.disk), str(point)], check=True)
        try:
            yield point
        finally:
            subprocess.run(["umount", str(point)], check=True)
