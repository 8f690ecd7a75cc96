"""The cache of what is slow to make and can be made again."""

from __future__ import annotations

import os
from pathlib import Path


def cache_directory() -> Path:
    """RESCUE_CACHE, else ~/.cache/rescue (XDG_CACHE_HOME is honoured). It may not exist yet."""
    if told := os.environ.get("RESCUE_CACHE"):
        return Path(told)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rescue"
