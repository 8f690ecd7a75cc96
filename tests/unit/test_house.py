"""The rules of the house: checks have manuals and tests, rooms stay small, the README names every command and option.

What `scripts/update-readme` writes is held by its --check, in the tier lint.
"""

from __future__ import annotations

import ast
import re
from argparse import ArgumentParser, _SubParsersAction
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from rescue.checks import Check, all_checks
from rescue.cli import parser
from rescue.evidence import Evidence, all_evidence
from rescue.login_path import State, Verdict, login_path
from rescue.man import pages
from rescue.model import Gap, Step

pytestmark = pytest.mark.unit

REPOSITORY = Path(__file__).resolve().parents[2]
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
COMMANDS = (REPOSITORY / "docs" / "commands.md").read_text(encoding="utf-8")
NO_READERS = {
    "logs/timeline.py": "files that a server writes by itself, of which nothing is read",
    "checks/mass_chown.py": "a table of owners: paths of all kinds, of which nothing is read",
    "checks/mass_chmod.py": "asks for modes, reads nothing",
    "checks/file_too_large.py": "patterns of the files that decide, of which nothing is read",
    "evidence/own_commands.py": "a table of the files that commands of one's own may change",
    "logins/walls/judge.py": "paths that a unit may hide, of which nothing is read",
    "redaction/files.py": "a table of what leaves the machine, and in which form",
    "redaction/scripts.py": "the same, of scripts",
    "targets/chroot/run.py": "the rescue system's own files",
}
"""Modules that name configuration files and read none of them."""
OTHER_READERS = {
    "/boot/grub/grub.cfg": "network/managers looks for the word ip=; boot/loader, above it, reads the entries",
    "/boot/grub2/grub.cfg": "the same",
    "/etc/ssh/sshd_config": "pam/templates, below sshd/, knows the copy that the package keeps of it",
    "/etc/ssh/moduli": "sshd's own default of a keyword, and the same where no sshd_config was read",
}
"""Files that two modules name, and why that is no second reader."""
PARTS = ("Symptom:", "Cause:", "Repair:", "See:")


@pytest.mark.parametrize("check", all_checks(), ids=lambda check: check.id)
def test_a_check_has_a_whole_manual(check: Check) -> None:
    paragraphs = check.manual.strip().split("\n\n")
    assert check.title
    assert len(" ".join(paragraphs[0].split())) <= 160
    assert [part for part in PARTS if any(each.startswith(part) for each in paragraphs)] == list(PARTS)


@pytest.mark.parametrize("check", all_checks(), ids=lambda check: check.id)
def test_a_check_has_a_test_of_its_own(check: Check) -> None:
    name = check.id.replace("-", "_")
    text = (REPOSITORY / "tests" / "unit" / "checks" / f"test_{name}.py").read_text(encoding="utf-8")
    assert "def test_" in text


@pytest.mark.parametrize("each", all_evidence(), ids=lambda each: each.id)
def test_what_may_stay_unjudged_has_a_manual_and_a_test(each: Evidence) -> None:
    paragraphs = each.manual.strip().split("\n\n")
    parts = ("Decides:", "Not judged:", "Supply:")
    assert len(" ".join(paragraphs[0].split())) <= 160
    assert [part for part in parts if any(text.startswith(part) for text in paragraphs)] == list(parts)
    name = each.id.replace("-", "_")
    text = (REPOSITORY / "tests" / "unit" / "evidence" / f"test_{name}.py").read_text(encoding="utf-8")
    assert "def test_" in text


def test_no_step_is_ok_without_its_evidence() -> None:
    for each in all_evidence():
        path = login_path([], Step, [Gap(each.id, each.step, "x")])
        assert {step.step for step in path.steps if step.state is not State.OK} == {each.step}
        assert path.verdict is Verdict.INCOMPLETE


def test_no_step_is_ok_that_no_check_reads_anything_for() -> None:
    judged = {check.step for check in all_checks()}
    assert judged == set(Step)
    for link in Step:
        states = {step.step: step.state for step in login_path([], judged - {link}).steps}
        assert states[link] is State.NOT_JUDGED


