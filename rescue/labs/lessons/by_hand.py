"""What a person types in a web console against a cause, from the scenarios that have it: each was tried on a server."""

from __future__ import annotations

from collections.abc import Iterator

from rescue.labs.lessons.scenario import Scenario, all_scenarios

HEAD = "By hand in the web console"
MOST = 2
"""Scenarios that are shown of one cause: where the same mistake was made in another way, other commands help."""
WIDTH = 80
INDENT = "    "
NAMES = {
    "alice": "alice is your user name",
    "192.0.2.1": "192.0.2.1 the address that you connect from",
}
"""What is a lab's own in a command, and what to type instead."""


def by_hand(cause: str) -> str:
    """The paragraphs for a manual; "" where no scenario has the cause."""
    found = sorted((each for each in all_scenarios() if cause in each.causes), key=lambda each: len(each.causes))
    alone = [each for each in found if len(each.causes) == 1] or found[:1]
    shown: dict[str, Scenario] = {}
    for each in alone:
        shown.setdefault(each.solve_script, each)
    return "\n\n".join(_ways(cause, list(shown.values())[:MOST]))


def _ways(cause: str, scenarios: list[Scenario]) -> Iterator[str]:
    if not scenarios:
        return
    yield f"{HEAD}: log in there as root, and type what helped on the practice server that was broken like that. " + (
        "Look at each file first: yours may differ."
    )
    for each in scenarios:
        others = [other for other in each.causes if other != cause]
        with_ = f", which also mends {' and '.join(others)}" if others else ""
        yield f'"{each.title}" (lab {each.id}){with_}:'
        yield "\n".join(INDENT + row for line in each.solve_script.rstrip("\n").split("\n") for row in typed(line))
    said = [words for name, words in NAMES.items() if any(name in each.solve_script for each in scenarios)]
    if said:
        yield f"There, {' and '.join(said)}."


def typed(line: str, width: int = WIDTH - len(INDENT)) -> list[str]:
    """A command in rows of at most `width` columns, as a shell takes them: broken at a blank outside quotes."""
    rows: list[str] = []
    while len(line) > width:
        at = max((place for place in _blanks(line) if place <= width - 2), default=0)
        if not at:
            break
        rows.append(f"{line[:at]} \\")
        line = f"  {line[at:].lstrip()}"
    return [*rows, line]


def _blanks(line: str) -> Iterator[int]:
    """Where a blank separates two words, behind the indent."""
    quote = ""
    escaped = False
    for at, character in enumerate(line):
        if escaped:
            escaped = False
        elif character == "\\" and quote != "'":
            escaped = True
        elif quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character == " " and line[:at].strip():
            yield at
