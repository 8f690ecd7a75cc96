"""Errors and full disks in the middle of a fix: the old state, or the new one, and clear words."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest

from rescue.apply import (
    ApplyError,
    apply_changes,
    history,
    interrupted,
    recover,
    undo,
)
from rescue.targets.protocol import NoSpace, TargetError
from rescue.tree import Tree, directory, file
from rescue.undo_log import InDirectory, State
from tests.unit.apply.broken import (
    BIG_LOG,
    CONFIG,
    OLD,
    OLD_LOG,
    broken,
    calls,
    clock,
    failing,
    files,
    full,
    plan,
    repaired,
    reversible_plan,
    target_of,
    without,
)
from tests.unit.memory_target import MemoryTarget

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    "problem", [TargetError("EIO: input/output error"), NoSpace("ENOSPC: no space"), OSError(5, "input/output error")]
)
def test_an_error_at_any_write_leaves_the_old_state_and_says_so(problem: Exception) -> None:
    tree = broken()
    changes = plan(tree)
    logs = (BIG_LOG, OLD_LOG)
    outcomes = set()
    for at in range(1, 1000):
        target = MemoryTarget(tree, failing(at, problem))
        try:
            apply_changes(target, changes, now=clock())
        except ApplyError as error:
            outcomes.add(str(error).split(":")[0].split(",")[0])
            assert without(files(target.tree), *logs) == without(files(tree), *logs), at
            target.hook = None
            recover(target, now=clock())
            assert without(files(target.tree), *logs) == without(files(tree), *logs), at
            assert not [record for record in history(target) if record.state is State.DONE]
            continue
        if at > target._calls:
            break
        # A lack of room makes the logs go first, or the diff make way; of the last sync, only the mark is at stake.
        assert isinstance(problem, NoSpace) or at >= target._calls - 1
        assert files(target.tree, times=False) == files(repaired(tree), times=False)
    assert any(each.startswith("the fix failed and was rolled back") for each in outcomes)
    if not isinstance(problem, NoSpace):
        assert "can't write the undo log" in outcomes


def test_a_disk_that_turns_read_only_leaves_a_fix_that_the_next_run_takes_back() -> None:
    tree = broken()
    changes = reversible_plan(tree)
    whole = calls(lambda target: apply_changes(target, changes, now=clock()), MemoryTarget(tree))
    for at in range(1, whole + 1):
        target = MemoryTarget(tree, failing(at, TargetError("EROFS: read-only file system"), lasting=True))
        if at >= whole - 1:  # only the last sync is left: the fix is made
            apply_changes(target, changes, now=clock())
        else:
            with pytest.raises(ApplyError) as caught:
                apply_changes(target, changes, now=clock())
            if files(target.tree) != files(tree):
                assert "half done" in str(caught.value) or "can't be finished" in str(caught.value)
                assert "run rescue again" in caught.value.hint
        target.hook = None
        recover(target, now=clock())
        if history(target) and history(target)[-1].state is State.DONE:
            assert files(target.tree, times=False) != files(tree, times=False)
            undo(target, now=clock())
        assert files(target.tree) == files(tree)


def test_where_nothing_can_be_written_another_place_for_the_record_is_not_all_that_is_said() -> None:
    problem = TargetError("can't write /var/lib: Read-only file system", "Mount it again for writing.")
    with pytest.raises(ApplyError, match="so nothing was changed") as caught:
        apply_changes(MemoryTarget(broken(), failing(1, problem, lasting=True)), plan(broken()), now=clock())
    assert caught.value.hint == "Mount it again for writing. Keep the undo log elsewhere: --undo-log DIR."


def test_a_cancelled_fix_is_taken_back() -> None:
    tree = broken()
    target = MemoryTarget(tree)

    def hook(call: int, name: str, path: PurePosixPath) -> None:
        if str(path) == CONFIG:
            target.hook = None
            raise KeyboardInterrupt

    target.hook = hook
    with pytest.raises(KeyboardInterrupt):
        apply_changes(target, reversible_plan(tree), now=clock())
    assert files(target.tree) == files(tree)
    assert history(target)[-1].state is State.ROLLED_BACK


def test_an_undo_that_fails_half_way_is_carried_on() -> None:
    tree = broken()
    fixed = target_of(tree)
    apply_changes(fixed, reversible_plan(tree), now=clock())
    moments = calls(lambda target: undo(target, now=clock()), MemoryTarget(fixed.tree))
    for at in range(1, moments + 1):
        target = MemoryTarget(fixed.tree, failing(at, TargetError("EIO: input/output error")))
        with pytest.raises(ApplyError, match=r"stopped halfway|can.t be recorded, so nothing was restored"):
            undo(target, now=clock())
        target.hook = None
        if history(target)[-1].state is not State.UNDONE:
            undo(target, now=clock())
        assert files(target.tree) == files(tree)


@pytest.mark.parametrize("blocks, inodes", [(0, 500), (1, 500), (9, 500), (5000, 0), (0, 0)])
def test_on_a_full_disk_logs_go_first_and_the_record_is_written_into_their_room(blocks: int, inodes: int) -> None:
    small = replace(file("rotated\n"), size=1, data=None, mtime=OLD, allocated=4096)
    logs = {f"/var/log/old/{number:02d}": small for number in range(60)}
    tree = broken(full(blocks, inodes)).with_entries({"/var/log/old": directory(), **logs})
    tree = Tree.of({str(path): tree.lentry(path) or "" for path in tree.paths()}, [full(blocks, inodes)])
    after = repaired(tree).remove(*logs)
    target = target_of(tree)
    applied = apply_changes(target, after.since(tree), now=clock())
    assert applied.made_room
    assert len(applied.made_room) < 62, "no more than needed"
    assert files(target.tree, times=False) == files(after, times=False)
    undone = undo(target, now=clock())
    gone = (BIG_LOG, OLD_LOG, *logs)
    assert without(files(target.tree), *gone) == without(files(tree), *gone)
    assert {str(path) for path in undone.not_restorable} == set(gone)


@pytest.mark.parametrize("blocks, inodes", [(0, 500), (5, 500), (500, 0), (500, 5)])
def test_without_room_for_the_record_nothing_that_can_be_undone_is_touched(blocks: int, inodes: int) -> None:
    tree = Tree.of({str(path): broken().lentry(path) or "" for path in broken().paths()}, [full(blocks, inodes)])
    target = target_of(tree)
    with pytest.raises(ApplyError, match="can't write the undo log, so nothing was changed") as caught:
        apply_changes(target, reversible_plan(tree), now=clock())
    assert "--undo-log DIR" in caught.value.hint
    assert files(target.tree) == files(tree)
    assert history(target) == ()


def test_without_room_for_a_change_nothing_is_removed_that_needs_room_to_come_back(tmp_path: Path) -> None:
    # What XFS and btrfs free in one directory is not there at once for the next: a removed file could not come back.
    tree = Tree.of({str(path): broken().lentry(path) or "" for path in broken().paths()}, [full(0, 500)])
    target = target_of(tree)
    with pytest.raises(ApplyError, match="was rolled back"):
        apply_changes(target, reversible_plan(tree), store=InDirectory(tmp_path), now=clock())
    assert files(target.tree) == files(tree)
    assert ("remove", PurePosixPath("/etc/nologin")) not in target.steps


def test_a_directory_is_emptied_before_a_file_takes_its_place_and_filled_again_after_it() -> None:
    tree = broken().write("/etc/swap/inner", "inner\n")
    target = target_of(tree)
    changes = tree.remove("/etc/swap/inner", "/etc/swap").write("/etc/swap", "now a file\n").since(tree)
    apply_changes(target, changes, now=clock())
    assert target.tree.text("/etc/swap") == "now a file\n"
    undo(target, now=clock())
    assert target.tree.text("/etc/swap/inner") == "inner\n"


def test_every_amount_of_room_gives_a_whole_fix_or_none() -> None:
    whole = {str(path): broken().lentry(path) or "" for path in broken().paths()}
    outcomes = set()
    for blocks in range(40):
        tree = Tree.of(whole, [full(blocks, 500)])
        target = target_of(tree)
        changes = reversible_plan(tree)
        try:
            apply_changes(target, changes, now=clock())
        except ApplyError as error:
            outcomes.add(str(error).split(":")[0].split(",")[0])
            assert files(target.tree) == files(tree), blocks
            assert interrupted(target) is None
        else:
            outcomes.add("done")
            expected = tree.with_entries({str(change.path): change.after for change in changes})
            assert files(target.tree, times=False) == files(expected, times=False)
    assert outcomes >= {"done", "can't write the undo log"}
