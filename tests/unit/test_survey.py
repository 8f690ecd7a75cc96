"""The snapshot grows until the work is done, and a disk that asks for ever is given up with a word."""

from __future__ import annotations

import pytest

from rescue.examine import Examination, examine
from rescue.model import Client
from rescue.survey import complete, survey
from rescue.targets.protocol import TargetError
from rescue.tree import NotCaptured, Read, Tree
from tests.trees import server
from tests.unit.memory_target import MemoryTarget

pytestmark = pytest.mark.unit


def start(target: MemoryTarget, *reads: Read) -> Tree:
    return target.capture(reads)


def test_what_is_there_already_is_not_captured_again() -> None:
    target = MemoryTarget(Tree.of({"/etc/a": "text"}))
    tree = start(target, Read("/etc/a"))
    again, found = complete(target, tree, lambda held: held.text("/etc/a"))
    assert found == "text"
    assert again is tree


def test_what_leads_to_the_next_is_captured_step_by_step() -> None:
    target = MemoryTarget(Tree.of({"/etc/a": "/etc/b", "/etc/b": "/srv/c", "/srv/c": "the end"}))

    def work(tree: Tree) -> str | None:
        at: str | None = "/etc/a"
        while at and at.startswith("/"):
            at = tree.text(at)
        return at

    tree, found = complete(target, Tree({}), work)
    assert found == "the end"
    assert tree.covers("/srv/c", content=True)


def test_a_second_survey_captures_all_at_once() -> None:
    target = MemoryTarget(server({"/etc/ssh/sshd_config": "Include extra.conf\n", "/etc/ssh/extra.conf": ""}))
    tree, _ = survey(target, Client())
    asked: list[int] = []

    def work(tree: Tree, client: Client) -> Examination:
        asked.append(len(tree))
        return examine(tree, client)

    again, _ = survey(target, Client(), work, again=tree)
    assert len(asked) == 1
    assert again.reads == tree.reads


def test_what_does_not_exist_is_an_answer() -> None:
    target = MemoryTarget(Tree.of({"/etc/a": ""}))
    assert complete(target, Tree({}), lambda tree: tree.entry("/not/there"))[1] is None


def test_the_same_question_for_ever_is_given_up() -> None:
    target = MemoryTarget(Tree.of({"/etc/a": ""}))

    def work(tree: Tree) -> None:
        raise NotCaptured(Read("/never/enough", depth=0), Read("/etc/a", depth=0))

    with pytest.raises(TargetError, match="never/enough"):
        complete(target, Tree({}), work)


def test_new_questions_for_ever_are_given_up() -> None:
    target = MemoryTarget(Tree.of({"/etc/a": ""}))
    asked: list[int] = []

    def work(tree: Tree) -> None:
        asked.append(1)
        tree.entry(f"/n{len(asked)}")

    with pytest.raises(TargetError):
        complete(target, Tree({}), work)


def test_large_files_of_many_captures_are_bounded_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rescue.survey.MAX_LARGE", 2 << 20)
    names = [f"/etc/{at}" for at in range(4)]
    target = MemoryTarget(Tree.of(dict.fromkeys(names, b"x" * (3 << 20))))
    tree, found = complete(target, Tree({}), lambda tree: [tree.data_if_read(name) is not None for name in names])
    # Each is asked for in a round of its own: the first fills the room, the others are told to be unread.
    assert found == [True, False, False, False]
    assert [str(path) for path in tree.unread] == names[1:]


def test_small_files_of_many_captures_are_bounded_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rescue.targets.files.capture.MAX_CONTENT", 2 << 20)
    names = [f"/etc/{at}" for at in range(9)]
    target = MemoryTarget(Tree.of(dict.fromkeys(names, b"x" * (1 << 19))))
    with pytest.raises(TargetError, match="MiB of files"):
        complete(target, Tree({}), lambda tree: [tree.data(name) for name in names])
