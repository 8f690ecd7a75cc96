"""What the disk remembers, as people see it: a few lines of an inspection, the whole, the page with its picture."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from io import StringIO

import pytest

from rescue.examine import examine
from rescue.facts import Facts
from rescue.model import Client
from rescue.story.whole import story
from rescue.tree import Tree
from rescue.ui import document
from rescue.ui.report import Report, console
from rescue.ui.timeline import remembered, told
from rescue.ui.timeline_page import page
from tests.remembering import ACCEPTED, AT, EMERGENCY, FINGERPRINT, JOURNAL, UP, journal_of
from tests.schemas import faults
from tests.trees import server

pytestmark = pytest.mark.unit

NOW = Client(now=AT + timedelta(days=400))
SUDO = "2026-11-29T10:05:00Z server sudo:  alice : PWD=/ ; USER=root ; COMMAND=/usr/sbin/ufw {}\n"
AUTH = f"2026-11-29T10:00:00Z server sshd[9]: {ACCEPTED}\n" + "".join(SUDO.format(f"allow {port}") for port in range(5))


def shown(tree: Tree, client: Client = NOW) -> str:
    out = StringIO()
    remembered(Report(console(out, color=False)), examine(tree, client).facts, "rescue timeline X")
    return " ".join(out.getvalue().split())


def whole(tree: Tree) -> str:
    out = StringIO()
    facts = Facts(tree, NOW)
    told(Report(console(out, color=False)), story(facts), facts)
    return " ".join(out.getvalue().split())


def test_an_inspection_says_who_was_last_in_and_the_events_that_tell_most() -> None:
    text = shown(server({"/var/log/auth.log": AUTH}))
    assert text.startswith(
        "Last login: alice from 203.0.113.7 on 29 November 2026 at 10:00 UTC with the key "
        f"ED25519 {FINGERPRINT}. Since then:"
    )
    assert text.count("alice ran:") == 3
    assert "All of it: rescue timeline X" in text


def test_this_years_day_has_no_year() -> None:
    text = shown(server({"/var/log/auth.log": AUTH}), replace(NOW, now=AT + timedelta(days=1)))
    assert "on 29 November at 10:00 UTC" in text


def test_a_boot_that_went_wrong_is_said_and_one_that_came_up_is_not() -> None:
    assert "ended in emergency mode. It began with: Timed out" in shown(server({JOURNAL: journal_of(EMERGENCY)}))
    assert "boot" not in shown(server({JOURNAL: journal_of(UP)}))
    assert shown(server()) == ""


def test_the_whole_story() -> None:
    text = whole(server({"/var/log/auth.log": AUTH, JOURNAL: journal_of(UP)}))
    assert "The last boot of 29 November 2026 at 10:00 UTC came up; sshd listened on 0.0.0.0 port 22." in text
    assert "network interface eno1" in text
    assert text.count("alice ran:") == 5
    assert "tell of no login" in whole(server())


def test_nothing_of_a_log_drives_the_terminal() -> None:
    evil = SUDO.format("allow \x1b[2J\u202e22")
    for text in (whole(server({"/var/log/auth.log": AUTH + evil})), shown(server({"/var/log/auth.log": AUTH + evil}))):
        assert "\x1b" not in text
        assert "\u202e" not in text


def test_the_page_has_a_picture_and_names_in_it_are_escaped() -> None:
    tree = server({"/var/log/auth.log": AUTH + SUDO.format("allow <script>")})
    facts = Facts(tree, NOW)
    text = page(story(facts), facts, "server")
    assert text.count("<circle ") == 7
    assert "<script>" not in text
    assert "&lt;script&gt;" in text
    assert "<svg" not in page(story(Facts(server(), NOW)), Facts(server(), NOW), "server")


@pytest.mark.parametrize("said", [UP, EMERGENCY, ()])
def test_the_document_keeps_to_its_schema(said: tuple[tuple[dict[bytes, bytes], str], ...]) -> None:
    tree = server({"/var/log/auth.log": AUTH, JOURNAL: journal_of(said)} if said else {})
    assert faults(document.inspection(examine(tree, NOW), "x", "directory")) == []
