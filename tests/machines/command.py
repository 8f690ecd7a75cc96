"""The program itself, called as a person calls it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.schemas import held

REPOSITORY = Path(__file__).resolve().parents[2]

LIMIT = 300


def rescue(*words: str | Path, home: Path, status: int | None = None) -> dict[str, Any]:
    """Run ``rescue WORDS --json`` and return its document, held against its schema.

    status: the exit status that it has to have.
    home: where it may remember things, so that a test leaves nothing in the real home.
    """
    command = [sys.executable, "-m", "rescue", *map(str, words), "--json"]
    environment = dict(os.environ, PYTHONPATH=str(REPOSITORY), HOME=str(home), XDG_STATE_HOME=str(home / "state"))
    ended = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT, check=False, env=environment
    )
    said = f"{' '.join(command[2:])}: status {ended.returncode}\n{ended.stdout[-2000:]}\n{ended.stderr[-2000:]}"
    assert status is None or ended.returncode == status, said
    document = json.loads(ended.stdout)
    assert isinstance(document, dict), said
    return held(document, str(words[0]))


def causes(document: dict[str, Any]) -> list[str]:
    """The causes that an inspection names, each once, sorted."""
    return sorted({finding["cause"] for finding in document["findings"]})
