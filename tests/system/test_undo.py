"""Fixes made and undone on real directories and a real ext4: every byte, mode, owner, attribute and flag comes back."""

from __future__ import annotations

import errno
import os
import random
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest

from rescue.apply import ApplyError, NothingToUndo, UndoRefused, apply_changes, history, undo
from rescue.targets.protocol import TargetBusy, TargetError
from rescue.tree import Change, Entry, FileSystem, Kind, Read, Tree, directory, file, symlink
from rescue.undo_log import InDirectory, State
from tests.system.real_root import ext4, free_of_flags, make, opened, set_flags, snapshot
from tests.unit.apply.broken import BIG_LOG, OLD_LOG, broken, files, repaired
from tests.unit.memory_target import MemoryTarget

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
]

ACL_XATTR = (  # acl(5): version 2; user::rw-, user:1000:r--, group::r--, mask::r--, other::r--
    b"\x02\x00\x00\x00"
    b"\x01\x00\x06\x00\xff\xff\xff\xff"
    b"\x02\x00\x04\x00\xe8\x03\x00\x00"
    b"\x04\x00\x04\x00\xff\xff\xff\xff"
    b"\x10\x00\x04\x00\xff\xff\xff\xff"
    b"\x20\x00\x04\x00\xff\xff\xff\xff"
)


def real() -> Tree:
    """The broken server of the unit tests, with attributes that a real kernel takes."""
    tree = broken()
    config, key = tree.entry("/etc/ssh/sshd_config"), tree.entry("/home/alice/.ssh/authorized_keys")
    assert config is not None
    assert key is not None
    marks = (("system.posix_acl_access", ACL_XATTR), ("user.note", b"\0\xff"))
    label = ("security.selinux", b"system_u:object_r:etc_t:s0\0")
    return tree.with_entries(
        {
            "/etc/ssh/sshd_config": replace(config, xattrs=(label, *marks)),
            "/home/alice/.ssh/authorized_keys": replace(key, flags=0x10, mode=0o666, xattrs=(label,)),
        }
    )


def mended(tree: Tree) -> Tree:
    return repaired(tree).set_mode("/home/alice/.ssh/authorized_keys", mode=0o600)


LOGS = {os.fsencode(path[1:]) for path in (BIG_LOG, OLD_LOG)}


NAMES_ONLY = (Read("/", depth=1, content=False), Read("/var", content=False))


def but_logs(captured: dict[bytes, tuple[object, ...]]) -> dict[bytes, tuple[object, ...]]:
    return {path: what for path, what in captured.items() if path not in LOGS}


