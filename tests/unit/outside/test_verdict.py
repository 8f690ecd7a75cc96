"""From what was seen to the verdict: every situation, and the causes that it leaves open."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from rescue.checks import all_checks
from rescue.model import Step
from rescue.outside.memory import changes, recall, remember, saved_of
from rescue.outside.observed import (
    AddressSeen,
    Answer,
    ClientSide,
    Dial,
    Ended,
    Greeting,
    Handshake,
    Icmp,
    Lookup,
    Observed,
    Ping,
    Reached,
    Said,
)
from rescue.outside.symptoms import SEEN, causes_of
from rescue.outside.telling import as_document, check_line, facts_seen
from rescue.outside.verdict import Situation, judge
from tests.schemas import faults

pytestmark = pytest.mark.unit

HOST, ROUTER, OURS = "203.0.113.10", "198.51.100.1", "192.0.2.7"
NOW = datetime(2026, 12, 1, 8, tzinfo=UTC)
SSH = Greeting(Said.SSH, "SSH-2.0-OpenSSH_9.2p1")
KEY = "ssh-ed25519 SHA256:" + "A" * 43
METHODS = Handshake(Reached.METHODS, Ended.DONE, KEY, ("publickey", "password"))


def observed(address: AddressSeen | None, client: ClientSide | None = None, **more: object) -> Observed:
    found = Lookup((address.address,)) if address is not None else Lookup(problem="Name or service not known")
    addresses = (address,) if address is not None else ()
    seen = Observed(HOST, NOW, client or ClientSide(HOST, "me"), found, addresses)
    return replace(seen, **more)  # type: ignore[arg-type]


def shut(answer: Answer, icmp: Icmp | None = None, ping: Ping = Ping.SILENT, **more: object) -> AddressSeen:
    tries = tuple(Dial(22, answer, 4.5 if answer is Answer.SILENT else 0.03, icmp) for _ in range(3))
    return replace(AddressSeen(HOST, tries, ping, source=OURS), **more)  # type: ignore[arg-type]


def opened(greeting: Greeting, hand: Handshake | None = None) -> AddressSeen:
    return AddressSeen(HOST, (Dial(22, Answer.OPEN, 0.03),), greeting=greeting, handshake=hand or Handshake())


def icmp(code: int, sender: str = HOST) -> AddressSeen:
    return shut(Answer.ICMP, Icmp(4, 3, code, sender))


SEEN_AS: list[tuple[AddressSeen | None, Situation]] = [
    (None, Situation.NO_NAME),
    (shut(Answer.NO_ROUTE), Situation.NO_ROUTE),
    (shut(Answer.FORBIDDEN), Situation.FORBIDDEN),
    (icmp(3, OURS), Situation.FORBIDDEN),
    (shut(Answer.FAILED), Situation.LOCAL),
    (shut(Answer.RESET), Situation.REFUSED),
    (shut(Answer.REFUSED), Situation.REFUSED_UNKNOWN),
    (icmp(3), Situation.REJECTED),
    (icmp(13), Situation.REJECTED),
    (icmp(1), Situation.REJECTED),
    (shut(Answer.ICMP, Icmp(6, 1, 4, HOST)), Situation.REJECTED),
    (icmp(13, ROUTER), Situation.FILTERED),
    (icmp(3, ROUTER), Situation.FILTERED),
    (icmp(1, ROUTER), Situation.HOST_UNREACHABLE),
    (icmp(0, ROUTER), Situation.NETWORK_UNREACHABLE),
    (shut(Answer.NEIGHBOUR), Situation.NO_NEIGHBOUR),
    (shut(Answer.SILENT, ping=Ping.ANSWERED), Situation.DROPPED),
    (shut(Answer.SILENT, others=(Dial(80, Answer.OPEN, 0.01),)), Situation.DROPPED),
    (shut(Answer.SILENT, others=(Dial(80, Answer.ICMP, 0.01, Icmp(4, 3, 13, HOST)),)), Situation.DROPPED),
    (shut(Answer.SILENT, others=(Dial(80, Answer.ICMP, 0.01, Icmp(4, 3, 13, ROUTER)),)), Situation.SILENT),
    (shut(Answer.SILENT, others=(Dial(80, Answer.SILENT, 4.5),)), Situation.SILENT),
    (shut(Answer.SILENT, ping=Ping.UNKNOWN), Situation.SILENT),
    (opened(Greeting(Said.NOTHING)), Situation.NO_GREETING),
    (opened(Greeting(Said.CLOSED)), Situation.CLOSED),
    (opened(Greeting(Said.RESET)), Situation.CLOSED),
    (opened(Greeting(Said.TOO_MANY)), Situation.TOO_MANY),
    (opened(Greeting(Said.PENALTY)), Situation.PENALTY),
    (opened(Greeting(Said.HTTP, "HTTP/1.1 400")), Situation.WEB),
    (opened(Greeting(Said.TLS)), Situation.WEB),
    (opened(Greeting(Said.OTHER, "220 mail")), Situation.OTHER_PROGRAM),
    (opened(SSH, Handshake(Reached.GREETED, Ended.HUNG, small=False)), Situation.STALLED),
    (opened(SSH, Handshake(Reached.OFFERED, Ended.HUNG)), Situation.STALLED),
    (opened(SSH, Handshake(Reached.OFFERED, Ended.HUNG, small=True)), Situation.MTU),
    (opened(SSH, Handshake(Reached.OFFERED, Ended.NO_COMMON, text="no matching cipher found. Their offer: x")),
     Situation.NO_COMMON),
    (opened(SSH, Handshake(Reached.GREETED, Ended.CLOSED)), Situation.CLOSED_IN_EXCHANGE),
    (opened(SSH, Handshake(Reached.KEYS, Ended.CLOSED, KEY)), Situation.CLOSED_IN_EXCHANGE),
    (opened(SSH, Handshake(Reached.GREETED, Ended.TOO_LONG, received=1 << 18)), Situation.UNBOUNDED),
    (opened(SSH, Handshake(Reached.NO_SSH)), Situation.NOT_TRIED),
    (opened(SSH, Handshake(Reached.LET_IN, Ended.DONE, KEY)), Situation.LETS_IN),
    (opened(SSH, METHODS), Situation.ASKS),
]  # fmt: skip


@pytest.mark.parametrize(("address", "situation"), SEEN_AS)
def test_what_was_seen_is_one_situation_with_its_next_steps(address: AddressSeen | None, situation: Situation) -> None:
    seen = observed(address)
    verdict = judge(seen)
    assert verdict.situation is situation
    assert verdict.what
    assert verdict.possible
    known = {check.id for check in all_checks()}
    assert set(verdict.causes) <= known
    document = as_document(seen, verdict, ())
    assert faults(document, "probe-2") == []
    status, line = check_line(seen, verdict)
    assert status == (3 if situation.here else 0 if situation.open else 2)
    assert "\n" not in line


def test_every_situation_is_told() -> None:
    told = {situation for _, situation in SEEN_AS} | {Situation.HOST_KEY, Situation.NO_NAME_SERVICE}
    assert told == set(Situation)


@pytest.mark.parametrize(
    ("address", "title", "steps"),
    [
        (shut(Answer.RESET), "Connection refused", set(Step)),
        (shut(Answer.SILENT), "Connection timed out", set(Step)),
        (icmp(1, ROUTER), "No route to host", set(Step)),
        (opened(SSH, METHODS), "Permission denied", {Step.ACCOUNT, Step.KEY, Step.SESSION}),
    ],
)
def test_no_cause_that_has_this_symptom_is_left_out(address: AddressSeen, title: str, steps: set[Step]) -> None:
    kind = next(each for each in SEEN if each.title == title)
    wanted = {check.id for check in causes_of(kind, all_checks()) if check.step in steps}
    assert wanted - set(judge(observed(address)).causes) == set()


def test_a_moved_port_comes_first() -> None:
    verdict = judge(observed(shut(Answer.RESET, moved=((2222, "SSH-2.0-x"),))))
    assert verdict.possible[0].commands == (f"ssh -p 2222 me@{HOST}",)
    assert verdict.causes[0] == "sshd-port-moved"


def test_another_host_key_of_the_same_type_only_disagrees() -> None:
    def known(*keys: str) -> Situation:
        return judge(observed(opened(SSH, METHODS), ClientSide(HOST, "me", known=keys))).situation

    other = "ssh-ed25519 SHA256:" + "B" * 43
    assert known(other) is Situation.HOST_KEY
    assert known(other, KEY) is Situation.ASKS
    assert known("ssh-rsa SHA256:" + "B" * 43) is Situation.ASKS


def test_one_family_that_fails_is_a_warning() -> None:
    six = replace(shut(Answer.SILENT), address="2001:db8::10")
    seen = observed(opened(SSH, METHODS))
    both = replace(seen, addresses=(six, *seen.addresses))
    verdict = judge(both)
    assert (verdict.situation, verdict.warning) == (Situation.ASKS, True)
    assert check_line(both, verdict)[0] == 1
    assert any("ssh -4" in note for note in verdict.notes)
    assert not judge(seen).warning


def test_the_reference_tells_whether_the_own_network_blocks_the_port() -> None:
    blocked = judge(observed(shut(Answer.SILENT), reference_host="github.com", reference=False))
    free = judge(observed(shut(Answer.SILENT), reference_host="github.com", reference=True))
    assert "network that you sit in" in blocked.possible[0].what
    assert not any("network that you sit in" in each.what for each in free.possible)
    assert any("github.com" in each for each in free.excluded)


def test_a_short_first_silence_is_no_difference() -> None:
    one = shut(Answer.NEIGHBOUR)
    slow = replace(one, tries=(Dial(22, Answer.SILENT, 1.1), *one.tries))
    assert judge(observed(slow)).situation is Situation.NO_NEIGHBOUR
    assert not any("not always" in note for note in judge(observed(slow)).notes)


@pytest.fixture
def state(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))


@pytest.mark.usefixtures("state")
def test_a_probe_is_remembered_and_says_what_changed() -> None:
    first = observed(opened(SSH, METHODS))
    saved = saved_of(first, judge(first), facts_seen(first, judge(first)), None)
    assert remember(saved)
    assert recall(HOST) == saved
    assert changes(None, saved) == ()
    later = replace(observed(shut(Answer.SILENT)), at=NOW.replace(hour=9))
    now = saved_of(later, judge(later), (), saved)
    told = changes(saved, now)
    assert any("was: asks" in each for each in told)
    assert any(f"{HOST} port 22" in each for each in told)


@pytest.mark.usefixtures("state")
@pytest.mark.parametrize("broken", [b"", b"{", b"[]", b'{"host": 3}', b"x" * 100_000, b"\xff\xfe", b"[" * 60_000])
def test_a_state_file_of_another_form_counts_as_none(broken: bytes) -> None:
    seen = observed(opened(SSH, METHODS))
    remember(saved_of(seen, judge(seen), (), None))
    from rescue.outside import memory

    memory._path(HOST).write_bytes(broken)
    assert recall(HOST) is None
    assert memory.newest() is None
