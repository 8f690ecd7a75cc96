"""SQLite databases from bytes: held against SQLite itself, with what a crash leaves beside them, and hostile ones."""

from __future__ import annotations

import random
import sqlite3
from pathlib import Path

import pytest

from rescue.formats.sqlite import Where, _opened, rows, tables, with_value, without
from rescue.formats.sqlite_image import JOURNAL, WAL, NotSqlite, image_of, is_hot

pytestmark = pytest.mark.unit

ROWS = [(f"192.0.{at // 256}.{at % 256}", "sshd", at) for at in range(3000)]
LIST = "CREATE TABLE bips(ip TEXT NOT NULL, jail TEXT, since INTEGER, PRIMARY KEY(ip, jail))"


def made(script: str) -> bytes:
    database = sqlite3.connect(":memory:")
    database.executescript(script)
    return database.serialize()


def on_disk(folder: Path, mode: str) -> sqlite3.Connection:
    """A database with `ROWS`, still open."""
    database = sqlite3.connect(folder / "x")
    database.execute(f"PRAGMA journal_mode = {mode}")
    database.execute(LIST)
    database.executemany("INSERT INTO bips VALUES (?, ?, ?)", ROWS)
    database.commit()
    database.execute("DELETE FROM bips WHERE since > 2000")
    database.commit()
    return database


def files(folder: Path) -> list[bytes]:
    """The database and its companions as a power cut leaves them."""
    paths = [folder / f"x{ending}" for ending in ("", WAL, JOURNAL)]
    return [path.read_bytes() if path.exists() else b"" for path in paths]


@pytest.mark.parametrize("mode", ["delete", "persist", "truncate", "wal"])
def test_what_was_committed_is_read_and_what_was_not_is_not(tmp_path: Path, mode: str) -> None:
    database = on_disk(tmp_path, mode)
    expected = sorted(database.execute("SELECT ip, since FROM bips").fetchall())
    assert sorted(rows(image_of(*files(tmp_path)), "bips", ("ip", "since"))) == expected
    whole = files(tmp_path)
    database.execute("PRAGMA cache_size = 5")  # so that pages of an open transaction are written
    database.execute("UPDATE bips SET jail = jail || 'x', since = since + 1")
    cut_off = files(tmp_path)
    assert is_hot(cut_off[2]) is (mode != "wal")
    if mode != "wal":
        assert cut_off[0] != whole[0]
    assert sorted(rows(image_of(*cut_off), "bips", ("ip", "since"))) == expected
    database.rollback()
    database.close()


def test_a_log_that_is_torn_counts_up_to_its_last_whole_commit(tmp_path: Path) -> None:
    database = on_disk(tmp_path, "wal")
    data, wal, _ = files(tmp_path)
    database.execute("INSERT INTO bips VALUES ('new', 'sshd', 1)")
    database.commit()
    longer = files(tmp_path)[1]
    assert len(longer) > len(wal)
    assert ("new",) in rows(image_of(data, longer), "bips", ("ip",))
    for torn in (longer[:-1], longer[: len(wal) + 30], longer[:-9] + b"\xff" + longer[-8:]):
        assert rows(image_of(data, torn), "bips", ("ip",)) == rows(image_of(data, wal), "bips", ("ip",))
    database.close()


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_rows_go_and_sqlite_finds_a_sound_database(tmp_path: Path, mode: str) -> None:
    database = on_disk(tmp_path, mode)
    new = without(image_of(*files(tmp_path)), Where("bips", "ip", "192.0.1.1"), Where("nowhere", "ip", "192.0.1.1"))
    database.close()
    (tmp_path / "y").write_bytes(new)
    after = sqlite3.connect(tmp_path / "y")
    assert after.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert after.execute("PRAGMA journal_mode").fetchone() == (mode,)
    left = [row for row in ROWS if row[2] <= 2000 and row[0] != "192.0.1.1"]
    assert sorted(after.execute("SELECT ip, jail, since FROM bips").fetchall()) == sorted(left)
    after.close()


def test_a_value_is_changed_in_the_named_rows_alone() -> None:
    image = image_of(made(f"{LIST}; INSERT INTO bips VALUES ('a', 'x', 1), ('b', 'x', 2);"))
    new = image_of(with_value(image, "since", 9, Where("bips", "ip", "b")))
    assert rows(new, "bips", ("ip", "since")) == [("a", 1), ("b", 9)]


def test_text_that_is_not_utf8_and_null_are_read() -> None:
    image = image_of(made(f"{LIST}; INSERT INTO bips VALUES (CAST(X'ff41' AS TEXT), NULL, X'00');"))
    assert rows(image, "bips", ("ip", "jail", "since")) == [("\udcffA", None, b"\0")]


