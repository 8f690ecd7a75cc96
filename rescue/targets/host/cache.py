"""Where is kept what takes long to make and can be made again."""

from __future__ import annotations

import os
from pathlib import Path


def cache_directory() -> Path:
    """RESCUE_CACHE, else ~/.cache/rescue (XDG_CACHE_HOME is honoured). It need not be there yet."""
    if told := os.environ.get("RESCUE_CACHE"):
        return Path(told)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rescue"
