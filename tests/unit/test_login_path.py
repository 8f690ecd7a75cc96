"""The path: each link's state, the first broken one, and what can't be told."""

from __future__ import annotations

import pytest

from rescue.login_path import State, Verdict, login_path
from rescue.model import Client, Finding, Link, Severity, Symptom
from tests.checking import examine
from tests.trees import server

pytestmark = pytest.mark.unit


def finding(link: Link, severity: Severity = Severity.BROKEN, symptom: Symptom = Symptom.REFUSED) -> Finding:
    return Finding(f"at-{link}", link, severity, "x", symptom)


def states(tree_changes: dict[str, str], user: str | None = None) -> dict[str, State]:
    path = examine(server(tree_changes), Client(user=user)).path
    return {str(step.link): step.state for step in path.steps}


def test_a_path_without_findings_is_clear_and_says_what_nobody_looked_at() -> None:
    path = login_path([], [Link.SERVICE])
    assert (path.verdict, path.symptom, path.first) == (Verdict.CLEAR, Symptom.OK, None)
    assert [step.state for step in path.steps if step.link is Link.SERVICE] == [State.HOLDS]
    assert [step.state for step in path.steps if step.link is Link.BOOT] == [State.UNKNOWN]


def test_the_outside_sees_the_first_broken_link() -> None:
    key, service = finding(Link.KEY, symptom=Symptom.DENIED), finding(Link.SERVICE)
    path = login_path([key, service], Link)
    assert (path.verdict, path.symptom, path.first) == (Verdict.BROKEN, Symptom.REFUSED, service)


def test_a_login_that_hangs_is_seen_only_where_nothing_turns_the_client_away() -> None:
    full = finding(Link.DISK, symptom=Symptom.HANGS)
    assert login_path([full], Link).first is full
    keyless = finding(Link.KEY, symptom=Symptom.DENIED)
    assert login_path([full, keyless], Link).first is keyless


def test_what_closes_after_the_key_is_not_seen_where_no_key_is_taken() -> None:
    expired, keyless = finding(Link.ACCOUNT, symptom=Symptom.CLOSED), finding(Link.KEY, symptom=Symptom.DENIED)
    assert login_path([expired, keyless], Link).first is keyless
    assert login_path([expired], Link).first is expired
    wrapped = finding(Link.ACCEPT, symptom=Symptom.CLOSED)
    assert login_path([wrapped, keyless], Link).first is wrapped


def test_a_broken_link_counts_before_an_earlier_doubtful_one() -> None:
    doubt, broken = finding(Link.DISK, Severity.DOUBTFUL, Symptom.HANGS), finding(Link.KEY, symptom=Symptom.DENIED)
    path = login_path([doubt, broken], Link)
    assert (path.verdict, path.symptom) == (Verdict.BROKEN, Symptom.DENIED)
    assert login_path([doubt], Link).verdict is Verdict.DOUBTFUL


def test_where_sshd_listens_is_unknown_while_its_configuration_does_not_load() -> None:
    found = states({"/etc/ssh/sshd_config.d/x.conf": "Prot 2222\n"})
    assert (found["service"], found["listen"]) == (State.BROKEN, State.UNKNOWN)
    assert states({})["listen"] is State.HOLDS


def test_the_key_of_nobody_is_unknown() -> None:
    found = states({}, user="bob")
    assert (found["account"], found["key"]) == (State.BROKEN, State.UNKNOWN)


def test_a_link_that_a_disk_never_tells_whole_is_not_said_to_hold() -> None:
    states = {step.link: step.state for step in login_path([], Link).steps}
    assert {link for link, state in states.items() if state is State.UNKNOWN} == {Link.BOOT, Link.NETWORK}
    assert {states[link] for link in Link if not link.partly_judged} == {State.HOLDS}
