"""``rescue version --verbose``: what a bug report needs. Nothing of a target, no user's or machine's name."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version

from rescue.text.safe import cut, safe
from rescue.verbs.doctor.abilities import host_release

_LIBRARIES = ("pyroute2", "questionary", "rich", "ruamel.yaml", "sh")
_PROGRAMS = (
    ("QEMU", (f"qemu-system-{platform.machine()}", "--version")),
    ("supermin", ("supermin", "--version")),
    ("cryptsetup", ("cryptsetup", "--version")),
    ("nft", ("nft", "--version")),
    ("ssh", ("ssh", "-V")),
)
_LIMIT = 10.0
"""Seconds that a program may take to say its version."""


def versions() -> dict[str, str]:
    """Each part with its version, or "not installed"; in the order in which they are shown."""
    told = {
        "system": host_release().name or "unknown",
        "kernel": f"{platform.release()} {platform.machine()}",
        "Python": platform.python_version(),
        "user": "root" if os.geteuid() == 0 else "not root",
        "terminal": f"TERM={os.environ.get('TERM', '')}, {getattr(sys.stdout, 'encoding', None) or 'no encoding'}",
    }
    for name in _LIBRARIES:
        try:
            told[name] = version(name)
        except PackageNotFoundError:
            told[name] = "not installed"
    told |= {name: _said(words) for name, words in _PROGRAMS}
    return {name: safe(cut(value, 120)) for name, value in told.items()}


def _said(words: tuple[str, ...]) -> str:
    """The first line of what a program says of its version."""
    if shutil.which(words[0]) is None:
        return "not installed"
    try:
        ended = subprocess.run(
            words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            timeout=_LIMIT, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return "does not say"
    return ended.stdout.decode("utf-8", "replace").partition("\n")[0].strip() or "does not say"
