"""The path: each link's state, the first broken one, and what can't be told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rescue.login_path import State, Verdict, login_path
from rescue.model import Client, Finding, Gap, Link, Severity, Symptom
from tests.checking import examine
from tests.trees import server

pytestmark = pytest.mark.unit


def finding(link: Link, severity: Severity = Severity.BROKEN, symptom: Symptom = Symptom.REFUSED) -> Finding:
    return Finding(f"at-{link}", link, severity, "x", symptom)


def states(tree_changes: dict[str, str], user: str | None = None) -> dict[str, State]:
    path = examine(server(tree_changes), Client(user=user)).path
    return {str(step.link): step.state for step in path.steps}


def gap(link: Link, user: str = "") -> Gap:
    return Gap(f"no-{link}", link, "whether it holds", "--option", user)


def test_a_path_without_findings_and_gaps_is_clear() -> None:
    path = login_path([], Link)
    assert (path.verdict, path.symptom, path.first, path.gaps) == (Verdict.CLEAR, Symptom.OK, None, ())
    assert {step.state for step in path.steps} == {State.OK}


def test_what_nobody_looked_at_is_not_ok() -> None:
    path = login_path([], [Link.SERVICE])
    assert path.verdict is Verdict.INCOMPLETE
    assert [step.link for step in path.steps if step.state is State.OK] == [Link.SERVICE]
    assert {step.state for step in path.steps if step.link is not Link.SERVICE} == {State.NOT_JUDGED}


@pytest.mark.parametrize("link", Link)
def test_no_link_is_ok_with_something_that_was_not_judged(link: Link) -> None:
    path = login_path([], Link, [gap(link)], ["root"])
    assert (path.verdict, path.users[0].verdict) == (Verdict.INCOMPLETE, Verdict.INCOMPLETE)
    assert {step.link for step in path.steps if step.state is State.NOT_JUDGED} == {link}
    assert [each.what for each in path.gaps] == ["whether it holds"]


def test_a_fault_counts_before_what_was_not_judged() -> None:
    path = login_path([finding(Link.KEY)], Link, [gap(Link.KEY), gap(Link.BOOT)], ["root"])
    assert [step.state for step in path.steps if step.link is Link.KEY] == [State.BROKEN]
    assert (path.verdict, len(path.gaps)) == (Verdict.BROKEN, 2)


def test_each_account_has_a_verdict_of_its_own() -> None:
    theirs = replace(finding(Link.KEY, symptom=Symptom.DENIED), subject="alice")
    path = login_path([theirs], Link, [gap(Link.SESSION, "bob")], ["root", "alice", "bob"])
    verdicts = {each.user: each.verdict for each in path.users}
    assert verdicts == {"root": Verdict.CLEAR, "alice": Verdict.BROKEN, "bob": Verdict.INCOMPLETE}
    assert [step.state for step in path.steps if step.link is Link.SESSION] == [State.OK]  # root's was judged
    everybody = login_path([finding(Link.SERVICE)], Link, (), ["root", "alice"])
    assert {each.verdict for each in everybody.users} == {Verdict.BROKEN}


def test_a_path_is_not_clear_where_no_account_was_judged_whole() -> None:
    gaps = [gap(Link.KEY, "root"), gap(Link.SESSION, "alice")]
    path = login_path([], Link, gaps, ["root", "alice"])
    assert {step.state for step in path.steps} == {State.OK}
    assert path.verdict is Verdict.INCOMPLETE


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


def test_where_sshd_listens_is_not_judged_while_its_configuration_does_not_load() -> None:
    found = states({"/etc/ssh/sshd_config.d/x.conf": "Prot 2222\n"})
    assert (found["service"], found["listen"]) == (State.BROKEN, State.NOT_JUDGED)
    assert states({})["listen"] is State.OK


def test_the_key_of_nobody_is_not_judged() -> None:
    found = states({}, user="bob")
    assert (found["account"], found["key"]) == (State.BROKEN, State.NOT_JUDGED)
