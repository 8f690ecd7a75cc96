"""SQLite databases from their bytes: rows read and changed on a copy in memory.

SQLite itself does it, so that what is written is what SQLite would have written. The bytes are a stranger's, and so
the rules of "Defense Against The Dark Arts" (sqlite.org/security.html) hold: the copy is the only database, nothing
can be attached, no view, trigger or virtual table of the file is used and no function of its schema that could do
harm, every allocation and every statement has a limit, and a statement may touch the tables that we name alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rescue.formats.sqlite_image import DatabaseImage, NotSqlite, file_of

if TYPE_CHECKING:
    from sqlite3 import Connection

Value = str | int | float | bytes | None

MOST_ROWS = 500_000
"""Rows of one table that are read."""

LONGEST_VALUE = 1 << 24
"""Bytes of a value, or of a row."""

_STEPS, MOST_STEPS = 10_000, 20_000
"""A statement is asked every so many instructions of SQLite's machine whether it may go on, and so often it may."""


@dataclass(frozen=True, slots=True)
class Where:
    """Rows of a table whose `column` is `value`; with `table` and `column` words of ours, never the file's."""

    table: str
    column: str
    value: Value


def rows(image: DatabaseImage, table: str, columns: Sequence[str]) -> list[tuple[Value, ...]]:
    """The given columns of all rows of `table`; [] if there is no such table. Raises NotSqlite."""
    with _opened(image, writing=()) as database:
        if not _is_table(database, table):
            return []
        listed = ", ".join(f'"{column}"' for column in columns)
        found: list[tuple[Value, ...]] = database.execute(
            f'SELECT {listed} FROM "{table}" LIMIT {MOST_ROWS}'  # noqa: S608  both are words of ours
        ).fetchall()
        return found


def tables(image: DatabaseImage) -> frozenset[str]:
    """The names of all ordinary tables. Raises NotSqlite."""
    with _opened(image, writing=()) as database:
        named = database.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND rootpage > 0").fetchall()
        return frozenset(name for (name,) in named if isinstance(name, str))


def without(image: DatabaseImage, *these: Where) -> bytes:
    """The database's file without those rows. Raises NotSqlite where the database is not sound before and after."""
    order = 'DELETE FROM "{table}" WHERE "{column}" IS ?'
    return _changed(
        image, [(each.table, order.format(table=each.table, column=each.column), (each.value,)) for each in these]
    )


def with_value(image: DatabaseImage, column: str, value: Value, *these: Where) -> bytes:
    """The database's file in which `column` of those rows is `value`. Raises NotSqlite, see `without`."""
    order = f'UPDATE "{{table}}" SET "{column}" = ? WHERE "{{column}}" IS ?'  # noqa: S608  words of ours
    return _changed(
        image,
        [(each.table, order.format(table=each.table, column=each.column), (value, each.value)) for each in these],
    )


def _changed(image: DatabaseImage, orders: list[tuple[str, str, tuple[Value, ...]]]) -> bytes:
    with _opened(image, writing=tuple({table for table, _, _ in orders})) as database:
        _check(database)
        for table, order, values in orders:
            if _is_table(database, table):
                _refuse_triggers(database, table)
                database.execute(order, values)
        database.commit()
        _check(database)
        return file_of(database.serialize(), wal=image.wal)


def _check(database: Connection) -> None:
    (said,) = database.execute("PRAGMA integrity_check(1)").fetchone()
    if said != "ok":
        raise NotSqlite("the database is damaged")


def _refuse_triggers(database: Connection, table: str) -> None:
    """A trigger of the file's would have to be run or left out: either is another change than its owner's SQLite makes.

    One that the schema calls something else is refused by `_judge`, once the order is to start it.
    """
    asked = "SELECT 1 FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = ? COLLATE NOCASE"
    if database.execute(asked, (table,)).fetchone() is not None:
        raise NotSqlite(f"the table {table} has a trigger, which would change more than is asked for")


