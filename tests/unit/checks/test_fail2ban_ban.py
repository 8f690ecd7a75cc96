from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address

import pytest

from rescue.model import Client, Safety, Severity, Symptom
from rescue.planner import any_repairs, make_plan
from rescue.tree import Entry, Tree
from tests.checking import causes, changed_paths, mended, only_finding
from tests.trees import server
from tests.unit.bans.fail2ban_files import DATABASE, NOW, Row, addresses, database, installed
from tests.unit.firewall.files import allow, ufw_files
from tests.unit.logs.test_wtmp import record

pytestmark = pytest.mark.unit

ME = Client(sources=(ip_address("192.0.2.1"),), now=NOW)
MINE: Row = ("sshd", "192.0.2.1", 5, -1)
OTHERS: tuple[Row, ...] = (("sshd", "203.0.113.9", 5, -1), ("sshd", "2001:db8::9", 5, -1))
FOR_EVER = "[sshd]\nenabled = true\nbantime = -1\n"


def banned(*rows: Row, local: str = FOR_EVER, more: Mapping[str, Entry | str | bytes | None] | None = None) -> Tree:
    return server({**installed(rows, local=local), **(more or {})})


def held(tree: Tree) -> bytes:
    data = tree.data(DATABASE)
    assert data is not None
    return data


def test_your_address_is_taken_out_and_nobody_elses() -> None:
    tree = banned(MINE, *OTHERS)
    finding = only_finding(tree, "fail2ban-ban", ME)
    assert finding.severity is Severity.BROKEN
    assert finding.symptom is Symptom.REFUSED
    assert "192.0.2.1" in finding.message
    assert "permanently" in finding.message
    plan = mended(tree, ME)
    assert changed_paths(plan) == [DATABASE]
    after = plan.after.facts.tree
    assert addresses(held(after)) == addresses(held(after), "bans") == ["2001:db8::9", "203.0.113.9"]
    entry, before = after.entry(DATABASE), tree.entry(DATABASE)
    assert entry is not None
    assert before is not None
    assert entry.mode == before.mode


def test_how_far_the_logs_were_read_stays() -> None:
    import sqlite3

    after = mended(banned(MINE), ME).after.facts.tree
    database = sqlite3.connect(":memory:")
    database.deserialize(held(after))
    assert database.execute("SELECT path, lastfilepos FROM logs").fetchall() == [("/var/log/auth.log", 4711)]


def test_a_healthy_server_bans_strangers() -> None:
    assert causes(banned(*OTHERS), ME) == []
    assert causes(banned(MINE, *OTHERS)) == []  # nobody has said where they come from


def test_where_nobody_says_where_they_come_from_bans_of_people_who_logged_in_are_told() -> None:
    tree = banned(MINE, *OTHERS, more={"/var/log/wtmp": record("alice", "192.0.2.1") + record("bob", "192.0.2.77")})
    finding = only_finding(tree, "fail2ban-ban")
    assert finding.severity is Severity.DOUBTFUL
    assert "192.0.2.1 (alice on 2026-02-20)" in finding.message
    assert "203.0.113.9" not in finding.message
    assert make_plan(tree, Client()).changes == ()


def test_a_ban_ends_and_a_service_that_is_not_started_bans_nobody() -> None:
    assert causes(banned(("sshd", "192.0.2.1", 11, 600), local=""), ME) == []
    assert causes(banned(MINE, more={"/etc/systemd/system/multi-user.target.wants/fail2ban.service": None}), ME) == []


def test_all_addresses_of_the_client_and_all_their_jails_are_mended_at_once() -> None:
    client = Client(sources=(ip_address("192.0.2.1"), ip_address("2001:db8::1")), now=NOW)
    local = FOR_EVER + "[recidive]\nenabled = true\nbantime = -1\n"
    tree = banned(MINE, ("recidive", "192.0.2.1", 1, -1), ("sshd", "2001:db8::1", 1, -1), *OTHERS, local=local)
    plan = mended(tree, client)
    assert addresses(held(plan.after.facts.tree)) == ["2001:db8::9", "203.0.113.9"]


def test_a_whole_network_is_let_in_only_if_asked_for() -> None:
    tree = banned(("sshd", "192.0.2.0/24", 5, -1))
    finding = only_finding(tree, "fail2ban-ban", ME)
    assert finding.repairs[0].safety is Safety.UNSAFE
    assert "192.0.2.0/24" in finding.repairs[0].weakens
    assert make_plan(tree, ME).changes == ()
    assert addresses(held(mended(tree, ME, any_repairs).after.facts.tree)) == []


def test_what_a_crash_left_beside_the_database_is_read_and_worked_in() -> None:
    import sqlite3
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x"
        path.write_bytes(database(*OTHERS))
        other = sqlite3.connect(path)
        other.execute("PRAGMA journal_mode = wal")
        other.execute("INSERT INTO bips VALUES ('192.0.2.1', 'sshd', ?, -1, 1, '{}')", (NOW.timestamp() - 300,))
        other.commit()
        data, wal = path.read_bytes(), path.with_name("x-wal").read_bytes()
        other.close()
    tree = banned(more={DATABASE: data, f"{DATABASE}-wal": wal})
    plan = mended(tree, ME)
    assert changed_paths(plan) == [f"{DATABASE}-wal", DATABASE]
    assert addresses(held(plan.after.facts.tree)) == ["2001:db8::9", "203.0.113.9"]


def test_a_database_that_cannot_be_read_is_a_doubt() -> None:
    finding = only_finding(banned(more={DATABASE: b"junk" * 1000}), "fail2ban-ban", ME)
    assert finding.severity is Severity.DOUBTFUL
    assert finding.reason
    assert causes(banned(more={DATABASE: b"junk" * 1000})) == []


@pytest.mark.parametrize("enabled", [True, False])
def test_an_action_of_ufw_bans_nobody_where_ufw_is_off(enabled: bool) -> None:
    action = "[Definition]\nactionban = ufw prepend reject from <ip> to any\n"
    more = {**ufw_files(allow(22)), "/etc/fail2ban/action.d/ufw.conf": action}
    if not enabled:
        more["/etc/ufw/ufw.conf"] = "ENABLED=no\n"
    tree = banned(MINE, local=FOR_EVER + "banaction = ufw\n", more=more)
    assert causes(tree, ME) == (["fail2ban-ban"] if enabled else [])


def test_a_configuration_that_does_not_load_bans_nobody() -> None:
    assert causes(banned(MINE, local="[sshd\n"), ME) == []
