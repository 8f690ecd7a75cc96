"""A file under /var/log is judged by its name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rescue.space.names import Rotated, archived_journal, can_be_shortened, kept, log_name, rotated

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    "name, live, packed",
    [
        ("syslog.1", "syslog", False),
        ("syslog.2.gz", "syslog", True),
        ("auth.log.10.xz", "auth.log", True),
        ("messages-20240107", "messages", False),
        ("secure-20240107.gz", "secure", True),
        ("cron-2024010715.zst", "cron", True),
        ("app.log-20240107-1704585601.gz", "app.log", True),
        ("app.log.2024-01-07", "app.log", False),
        ("app.log.2024-01-07.3", "app.log", False),
        ("app.log.2024-01-07_13", "app.log", False),
        ("mongod.log.2024-01-07T00-00-01", "mongod.log", False),
        ("catalina.2024-01-07.log", "catalina.log", False),
        ("localhost_access_log.2024-01-07.txt", "localhost_access_log.txt", False),
        ("postgresql-2024-01-07_000000.log", "postgresql.log", False),
        ("app-20240107.log.gz", "app.log", True),
        ("0.log.20240107-120000.gz", "0.log", True),
        ("eve.json-20240107.gz", "eve.json", True),
        ("Xorg.0.log.old", "Xorg.0.log", False),
        ("dmesg.0", "dmesg", False),
        ("btmp-20240101", "btmp", False),
        ("history.log.gz", "history.log", True),
    ],
)
def test_rotated_logs_are_known_with_the_name_of_the_live_one(name: str, live: str, packed: bool) -> None:
    found = rotated(name)
    assert found is not None
    assert (found.live, found.packed) == (live, packed)


@pytest.mark.parametrize(
    "name",
    [
        "syslog",
        "auth.log",
        "Xorg.0.log",
        "php8.2-fpm.log",
        "mysql-bin.000001",
        "mysql-bin.1000",
        "mariadb-relay-bin.7",
        "binlog.000012",
        "mysql-bin.index",
        "redo.log.1",
        "site.sql.gz",
        "site-20240107.sql.gz",
        "backup-20240107.tar.gz",
        "etc.tgz.1",
        "disk.img.1",
        "trace.pcap.1",
        "db.sqlite3.2",
        "system.journal",
        "00000001000000000000000A",
        "app.99999",
        "app-20241399",
    ],
)
def test_what_is_no_rotated_log_is_none(name: str) -> None:
    assert rotated(name) is None


@pytest.mark.parametrize(
    "name", ["syslog", "messages", "app.log", "access_log", "php_errors.log", "mail.err", "eve.json"]
)
def test_live_logs_are_known_by_their_names(name: str) -> None:
    assert log_name(name)
    assert can_be_shortened(name)


@pytest.mark.parametrize(
    "name", ["lastlog", "wtmp", "faillog", "tallylog", "app.db", "000123.log", "ib_logfile0", "tc.bin.log"]
)
def test_a_file_of_records_or_of_a_database_is_not_shortened(name: str) -> None:
    assert not can_be_shortened(name)


def test_only_closed_journals_are_archives() -> None:
    sequence = "@" + "a" * 32 + "-" + "0" * 16 + "-" + "1" * 16 + ".journal"
    assert archived_journal("system" + sequence)
    assert archived_journal("user-1000" + sequence)
    assert archived_journal("system@" + "0" * 16 + "-" + "1" * 16 + ".journal~")
    assert not archived_journal("system.journal")
    assert not archived_journal("user-1000.journal")
    assert not archived_journal("notes@home.journal")


@given(st.text(st.sampled_from("a.-_0129gzlogbin\n\udcff"), max_size=255))
def test_any_name_is_judged(name: str) -> None:
    found = rotated(name)
    assert found is None or (isinstance(found, Rotated) and not kept(name))
    log_name(name)
    archived_journal(name)