def _is_table(database: Connection, name: str) -> bool:
    """Whether an ordinary table has that name: a view and a virtual table have no pages."""
    asked = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND rootpage > 0 AND name = ? COLLATE NOCASE"
    return database.execute(asked, (name,)).fetchone() is not None


@contextmanager
def _opened(image: DatabaseImage, *, writing: tuple[str, ...]) -> Iterator[Connection]:
    """The database in memory, for reading and for changing the tables `writing`. Raises NotSqlite for all it meets."""
    try:
        import sqlite3
    except ImportError as problem:  # a Python without it, as some small systems have
        raise NotSqlite("this Python can't read SQLite databases: install its module sqlite3") from problem
    if not hasattr(sqlite3.Connection, "deserialize"):
        raise NotSqlite("this Python's SQLite can't open a database in memory")
    database = sqlite3.connect(":memory:")
    try:
        _limited(database)
        database.text_factory = _text
        database.deserialize(image.data)
        database.set_authorizer(_judge(writing))
        database.set_progress_handler(_patience(), _STEPS)
        yield database
    except (sqlite3.Error, sqlite3.Warning, OverflowError, MemoryError, ValueError) as problem:
        if isinstance(problem, NotSqlite):
            raise
        raise NotSqlite(f"the database can't be read: {problem}") from problem
    finally:
        database.close()


def _limited(database: Connection) -> None:
    import sqlite3

    for name, limit in (
        ("ATTACHED", 0), ("LENGTH", LONGEST_VALUE), ("SQL_LENGTH", 1 << 20), ("COLUMN", 200), ("EXPR_DEPTH", 100),
        ("COMPOUND_SELECT", 3), ("VDBE_OP", 25_000), ("FUNCTION_ARG", 8), ("LIKE_PATTERN_LENGTH", 50),
        ("VARIABLE_NUMBER", 10), ("TRIGGER_DEPTH", 1), ("WORKER_THREADS", 0),
    ):  # fmt: skip
        database.setlimit(getattr(sqlite3, f"SQLITE_LIMIT_{name}"), limit)
    database.execute("PRAGMA trusted_schema = OFF")
    database.execute("PRAGMA cell_size_check = ON")
    database.execute("PRAGMA foreign_keys = OFF")
    configure = getattr(database, "setconfig", None)
    if configure is not None:  # Python 3.12
        configure(sqlite3.SQLITE_DBCONFIG_DEFENSIVE, True)  # type: ignore[attr-defined,unused-ignore]
        # Triggers stay on: switched off, one would be left out in silence, where `_judge` refuses what it does.
        configure(sqlite3.SQLITE_DBCONFIG_ENABLE_VIEW, False)  # type: ignore[attr-defined,unused-ignore]


_Judge = Callable[[int, str | None, str | None, str | None, str | None], int]


def _judge(writing: tuple[str, ...]) -> _Judge:
    """SQLite's authorizer: asked about every action of a statement; `by` names the view or trigger that causes it."""
    import sqlite3

    written = {name.lower() for name in writing}
    changing = (sqlite3.SQLITE_DELETE, sqlite3.SQLITE_UPDATE)

    def judge(action: int, one: str | None, two: str | None, database: str | None, by: str | None) -> int:
        if by is not None:
            return sqlite3.SQLITE_DENY
        if action in (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_TRANSACTION):
            return sqlite3.SQLITE_OK
        if action == sqlite3.SQLITE_PRAGMA and one == "integrity_check":
            return sqlite3.SQLITE_OK
        if action in changing and one is not None and one.lower() in written:
            return sqlite3.SQLITE_OK
        return sqlite3.SQLITE_DENY

    return judge


def _patience() -> Callable[[], int]:
    left = MOST_STEPS

    def enough() -> int:
        nonlocal left
        left -= 1
        return int(left < 0)

    return enough


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")
