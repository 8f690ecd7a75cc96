"""Fixes taken back: exactly, or not at all."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest

from rescue.apply import (
    ApplyError,
    JournalError,
    NothingToUndo,
    UndoRefused,
    apply_changes,
    damaged,
    history,
    interrupted,
    recover,
    undo,
)
from rescue.undo_log import InDirectory, InTarget, State
from tests.unit.apply.broken import (
    ACL,
    BIG_LOG,
    CONFIG,
    OLD_LOG,
    broken,
    clock,
    files,
    plan,
    reversible_plan,
    target_of,
    without,
)

pytestmark = pytest.mark.unit


def test_undo_gives_the_first_state_back_and_lists_what_is_lost() -> None:
    tree = broken()
    target = target_of(tree)
    apply_changes(target, plan(tree), now=clock())
    undone = undo(target, now=clock())
    assert without(files(target.tree), BIG_LOG, OLD_LOG) == without(files(tree), BIG_LOG, OLD_LOG)
    assert {str(path) for path in undone.not_restorable} == {BIG_LOG, OLD_LOG}
    assert undone.record.state is State.UNDONE
    assert undone.kept == ()
    assert undone.place == "/var/lib/rescue"
    assert not any(path.is_relative_to("/etc/ufw") for path in target.tree.paths())


def test_a_second_undo_says_that_there_is_nothing_to_undo() -> None:
    tree = broken()
    target = target_of(tree)
    applied = apply_changes(target, plan(tree), now=clock())
    undo(target, now=clock())
    before = files(target.tree)
    with pytest.raises(NothingToUndo, match="nothing to undo: no fix"):
        undo(target, now=clock())
    with pytest.raises(NothingToUndo, match="was undone"):
        undo(target, applied.record.id, now=clock())
    assert files(target.tree) == before


def test_without_any_fix_there_is_nothing_to_undo_and_no_history() -> None:
    target = target_of(broken())
    assert history(target) == ()
    assert interrupted(target) is None
    assert recover(target, now=clock()) == ()
    with pytest.raises(NothingToUndo):
        undo(target, now=clock())
    assert target.steps == []


def test_an_unknown_fix_is_an_error_and_so_is_a_name_that_leads_out() -> None:
    target = target_of(broken())
    for name in ("20260101T000000Z", "../../etc"):
        with pytest.raises(ApplyError, match="no such fix"):
            undo(target, name, now=clock())


def test_undo_refuses_where_somebody_changed_a_file_since() -> None:
    tree = broken()
    target = target_of(tree)
    apply_changes(target, reversible_plan(tree), now=clock())
    target.tree = target.tree.write(CONFIG, "Port 22\nAllowUsers bob\n")
    before = files(target.tree)
    with pytest.raises(UndoRefused, match=r"/etc/ssh/sshd_config changed since") as caught:
        undo(target, now=clock())
    assert caught.value.paths == (PurePosixPath(CONFIG),)
    assert files(target.tree) == before
    assert history(target)[-1].state is State.DONE


def test_undo_names_the_later_fix_that_has_to_go_first() -> None:
    tree = broken()
    target = target_of(tree)
    now = clock()
    first = apply_changes(target, tree.write(CONFIG, "Port 22\n").since(tree), now=now)
    tree = target.tree
    second = apply_changes(target, tree.write(CONFIG, "Port 22\nUsePAM yes\n").since(tree), now=now)
    with pytest.raises(UndoRefused) as caught:
        undo(target, first.record.id, now=now)
    assert second.record.id in caught.value.hint
    undo(target, now=now)
    undo(target, now=now)
    assert target.tree.text(CONFIG) == "Port 2222\n"


def test_a_file_that_was_put_back_by_hand_is_no_obstacle() -> None:
    tree = broken()
    target = target_of(tree)
    apply_changes(target, reversible_plan(tree), now=clock())
    by_hand = tree.entry(CONFIG)
    target.tree = target.tree.with_entries({CONFIG: by_hand})
    undone = undo(target, now=clock())
    assert PurePosixPath(CONFIG) not in undone.restored
    assert files(target.tree) == files(tree)


def test_a_directory_of_the_fix_stays_if_something_else_is_in_it() -> None:
    tree = broken()
    target = target_of(tree)
    apply_changes(target, reversible_plan(tree), now=clock())
    target.tree = target.tree.write("/etc/ufw/user.rules", "mine\n")
    undone = undo(target, now=clock())
    assert undone.kept == (PurePosixPath("/etc/ufw"),)
    assert target.tree.text("/etc/ufw/user.rules") == "mine\n"
    assert "/etc/ufw/applications.d" not in target.tree


def test_a_fix_relabelled_by_the_server_can_be_undone() -> None:
    tree = broken()
    target = target_of(tree)
    apply_changes(target, reversible_plan(tree), now=clock())
    entry = target.tree.entry(CONFIG)
    assert entry is not None
    target.tree = target.tree.with_entries({CONFIG: replace(entry, xattrs=(("security.selinux", b"new\0"), ACL))})
    undo(target, now=clock())
    assert files(target.tree) == files(tree)


def test_a_fix_of_nothing_but_a_label_is_made_and_undone() -> None:
    tree = broken()
    entry = tree.entry(CONFIG)
    assert entry is not None
    new = replace(entry, xattrs=(("security.selinux", b"right\0"), ACL))
    target = target_of(tree)
    apply_changes(target, tree.with_entries({CONFIG: new}).since(tree), now=clock())
    found = target.tree.entry(CONFIG)
    assert found is not None
    assert found.xattr("security.selinux") == b"right\0"
    undo(target, now=clock())
    assert files(target.tree) == files(tree)


def test_a_damaged_old_content_is_noticed_before_anything_is_written() -> None:
    tree = broken()
    target = target_of(tree)
    applied = apply_changes(target, reversible_plan(tree), now=clock())
    kept = next(change.kept for change in applied.record.changes if str(change.path) == CONFIG)
    target.tree = target.tree.write(f"{applied.journal}/{kept}", "forged\n")
    before = files(target.tree)
    with pytest.raises(JournalError, match=r"sshd_config is missing .*or damaged"):
        undo(target, now=clock())
    assert files(target.tree) == before


def test_an_unreadable_record_is_listed_and_not_silently_passed_over() -> None:
    tree = broken()
    target = target_of(tree)
    now = clock()
    first = apply_changes(target, tree.remove("/etc/nologin").since(tree), now=now)
    tree = target.tree
    second = apply_changes(target, tree.write(CONFIG, "Port 22\n").since(tree), now=now)
    target.tree = target.tree.write(f"{second.journal}/record.json", "{ junk")
    states = {record.id: record.state for record in history(target)}
    assert states == {first.record.id: State.DONE, second.record.id: State.UNREADABLE}
    for attempt in (None, second.record.id):
        with pytest.raises(JournalError, match="damaged"):
            undo(target, attempt, now=now)
    undo(target, first.record.id, now=now)
    assert "/etc/nologin" in target.tree


DAMAGED = {
    "of no bytes": b"",
    "of a line's end": b"\n",
    "of zeros": bytes(700),
    "cut off": b'{\n  "schema": 1,\n  "id": "2026',
    "of junk": b"\xff\xfe junk",
    "of something else": b"[]",
    "gone": None,
}


@pytest.mark.parametrize("elsewhere", [False, True])
@pytest.mark.parametrize("record", DAMAGED.values(), ids=DAMAGED.keys())
def test_no_damaged_record_loses_the_old_contents(record: bytes | None, elsewhere: bool, tmp_path: Path) -> None:
    store = InDirectory(tmp_path) if elsewhere else None
    tree = broken()
    target = target_of(tree)
    now = clock()
    first = apply_changes(target, reversible_plan(tree), store=store, now=now)
    journal = store or InTarget(target)
    kept = {change.kept for change in first.record.changes if change.kept}
    before = journal.read(first.record.id, kept, 1 << 20)
    assert before.keys() == kept
    if record is None:
        journal.discard(first.record.id, "record.json")
    else:
        journal.write(first.record.id, "record.json", record)
    fixed = target.tree
    apply_changes(target, fixed.write("/etc/motd", "hello\n").since(fixed), store=store, now=now)
    assert journal.read(first.record.id, kept, 1 << 20) == before
    assert [each.id for each in damaged(history(target, store))] == [first.record.id]
    assert [each.id for each in undo(target, store=store, now=now).damaged] == [first.record.id]
    for attempt in (None, first.record.id):
        with pytest.raises(JournalError, match=f"record of fix {first.record.id} is damaged"):
            undo(target, attempt, store=store, now=now)
    assert journal.read(first.record.id, kept, 1 << 20) == before


def test_a_kept_content_that_is_gone_is_no_obstacle_where_it_is_not_needed() -> None:
    tree = broken()
    target = target_of(tree)
    applied = apply_changes(target, reversible_plan(tree), now=clock())
    kept = next(change.kept for change in applied.record.changes if str(change.path) == CONFIG)
    target.tree = target.tree.remove(f"{applied.journal}/{kept}").with_entries({CONFIG: tree.entry(CONFIG)})
    undo(target, now=clock())
    assert files(target.tree) == files(tree)


@pytest.mark.parametrize("time", [0, -1, -(10**18), 13_569_465_600 * 10**9])
def test_any_time_of_a_file_comes_back(time: int) -> None:
    tree = broken()
    old = tree.entry(CONFIG)
    assert old is not None
    tree = tree.with_entries({CONFIG: replace(old, mtime=time)})
    target = target_of(tree)
    apply_changes(target, tree.write(CONFIG, "Port 22\n").since(tree), now=clock())
    found = target.tree.entry(CONFIG)
    assert found is not None
    assert found.mtime not in (time, None)
    undo(target, now=clock())
    assert files(target.tree) == files(tree)
