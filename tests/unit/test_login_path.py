"""The path: each link's state, the first broken one, and what can't be told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rescue.examine import examine
from rescue.login_path import State, Verdict, login_path
from rescue.model import Client, Finding, Gap, Severity, Step, Symptom
from tests.trees import server

pytestmark = pytest.mark.unit


def finding(link: Step, severity: Severity = Severity.BROKEN, symptom: Symptom = Symptom.REFUSED) -> Finding:
    return Finding(f"at-{link}", link, severity, "x", symptom)


def states(tree_changes: dict[str, str], user: str | None = None) -> dict[str, State]:
    path = examine(server(tree_changes), Client(user=user)).path
    return {str(step.step): step.state for step in path.steps}


def gap(link: Step, user: str = "") -> Gap:
    return Gap(f"no-{link}", link, "whether it holds", "--option", user)


def test_a_path_without_findings_and_gaps_is_clear() -> None:
    path = login_path([], Step)
    assert (path.verdict, path.symptom, path.first, path.gaps) == (Verdict.CLEAR, Symptom.OK, None, ())
    assert {step.state for step in path.steps} == {State.OK}


def test_what_nobody_looked_at_is_not_ok() -> None:
    path = login_path([], [Step.SERVICE])
    assert path.verdict is Verdict.INCOMPLETE
    assert [step.step for step in path.steps if step.state is State.OK] == [Step.SERVICE]
    assert {step.state for step in path.steps if step.step is not Step.SERVICE} == {State.NOT_JUDGED}


@pytest.mark.parametrize("link", Step)
def test_no_link_is_ok_with_something_that_was_not_judged(link: Step) -> None:
    path = login_path([], Step, [gap(link)], ["root"])
    assert (path.verdict, path.users[0].verdict) == (Verdict.INCOMPLETE, Verdict.INCOMPLETE)
    assert {step.step for step in path.steps if step.state is State.NOT_JUDGED} == {link}
    assert [each.what for each in path.gaps] == ["whether it holds"]


def test_a_fault_counts_before_what_was_not_judged() -> None:
    path = login_path([finding(Step.KEY)], Step, [gap(Step.KEY), gap(Step.BOOT)], ["root"])
    assert [step.state for step in path.steps if step.step is Step.KEY] == [State.BROKEN]
    assert (path.verdict, len(path.gaps)) == (Verdict.BROKEN, 2)


def test_each_account_has_a_verdict_of_its_own() -> None:
    theirs = replace(finding(Step.KEY, symptom=Symptom.DENIED), subject="alice")
    path = login_path([theirs], Step, [gap(Step.SESSION, "bob")], ["root", "alice", "bob"])
    verdicts = {each.user: each.verdict for each in path.users}
    assert verdicts == {"root": Verdict.CLEAR, "alice": Verdict.BROKEN, "bob": Verdict.INCOMPLETE}
    assert [step.state for step in path.steps if step.step is Step.SESSION] == [State.OK]  # root's was judged
    everybody = login_path([finding(Step.SERVICE)], Step, (), ["root", "alice"])
    assert {each.verdict for each in everybody.users} == {Verdict.BROKEN}


def test_a_path_is_not_clear_where_no_account_was_judged_whole() -> None:
    gaps = [gap(Step.KEY, "root"), gap(Step.SESSION, "alice")]
    path = login_path([], Step, gaps, ["root", "alice"])
    assert {step.state for step in path.steps} == {State.OK}
    assert path.verdict is Verdict.INCOMPLETE


def test_the_outside_sees_the_first_broken_link() -> None:
    key, service = finding(Step.KEY, symptom=Symptom.DENIED), finding(Step.SERVICE)
    path = login_path([key, service], Step)
    assert (path.verdict, path.symptom, path.first) == (Verdict.BROKEN, Symptom.REFUSED, service)


def test_a_login_that_hangs_is_seen_only_where_nothing_turns_the_client_away() -> None:
    full = finding(Step.DISK, symptom=Symptom.HANGS)
    assert login_path([full], Step).first is full
    keyless = finding(Step.KEY, symptom=Symptom.DENIED)
    assert login_path([full, keyless], Step).first is keyless


def test_what_closes_after_the_key_is_not_seen_where_no_key_is_taken() -> None:
    expired, keyless = finding(Step.ACCOUNT, symptom=Symptom.CLOSED), finding(Step.KEY, symptom=Symptom.DENIED)
    assert login_path([expired, keyless], Step).first is keyless
    assert login_path([expired], Step).first is expired
    wrapped = finding(Step.ACCEPT, symptom=Symptom.CLOSED)
    assert login_path([wrapped, keyless], Step).first is wrapped


def test_a_broken_link_counts_before_an_earlier_doubtful_one() -> None:
    doubt, broken = finding(Step.DISK, Severity.DOUBTFUL, Symptom.HANGS), finding(Step.KEY, symptom=Symptom.DENIED)
    path = login_path([doubt, broken], Step)
    assert (path.verdict, path.symptom) == (Verdict.BROKEN, Symptom.DENIED)
    assert login_path([doubt], Step).verdict is Verdict.DOUBTFUL


def test_where_sshd_listens_is_not_judged_while_its_configuration_does_not_load() -> None:
    found = states({"/etc/ssh/sshd_config.d/x.conf": "Prot 2222\n"})
    assert (found["service"], found["listen"]) == (State.BROKEN, State.NOT_JUDGED)
    assert states({})["listen"] is State.OK


def test_the_key_of_nobody_is_not_judged() -> None:
    found = states({}, user="bob")
    assert (found["account"], found["key"]) == (State.BROKEN, State.NOT_JUDGED)
