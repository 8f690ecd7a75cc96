"""What is shown before an undo is what the undo does."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from rescue.apply import JournalError, NothingToUndo, UndoRefused, apply_changes, undo, undoing
from rescue.tree import Change, Tree, directory
from tests.unit.apply.broken import (
    BIG_LOG,
    CONFIG,
    OLD_LOG,
    broken,
    calls,
    clock,
    files,
    killer,
    plan,
    reversible_plan,
    target_of,
)
from tests.unit.memory_target import Killed, MemoryTarget

pytestmark = pytest.mark.unit


def made(tree: Tree, changes: tuple[Change, ...]) -> Tree:
    return tree.with_entries({str(change.path): change.after for change in changes})


def test_what_is_shown_is_what_is_restored_and_nothing_is_written() -> None:
    tree = broken()
    target = target_of(tree)
    applied = apply_changes(target, plan(tree), now=clock())
    before, steps = files(target.tree), len(target.steps)
    meant = undoing(target)
    assert (files(target.tree), len(target.steps)) == (before, steps)
    assert meant.record.id == applied.record.id
    expected = made(target.tree, meant.changes)
    undone = undo(target, meant.record.id, now=clock())
    assert files(target.tree) == files(expected)
    assert {change.path for change in meant.changes} == set(undone.restored)
    assert {str(path) for path in meant.record.not_restorable} == {BIG_LOG, OLD_LOG}


def test_what_is_shown_of_an_interrupted_fix_is_what_its_end_does() -> None:
    tree = broken()
    changes = reversible_plan(tree)
    whole = calls(lambda target: apply_changes(target, changes, now=clock()), MemoryTarget(tree))
    shown = 0
    for at in range(1, whole + 1):
        target = MemoryTarget(tree, killer(at))
        with pytest.raises(Killed):
            apply_changes(target, changes, now=clock())
        after_kill = MemoryTarget(target.tree)
        try:
            meant = undoing(after_kill)
        except NothingToUndo:
            assert files(after_kill.tree) == files(tree)
            continue
        shown += 1
        expected = made(after_kill.tree, meant.changes)
        undo(after_kill, meant.record.id, now=clock())
        assert files(after_kill.tree) == files(expected) == files(tree)
    assert shown > 20


def test_a_fix_that_is_named_is_shown_with_the_interrupted_one_that_ends_first() -> None:
    tree = broken()
    target = target_of(tree)
    now = clock()
    first = apply_changes(target, tree.remove("/etc/nologin").since(tree), now=now)
    between = target.tree
    changes = between.write(CONFIG, "Port 22\n").since(between)
    whole = calls(lambda each: apply_changes(each, changes, now=clock()), MemoryTarget(between))
    target = MemoryTarget(between, killer(whole - 3))
    with pytest.raises(Killed):
        apply_changes(target, changes, now=now)
    meant = undoing(MemoryTarget(target.tree), first.record.id)
    assert meant.record.id == first.record.id
    assert [record.interrupted for record in meant.interrupted] == [True]


def test_what_undo_refuses_is_refused_before_anybody_is_asked() -> None:
    tree = broken()
    target = target_of(tree)
    with pytest.raises(NothingToUndo):
        undoing(target)
    applied = apply_changes(target, reversible_plan(tree), now=clock())
    fixed = target.tree
    target.tree = fixed.write(CONFIG, "by hand\n")
    with pytest.raises(UndoRefused, match="sshd_config"):
        undoing(target)
    target.tree = fixed.remove(f"{applied.journal}/before")
    with pytest.raises(JournalError, match=r"old content of .* missing"):
        undoing(target)


def test_an_old_file_whose_directory_is_gone_is_refused_before_anything_is_written() -> None:
    tree = broken().write("/etc/ssh/sshd_config.d/10-own.conf", "AllowUsers bob\n")
    target = target_of(tree)
    changes = tree.remove("/etc/ssh/sshd_config.d/10-own.conf", "/etc/nologin").since(tree)
    apply_changes(target, changes, now=clock())
    target.tree = target.tree.remove("/etc/ssh/sshd_config.d")
    steps = len(target.steps)
    for attempt in (undoing, undo):
        with pytest.raises(UndoRefused, match=r"no longer exists: /etc/ssh/sshd_config\.d") as refused:
            attempt(target)
        assert refused.value.hint.endswith("mkdir /etc/ssh/sshd_config.d")
        assert refused.value.paths == (PurePosixPath("/etc/ssh/sshd_config.d"),)
    assert all(name == "sync" for name, _ in target.steps[steps:])
    target.tree = target.tree.with_entries({"/etc/ssh/sshd_config.d": directory()})
    undo(target, now=clock())
    assert files(target.tree, times=False) == files(tree, times=False)
