"""Where libguestfs is missing, nobody's image is read by this machine's kernel without a word."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from rescue.cli import parser
from rescue.status import Status
from rescue.targets.appliance import target as guestfs
from rescue.targets.media import open_image
from rescue.targets.opening import Opening
from rescue.targets.protocol import OnlyKernel
from rescue.ui.prompts import Asker, Cancellation, NoTerminal
from rescue.verbs.failures import failure
from rescue.verbs.request.door import request_of
from rescue.verbs.request.session import Session, session_of
from tests.trees import server
from tests.unit.memory_target import MemoryTarget

pytestmark = pytest.mark.unit


class Answers:
    """Answers each question the same way, and counts them."""

    def __init__(self, answer: bool) -> None:
        self.answer = answer
        self.asked: list[str] = []

    def choose(self, question: str, options: Sequence[str], *, preselected: int = 0) -> int:
        raise AssertionError(question)

    def confirm(self, question: str) -> bool:
        self.asked.append(question)
        return self.answer

    def text(self, question: str) -> str:
        raise AssertionError(question)


@pytest.fixture
def image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An image, on a machine without libguestfs."""
    path = tmp_path / "server.raw"
    path.write_bytes(b"\0" * 4096)
    monkeypatch.setattr(guestfs, "available", lambda: False)
    return path


def session(monkeypatch: pytest.MonkeyPatch, asker: Asker, *words: str) -> Session:
    monkeypatch.setattr("rescue.verbs.request.session.open_target", lambda spec, **more: MemoryTarget(server()))
    made = session_of(request_of(parser().parse_args(words)))
    made.asker = asker
    return made


@pytest.mark.parametrize(
    ("asker", "words"), [(NoTerminal(), ()), (Answers(True), ("--json",)), (Answers(True), ("--yes",))]
)
def test_a_script_is_refused_with_the_option_to_add(
    image: Path, monkeypatch: pytest.MonkeyPatch, asker: Asker, words: tuple[str, ...]
) -> None:
    made = session(monkeypatch, asker, "fix", str(image), *words)
    with pytest.raises(OnlyKernel) as told, made.target(str(image), write=False):
        pass
    assert "--backend kernel" in told.value.hint
    assert failure(told.value).status is Status.REFUSED


def test_a_person_is_asked_once_and_the_answer_counts(image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asker = Answers(True)
    made = session(monkeypatch, asker, "fix", str(image))
    for write in (False, True):
        with made.target(str(image), write=write):
            assert made.opening_words() == ["--backend", "kernel"]
    assert asker.asked == [f"Do you trust {image}?"]


def test_a_no_opens_nothing(image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = session(monkeypatch, Answers(False), "fix", str(image))
    with pytest.raises(Cancellation), made.target(str(image), write=False):
        pass
    assert made.request.opening.backend == "auto"


def test_who_said_the_kernel_is_not_asked(image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = session(monkeypatch, NoTerminal(), "fix", str(image), "--backend", "kernel")
    with made.target(str(image), write=False):
        pass


def test_the_library_refuses_it_as_well(image: Path) -> None:
    with pytest.raises(OnlyKernel):
        open_image(image, write=False, opening=Opening(), progress=print)
