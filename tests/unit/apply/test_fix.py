"""A fix on a target in memory: what is written, in which order, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

import pytest

from rescue.apply import (
    ApplyError,
    JournalError,
    TargetChanged,
    apply_changes,
    history,
    recover,
    undo,
)
from rescue.targets.protocol import TargetBusy
from rescue.tree import Change, Entry, Kind, Tree, directory, file, symlink
from rescue.undo_log import InDirectory, InTarget, State, encode
from rescue.undo_log.encoding import HIGHEST
from tests.trees import server
from tests.unit.apply.broken import (
    ACL,
    BIG_LOG,
    CONFIG,
    OLD,
    OLD_LOG,
    big,
    broken,
    clock,
    files,
    plan,
    repaired,
    target_of,
    without,
)
from tests.unit.memory_target import MemoryTarget
from tests.unit.undo_log.samples import record_of, replaced

pytestmark = pytest.mark.unit


def test_a_fix_writes_what_the_changes_say_and_nothing_else() -> None:
    tree = broken()
    target = target_of(tree)
    applied = apply_changes(target, plan(tree), ["mend all"], now=clock())
    assert files(target.tree, times=False) == files(repaired(tree), times=False)
    assert applied.record.state is State.DONE
    assert applied.record.titles == ("mend all",)
    assert applied.record.hostname == "lab"
    assert applied.journal == "/var/lib/rescue/fixes/20261122T184500Z"


def test_new_content_gets_the_present_time_and_an_owner_changes_no_time() -> None:
    tree = broken()
    target = target_of(tree)
    apply_changes(target, plan(tree), now=clock())
    written = target.tree.entry(CONFIG)
    closed = target.tree.entry("/home/alice/.ssh")
    assert written is not None
    assert closed is not None
    assert written.mtime == int(datetime(2026, 11, 22, 18, 45, tzinfo=UTC).timestamp()) * 10**9
    assert closed.mtime == OLD


def test_the_record_is_durable_before_the_first_change() -> None:
    tree = broken()
    target = target_of(tree)
    apply_changes(target, plan(tree), now=clock())
    steps = [(name, str(path).startswith("/var/lib/rescue")) for name, path in target.steps]
    first_change = next(at for at, (name, inside) in enumerate(steps) if not inside and name != "sync")
    assert steps[first_change - 2 : first_change] == [("put", True), ("sync", False)]
    assert target.steps[first_change - 2][1].name == "record.json"
    assert all(inside or name == "sync" for name, inside in steps[:first_change])


def test_what_is_removed_for_good_goes_first() -> None:
    tree = broken()
    target = target_of(tree)
    last = sorted(plan(tree), key=lambda change: not change.reversible)
    assert [str(change.path) for change in last[-2:]] == [OLD_LOG, BIG_LOG]
    apply_changes(target, last, now=clock())
    changed = [str(path) for name, path in target.steps if name != "sync" and "/var/lib/rescue" not in str(path)]
    assert set(changed[:2]) == {BIG_LOG, OLD_LOG}


def test_the_journal_is_for_root_alone() -> None:
    tree = broken()
    target = target_of(tree)
    apply_changes(target, plan(tree), now=clock())
    inside = [path for path in target.tree.paths() if path.is_relative_to("/var/lib/rescue")]
    assert len(inside) > 5
    for path in inside:
        entry = target.tree.lentry(path)
        assert entry is not None
        assert entry.mode == (0o700 if entry.is_dir else 0o600), path


def test_a_record_is_readable_json_and_its_diff_has_no_secret() -> None:
    tree = broken().write("/etc/shadow", "root:$6$salt$hash:1::::::\n")
    target = target_of(tree)
    after = tree.write("/etc/shadow", "root:$6$salt$other:1::::::\n").write(CONFIG, "Port 22\n")
    applied = apply_changes(target, after.since(tree), now=clock())
    record = target.tree.text(f"{applied.journal}/record.json")
    diff = target.tree.text(f"{applied.journal}/changes.diff")
    assert record is not None
    assert diff is not None
    document = json.loads(record)
    assert document["state"] == "done"
    assert [change["path"] for change in document["changes"]] == ["/etc/shadow", CONFIG]
    assert "-Port 2222\n+Port 22\n" in diff
    assert "$6$" not in diff
    assert "root:(hash not shown):1" in diff


def test_a_label_is_inherited_by_the_journal() -> None:
    label = ("security.selinux", b"system_u:object_r:var_lib_t:s0\0")
    tree = server({"/var/lib": replace(directory(), xattrs=(label,)), "/etc/nologin": "x"})
    target = target_of(tree)
    applied = apply_changes(target, tree.remove("/etc/nologin").since(tree), now=clock())
    made = target.tree.entry(applied.journal)
    assert made is not None
    assert made.xattrs == (label,)


def test_two_fixes_within_a_second_have_two_names() -> None:
    tree = broken()
    target = target_of(tree)
    now = datetime(2026, 11, 22, 18, 45, tzinfo=UTC)
    first = apply_changes(target, tree.remove("/etc/nologin").since(tree), now=lambda: now)
    tree = target.tree
    second = apply_changes(target, tree.write(CONFIG, "Port 22\n").since(tree), now=lambda: now)
    assert (first.record.id, second.record.id) == ("20261122T184500Z", "20261122T184500Z-2")
    assert [record.id for record in history(target)] == [first.record.id, second.record.id]
    assert undo(target, now=lambda: now).record.id == second.record.id


def test_the_order_of_fixes_does_not_hang_on_a_clock() -> None:
    tree = broken()
    target = target_of(tree)
    apply_changes(target, tree.remove("/etc/nologin").since(tree), now=clock())
    tree = target.tree
    early = datetime(1970, 1, 1, tzinfo=UTC)
    second = apply_changes(target, tree.write(CONFIG, "Port 22\n").since(tree), now=lambda: early)
    assert second.record.id == "19700101T000000Z"
    assert history(target)[-1].id == second.record.id
    assert undo(target, now=clock()).record.id == second.record.id


def test_the_journal_can_be_kept_elsewhere(tmp_path: Path) -> None:
    tree = broken()
    target = target_of(tree)
    store = InDirectory(tmp_path / "journal")
    apply_changes(target, plan(tree), store=store, now=clock())
    assert "/var/lib/rescue" not in target.tree
    assert history(target) == ()
    undone = undo(target, store=store, now=clock())
    assert undone.place == str(tmp_path / "journal")
    assert without(files(target.tree), BIG_LOG, OLD_LOG) == without(files(tree), BIG_LOG, OLD_LOG)


def test_var_may_be_a_link_inside_the_server() -> None:
    tree = server({"/data/lib": directory(), "/etc/nologin": "x"}).remove("/var").make_link("/var", "data")
    target = target_of(tree)
    apply_changes(target, tree.remove("/etc/nologin").since(tree), now=clock())
    assert target.tree.lentry("/data/lib/rescue/fixes") is not None
    undo(target, now=clock())
    assert target.tree.text("/etc/nologin") == "x"


def test_where_the_journal_leads_nowhere_the_next_step_is_said() -> None:
    tree = broken().with_entries({"/var/lib": symlink("/var/lib")})
    with pytest.raises(JournalError, match="be resolved") as caught:
        apply_changes(target_of(tree), [change for change in plan(tree) if change.reversible], now=clock())
    assert "--undo-log DIR" in caught.value.hint


def test_a_target_that_is_held_is_left_alone() -> None:
    tree = broken()
    target = MemoryTarget(tree, locked=True)
    for attempt in (
        lambda: apply_changes(target, plan(tree), now=clock()),
        lambda: undo(target, now=clock()),
        lambda: recover(target, now=clock()),
    ):
        with pytest.raises(TargetBusy):
            attempt()
    assert target.steps == []


@pytest.mark.parametrize(
    "meanwhile",
    [
        pytest.param(lambda tree: tree.write(CONFIG, "Port 2223\n"), id="other content"),
        pytest.param(lambda tree: tree.set_mode(CONFIG, mode=0o600), id="another mode"),
        pytest.param(lambda tree: tree.set_mode(CONFIG, uid=7), id="another owner"),
        pytest.param(lambda tree: tree.remove(CONFIG), id="gone"),
        pytest.param(lambda tree: tree.remove("/etc/ssh").make_link("/etc/ssh", "/root"), id="led elsewhere"),
        pytest.param(lambda tree: tree.make_link(CONFIG, "/etc/passwd"), id="a link"),
        pytest.param(lambda tree: tree.make_link("/etc/ufw", "/home"), id="a link where a directory is to be made"),
        pytest.param(lambda tree: tree.with_entries({OLD_LOG: big(4 << 20, 99)}), id="a rotated log"),
        pytest.param(lambda tree: tree.with_entries({OLD_LOG: big(1 << 20, 12)}), id="a log begun again"),
        pytest.param(lambda tree: tree.with_entries({CONFIG: replace(tree.entry(CONFIG), nlink=2)}), id="a hard link"),
    ],
)
def test_nothing_is_written_if_the_target_is_no_longer_as_captured(meanwhile: Callable[[Tree], Tree]) -> None:
    tree = broken()
    target = target_of(meanwhile(tree))
    with pytest.raises(TargetChanged, match="nothing was written"):
        apply_changes(target, plan(tree), now=clock())
    assert target.steps == []


def test_a_log_may_grow_between_the_snapshot_and_the_fix() -> None:
    tree = broken()
    target = target_of(tree.with_entries({BIG_LOG: big(9 << 20, 11), OLD_LOG: big(5 << 20, 12)}))
    apply_changes(target, plan(tree), now=clock())
    shortened = target.tree.entry(BIG_LOG)
    assert shortened is not None
    assert shortened.size == 1 << 20
    assert OLD_LOG not in target.tree


def test_a_relabelled_file_is_still_the_same() -> None:
    tree = broken()
    other = ("security.selinux", b"system_u:object_r:sshd_conf_t:s0\0")
    entry = tree.entry(CONFIG)
    assert entry is not None
    target = target_of(tree.with_entries({CONFIG: replace(entry, xattrs=(other, ACL))}))
    apply_changes(target, plan(tree), now=clock())
    assert target.tree.text(CONFIG) == "Port 22\n"


def test_one_name_of_a_hard_linked_file_is_not_replaced() -> None:
    linked = replace(file("Port 2222\n"), nlink=2, ident=(1, 5))
    tree = server({CONFIG: linked, "/root/copy": linked})
    target = target_of(tree)
    for after in (tree.write(CONFIG, "Port 22\n"), tree.remove(CONFIG)):
        with pytest.raises(ApplyError, match=r"sshd_config can't be changed: it has 2 hard links"):
            apply_changes(target, after.since(tree), now=clock())
    assert target.steps == []


def test_the_mode_of_a_hard_linked_file_is_changed_for_all_its_names_and_undone() -> None:
    linked = replace(file("Port 22\n", 0o666), nlink=2, ident=(1, 5), mtime=OLD)
    tree = server({CONFIG: linked, "/root/copy": linked})
    target = target_of(tree)
    changes = tree.set_mode(CONFIG, mode=0o644).since(tree)
    assert len(changes) == 2
    apply_changes(target, changes, now=clock())
    both = [entry for path in (CONFIG, "/root/copy") if (entry := target.tree.entry(path)) is not None]
    assert [entry.mode for entry in both] == [0o644, 0o644]
    undo(target, now=clock())
    assert files(target.tree) == files(tree)
    found = target.tree.entry(CONFIG)
    assert found is not None
    assert found.nlink == 2


@pytest.mark.parametrize(
    "change, reason",
    [
        (Change(PurePosixPath("/dev/x"), None, Entry(Kind.CHAR, 0o666, rdev=259)), "not a file, directory or link"),
        (Change(PurePosixPath("/etc/nologin"), Entry(Kind.FIFO, 0o600), None), "not a file, directory or link"),
        (Change(PurePosixPath("/var/lib/rescue/fixes"), None, directory()), "it changes the undo log itself"),
        (Change(PurePosixPath("/big"), big(2 << 20, 3), file("small")), "too large to be kept"),
        (Change(PurePosixPath("/"), directory(), file("x")), "it replaces the root directory"),
    ],
)
def test_what_could_not_be_undone_faithfully_is_refused(change: Change, reason: str) -> None:
    target = target_of(broken())
    with pytest.raises(ApplyError, match=reason):
        apply_changes(target, [change], now=clock())
    assert target.steps == []


def test_no_change_and_two_changes_of_one_path_are_errors_of_the_caller() -> None:
    tree = broken()
    target = target_of(tree)
    change = tree.remove("/etc/nologin").since(tree)[0]
    for changes in ([], [change, change]):
        with pytest.raises(ValueError):
            apply_changes(target, changes, now=clock())


@pytest.mark.parametrize(
    "planted",
    [
        pytest.param({"/var/lib/rescue": directory(0o777)}, id="everybody may write there"),
        pytest.param({"/var/lib/rescue": directory(0o700, 1000, 1000)}, id="it belongs to a user"),
        pytest.param({"/var/lib/rescue": symlink("/home/alice")}, id="it is a link"),
        pytest.param({"/var/lib/rescue": directory(0o700), "/var/lib/rescue/fixes": symlink("/")}, id="a link in it"),
        pytest.param({"/var/lib/rescue": "a file"}, id="it is a file"),
    ],
)
def test_a_journal_that_somebody_else_may_have_planted_is_not_trusted(planted: dict[str, Entry]) -> None:
    tree = server({"/etc/nologin": "x", **planted})
    target = target_of(tree)
    for attempt in (
        lambda: history(target),
        lambda: undo(target, now=clock()),
        lambda: apply_changes(target, tree.remove("/etc/nologin").since(tree), now=clock()),
    ):
        with pytest.raises(JournalError, match="can't be trusted"):
            attempt()
    assert target.steps == []


def test_a_forged_number_does_not_keep_later_fixes_away() -> None:
    target = target_of(broken())
    forged = replace(record_of(replaced()), id="20200101T000000Z", number=HIGHEST)
    InTarget(target).write(forged.id, "record.json", encode(forged))
    assert apply_changes(target, plan(target.tree), now=clock()).record.state is State.DONE
