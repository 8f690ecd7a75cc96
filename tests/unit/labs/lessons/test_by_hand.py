"""The manual way of a cause is what its scenarios were solved with, as it is typed."""

from __future__ import annotations

import re
import shlex
import subprocess

import pytest

from rescue.checks import all_checks
from rescue.labs.lessons.by_hand import HEAD, INDENT, by_hand, typed
from rescue.labs.lessons.scenario import all_scenarios

pytestmark = pytest.mark.unit

CAUSES = sorted({cause for each in all_scenarios() for cause in each.causes} & {check.id for check in all_checks()})


@pytest.mark.parametrize("cause", CAUSES)
def test_every_cause_with_a_scenario_has_the_way_by_hand(cause: str) -> None:
    told = by_hand(cause)
    assert told.startswith(HEAD)
    [named, *_] = re.findall(r"\(lab ([a-z0-9-]+)\)", told)
    solved = next(each for each in all_scenarios() if each.id == named)
    assert cause in solved.causes
    rows = [line.removeprefix(INDENT) for line in told.split("\n") if line.startswith(INDENT)]
    words = shlex.split("\n".join(rows).replace("\\\n", ""))
    assert words[: len(shlex.split(solved.solve_script))] == shlex.split(solved.solve_script)
    assert max(map(len, rows)) <= 76
    assert told.isascii()


def test_a_cause_without_a_scenario_has_none() -> None:
    assert by_hand("no-such-cause") == ""


def test_a_scenario_of_this_cause_alone_is_taken_first() -> None:
    assert "also mends" not in by_hand("ufw-no-ssh-rule")


@pytest.mark.parametrize(
    ("line", "rows"),
    [
        ("ufw disable", ["ufw disable"]),
        ("printf %s one two three", ["printf %s \\", "  one two \\", "  three"]),
        ("printf '%s one two three four'", ["printf \\", "  '%s one two three four'"]),
        ("printfprintfprintf", ["printfprintfprintf"]),
    ],
)
def test_a_long_command_is_broken_where_a_shell_does_not_mind(line: str, rows: list[str]) -> None:
    assert typed(line, 12) == rows
    if line.startswith("printf "):
        broken = subprocess.run(["sh", "-c", "\n".join(rows)], capture_output=True, check=False)
        assert broken.stdout == subprocess.run(["sh", "-c", line], capture_output=True, check=False).stdout