@pytest.mark.parametrize(
    "script",
    [
        "CREATE VIEW bips AS SELECT 'a' AS ip",
        "CREATE VIRTUAL TABLE bips USING fts5(ip)",
        "CREATE TABLE other(ip)",
    ],
)
def test_what_only_looks_like_the_table_has_no_rows(script: str) -> None:
    image = image_of(made(script))
    assert rows(image, "bips", ("ip",)) == []
    assert "bips" not in tables(image)


@pytest.mark.parametrize(
    "trigger",
    [
        "AFTER DELETE ON bips BEGIN INSERT INTO bips VALUES ('b', 'b', 2); END",
        "BEFORE DELETE ON bips BEGIN SELECT RAISE(IGNORE); END",
        "AFTER DELETE ON BIPS WHEN old.since > 5 BEGIN DELETE FROM other; END",
        # It would not be started; what it is for nobody knows.
        "AFTER INSERT ON bips BEGIN DELETE FROM other; END",
        "AFTER UPDATE OF since ON bips BEGIN DELETE FROM other; END",
    ],
)
def test_a_trigger_of_the_file_stops_the_change(trigger: str) -> None:
    more = f"CREATE TABLE other(x); CREATE TRIGGER t {trigger}"
    image = image_of(made(f"{LIST}; INSERT INTO bips VALUES ('a', 'x', 1); {more};"))
    assert rows(image, "bips", ("ip",)) == [("a",)]
    with pytest.raises(NotSqlite, match="bips has a trigger"):
        without(image, Where("bips", "ip", "a"))
    with pytest.raises(NotSqlite, match="bips has a trigger"):
        with_value(image, "since", 9, Where("bips", "ip", "a"))


@pytest.mark.parametrize("kind", ["TRIGGER", "index", "table", "x"])
def test_a_trigger_that_the_schema_calls_something_else_stops_the_change(kind: str) -> None:
    trigger = "CREATE TRIGGER t AFTER DELETE ON bips BEGIN INSERT INTO bips VALUES ('b', 'b', 2); END"
    hidden = f"PRAGMA writable_schema = ON; UPDATE sqlite_schema SET type = '{kind}' WHERE name = 't'"
    image = image_of(made(f"{LIST}; INSERT INTO bips VALUES ('a', 'x', 1); {trigger}; {hidden};"))
    with pytest.raises(NotSqlite):
        without(image, Where("bips", "ip", "a"))


def test_a_trigger_of_another_table_is_in_nobodys_way() -> None:
    more = "CREATE TABLE other(x); CREATE TRIGGER t AFTER DELETE ON other BEGIN DELETE FROM bips; END"
    image = image_of(made(f"{LIST}; INSERT INTO bips VALUES ('a', 'x', 1); {more};"))
    assert rows(image_of(without(image, Where("bips", "ip", "a"))), "bips", ("ip",)) == []


def test_a_statement_ends_some_time() -> None:
    endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT max(x) FROM n"
    with pytest.raises(NotSqlite), _opened(image_of(made(LIST)), writing=()) as database:
        database.execute(endless).fetchone()


@pytest.mark.parametrize("order", ["ATTACH ':memory:' AS x", "PRAGMA journal_mode = off", "CREATE TABLE x(y)",
                                   "SELECT load_extension('x')", "DELETE FROM bips"])  # fmt: skip
def test_nothing_else_can_be_asked(order: str) -> None:
    with pytest.raises(NotSqlite), _opened(image_of(made(LIST)), writing=()) as database:
        database.execute(order)


@pytest.mark.parametrize("data", [b"", b"SQLite", b"SQLite format 3\0" + b"\0" * 84, b"\0" * 5000, b"x" * 5000])
def test_what_is_no_database_is_said_to_be_none(data: bytes) -> None:
    with pytest.raises(NotSqlite):
        rows(image_of(data), "bips", ("ip",))


def test_damaged_bytes_are_refused_or_read_and_never_more(tmp_path: Path) -> None:
    database = on_disk(tmp_path, "wal")
    whole = files(tmp_path)
    database.close()
    chance = random.Random(4)
    for _ in range(150):
        broken = []
        for data in whole:
            changed = bytearray(data)
            for _ in range(chance.choice((0, 1, 5, 50)) if data else 0):
                changed[chance.randrange(min(len(data), chance.choice((100, 4096, 1 << 30))))] = chance.randrange(256)
            broken.append(bytes(changed))
        try:
            image = image_of(*broken)
            rows(image, "bips", ("ip", "since"))
            without(image, Where("bips", "ip", "192.0.1.1"))
        except NotSqlite:
            continue


def test_a_damaged_database_is_not_written() -> None:
    data = bytearray(made(f"{LIST}; INSERT INTO bips VALUES ('a', 'x', 1);"))
    index = 2 * 4096  # the third page is the index of the primary key
    data[index + 100 : index + 4096] = bytes(4096 - 100)
    with pytest.raises(NotSqlite):
        without(image_of(bytes(data)), Where("bips", "ip", "a"))