@pytest.fixture(params=["directory", "ext4"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """The broken server."""
    if request.param == "directory":
        place = tmp_path / "root"
        place.mkdir()
        make(place, real())
        yield place
        free_of_flags(place)
    else:
        with ext4(tmp_path, mib=64) as place:
            make(place, real())
            yield place


def capture(root: Path) -> Tree:
    """The whole server, as an inspection has it: without the logs' content."""
    with opened(root) as target:
        return target.capture([*(Read(f"/{name}") for name in ("etc", "home", "root", "usr")), *NAMES_ONLY])


def test_a_fix_and_its_undo_give_every_byte_back(root: Path) -> None:
    first = snapshot(root)
    tree = capture(root)
    with opened(root) as target:
        applied = apply_changes(target, mended(tree).since(tree), ["mend all"])
        assert applied.record.state is State.DONE
        assert (root / "etc/ssh/sshd_config").read_text() == "Port 22\n"
        assert not (root / "etc/nologin").exists()
        assert (root / "etc/swap").read_text() == "now a file\n"
        assert 1 << 20 <= (root / "var/log/syslog").stat().st_size < (1 << 20) + 8192
        assert snapshot(root) != first
        undone = undo(target)
        assert but_logs(snapshot(root)) == but_logs(first)
        assert {os.fsencode(str(path)[1:]) for path in undone.not_restorable} == LOGS
        with pytest.raises(NothingToUndo):
            undo(target)
    assert not list((root / "etc").rglob(".rescue-*"))


def test_the_journal_is_closed_to_everybody_but_root(root: Path) -> None:
    tree = capture(root)
    with opened(root) as target:
        apply_changes(target, mended(tree).since(tree))
    inside = [root / "var/lib/rescue", *(root / "var/lib/rescue").rglob("*")]
    assert len(inside) > 8
    for path in inside:
        assert path.stat().st_mode & 0o7777 == (0o700 if path.is_dir() else 0o600), path
        assert (path.stat().st_uid, path.stat().st_gid) == (0, 0)


def test_a_fix_made_on_a_mounted_disk_is_undone_where_the_disk_is_mounted_elsewhere(tmp_path: Path) -> None:
    with ext4(tmp_path, mib=64) as place:
        make(place, real())
        first = snapshot(place)
        tree = capture(place)
        with opened(place) as target:
            apply_changes(target, mended(tree).since(tree))
        other = tmp_path / "elsewhere"
        other.mkdir()
        subprocess.run(["mount", "--bind", str(place), str(other)], check=True)
        try:
            with opened(other) as target:
                assert [record.state for record in history(target)] == [State.DONE]
                undo(target)
            assert but_logs(snapshot(other)) == but_logs(first)
        finally:
            subprocess.run(["umount", str(other)], check=True)


def test_many_random_fixes_are_undone_one_by_one(root: Path) -> None:
    chance = random.Random(20261122)
    before = [snapshot(root)]
    with opened(root) as target:
        for number in range(6):
            tree = target.capture([Read("/etc"), Read("/home")])
            after = _edited(tree, chance, number)
            apply_changes(target, after.since(tree))
            before.append(snapshot(root))
        for expected in reversed(before[:-1]):
            undo(target)
            assert snapshot(root) == expected
        assert {record.state for record in history(target)} == {State.UNDONE}


def _edited(tree: Tree, chance: random.Random, number: int) -> Tree:
    texts = [str(path) for path in tree.paths() if (entry := tree.lentry(path)) is not None and entry.is_file]
    for path in chance.sample(texts, 3):
        data = tree.data(path) or b""
        tree = tree.write(path, data + b"# %d\n" % number, mode=chance.choice([None, 0o600, 0o644, 0o2755]))
    removed = chance.choice(texts)
    tree = tree.remove(removed).write(f"/etc/new.d/{number}/file", b"\r\n" * number, uid=number, gid=3)
    return tree.set_mode("/home/alice", mode=chance.choice([0o700, 0o755, 0o711]), uid=number)


def test_hard_links_share_a_change_of_owner_and_are_refused_a_new_content(root: Path) -> None:
    config = root / "etc/ssh/sshd_config"
    os.link(config, root / "root/copy")
    first = snapshot(root)
    tree = capture(root)
    with opened(root) as target:
        with pytest.raises(ApplyError, match="2 hard links"):
            apply_changes(target, tree.write("/etc/ssh/sshd_config", "x").since(tree))
        assert snapshot(root) == first
        apply_changes(target, tree.set_mode("/etc/ssh/sshd_config", mode=0o640, uid=9).since(tree))
        assert (root / "root/copy").stat().st_uid == 9
        undo(target)
    assert snapshot(root) == first
    assert config.stat().st_ino == (root / "root/copy").stat().st_ino


def test_a_link_that_was_removed_comes_back_with_its_time(root: Path) -> None:
    mask = root / "etc/mask"
    mask.symlink_to("/dev/null")
    os.utime(mask, ns=(1_234_567_890_123_456_789,) * 2, follow_symlinks=False)
    with opened(root) as target:
        tree = target.capture([Read("/etc/mask")])
        apply_changes(target, tree.remove("/etc/mask").since(tree))
        assert not mask.is_symlink()
        undo(target)
    assert (str(mask.readlink()), mask.lstat().st_mtime_ns) == ("/dev/null", 1_234_567_890_123_456_789)


@pytest.mark.parametrize("kind", ["ext4", "ext4 of 128 bytes", "xfs", "btrfs"])
def test_any_time_that_a_file_system_holds_comes_back(tmp_path: Path, kind: str) -> None:
    """In seconds; ext4 holds 1901 to 2446, with small inodes to 2038, xfs with bigtime to 2486, btrfs any."""
    name, *small = kind.partition(" ")[0], *(["-I", "128"] if "128" in kind else [])
    image, place = tmp_path / "disk", tmp_path / "mounted"
    image.touch()
    os.truncate(image, 320 << 20)
    place.mkdir()
    subprocess.run([f"mkfs.{name}", *small, str(image)], check=True, capture_output=True)
    subprocess.run(["mount", "-o", "loop", str(image), str(place)], check=True)
    wanted = [0, -1, -2_147_483_647, 2_147_483_646]
    wanted += [] if small else [10_413_792_000, 15_032_385_534]
    wanted += [-(1 << 40), 1 << 40] if name == "btrfs" else []
    try:
        make(place, real())
        times = {place / f"etc/timed.{number}": each * 10**9 + 5 * (not small) for number, each in enumerate(wanted)}
        for path, time in times.items():
            path.write_text("old\n")
            os.utime(path, ns=(time, time))
            assert path.stat().st_mtime_ns == time, "the file system holds it"
        with opened(place) as target:
            tree = target.capture([Read("/etc")])
            after = tree
            for path in times:
                after = after.write(f"/etc/{path.name}", "new\n")
            apply_changes(target, after.since(tree))
            assert {path.read_text() for path in times} == {"new\n"}
            undo(target)
        assert {path: path.stat().st_mtime_ns for path in times} == times
    finally:
        subprocess.run(["umount", str(place)], check=True)


def test_an_undo_is_refused_after_a_change_by_hand_and_names_it(root: Path) -> None:
    tree = capture(root)
    with opened(root) as target:
        apply_changes(target, mended(tree).since(tree))
        (root / "etc/ssh/sshd_config").write_text("by hand\n")
        now = snapshot(root)
        with pytest.raises(UndoRefused, match="/etc/ssh/sshd_config"):
            undo(target)
        assert snapshot(root) == now


def test_two_at_once_one_is_told_that_the_target_is_busy(root: Path) -> None:
    tree = capture(root)
    changes = mended(tree).since(tree)
    first = snapshot(root)
    with opened(root) as one, opened(root) as other:
        with one.lock():
            for attempt in (lambda: apply_changes(other, changes), lambda: undo(other)):
                with pytest.raises(TargetBusy):
                    attempt()
            assert snapshot(root) == first
        apply_changes(other, changes)


def test_a_forged_journal_can_not_lead_an_undo_out_of_the_target(root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    tree = capture(root)
    with opened(root) as target:
        apply_changes(target, tree.write("/etc/ufw/user.rules", "x\n").since(tree))
        applied = history(target)[-1]
        shutil.rmtree(root / "etc/ufw")
        (root / "etc/ufw").symlink_to(outside)
        (outside / "user.rules").write_text("x\n")
        (outside / "user.rules").chmod(0o644)
        with pytest.raises(ApplyError):
            undo(target)
        assert (outside / "user.rules").read_text() == "x\n"
        record = root / f"var/lib/rescue/fixes/{applied.id}/record.json"
        record.write_text(record.read_text().replace("/etc/ufw/user.rules", "/../outside/user.rules"))
        with pytest.raises(ApplyError, match="damaged"):
            undo(target, applied.id)
        assert (outside / "user.rules").read_text() == "x\n"


def test_a_journal_folder_that_is_a_link_is_not_followed(root: Path, tmp_path: Path) -> None:
    (root / "var/lib/rescue").symlink_to(tmp_path)
    tree = capture(root)
    with opened(root) as target:
        for attempt in (lambda: history(target), lambda: apply_changes(target, mended(tree).since(tree))):
            with pytest.raises(ApplyError, match="can't be trusted"):
                attempt()
    assert not (tmp_path / "fixes").exists()


def test_a_read_only_file_system_is_left_alone_and_said(tmp_path: Path) -> None:
    with ext4(tmp_path, mib=64) as place:
        make(place, real())
        first = snapshot(place)
        tree = capture(place)
        subprocess.run(["mount", "-o", "remount,ro", str(place)], check=True)
        with opened(place) as target, pytest.raises(ApplyError, match="nothing was changed"):
            apply_changes(target, mended(tree).since(tree))
        assert snapshot(place) == first


# -- a disk that is truly full -----------------------------------------------------------------------------------


def _fill_blocks(place: Path) -> None:
    """No free block left, not even a fragment for a small file."""
    for size in (1 << 20, 4096, 1024):
        number = 0
        while _fits(place / f"var/log/fill{size}.{number}", size):
            number += 1
    # What statvfs(3) still calls free is ext4's own reserve, which nobody can have.
    assert not _fits(place / "etc/probe", 1024)
    (place / "etc/probe").unlink(missing_ok=True)


def _fits(path: Path, size: int) -> bool:
    try:
        with path.open("wb", buffering=0) as stream:
            stream.write(b"x" * size)
            os.fsync(stream.fileno())
    except OSError as problem:
        if problem.errno == errno.ENOSPC:
            return False
        raise
    return True


def _fill_inodes(place: Path) -> None:
    number = 0
    while os.statvfs(place).f_ffree:
        (place / f"var/log/{number}.empty").touch()
        number += 1


def _filled(place: Path, what: str) -> None:
    _fill_blocks(place) if what == "blocks" else _fill_inodes(place)


SMALL = {"-N": "400", "-b": "1024"}


@pytest.mark.parametrize("what", ["blocks", "inodes"])
def test_on_a_full_disk_a_log_goes_first_and_the_fix_is_journaled_and_undone(tmp_path: Path, what: str) -> None:
    with ext4(tmp_path, mib=16, options=SMALL) as place:
        make(place, real())
        _filled(place, what)
        first = snapshot(place)
        tree = capture(place)
        empty = [str(path) for path in tree.paths() if path.suffix == ".empty"]
        with opened(place) as target:
            applied = apply_changes(target, mended(tree).remove(*empty).since(tree))
            assert applied.made_room
            assert what == "blocks" or 5 < len(applied.made_room) < 25, "no more than needed"
            assert (place / "etc/ssh/sshd_config").read_text() == "Port 22\n"
            undo(target)
        gone = {path: what for path, what in first.items() if not path.endswith(b".empty")}
        assert but_logs(snapshot(place)) == but_logs(gone)
        assert not (place / "var/log/syslog.1").exists()


@pytest.mark.parametrize("what", ["blocks", "inodes"])
def test_on_a_full_disk_without_a_log_to_go_nothing_is_changed(tmp_path: Path, what: str) -> None:
    with ext4(tmp_path, mib=16, options=SMALL) as place:
        make(place, real())
        _filled(place, what)
        first = snapshot(place)
        tree = capture(place)
        changes = [change for change in mended(tree).since(tree) if change.reversible and change.after is not None]
        with opened(place) as target:
            with pytest.raises(ApplyError, match="can't write the undo log, so nothing was changed"):
                apply_changes(target, changes)
            assert history(target) == ()
        assert snapshot(place) == first


def test_on_a_full_disk_the_record_can_be_kept_elsewhere(tmp_path: Path) -> None:
    store = InDirectory(tmp_path / "journal")
    with ext4(tmp_path, mib=16, options=SMALL) as place:
        make(place, real())
        _filled(place, "blocks")
        first = snapshot(place)
        tree = capture(place)
        after = tree.set_mode("/home/alice/.ssh", mode=0o700).remove("/etc/nologin")
        with opened(place) as target:
            apply_changes(target, after.since(tree), store=store)
            assert not (place / "etc/nologin").exists()
            undo(target, store=store)
        assert snapshot(place) == first


def test_every_amount_of_room_gives_a_whole_fix_or_none(tmp_path: Path) -> None:
    with ext4(tmp_path, mib=16, options=SMALL) as place:
        make(place, real())
        _filled(place, "blocks")
        spare = sorted((place / "var/log").glob("fill1024.*"))
        spare += sorted((place / "var/log").glob("fill4096.*"))
        outcomes = []
        for count in range(0, 40, 4):
            for each in spare[:4]:
                each.unlink()
            spare = spare[4:]
            os.sync()
            tree = capture(place)
            changes = [change for change in mended(tree).since(tree) if change.reversible]
            first = snapshot(place)
            with opened(place) as target:
                try:
                    apply_changes(target, changes)
                except ApplyError as problem:
                    outcomes.append(str(problem).split(" (")[0].split(":")[0])
                else:
                    outcomes.append("whole")
                    undo(target)
                assert snapshot(place) == first, (count, outcomes)
            shutil.rmtree(place / "var/lib/rescue", ignore_errors=True)
        assert outcomes[0] == "can't write the undo log, so nothing was changed"
        assert outcomes[-1] == "whole"


# -- the target in memory is held to what a kernel does ----------------------------------------------------------


def _both(tree: Tree, root: Path) -> list[tuple[str, PurePosixPath, Entry | int | None]]:
    """Calls of a target's writing methods, good and bad ones."""
    config, ssh = PurePosixPath("/etc/ssh/sshd_config"), PurePosixPath("/home/alice/.ssh")
    return [
        ("put", config, file("new\n", 0o600, 3, 4)),
        ("put", PurePosixPath("/etc/nowhere/x"), file("x")),
        ("put", PurePosixPath("/etc/new"), directory(0o750, 1, 2)),
        ("put", PurePosixPath("/etc/new"), directory(0o700, 2, 1)),
        ("put", PurePosixPath("/etc/new"), file("x")),
        ("put", config, directory()),
        ("put", PurePosixPath("/etc/new/link"), symlink("../passwd")),
        ("put", PurePosixPath("/etc/new/link"), symlink("../group")),
        ("put", PurePosixPath("/etc/new/link"), file("over a link\n")),
        ("put", PurePosixPath("/etc/new/imm"), replace(file("i"), flags=0x10)),
        ("put", PurePosixPath("/etc/new/imm"), file("j")),
        ("put", PurePosixPath("/lib/systemd/x"), file("through a link")),
        ("put", PurePosixPath("/etc/passwd/x"), file("below a file")),
        ("set_metadata", ssh, directory(0o700, 1000, 1000)),
        ("set_metadata", ssh, file("")),
        ("set_metadata", PurePosixPath("/etc/nowhere"), directory()),
        ("set_metadata", PurePosixPath("/etc/group"), replace(file(""), mode=0o640, flags=0x10)),
        ("shorten", PurePosixPath("/etc/nowhere"), 1),
        ("shorten", PurePosixPath("/etc"), 1),
        ("shorten", PurePosixPath(BIG_LOG), 0),
        ("remove", PurePosixPath("/etc/nowhere"), None),
        ("remove", PurePosixPath("/etc/nowhere/x"), None),
        ("remove", PurePosixPath("/etc/new"), None),
        ("remove", PurePosixPath("/etc/new/imm"), None),
        ("remove", PurePosixPath("/etc/new/link"), None),
        ("remove", PurePosixPath("/etc/new"), None),
        ("remove", PurePosixPath("/etc/swap"), None),
    ]


def test_the_target_in_memory_does_what_a_real_one_does(root: Path) -> None:
    reads = [Read("/", limit=1 << 20)]
    with opened(root) as target:
        tree = target.capture(reads)
        memory = MemoryTarget(Tree.of({str(path): tree.lentry(path) or "" for path in tree.paths()}))
        for name, path, argument in _both(tree, root):
            results = []
            for each in (memory, target):
                arguments = [path] if argument is None else [path, argument]
                try:
                    getattr(each, name)(*arguments)
                    results.append("done")
                except TargetError:
                    results.append("refused")
            assert results[0] == results[1], (name, path)
            seen = target.capture(reads)
            assert _judged(files(memory.tree, times=False)) == _judged(files(seen, times=False)), (name, path)
        set_flags(root / "etc/group", 0)


def _judged(found: dict[str, object]) -> dict[str, object]:
    return {path: what for path, what in found.items() if path != "/lost+found"}


def test_a_kind_that_no_fix_makes_is_refused_before_anything(root: Path) -> None:
    first = snapshot(root)
    with opened(root) as target, pytest.raises(ApplyError, match="not a file, directory or link"):
        apply_changes(target, [Change(PurePosixPath("/dev/x"), None, Entry(Kind.CHAR, 0o666, rdev=259))])
    assert snapshot(root) == first


def test_free_space_counts_in_the_snapshot(tmp_path: Path) -> None:
    with ext4(tmp_path, mib=16, options=SMALL) as place:
        make(place, real())
        _filled(place, "inodes")
        holder = capture(place).filesystem("/etc")
        assert isinstance(holder, FileSystem)
        assert holder.inodes_free == 0
