"""From what ssh printed to the causes."""

from __future__ import annotations

import pytest

from rescue.checks import all_checks
from rescue.labs.lessons.scenario import all_scenarios
from rescue.outside.symptoms import SEEN, causes_of, mentioning, seen

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("line", "title"),
    [
        ("ssh: connect to host 192.0.2.7 port 22: Connection refused", "Connection refused"),
        ("ssh: connect to host example.org port 2222: Connection timed out", "Connection timed out"),
        ("ssh: connect to host 192.0.2.7 port 22: Operation timed out", "Connection timed out"),
        ("ssh: connect to host 2001:db8::1 port 22: No route to host", "No route to host"),
        ("kex_exchange_identification: Connection closed by remote host", "Connection closed"),
        ("kex_exchange_identification: read: Connection reset by peer", "Connection closed"),
        ("me@192.0.2.7: Permission denied (publickey,password).", "Permission denied"),
        ("Received disconnect from 192.0.2.7 port 22:2: Too many authentication failures", "Permission denied"),
        ("This account is currently not available.", "This account is currently not available"),
        ("the login hangs", "The login hangs"),
        ("CONNECTION TIMED OUT", "Connection timed out"),
        ("sudo: /etc/sudoers is world writable", "sudo fails"),
        ("@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @", "Host key verification failed"),
    ],
)
def test_a_line_is_known(line: str, title: str) -> None:
    kind = seen(line)
    assert kind is not None
    assert kind.title == title
    assert causes_of(kind, all_checks())


@pytest.mark.parametrize("words", ["nologin-page", "hello", "", "\x1b[31m", "%s" * 100])
def test_other_words_are_no_line_of_ssh(words: str) -> None:
    assert seen(words) in (
        None,
        next(each for each in SEEN if "not available" in each.title),
    )  # a name with nologin in it is about an account that is closed


@pytest.mark.parametrize(
    "line",
    ["ssh: Could not resolve hostname foo: Name or service not known", "Load key \"x\": bad permissions",
     "ssh: connect to host foo port 22: Permission denied",
     "sign_and_send_pubkey: signing failed: agent refused operation"],
)  # fmt: skip
def test_a_line_about_ones_own_computer_blames_no_server(line: str) -> None:
    kind = seen(line)
    assert kind is not None
    assert kind.local
    assert causes_of(kind, all_checks()) == []


def test_what_a_scenario_shows_leads_to_its_cause() -> None:
    """Whoever types what the client printed in one of the labs finds the cause among those that are listed."""
    missed = []
    for scenario in all_scenarios():
        kind = seen(scenario.symptom.words())
        if kind is None or not scenario.causes or scenario.waiting:
            continue
        listed = {each.id for each in causes_of(kind, all_checks())}
        if not listed & {str(each) for each in scenario.causes}:
            missed.append((scenario.id, kind.title, scenario.causes))
    assert missed == []


def test_words_of_the_manuals_are_searched_for() -> None:
    assert mentioning("fail2ban banned", all_checks())[0].id == "fail2ban-ban"
    assert mentioning("zzqq", all_checks()) == []
    assert mentioning("?", all_checks()) == []
