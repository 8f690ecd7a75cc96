"""What is typed by hand passes a bad console, and the tickets hold what was seen and nothing else."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from rescue.checks import all_checks
from rescue.cli import main
from rescue.man import pages
from rescue.outside.by_hand import RESCUE, WAYS, System, by_hand, has_way, is_typable, system_of
from rescue.outside.memory import Saved, Success, remember
from rescue.outside.providers import PROVIDERS, provider_of
from rescue.outside.ticket import LONGEST, DiskFact, Inspected, ticket
from rescue.ui.program import VERBS
from tests.schemas import held

pytestmark = pytest.mark.unit

PLACES = re.compile(r"\b(?:PORT|USER|ADDRESS|CAUSE)\b")


def test_every_way_is_for_a_cause_that_there_is_and_only_one_way() -> None:
    causes = [cause for way in WAYS for cause in way.causes]
    assert set(causes) <= {check.id for check in all_checks()}
    assert len(causes) == len(set(causes))


@pytest.mark.parametrize("system", System)
@pytest.mark.parametrize("check", all_checks(), ids=lambda check: check.id)
def test_what_is_typed_passes_a_bad_console(check: object, system: System) -> None:
    cause = str(check.id)  # type: ignore[attr-defined]
    way = by_hand(cause, system, port=2222, user="alice", address="203.0.113.7")
    assert way.steps
    for step in (*way.steps, way.check):
        assert is_typable(step.text), step.text
        assert not PLACES.search(step.text)
        assert step.shows or step.change
        assert not step.tab or step.text[-1] not in " /"
    assert has_way(cause) or way.steps == RESCUE.steps


def test_port_user_and_address_are_filled_in() -> None:
    assert by_hand("ufw-no-ssh-rule", System.DEBIAN, port=2222).steps[0].text == "ufw allow 2222/tcp"
    assert by_hand("acct-expired", System.DEBIAN, user="bob").steps[0].text == "usermod --expiredate -1 bob"
    assert by_hand("acct-expired", System.DEBIAN).steps[0].text == "usermod --expiredate -1 USER"
    assert by_hand("strictmodes-perms", System.DEBIAN, user="root").steps[1].text == "chmod 700 /root/.ssh"
    assert by_hand("fail2ban-ban", System.DEBIAN, address="2001:db8::7").steps[0].text.endswith(" 2001:db8::7")


@pytest.mark.parametrize(
    ("id_", "like", "system"),
    [
        ("debian", "", System.DEBIAN),
        ("ubuntu", "debian", System.DEBIAN),
        ("rocky", "rhel centos fedora", System.REDHAT),
        ("opensuse-leap", "suse opensuse", System.SUSE),
        ("arch", "", System.ARCH),
        ("", "", System.DEBIAN),
    ],
)
def test_the_distribution_decides_what_is_typed(id_: str, like: str, system: System) -> None:
    assert system_of(id_, like) is system


def test_the_unit_has_the_distributions_name() -> None:
    def typed(system: System) -> list[str]:
        return [step.text for step in by_hand("sshd-disabled", system).steps]

    assert typed(System.DEBIAN) == ["systemctl enable --now ssh"]
    assert typed(System.REDHAT) == ["systemctl enable --now sshd"]


def test_ten_providers() -> None:
    assert len({each.name for each in PROVIDERS}) == 10
    assert provider_of("hetz") is provider_of("Hetzner")
    assert provider_of("x") is None
    assert provider_of("") is None


@pytest.mark.parametrize("words", [["console"], ["console", "nologin"], ["console", "--provider", "aws"]])
def test_the_document_keeps_to_its_schema(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*words, "--json"]) == 0
    held(json.loads(capsys.readouterr().out), "console")


@pytest.mark.parametrize(
    "words", [["console", "nologon"], ["console", "--provider", "nobody"], ["ticket", "h.example"]]
)
def test_what_is_not_known_is_said(
    words: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert main(words) == 2
    assert "rescue" in capsys.readouterr().err


SAVED = Saved(
    "h.example", "2026-12-01T08:00:00+01:00", 22, "me", "silent", "Connection timed out: nothing came back.",
    "203.0.113.10", "192.168.1.2", ("TCP port 22, tried 3 times: no answer within 4 s",), ("fw-policy-drop",),
    Success("2026-11-30T08:00:00+01:00", "203.0.113.10", 22, "ssh-ed25519 SHA256:x", "SSH-2.0-x"),
)  # fmt: skip
DISK = Inspected("web1", "kernel mount", "2026-12-01T08:30:00+01:00", "Debian 12", "broken", (
    DiskFact("ufw is enabled and has no rule for SSH.", "/etc/ufw/user.rules"),))  # fmt: skip


def test_a_ticket_has_the_facts_and_the_questions() -> None:
    text = ticket(SAVED, DISK)
    for each in ("h.example (203.0.113.10), port 22", "2026-12-01T08:00:00+01:00", "tried 3 times",
                 "192.168.1.2, behind", "2026-11-30", "ufw is enabled",
                 "/etc/ufw/user.rules", "null-routed", "rescue system"):  # fmt: skip
        assert each in text
    assert "disk" not in ticket(SAVED, None)
    assert "outside" not in ticket(None, DISK)


def test_a_ticket_is_short_and_drives_no_terminal_whatever_was_seen() -> None:
    from dataclasses import replace

    hostile = "\x1b[2J" * 200
    probe = replace(SAVED, what=hostile, facts=(hostile,) * 100)
    disk = replace(DISK, findings=(DiskFact(hostile * 9, "/etc/" + "x" * 300),) * 50)
    text = ticket(probe, disk)
    assert len(text) <= LONGEST
    assert "\x1b" not in text
    assert "What I ask" in text
    assert "\x1b" not in ticket(probe, disk, markdown=True)


def test_markdown_escapes_what_would_be_markup() -> None:
    from dataclasses import replace

    text = ticket(replace(SAVED, what="<img src=x> [a](b) `c`"), None, markdown=True)
    assert "<img" not in text.replace("\\<img", "")
    assert text.startswith("# SSH to h.example")


def test_a_ticket_of_a_saved_probe(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert remember(SAVED)
    assert main(["ticket", "h.example", "--json"]) == 0
    told = held(json.loads(capsys.readouterr().out), "ticket")
    assert told["host"] == "h.example"
    assert main(["ticket"]) == 0
    assert capsys.readouterr().out == told["text"]


def test_every_step_of_the_way_back_has_its_command() -> None:
    text = pages()["locked-out"]
    # Commands are indented or in backticks.
    named = set(re.findall(r"(?:^    |`)rescue (?:--via \S+ )?([a-z]+)", text, re.MULTILINE))
    assert named - set(VERBS) == set()
    for verb in ("explain", "probe", "console", "disks", "inspect", "fix", "undo", "space", "timeline", "diff", "blame",
                 "ticket", "capture", "firewall", "lab"):  # fmt: skip
        assert verb in named
