"""Scripts of nftables that are about one expression or statement each, right and wrong: drawn from a grammar.

Every expression and statement of nft(8) stands in `nft_statements.grammar` with values that it takes and some that it
does not, in all families and at all hooks. Of each script two things are asked: whether nft loads it, and what becomes
of a client then. In the grammar a name's alternatives follow it, each behind a tab, how often it counts ("3*") and
another tab; words in angles are names again.
"""

from __future__ import annotations

import re
from pathlib import Path
from random import Random

GRAMMAR = Path(__file__).with_suffix(".grammar")
_NAME = re.compile(r"<([a-z0-9-]+)>")
_ESCAPED = re.compile(r"\\(.)")
DEEPEST = 12


def _alternatives() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    name = ""
    for line in GRAMMAR.read_text().rstrip("\n").split("\n"):
        if not line.startswith("\t"):
            name = line
            continue
        many, _, text = line[1:].partition("\t")
        plain = _ESCAPED.sub(lambda at: "\n" if at[1] == "n" else at[1], text)
        found.setdefault(name, []).extend([plain] * int(many.rstrip("*") or 1))
    return found


ALTERNATIVES = _alternatives()


def drawn(random: Random, name: str = "script", depth: int = 0) -> str:
    """One text of the grammar."""
    text = random.choice(ALTERNATIVES[name])
    return _NAME.sub(lambda found: drawn(random, found[1], depth + 1) if depth < DEEPEST else "", text)