def test_the_readme_names_every_verb_and_its_page_every_option() -> None:
    told = parser().format_help()
    verbs = re.findall(r"^    ([a-z]+) ", told, re.MULTILINE)
    assert verbs
    assert [verb for verb in verbs if f"`rescue {verb}" not in README] == []
    options = {
        word
        for verb in verbs
        for action in _verb(verb)._actions
        for word in action.option_strings
        if word.startswith("--") and word != "--help"
    }
    assert sorted(option for option in options if option not in COMMANDS) == []


def test_a_page_says_in_its_first_line_what_it_is_about() -> None:
    assert all(text.partition("\n")[0].strip().endswith(".") for text in pages().values())


def test_a_configuration_file_is_named_in_one_module() -> None:
    """Where a second module names it, there is a second reader, or there will be: import the name from the first.

    Not looked at are folders, f-strings (which are for people, most of them), docstrings, and labs/, which makes
    servers in place of reading them.
    """
    found: dict[str, set[str]] = defaultdict(set)
    for path in sorted((REPOSITORY / "rescue").rglob("*.py")):
        module = str(path.relative_to(REPOSITORY / "rescue"))
        if not module.startswith("labs/"):
            for name in _configuration(ast.parse(path.read_text(encoding="utf-8"))):
                found[name].add(module)
    folders = {str(parent) for name in found for parent in Path(name).parents}
    files = {name: each - NO_READERS.keys() for name, each in found.items() if name not in folders and name[-1] != "*"}
    assert {name: sorted(modules) for name, modules in files.items() if len(modules) > 1} == {
        name: sorted(files[name]) for name in OTHER_READERS
    }
    assert NO_READERS.keys() <= {module for modules in found.values() for module in modules}


def _configuration(module: ast.Module) -> Iterator[str]:
    """The paths below /etc and /boot among the module's literals; a folder that is read is one by what is added."""
    passed_by = {id(each) for node in ast.walk(module) if isinstance(node, ast.JoinedStr) for each in node.values}
    passed_by |= {id(node.value) for node in ast.walk(module) if isinstance(node, ast.Expr)}
    for node in ast.walk(module):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in passed_by:
            if re.fullmatch(r"/(?:etc|boot)/[\w.@/*-]*\w", node.value):
                yield node.value
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Read":
            depths = [each.value for each in node.keywords if each.arg == "depth"]
            if node.args and isinstance(node.args[0], ast.Constant) and _deep(depths):
                yield f"{node.args[0].value!s}/*"


def _deep(depths: list[ast.expr]) -> bool:
    return any(isinstance(each, ast.Constant) and isinstance(each.value, int) and each.value > 0 for each in depths)


def _verb(name: str) -> ArgumentParser:
    verbs = next(action for action in parser()._actions if isinstance(action, _SubParsersAction))
    found: ArgumentParser = verbs._name_parser_map[name]
    return found


MOST_FILES = 20
CROWDED = {"checks": "one module, one cause", "evidence": "one module, one thing that decides"}
"""Rooms that may hold more files, and why nothing in them has to be looked for. A scenario is a folder of three."""


def test_no_room_is_crowded() -> None:
    """A room that is too full has two subjects: give one of them a room of its own."""
    package = REPOSITORY / "rescue"
    counts = Counter(path.parent.relative_to(package).as_posix() for path in package.rglob("*.py"))
    # What says that it is a package is not counted.
    crowded = {room: count - 1 for room, count in counts.items() if count - 1 > MOST_FILES}
    assert crowded.keys() == CROWDED.keys(), crowded


def unfinished(repository: Path) -> list[str]:
    """Files of checks and scenarios that scripts/new-cause wrote and that were not filled in."""
    return [
        str(path.relative_to(repository))
        for folder in ("rescue/checks", "rescue/labs/scenarios")
        for path in sorted((repository / folder).rglob("*"))
        if path.suffix in (".py", ".toml", ".sh") and "TODO" in path.read_text(encoding="utf-8")
    ]


def test_nothing_is_still_to_be_filled_in() -> None:
    found = unfinished(REPOSITORY)
    assert not found, f"fill in what says TODO in {', '.join(found)}"
