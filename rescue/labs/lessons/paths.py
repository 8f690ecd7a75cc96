"""Where the labs find and keep things: the recipes of the checkout, and the lab that is going on."""

from __future__ import annotations

import os
from pathlib import Path

from rescue.labs.errors import LabError

RECIPES = Path(__file__).resolve().parents[3] / "images"
"""Beside the package, in a checkout: they are no part of what pip installs."""


def recipes_directory() -> Path:
    """The directory of the servers' recipes. Raises LabError where the program was installed without it."""
    if not (RECIPES / "debian12.toml").is_file():
        raise LabError(
            "the recipes of the lab's servers are not here: this rescue was installed without its checkout",
            "Get the source (git clone), and run scripts/setup and .venv/bin/rescue in it.",
        )
    return RECIPES


def lab_directory() -> Path:
    """Where the lab that is going on is kept: rescue/lab in XDG_STATE_HOME, else in ~/.local/state."""
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "rescue" / "lab"
