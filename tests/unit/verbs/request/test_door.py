"""Every option that the command line knows arrives in a request or among the verb's own, and nothing else does."""

from __future__ import annotations

from argparse import _SubParsersAction
from dataclasses import fields
from pathlib import Path

import pytest

from rescue.cli import parser
from rescue.errors import UsageError
from rescue.verbs.request.client import ClientOptions
from rescue.verbs.request.door import options_of, request_of
from rescue.verbs.request.options import OPTIONS, FixOptions, UndoOptions
from rescue.verbs.request.request import OpeningOptions, OutputOptions

pytestmark = pytest.mark.unit

VERBS = next(action.choices for action in parser()._actions if isinstance(action, _SubParsersAction))
SHARED = {each.name for kind in (ClientOptions, OpeningOptions, OutputOptions) for each in fields(kind)} | {"target"}
TELLS_ITSELF = ("help", "version")
NOT_PARSED = {"shell": {"command"}}
"""What stands behind "--" never reaches the parser."""


@pytest.mark.parametrize("verb", sorted(set(VERBS) - set(TELLS_ITSELF)))
def test_what_is_parsed_is_taken_over(verb: str) -> None:
    parsed = {action.dest for action in VERBS[verb]._actions} - {"help"}
    own = {each.name for each in fields(OPTIONS[verb])}
    assert parsed - SHARED == own - NOT_PARSED.get(verb, set())


def test_every_verb_but_the_guided_way_has_a_parser() -> None:
    assert set(OPTIONS) - {"menu"} == set(VERBS) - set(TELLS_ITSELF)


def test_a_request_says_what_the_words_say() -> None:
    words = parser().parse_args(
        ["undo", "/dev/vdb", "20260102T030405Z", "--yes", "--json", "--backend", "kernel", "--disk", "a", "--disk", "b"]
    )
    made = request_of(words)
    assert (made.verb, made.spec, made.unattended, made.output.json) == ("undo", "/dev/vdb", True, True)
    assert made.opening == OpeningOptions("kernel", disks=("a", "b"))
    assert options_of(words) == UndoOptions("20260102T030405Z", yes=True)


def test_what_is_said_several_times_is_a_tuple() -> None:
    words = parser().parse_args(["fix", "--only", "nologin", "--only", "2", "--from", "192.0.2.1", "/", "3"])
    assert options_of(words) == FixOptions(("/", "3"), ("nologin", "2"))
    assert [str(each) for each in request_of(words).client.sources] == ["192.0.2.1"]


def test_a_client_that_can_not_be_is_refused(tmp_path: Path) -> None:
    for words in (["--from", "0.0.0.0"], ["--port", "0"], ["--key", str(tmp_path / "none.pub")]):
        with pytest.raises(UsageError):
            request_of(parser().parse_args(["inspect", "/", *words]))
