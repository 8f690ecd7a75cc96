from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from rescue.examine import examine
from rescue.keys.public_keys import fingerprint
from rescue.keys.wire import decode_base64
from rescue.model import Client, Severity
from rescue.planner import any_repairs, make_plan
from rescue.tree import Entry, file
from tests.checking import causes, only_finding
from tests.remembering import AT
from tests.trees import KEY, SSHD_CONFIG, server

pytestmark = pytest.mark.unit

KEYS = "/home/alice/.ssh/authorized_keys"
OTHER = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
GONE = fingerprint(decode_base64(OTHER.split()[1]))
HELD = fingerprint(decode_base64(KEY.split()[1]))
NOW = Client(now=AT + timedelta(days=2))


def log(
    mark: str = GONE, user: str = "alice", how: str = "publickey", kind: str = "ED25519", at: str = "2026-11-29"
) -> str:
    key = f": {kind} {mark}" if mark else ""
    return f"{at}T10:00:00Z server sshd[9]: Accepted {how} for {user} from 203.0.113.7 port 51000 ssh2{key}\n"


def of(text: str, more: dict[str, Entry | str | bytes | None] | None = None, client: Client = NOW) -> list[str]:
    return causes(server({"/var/log/auth.log": text, **(more or {})}), client)


def test_the_key_of_the_last_login_is_gone() -> None:
    tree = server({"/var/log/auth.log": log()})
    finding = only_finding(tree, "last-key-gone", NOW)
    assert (finding.severity, finding.subject, finding.users) == (Severity.DOUBTFUL, "alice", ("alice",))
    assert GONE in finding.message
    assert "203.0.113.7 on 2026-11-29 at 10:00 UTC" in finding.message
    assert [repair.edit for repair in finding.repairs] == [None]


def test_a_key_in_an_old_copy_is_copied_back() -> None:
    copy = file(f"{OTHER} mine\n", 0o600, 1000, 1000)
    tree = server({"/var/log/auth.log": log(), f"{KEYS}.bak": copy})
    plan = make_plan(tree, NOW, any_repairs)
    assert [str(change.path) for change in plan.changes] == [KEYS]
    assert f"{OTHER} mine" in (plan.after.facts.tree.text(KEYS) or "")
    assert plan.after.findings == ()


def test_a_copy_whose_key_has_options_is_left() -> None:
    copy = file(f'command="/bin/true" {OTHER} mine\n', 0o600, 1000, 1000)
    finding = only_finding(server({"/var/log/auth.log": log(), f"{KEYS}.bak": copy}), "last-key-gone", NOW)
    assert [repair.edit for repair in finding.repairs] == [None]


@pytest.mark.parametrize(
    "text",
    [
        "",
        log(HELD),
        log() + log(HELD, at="2026-11-30"),
        log("", how="password"),
        log(kind="ED25519-CERT"),
        log("MD5:00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff"),
        log(user="bob"),
        log(at="2027-05-01"),
        log().replace("sshd[9]", "evil[9]"),
    ],
    ids=["none", "held", "held later", "password", "certificate", "md5", "no account", "future", "forged"],
)
def test_logins_that_do_not_alarm(text: str) -> None:
    assert of(text) == []


def test_settings_that_do_not_alarm() -> None:
    assert of(log(), {KEYS: file(f"{KEY}\ncert-authority {OTHER}\n", 0o600, 1000, 1000)}) == []
    ca = {"/etc/ssh/sshd_config": SSHD_CONFIG + "TrustedUserCAKeys /etc/ssh/ca.pub\n", "/etc/ssh/ca.pub": f"{OTHER}\n"}
    assert "last-key-gone" not in of(log(), dict(ca))
    # A key that is given is judged itself.
    assert of(log(), client=replace(NOW, user="alice", key=" ".join(KEY.split()[:2]))) == []
    assert of(log(), client=replace(NOW, user="root")) == []


def test_the_last_login_is_a_question_of_the_key_step() -> None:
    tree = server({"/var/log/auth.log": log(HELD)})
    asked = [gap.what for gap in examine(tree, NOW).path.gaps if gap.check == "key-unknown" and gap.user == "alice"]
    assert asked == [f"whether you still use the key of alice's last login, ED25519 {HELD}"]
    assert datetime(2026, 11, 29, tzinfo=UTC) < NOW.now
