"""A fix on a target in memory: what is written, in which order, and what a kill, an error or a full disk leaves."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePosixPath

import pytest

from rescue.apply import (
    ApplyError,
    Conflict,
    JournalError,
    NothingToUndo,
    TargetChanged,
    UndoRefused,
    apply_changes,
    history,
    interrupted,
    recover,
    undo,
)
from rescue.journal import InDirectory, InTarget, State, encode
from rescue.target.protocol import NoSpace, TargetBusy, TargetError
from rescue.tree import Change, Entry, FileSystem, Kind, Tree, directory, file, symlink
from tests.trees import ROOMY, server
from tests.unit.memory_target import Killed, MemoryTarget

pytestmark = pytest.mark.unit

OLD = 1_600_000_000_123_456_789
ACL = ("system.posix_acl_access", b"\x02\x00\x00\x00\x01\x00\x06\x00")
LABEL = ("security.selinux", b"system_u:object_r:etc_t:s0\0")
CONFIG = "/etc/ssh/sshd_config"
BIG_LOG = "/var/log/syslog"
OLD_LOG = "/var/log/syslog.1"
STRANGE = "/etc/motd.d/caf\udce9"


def clock() -> Callable[[], datetime]:
    """One second later each time it is asked."""
    times = iter(datetime(2026, 11, 22, 18, 45, tzinfo=UTC) + timedelta(seconds=each) for each in range(10_000))
    return lambda: next(times)


def big(size: int, ident: int) -> Entry:
    """A log that was captured without its content."""
    return Entry(Kind.FILE, 0o640, 0, 4, size, OLD, ident=(1, ident), allocated=size)


def broken(filesystem: FileSystem = ROOMY) -> Tree:
    """A server with something of every kind to repair."""
    return server(
        {
            CONFIG: replace(file("Port 2222\n"), mtime=OLD, xattrs=(LABEL, ACL)),
            "/etc/nologin": replace(file("closed\n", 0o600), mtime=OLD),
            "/etc/resolv.conf": replace(file("nameserver 192.0.2.1\n"), mtime=OLD, flags=0x10),
            "/home/alice/.ssh": replace(directory(0o777, 1000, 1000), mtime=OLD),
            "/etc/systemd/system/ssh.service": symlink("/dev/null"),
            "/etc/swap": replace(directory(0o750, 5, 6), mtime=OLD),
            STRANGE: replace(file(b"\xff\0binary"), mtime=OLD),
            BIG_LOG: big(8 << 20, 11),
            OLD_LOG: big(4 << 20, 12),
            "/var/lib/private": directory(0o700),
        },
        filesystem,
    )


def repaired(tree: Tree) -> Tree:
    """The same server, repaired: every action, every kind."""
    tree = tree.write(CONFIG, "Port 22\n")
    tree = tree.remove("/etc/nologin", "/etc/systemd/system/ssh.service", OLD_LOG)
    tree = tree.write("/etc/resolv.conf", "nameserver 198.51.100.1\n")
    tree = tree.set_mode("/home/alice/.ssh", mode=0o700)
    tree = tree.write(STRANGE, b"\xfe\0binary")
    tree = tree.write("/etc/ufw/applications.d/ssh", "[OpenSSH]\n", mode=0o600)
    tree = tree.make_link("/etc/systemd/system/sshd.service", "/usr/lib/systemd/system/ssh.service")
    tree = tree.remove("/etc/swap").write("/etc/swap", "now a file\n")
    return tree.shorten(BIG_LOG, 1 << 20)


def plan(tree: Tree) -> tuple[Change, ...]:
    return repaired(tree).since(tree)


def reversible_plan(tree: Tree) -> tuple[Change, ...]:
    return tuple(change for change in plan(tree) if change.reversible)


def files(tree: Tree, *, times: bool = True) -> dict[str, object]:
    """Everything that counts of every file outside the journal."""
    return {
        str(path): (
            entry.kind,
            entry.mode,
            entry.uid,
            entry.gid,
            entry.size if entry.is_file else 0,
            entry.data,
            entry.link,
            entry.xattrs,
            entry.flags,
            entry.mtime if times and entry.is_file else 0,
        )
        for path in tree.paths()
        if not path.is_relative_to("/var/lib/rescue") and (entry := tree.lentry(path)) is not None
    }


def without(pictured: dict[str, object], *paths: str) -> dict[str, object]:
    return {path: what for path, what in pictured.items() if path not in paths}


def target_of(tree: Tree) -> MemoryTarget:
    return MemoryTarget(tree)


# -- a fix -------------------------------------------------------------------------------------------------------


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
    assert "hash" not in diff


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


# -- refusals ----------------------------------------------------------------------------------------------------


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
        pytest.param(
            lambda tree: tree.with_entries({CONFIG: replace(tree.entry(CONFIG), nlink=2)}), id="a hard link"
        ),
    ],
)
def test_nothing_is_written_if_the_target_is_no_longer_as_pictured(meanwhile: Callable[[Tree], Tree]) -> None:
    tree = broken()
    target = target_of(meanwhile(tree))
    with pytest.raises(TargetChanged, match="nothing was written"):
        apply_changes(target, plan(tree), now=clock())
    assert target.steps == []


def test_a_log_may_grow_between_the_picture_and_the_fix() -> None:
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
        with pytest.raises(ApplyError, match=r"sshd_config can't be changed: it has 2 names \(hard links\)"):
            apply_changes(target, after.since(tree), now=clock())
    assert target.steps == []


def test_the_mode_of_a_hard_linked_file_is_changed_for_all_its_names_and_undone() -> None:
    linked = replace(file("Port 22\n", 0o666), nlink=2, ident=(1, 5), mtime=OLD)
    tree = server({CONFIG: linked, "/root/copy": linked})
    target = target_of(tree)
    changes = tree.set_mode(CONFIG, mode=0o644).since(tree)
    assert len(changes) == 2
    apply_changes(target, changes, now=clock())
    assert {target.tree.entry(path).mode for path in (CONFIG, "/root/copy")} == {0o644}  # type: ignore[union-attr]
    undo(target, now=clock())
    assert files(target.tree) == files(tree)
    assert target.tree.entry(CONFIG).nlink == 2  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "change, reason",
    [
        (Change(PurePosixPath("/dev/x"), None, Entry(Kind.CHAR, 0o666, rdev=259)), "no file, directory or link"),
        (Change(PurePosixPath("/etc/nologin"), Entry(Kind.FIFO, 0o600), None), "no file, directory or link"),
        (Change(PurePosixPath("/var/lib/rescue/fixes"), None, directory()), "it changes the journal itself"),
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


# -- undo --------------------------------------------------------------------------------------------------------


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
    assert target.tree.entry(CONFIG).xattr("security.selinux") == b"right\0"  # type: ignore[union-attr]
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


# -- kills -------------------------------------------------------------------------------------------------------


def killer(at: int) -> Callable[[int, str, PurePosixPath], None]:
    def hook(call: int, name: str, path: PurePosixPath) -> None:
        if call == at:
            raise Killed

    return hook


def calls(work: Callable[[MemoryTarget], object], target: MemoryTarget) -> int:
    """How many moments `work` can be killed at."""
    counted = [0]

    def hook(call: int, name: str, path: PurePosixPath) -> None:
        counted[0] = call

    target.hook = hook
    work(target)
    return counted[0]


def old_or_new(now: Tree, old: Tree, new: Tree) -> None:
    """Every file is as before or as after, but what is exchanged for a directory, which may be missing."""
    pictured, before, after = (files(each, times=False) for each in (now, old, new))
    for path in before.keys() | after.keys():
        if path != "/etc/swap" or path in pictured:
            assert pictured.get(path) in (before.get(path), after.get(path)), path
    assert pictured.keys() <= before.keys() | after.keys()


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
    changes = reversible_plan(tree)
    whole = calls(lambda target: apply_changes(target, changes, now=clock()), MemoryTarget(tree))
    target = MemoryTarget(tree, killer(whole - 8))
    with pytest.raises(Killed):
        apply_changes(target, changes, now=clock())
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
    assert "was interrupted; it was taken back" in applied.recovered[0].words
    assert not applied.recovered[0].finished
    assert files(target.tree, times=False) == files(tree.with_entries({}).with_entries(
        {str(change.path): change.after for change in changes}), times=False)  # fmt: skip
    undo(target, now=now)
    assert files(target.tree) == files(tree)


def test_a_picture_from_before_the_recovery_is_refused_and_the_recovery_told() -> None:
    tree = broken()
    changes = reversible_plan(tree)
    whole = calls(lambda target: apply_changes(target, changes, now=clock()), MemoryTarget(tree))
    target = MemoryTarget(tree, killer(whole - 8))
    with pytest.raises(Killed):
        apply_changes(target, changes, now=clock())
    half = target.tree
    target = MemoryTarget(half)
    with pytest.raises(TargetChanged, match="was interrupted; it was taken back") as caught:
        apply_changes(target, half.set_mode(CONFIG, mode=0o600).since(half), now=clock())
    assert len(caught.value.recovered) == 1
    assert files(target.tree) == files(tree)


def test_a_path_that_is_neither_old_nor_new_is_reported_and_not_touched() -> None:
    tree = broken()
    changes = reversible_plan(tree)
    whole = calls(lambda target: apply_changes(target, changes, now=clock()), MemoryTarget(tree))
    target = MemoryTarget(tree, killer(whole - 8))
    with pytest.raises(Killed):
        apply_changes(target, changes, now=clock())
    target = MemoryTarget(target.tree.write(CONFIG, "by hand\n"))
    with pytest.raises(Conflict, match=r"sshd_config is neither as before .* not touched") as caught:
        recover(target, now=clock())
    assert caught.value.paths == (PurePosixPath(CONFIG),)
    assert without(files(target.tree), CONFIG) == without(files(tree), CONFIG)
    assert target.tree.text(CONFIG) == "by hand\n"
    assert history(target)[-1].left == (PurePosixPath(CONFIG),)
    assert recover(target, now=clock()) == (), "it is said once, and does not block for ever"


def test_what_a_kill_left_beside_the_files_is_swept() -> None:
    tree = broken()
    changes = reversible_plan(tree)
    whole = calls(lambda target: apply_changes(target, changes, now=clock()), MemoryTarget(tree))
    target = MemoryTarget(tree, killer(whole - 8))
    with pytest.raises(Killed):
        apply_changes(target, changes, now=clock())
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
    target.tree = target.tree.with_entries({"/home/alice/key": replace(first, **half)})  # type: ignore[arg-type]
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


# -- errors ------------------------------------------------------------------------------------------------------


def failing(at: int, problem: Exception, *, lasting: bool = False) -> Callable[[int, str, PurePosixPath], None]:
    def hook(call: int, name: str, path: PurePosixPath) -> None:
        if call == at or (lasting and call > at):
            raise problem

    return hook


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
    assert any(each.startswith("the fix failed and was taken back") for each in outcomes)
    if not isinstance(problem, NoSpace):
        assert "the fix can't be journaled" in outcomes


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
        with pytest.raises(ApplyError, match="stopped half-way"):
            undo(target, now=clock())
        target.hook = None
        if history(target)[-1].state is not State.UNDONE:
            undo(target, now=clock())
        assert files(target.tree) == files(tree)


# -- room --------------------------------------------------------------------------------------------------------


def full(blocks: int = 0, inodes: int = 0) -> FileSystem:
    return FileSystem("/", "ext4", 64 << 20, blocks * 4096, 0, 1000, inodes)


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
    with pytest.raises(ApplyError, match="can't be journaled, so nothing was changed") as caught:
        apply_changes(target, reversible_plan(tree), now=clock())
    assert "--journal DIR" in caught.value.hint
    assert files(target.tree) == files(tree)
    assert history(target) == ()


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
    assert outcomes >= {"done", "the fix can't be journaled"}
