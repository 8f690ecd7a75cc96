"""Options of iptables with which rules make it run a program (iptables(8), --modprobe): such rules are not loaded."""

from __future__ import annotations

import re

_RUNS = re.compile(r"(?<!\S)-(?:[46bfhnvwx]*M|-mo(?:d(?:p(?:r(?:o(?:be?)?)?)?)?)?(?=[=\s]|\Z))")
"""The letter, alone or behind others that take no value, and the word or what getopt_long(3) takes for it."""

_QUOTES = str.maketrans("", "", "\"'\\")


def runs_programs(text: str) -> bool:
    """Whether rules make iptables run a program of their choice. May also match a comment that looks like it."""
    return _RUNS.search(text.translate(_QUOTES)) is not None
