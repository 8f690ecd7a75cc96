"""CONTRIBUTING.md and docs/architecture.md: the files, commands, tiers and variables that they name are there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

from rescue.labs.lessons.scenario import all_scenarios
from rescue.model import Finding

pytestmark = pytest.mark.unit

REPOSITORY = Path(__file__).resolve().parents[2]
GUIDE = (REPOSITORY / "CONTRIBUTING.md").read_text(encoding="utf-8")
ARCHITECTURE = (REPOSITORY / "docs" / "architecture.md").read_text(encoding="utf-8")
EXAMPLE = re.compile(r"my[-_](cause|mistake)")
SOURCES = ("rescue", "scripts", "tests", ".ci", "images", "Vagrantfile")
VARIABLE = re.compile(r"(?<![A-Z_])RESCUE_[A-Z_]*[A-Z](?![A-Z_])")


def texts() -> Iterator[tuple[Path, str]]:
    """The program's, the scripts' and the tests' files."""
    for name in SOURCES:
        top = REPOSITORY / name
        for path in [top] if top.is_file() else sorted(top.rglob("*")):
            if path.is_file() and path.suffix not in (".pyc", ".md") and path != Path(__file__).resolve():
                yield path, path.read_text(encoding="utf-8", errors="replace")


def commands() -> list[str]:
    """What CONTRIBUTING.md tells to type, without what is said of it."""
    blocks = re.findall(r"^```(\w*)\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
    lines = (line for language, block in blocks if not language for line in block.split("\n"))
    return [line.partition("  #")[0].strip() for line in lines if line.strip()]


def test_the_variables_of_the_environment_are_those_of_the_code() -> None:
    """Add a row to the table in CONTRIBUTING.md, or take one out."""
    rest = GUIDE.partition("## Environment variables\n")[2]
    told = set(
        VARIABLE.findall("\n".join(line.split("|")[1] for line in rest.split("\n## ")[0].split("\n") if "|" in line))
    )
    used = {name for _, text in texts() for name in VARIABLE.findall(text)}
    limits = {name for name in used if name.startswith("RESCUE_LIMIT")}
    assert "`RESCUE_LIMIT_...`" in rest
    assert sorted(used - limits) == sorted(told)


@pytest.mark.parametrize("text", [GUIDE, ARCHITECTURE], ids=["CONTRIBUTING.md", "docs/architecture.md"])
def test_every_file_that_is_named_is_there(text: str) -> None:
    named = re.findall(r"`((?:rescue|tests|scripts|docs|images|\.ci)/[a-zA-Z0-9_./-]+)`", text)
    assert named
    paths = {path.removesuffix("/") for path in named if not EXAMPLE.search(path)}
    assert sorted(path for path in paths if not (REPOSITORY / path).exists()) == []


def test_what_is_to_be_typed_is_there() -> None:
    words = [each.removeprefix("sudo ").split() for each in commands()]
    assert len(words) > 10
    known = {path.name for path in (REPOSITORY / "scripts").iterdir()} | {"rescue"}
    assert [each for each in words if Path(each[0]).name not in known] == []
    names = {each.id for each in all_scenarios()}
    for each in words:
        for word in each[1:] if each[0] == "scripts/test" else ():
            if word.startswith("-"):
                break
            tier = re.search(rf"[ |]{re.escape(word)}[|)]", (REPOSITORY / "scripts/test").read_text())
            there = word in names or (REPOSITORY / word).exists() or tier or EXAMPLE.search(word)
            assert there, f"{' '.join(each)}: {word}"


def test_the_table_of_tiers_is_that_of_the_script() -> None:
    table = GUIDE.partition("| tier | needs")[2].partition("\n\n")[0]
    (known,) = re.findall(r'^known="(.*)"$', (REPOSITORY / "scripts/test").read_text(), re.MULTILINE)
    assert re.findall(r"^\| `([a-z-]+)` ", table, re.MULTILINE) == known.split()


def test_the_fields_of_a_finding_are_those_of_the_code() -> None:
    table = GUIDE.partition("## What a finding says")[2].partition("\n## ")[0]
    told = {name for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)}
    # These say themselves.
    assert told | {"check", "step", "message", "reason"} == {each.name for each in fields(Finding)}
