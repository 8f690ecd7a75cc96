"""``python -m scripts.developer.new_cause NAME [--scenario NAME]``: a cause's files from templates.

The templates are files that work as they are: a check of one line of one file, its test, and a scenario. What has to be
filled in says TODO, and a test is red until it is.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from rescue.checks import all_checks
from rescue.evidence import all_evidence
from rescue.labs.lessons.scenario import all_scenarios
from rescue.man import pages

TEMPLATES = Path(__file__).parent / "templates"
REPOSITORY = Path(__file__).resolve().parents[2]
NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
LONGEST = 40
"""Characters of a name: it is typed in a web console, and is a column of tables."""


def files(cause: str, scenario: str) -> dict[str, str]:
    """The files to write, by their path in the repository."""
    module = cause.replace("-", "_")
    made = {}
    if cause not in {check.id for check in all_checks()}:
        made = {f"rescue/checks/{module}.py": "check.py", f"tests/unit/checks/test_{module}.py": "check_test.py"}
    if scenario:
        folder = f"rescue/labs/scenarios/{scenario}"
        made |= {f"{folder}/{name}": name for name in ("scenario.toml", "break.sh", "solve.sh")}
    texts = {path: (TEMPLATES / name).read_text(encoding="utf-8") for path, name in made.items()}
    return {path: text.replace("cause-id", cause).replace("cause_id", module) for path, text in texts.items()}


def problem(cause: str, scenario: str) -> str:
    """Why these names can't be taken; empty if they can."""
    for name in filter(None, (cause, scenario)):
        if not NAME.fullmatch(name) or len(name) > LONGEST:
            return f"{name!r} is no name: it has to be like sshd-not-installed, with up to {LONGEST} letters"
    if not scenario and cause in {check.id for check in all_checks()}:
        return f"there is a cause {cause!r} already: rescue explain {cause}"
    if cause in {each.id for each in all_evidence()} | pages().keys():
        return f"{cause!r} is a page of rescue explain already"
    if scenario in {each.id for each in all_scenarios()}:
        return f"there is a scenario {scenario!r} already: rescue lab list"
    return ""


def main(words: Sequence[str], repository: Path = REPOSITORY) -> int:
    """Write the files, and say what to do next; the exit status."""
    parser = argparse.ArgumentParser("scripts/new-cause", description="Write a cause's check and test from templates.")
    parser.add_argument(
        "cause", metavar="NAME", help="the cause's id (ufw-no-ssh-rule); an existing one with --scenario"
    )
    parser.add_argument(
        "--scenario", metavar="NAME", default="", help="a scenario, too: a server that is broken that way"
    )
    given = parser.parse_args(words)
    if why := problem(given.cause, given.scenario):
        print(f"new-cause: {why}", file=sys.stderr)
        return 2
    made = files(given.cause, given.scenario)
    if there := [path for path in made if (repository / path).exists()]:
        print(f"new-cause: {', '.join(there)} is there already; nothing was written", file=sys.stderr)
        return 1
    for path, text in made.items():
        (repository / path).parent.mkdir(parents=True, exist_ok=True)
        (repository / path).write_text(text, encoding="utf-8")
        print(f"written: {path}")
    print("Fill in what says TODO. Then:")
    if any(path.startswith("tests/") for path in made):
        print(f"  scripts/test tests/unit/checks/test_{given.cause.replace('-', '_')}.py")
    if given.scenario:
        print("  scripts/test tests/unit/labs/lessons/test_scenario.py tests/unit/test_house.py")
        print(f"  sudo scripts/test {given.scenario}")
    print("  scripts/update-readme\n  scripts/test lint unit")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
