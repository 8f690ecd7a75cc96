"""What a kill leaves of a fix, and what the next run makes of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest

from rescue.apply import (
    Conflict,
    TargetChanged,
    apply_changes,
    history,
    interrupted,
    recover,
    undo,
)
from rescue.tree import Tree, directory, file
from rescue.undo_log import InDirectory, InTarget, State, encode
from tests.trees import server
from tests.unit.apply.broken import (
    BIG_LOG,
    CONFIG,
    OLD,
    OLD_LOG,
    broken,
    calls,
    clock,
    files,
    full,
    killer,
    old_or_new,
    plan,
    repaired,
    reversible_plan,
    target_of,
    without,
)
from tests.unit.memory_target import Killed, MemoryTarget

pytestmark = pytest.mark.unit


def killed(tree: Tree) -> MemoryTarget:
    """A target on which a fix was killed near its end."""
    changes = reversible_plan(tree)
    whole = calls(lambda target: apply_changes(target, changes, now=clock()), MemoryTarget(tree))
    target = MemoryTarget(tree, killer(whole - 8))
    with pytest.raises(Killed):
        apply_changes(target, changes, now=clock())
    return target


@pytest.mark.parametrize("elsewhere", [False, True])
def test_killed_at_any_moment_a_fix_is_ended_by_the_next_run_and_undone(elsewhere: bool, tmp_path: Path) -> None:
    tree = broken()
    changes = plan(tree)
    for at in range(1, 1000):
        store = InDirectory(tmp_path / str(at)) if elsewhere else None
        target = MemoryTarget(tree, killer(at))
        try:
            apply_changes(target, changes, store=store, now=clock())
        except Killed:
            pass
        else:
            assert at > 30
            return
        old_or_new(target.tree, tree, repaired(tree))
        after_kill = MemoryTarget(target.tree)
        was = interrupted(after_kill, store)
        ended = recover(after_kill, store, now=clock())
        assert [each.record.id for each in ended] == ([was.id] if was else [])
        logs = (BIG_LOG, OLD_LOG)
        if history(after_kill, store) and history(after_kill, store)[-1].state is State.DONE:
            assert files(after_kill.tree, times=False) == files(repaired(tree), times=False)
            undo(after_kill, store=store, now=clock())
        assert without(files(after_kill.tree), *logs) == without(files(tree), *logs), at
        assert recover(after_kill, store, now=clock()) == ()
        assert interrupted(after_kill, store) is None
    raise AssertionError("it never ended")


def test_killed_at_any_moment_an_undo_is_finished_by_the_next_undo() -> None:
    tree = broken()
    fixed = target_of(tree)
    now = clock()
    apply_changes(fixed, tree.write("/etc/motd", "first\n").since(tree), now=now)
    tree = fixed.tree
    applied = apply_changes(fixed, reversible_plan(tree), now=now)
    moments = calls(lambda target: undo(target, now=clock()), MemoryTarget(fixed.tree))
    assert moments > 20
    for at in range(1, moments + 1):
        target = MemoryTarget(fixed.tree, killer(at))
        with pytest.raises(Killed):
            undo(target, now=clock())
        old_or_new(target.tree, tree, fixed.tree)
        again = MemoryTarget(target.tree)
        if history(again)[-1].state is State.UNDONE:
            assert files(again.tree) == files(tree)
            continue
        undone = undo(again, now=clock())
        assert undone.record.id == applied.record.id, "an earlier fix was undone instead"
        assert files(again.tree) == files(tree)
        assert [record.state for record in history(again)] == [State.DONE, State.UNDONE]


def test_killed_at_any_moment_a_recovery_is_carried_on() -> None:
    tree = broken()
    target = killed(tree)
    half = target.tree
    moments = calls(lambda each: recover(each, now=clock()), MemoryTarget(half))
    assert moments > 20
    for at in range(1, moments + 1):
        target = MemoryTarget(half, killer(at))
        with pytest.raises(Killed):
            recover(target, now=clock())
        again = MemoryTarget(target.tree)
        recover(again, now=clock())
        assert files(again.tree) == files(tree)
        assert [record.state for record in history(again)] == [State.ROLLED_BACK]


def test_the_next_fix_says_what_happened_to_the_interrupted_one() -> None:
    tree = broken()
    changes = reversible_plan(tree)
    whole = calls(lambda target: apply_changes(target, changes, now=clock()), MemoryTarget(tree))
    target = MemoryTarget(tree, killer(whole - 8))
    now = clock()
    with pytest.raises(Killed):
        apply_changes(target, changes, now=now)
    target = MemoryTarget(target.tree)
    applied = apply_changes(target, changes, now=now)
    assert len(applied.recovered) == 1
    assert "was interrupted; it was rolled back" in applied.recovered[0].words
    assert not applied.recovered[0].finished
    assert files(target.tree, times=False) == files(tree.with_entries({}).with_entries(
        {str(change.path): change.after for change in changes}), times=False)  # fmt: skip
    undo(target, now=now)
    assert files(target.tree) == files(tree)


def test_a_snapshot_from_before_the_recovery_is_refused_and_the_recovery_told() -> None:
    tree = broken()
    target = killed(tree)
    half = target.tree
    target = MemoryTarget(half)
    with pytest.raises(TargetChanged, match="was interrupted; it was rolled back") as caught:
        apply_changes(target, half.set_mode(CONFIG, mode=0o600).since(half), now=clock())
    assert len(caught.value.recovered) == 1
    assert files(target.tree) == files(tree)


def test_a_path_that_is_neither_old_nor_new_is_reported_and_not_touched() -> None:
    tree = broken()
    target = killed(tree)
    target = MemoryTarget(target.tree.write(CONFIG, "by hand\n"))
    with pytest.raises(Conflict, match=r"sshd_config matches neither the state before .* not touched") as caught:
        recover(target, now=clock())
    assert caught.value.paths == (PurePosixPath(CONFIG),)
    assert without(files(target.tree), CONFIG) == without(files(tree), CONFIG)
    assert target.tree.text(CONFIG) == "by hand\n"
    assert history(target)[-1].left == (PurePosixPath(CONFIG),)
    assert recover(target, now=clock()) == (), "it is said once, and does not block for ever"


def test_what_a_kill_left_beside_the_files_is_swept() -> None:
    tree = broken()
    target = killed(tree)
    left = target.tree.write("/etc/ssh/.rescue-0123456789abcdef", "half").make_dir("/etc/.rescue-fedcba9876543210")
    target = MemoryTarget(left)
    recover(target, now=clock())
    assert files(target.tree) == files(tree)


@pytest.mark.parametrize(
    "half",
    [
        pytest.param({"uid": 1000, "gid": 0, "mode": 0o755}, id="owner given, group and mode not yet"),
        pytest.param({"uid": 1000, "gid": 1000, "mode": 0o755, "flags": 0}, id="flag off"),
        pytest.param({"uid": 0, "gid": 0, "mode": 0o755, "flags": 0}, id="flag off, nothing else yet"),
    ],
)
def test_a_change_of_owner_killed_half_way_is_taken_back(half: dict[str, int]) -> None:
    first = replace(file("key\n", 0o4755), flags=0x10, mtime=OLD)
    tree = server({"/home/alice/key": first})
    after = tree.with_entries({"/home/alice/key": replace(first, uid=1000, gid=1000, mode=0o600)})
    target = MemoryTarget(tree)
    applied = apply_changes(target, after.since(tree), now=clock())
    record = InTarget(target)
    record.write(applied.record.id, "record.json", encode(applied.record.at(State.STARTED)))
    target.tree = target.tree.with_entries({"/home/alice/key": replace(first, **half)})  # type: ignore[arg-type]  # all of these fields are numbers
    recover(target, now=clock())
    assert files(target.tree) == files(tree)


def test_an_immutable_directory_is_immutable_again_after_a_kill() -> None:
    """The flag is off while a file in the directory is exchanged; the record knows of it."""
    tree = server({"/etc/ssh": replace(directory(), flags=0x10)})
    target = MemoryTarget(tree)
    applied = apply_changes(target, tree.write(CONFIG, "Port 22\n").since(tree), now=clock())
    assert applied.record.protected == ((PurePosixPath("/etc/ssh"), 0x10),)
    InTarget(target).write(applied.record.id, "record.json", encode(applied.record.at(State.STARTED)))
    target.tree = target.tree.with_entries({CONFIG: tree.entry(CONFIG), "/etc/ssh": directory()})
    recover(target, now=clock())
    assert files(target.tree) == files(tree)


def test_thousands_of_files_may_go_where_all_inodes_are_used_up() -> None:
    small = replace(file(""), size=100, data=None, allocated=4096)
    names = {f"/var/lib/php/sessions/sess_{number:05d}": small for number in range(2000)}
    tree = Tree.of({"/etc/hostname": "lab\n", **names}, [full(5000, 0)])
    target = target_of(tree)
    applied = apply_changes(target, tree.remove(*names).since(tree), now=clock())
    assert 0 < len(applied.made_room) < 40
    assert target.tree.children("/var/lib/php/sessions") == ()
