"""``fix --set-password``: what is written, what is said beforehand, and that the password stays unsaid."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from rescue.errors import UsageError
from rescue.model import Client
from rescue.planner import Plan, make_plan
from rescue.tree import Entry, file
from rescue.verbs.way_in.set_password import NewPassword, PasswordOutcome, day_of, new_password, outcome
from tests.checking import changed_paths, diff, undone
from tests.trees import PASSWORD_HASH, SSHD_CONFIG, server

pytestmark = pytest.mark.unit

WORD = b"correct horse battery"
Changes = dict[str, Entry | str | bytes | None]


def planned(changes: Changes, user: str = "alice") -> tuple[Plan, PasswordOutcome]:
    wanted = NewPassword(user, WORD, "saltsaltsaltsalt")
    client = Client(user=user)
    tree = server({"/etc/login.defs": "", **changes})
    plan = make_plan(tree, client)
    plan = make_plan(tree, client, demanded=[wanted.demanded(day_of(plan.before))])
    return plan, outcome(wanted, plan)


def test_the_line_of_shadow_changes_and_nothing_else() -> None:
    plan, told = planned({})
    (gone,), (new,) = diff(plan, "/etc/shadow")
    assert gone == "alice:!:19700:0:99999:7:::"
    name, hashed, changed, *rest = new.split(":")
    assert (name, hashed[:20], len(hashed), rest) == (
        "alice",
        "$6$saltsaltsaltsalt$",
        106,
        ["0", "99999", "7", "", "", ""],
    )
    assert int(changed) > 20000
    assert changed_paths(plan) == ["/etc/shadow"]
    assert (told.done, told.warnings) == (True, ())
    assert undone(plan.after.facts.tree, plan).since(plan.before.facts.tree) == ()


def test_nothing_tells_the_password_or_its_hash() -> None:
    plan, told = planned({})
    shown = repr(NewPassword("alice", WORD, "salt")) + json.dumps(told.document()) + told.words(written=True)
    shown += "".join(f"{mend.finding}{mend.repair.title}{mend.repair.weakens}" for mend in plan.mends)
    assert WORD.decode() not in shown
    assert "$6$" not in shown


def test_the_rounds_are_those_of_the_server() -> None:
    plan, _ = planned({"/etc/login.defs": "# SHA_CRYPT_MIN_ROUNDS 9\nSHA_CRYPT_MIN_ROUNDS 6000\n"})
    assert diff(plan, "/etc/shadow")[1][0].startswith("alice:$6$rounds=6000$saltsaltsaltsalt$")


@pytest.mark.parametrize(
    "shadow", [f"root:*:19700:0:99999:7:::\nalice:{PASSWORD_HASH}:0:0:99999:7:::", "root:*:1::::::"]
)
def test_an_old_password_or_none_at_all(shadow: str) -> None:
    plan, told = planned({"/etc/shadow": file(shadow + "\n", 0o640, 0, 42)})
    assert told.done
    account = plan.after.facts.accounts.shadow("alice")
    assert account is not None
    assert (account.scheme, account.flaw) == ("sha512", "")
    entry = plan.after.facts.tree.entry("/etc/shadow")
    assert entry is not None
    assert (entry.mode, entry.gid) == (0o640, 42)


def test_who_is_not_there_gets_none() -> None:
    plan, told = planned({}, "bob")
    assert (plan.changes, told.done) == ((), False)
    assert any("there is no account bob" in left.reason for left in plan.left)


def test_what_is_said_beforehand() -> None:
    cloud = "ssh_pwauth: false\nsystem_info:\n  default_user:\n    name: alice\n    lock_passwd: true\n"
    config = f"PasswordAuthentication no\n{SSHD_CONFIG}"
    _, told = planned({"/etc/cloud/cloud.cfg": cloud, "/etc/ssh/sshd_config": config})
    first, second, third = told.warnings
    assert "sshd does not take alice's password yet: PasswordAuthentication no (/etc/ssh/sshd_config:1)" in first
    assert "cloud-init locks the password of alice again if the server gets a new instance id" in second
    assert "(ssh_pwauth, /etc/cloud/cloud.cfg)" in third
    quiet: Changes = {"/etc/cloud/cloud.cfg": cloud.replace("true", "false").replace("pwauth: false", "pwauth: true")}
    assert planned(quiet)[1].warnings == ()
    off: Changes = {"/etc/cloud/cloud.cfg": cloud, "/etc/cloud/cloud-init.disabled": ""}
    assert planned(off)[1].warnings == ()
    azure: Changes = {"/etc/waagent.conf": "Provisioning.DeleteRootPassword=y\n"}
    assert planned(azure)[1].warnings == ()
    assert "/etc/waagent.conf:1" in planned(azure, "root")[1].warnings[-1]


def test_a_script_gives_it_in_a_file_or_on_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = tmp_path / "word"
    given.write_bytes(b"correct horse battery\r\nmore\n")
    made = new_password("alice", str(given))
    assert made is not None
    assert made.word == WORD
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(WORD)))
    read = new_password("alice", "-")
    assert read is not None
    assert (read.word, len(read.salt)) == (WORD, 16)
    assert new_password(None, None) is None


@pytest.mark.parametrize("content", [b"", b"\n", b"s3cr3t\n", b"a\0bcdefgh\n", b"x" * 5000])
def test_what_can_be_no_password(content: bytes, tmp_path: Path) -> None:
    given = tmp_path / "word"
    given.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        new_password("alice", str(given))
    assert not content.strip() or content.strip().decode() not in str(caught.value)
    with pytest.raises(UsageError):
        new_password("alice", str(tmp_path / "gone"))
    with pytest.raises(UsageError):
        new_password(None, str(given))
