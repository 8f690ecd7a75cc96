"""Records kept on the target and in a directory, on a hostile disk too."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from rescue.targets.protocol import NoSpace
from rescue.tree import Entry, FileSystem, Kind, directory, symlink
from rescue.undo_log import (
    InDirectory,
    InTarget,
    JournalError,
    JournalStore,
    NoRecord,
    State,
    encode,
    read_records,
)
from rescue.undo_log.encoding import RECORD_LIMIT
from rescue.undo_log.store import RECORD, unbegun
from tests.trees import server
from tests.unit.memory_target import MemoryTarget
from tests.unit.undo_log.samples import ID, record_of, replaced

pytestmark = pytest.mark.unit


@pytest.fixture(params=["on the target", "in a directory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> JournalStore:
    return InTarget(MemoryTarget(server())) if request.param == "on the target" else InDirectory(tmp_path / "a" / "b")


def test_a_store_is_empty_at_first(store: JournalStore) -> None:
    assert store.records() == {}
    assert store.read(ID, ["record.json"], 10) == {}
    store.discard(ID, "record.json")
    store.clear(ID)
    assert read_records(store) == ()


def test_a_store_gives_back_what_was_written(store: JournalStore) -> None:
    store.write(ID, "before/0001", b"old")
    assert store.records() == {ID: NoRecord.LOST}
    store.write(ID, "record.json", b"one")
    store.write(ID, "record.json", b"two")
    assert store.records() == {ID: b"two"}
    assert store.read(ID, ["before/0001", "before/0002"], 3) == {"before/0001": b"old"}
    assert store.read(ID, ["before/0001"], 2) == {}
    store.discard(ID, "before/0001")
    assert store.read(ID, ["before/0001"], 3) == {}
    store.write(ID, "before/0001", b"old")
    store.clear(ID)
    assert store.records() == {}
    store.write(ID, "record.json", b"again")
    assert store.records() == {ID: b"again"}


def test_a_store_never_leaves_its_folder(store: JournalStore) -> None:
    for fix_id, name in ((ID, "../record.json"), (ID, "before/../../x"), ("..", "record.json"), ("", "record.json")):
        with pytest.raises(JournalError):
            store.write(fix_id, name, b"")
        with pytest.raises(JournalError):
            store.read(fix_id, [name], 10)


def test_a_record_that_is_too_large_or_no_file_is_unreadable_and_not_absent(store: JournalStore) -> None:
    store.write(ID, "record.json", b" " * (RECORD_LIMIT + 1))
    assert store.records() == {ID: NoRecord.UNREADABLE}
    assert [record.state for record in read_records(store)] == [State.UNREADABLE]


def test_a_link_for_a_record_is_not_followed_on_the_target() -> None:
    folder = f"/var/lib/rescue/fixes/{ID}"
    tree = server({f"{folder}/record.json": symlink("/etc/shadow"), "/var/lib/rescue": directory(0o700)})
    store = InTarget(MemoryTarget(tree))
    assert store.records() == {ID: NoRecord.UNREADABLE}
    assert store.read(ID, ["record.json"], 1 << 20) == {}


def test_a_link_for_a_fix_is_not_followed_on_the_target() -> None:
    tree = server(
        {
            "/home/alice/x/record.json": encode(record_of(replaced())),
            "/var/lib/rescue": directory(0o700),
            f"/var/lib/rescue/fixes/{ID}": symlink("/home/alice/x"),
        }
    )
    target = MemoryTarget(tree)
    assert [record.state for record in read_records(InTarget(target))] == [State.UNREADABLE]
    assert InTarget(target).read(ID, ["record.json"], 1 << 20) == {}
    InTarget(target).clear(ID)
    assert "/home/alice/x/record.json" in target.tree


def test_a_link_for_a_record_is_not_followed_in_a_directory(tmp_path: Path) -> None:
    folder = tmp_path / "fixes" / ID
    folder.mkdir(parents=True)
    (folder / "record.json").symlink_to("/etc/hostname")
    store = InDirectory(tmp_path)
    assert store.records() == {ID: NoRecord.UNREADABLE}


def test_a_directory_serves_one_server(tmp_path: Path) -> None:
    InDirectory(tmp_path, "aaaa").write(ID, RECORD, b"{}")
    assert InDirectory(tmp_path, "aaaa").records() == {ID: b"{}"}
    assert InDirectory(tmp_path).records() == {ID: b"{}"}, "of a server that can't be told from others"
    with pytest.raises(JournalError, match="another server") as refused:
        InDirectory(tmp_path, "bbbb").records()
    assert "another directory" in refused.value.hint


def test_a_directory_holds_records_for_their_owner_alone(tmp_path: Path) -> None:
    InDirectory(tmp_path / "journal").write(ID, "before/0001", b"secret")
    for path in (tmp_path / "journal").rglob("*"):
        assert path.stat().st_mode & 0o7777 == (0o700 if path.is_dir() else 0o600)


def test_any_number_of_huge_records_is_read_within_bounds() -> None:
    planted = {
        f"/var/lib/rescue/fixes/20260101T0000{number:02d}Z/record.json": Entry(Kind.FILE, 0o600, size=1 << 40)
        for number in range(60)
    }
    target = MemoryTarget(server({**planted, "/var/lib/rescue": directory(0o700)}))
    assert set(InTarget(target).records().values()) == {NoRecord.UNREADABLE}


def test_a_full_disk_is_told_as_such() -> None:
    target = MemoryTarget(server(filesystem=FileSystem("/", "ext4", 1 << 30, 0, 0, 1000, 500)))
    with pytest.raises(NoSpace):
        InTarget(target).write(ID, "record.json", b"x")


def test_what_a_kill_left_where_the_journal_begins_is_swept_and_nothing_else() -> None:
    planted: dict[str, Entry | str] = {
        "/var/.rescue-0000": directory(0o700),
        "/var/lib/.rescue-0011": directory(0o700),
        "/var/lib/.rescue-full/file": "somebody's",
        "/var/lib/rescue": directory(0o700),
        "/var/lib/rescue/.rescue-0022": directory(0o700),
        "/var/lib/rescue/fixes/.rescue-0033": "half",
        "/var/lib/other": "x",
    }
    target = MemoryTarget(server(planted))
    InTarget(target).sweep(".rescue-", [])
    left = {str(path) for path in target.tree.walk("/var/lib") if not path.is_relative_to("/var/lib/dpkg")}
    assert target.tree.lentry("/var/.rescue-0000") is None
    assert left == {
        "/var/lib/.rescue-full", "/var/lib/.rescue-full/file", "/var/lib/rescue", "/var/lib/rescue/fixes",
        "/var/lib/other",
    }  # fmt: skip


def test_old_contents_without_a_record_are_kept_and_a_record_of_no_bytes_is_one(store: JournalStore) -> None:
    store.write(ID, "record.json", b"")
    assert store.records() == {ID: b""}
    assert [record.state for record in read_records(store)] == [State.UNREADABLE]
    store.write(ID, "before/0001", b"old")
    store.discard(ID, "record.json")
    assert store.records() == {ID: NoRecord.LOST}
    store.discard(ID, "before/0001")
    assert store.records() == {ID: NoRecord.UNBEGUN}
    store.write(ID, "changes.diff", b"mode 0644 -> 0600")
    assert store.records() == {ID: NoRecord.LOST}


def test_only_what_had_not_begun_may_go(store: JournalStore) -> None:
    begun, prepared = record_of(replaced()).at(State.STARTED), record_of(replaced()).at(State.PREPARED)
    for raw, may_go in ((encode(begun), ()), (encode(prepared), (ID,)), (encode(prepared)[:-9], ()), (b"", ())):
        store.write(ID, "record.json", raw)
        assert unbegun(store.records()) == may_go


def test_temporary_files_in_the_folders_of_fixes_are_swept_and_no_others(tmp_path: Path) -> None:
    folder = f"/var/lib/rescue/fixes/{ID}"
    names = [".rescue-0123456789abcdef", "before/.rescue-77", "before/0001", "record.json", "changes.diff", ".mine"]
    other = f"/var/lib/rescue/fixes/{ID}-2/.rescue-all-that-is-left"
    target = MemoryTarget(server({other: "x", **{f"{folder}/{name}": "x" for name in names}}))
    InTarget(target).sweep(".rescue-", [ID])
    left = {str(path) for path in target.tree.walk("/var/lib/rescue/fixes") if target.tree.data(path) is not None}
    assert left == {other, *(f"{folder}/{name}" for name in names[2:])}
    for name in [*(f"{ID}/{each}" for each in [*names, ".abcd_123"]), f"{ID}-2/.rescue-2"]:
        (tmp_path / "fixes" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "fixes" / name).write_text("x")
    (tmp_path / ".rescue-3").write_text("x")
    (tmp_path / ".somebody").write_text("x")
    InDirectory(tmp_path).sweep(".rescue-", [ID])
    there = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert there == {".somebody", f"fixes/{ID}-2/.rescue-2", *(f"fixes/{ID}/{name}" for name in names[2:])}


def test_what_others_put_into_the_folder_of_a_fix_stays(store: JournalStore, tmp_path: Path) -> None:
    store.write(ID, "before/0001", b"old")
    store.write(ID, "record.json", b"{}")
    if isinstance(store, InDirectory):
        notes = tmp_path / "a" / "b" / "fixes" / ID / "before" / "notes"
        notes.write_text("mine")
        store.clear(ID)
        assert notes.read_text() == "mine"
    else:
        target = MemoryTarget(server({f"/var/lib/rescue/fixes/{ID}/before/notes": "mine"}))
        InTarget(target).write(ID, "before/0001", b"old")
        InTarget(target).clear(ID)
        assert target.tree.text(f"/var/lib/rescue/fixes/{ID}/before/notes") == "mine"
        assert f"/var/lib/rescue/fixes/{ID}/before/0001" not in target.tree


def test_a_record_that_is_no_file_is_no_lost_one_in_a_directory(tmp_path: Path) -> None:
    store = InDirectory(tmp_path)
    store.write(ID, "before/0001", b"old")
    record = tmp_path / "fixes" / ID / "record.json"
    kinds: tuple[Callable[[], None], ...] = (
        lambda: record.symlink_to("nowhere"),
        lambda: os.mkfifo(record),
        record.mkdir,
    )
    for make in kinds:
        make()
        assert store.records() == {ID: NoRecord.UNREADABLE}
        assert unbegun(store.records()) == ()
        record.rmdir() if record.is_dir() else record.unlink()
    (tmp_path / "fixes" / f"{ID}-2").symlink_to(tmp_path)
    (tmp_path / "fixes" / f"{ID}-3").write_text("a file")
    found = store.records()
    assert (found[f"{ID}-2"], found[f"{ID}-3"]) == (NoRecord.UNREADABLE, NoRecord.UNREADABLE)


def test_a_place_that_is_no_directory_is_an_error_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "fixes").write_text("x")
    for place in ("file", "half"):
        with pytest.raises(JournalError, match="can't be read: Not a directory"):
            InDirectory(tmp_path / place).records()
