"""Of several servers on one disk, a person chooses one with a digit; a script is told what to say."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from rescue.cli import parser
from rescue.targets.protocol import SeveralRoots
from rescue.ui.prompts import Asker, NoTerminal
from rescue.verbs.request.door import request_of
from rescue.verbs.request.session import Session, session_of
from tests.trees import server
from tests.unit.memory_target import MemoryTarget

pytestmark = pytest.mark.unit

ROOTS = (("1", "Debian, 'one'"), ("5", "Debian, 'two'"))


class Second:
    """Takes the second of what is offered."""

    def choose(self, question: str, options: Sequence[str], *, preselected: int = 0) -> int:
        assert list(options) == ["Debian, 'one'", "Debian, 'two'"]
        return 1

    def confirm(self, question: str) -> bool:
        raise AssertionError(question)

    def text(self, question: str) -> str:
        raise AssertionError(question)


def session(monkeypatch: pytest.MonkeyPatch, asker: Asker, *words: str) -> Session:
    def opening(spec: str, *, root: str | None, **more: object) -> MemoryTarget:
        if root is None:
            raise SeveralRoots(spec, ROOTS)
        return MemoryTarget(server())

    monkeypatch.setattr("rescue.verbs.request.session.open_target", opening)
    made = session_of(request_of(parser().parse_args(words)))
    made.asker = asker
    return made


def test_the_choice_counts_for_this_run_and_for_the_commands_that_it_proposes(monkeypatch: pytest.MonkeyPatch) -> None:
    made = session(monkeypatch, Second(), "inspect", "/dev/sdz")
    with made.target("/dev/sdz", write=False):
        assert made.opening_words() == ["--root", "5"]
    with made.target("/dev/sdz", write=True):
        pass


@pytest.mark.parametrize(
    ("asker", "words"),
    [(NoTerminal(), ()), (Second(), ("--json",)), (Second(), ("--yes",))],
    ids=["nobody", "json", "yes"],
)
def test_a_script_is_not_asked(monkeypatch: pytest.MonkeyPatch, asker: Asker, words: tuple[str, ...]) -> None:
    made = session(monkeypatch, asker, "fix", "/dev/sdz", *words)
    told_both = pytest.raises(SeveralRoots, match="1: Debian, 'one'; 5: Debian, 'two'")
    with told_both as told, made.target("/dev/sdz", write=True):
        pass
    assert told.value.hint == "Choose one: --root 1"
