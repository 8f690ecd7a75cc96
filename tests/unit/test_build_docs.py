"""The handbook's sources: a page for each cause, every link leads somewhere, nothing of a manual is Markdown."""

from __future__ import annotations

import posixpath
import re

import pytest

from rescue.checks import all_checks
from rescue.evidence import all_evidence
from rescue.labs.lessons.by_hand import by_hand
from rescue.man import pages
from scripts.developer.handbook import _linked, _paragraphs, main, sources

pytestmark = pytest.mark.unit

MADE = sources()


def test_there_is_a_page_for_each_cause_each_gap_and_each_page_of_the_manual() -> None:
    wanted = {f"causes/{each.id}.md" for each in all_checks()} | {f"unjudged/{each.id}.md" for each in all_evidence()}
    assert wanted | {f"manual/{name}.md" for name in pages()} <= MADE.keys()
    assert all(text.startswith("# ") for text in MADE.values())


@pytest.mark.parametrize("check", [each.id for each in all_checks()])
def test_a_causes_page_has_its_symptom_and_the_way_by_hand(check: str) -> None:
    page = MADE[f"causes/{check}.md"]
    assert "**Symptom:**" in page
    assert ("## By hand" in page) is bool(by_hand(check))


def test_every_page_is_in_the_contents_and_every_link_leads_somewhere() -> None:
    listed = {"index.md"}
    for name, text in MADE.items():
        here = posixpath.dirname(name)
        found = re.findall(r"```\{toctree\}\n(.*?)```", text, re.DOTALL)
        entries = [line for each in found for line in each.split("\n") if line and not line.startswith(":")]
        there = {posixpath.normpath(posixpath.join(here, f"{entry}.md")) for entry in entries}
        assert there <= MADE.keys(), name
        listed |= there
        links = re.findall(r"\]\(([^)#]+\.md)", text)
        assert {posixpath.normpath(posixpath.join(here, each)) for each in links} <= MADE.keys(), name
    assert listed == MADE.keys()


def test_a_manual_is_text() -> None:
    assert _paragraphs("See: /etc/*.d, a_b_c, <x> and `a*b`.") == (
        "**See:** /etc/\\*.d, a\\_b\\_c, \\<x\\> and `a*b`.\n\n"
    )
    assert _paragraphs("    a  ```b\n    c") == "````text\na  ```b\nc\n````\n\n"


def test_links_that_leave_the_handbook_are_words() -> None:
    text = "[a](docs/via.md#x) [b](../README.md) [c](causes.md) [d](https://example.org) ![e](inspect.svg)"
    assert _linked(text, ["via"]) == (
        "[a](via.md#x) b [c](../causes/index.md) [d](https://example.org) ![e](inspect.svg)"
    )


def test_a_folder_has_to_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "scripts/build-docs FOLDER" in capsys.readouterr().err
