"""key-unknown: without your key it is not known whether the server takes it; the keys that it would take are listed."""

from __future__ import annotations

import pytest

from rescue.examine import examine
from rescue.login_path import State, Verdict
from rescue.model import Client, Step
from rescue.tree import file
from tests.evidence import gaps
from tests.trees import KEY, PASSWORD_HASH, server

pytestmark = pytest.mark.unit

CHECK = "key-unknown"
OTHER = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIN1WsNFmXOmNWMqkgWE4EGw0DU3QWxmAqBzFzlWpFmdM"


def key_state(client: Client) -> State:
    return next(step.state for step in examine(server(), client).path.steps if step.step is Step.KEY)


def test_without_a_key_the_step_is_not_judged() -> None:
    assert [(each.user, each.supply) for each in gaps(server(), CHECK)] == [
        ("root", "--key FILE"),
        ("alice", "--key FILE"),
    ]
    assert key_state(Client()) is State.NOT_JUDGED
    assert examine(server(), Client()).path.verdict is Verdict.INCOMPLETE


def test_the_keys_that_would_be_taken_are_listed() -> None:
    keys = examine(server(), Client()).keys
    assert [(name, key.comment, key.fingerprint[:7]) for name, key in keys] == [
        ("root", "me@laptop", "SHA256:"),
        ("alice", "alice@laptop", "SHA256:"),
    ]


def test_a_key_that_sshd_ignores_is_not_listed() -> None:
    tree = server().set_mode("/home/alice/.ssh/authorized_keys", mode=0o666)
    assert [name for name, _ in examine(tree, Client()).keys] == ["root"]


def test_with_the_key_the_step_is_judged() -> None:
    client = Client(user="alice", key=KEY)
    assert gaps(server(), CHECK, client) == []
    assert key_state(client) is State.OK


def test_a_key_of_one_account_says_nothing_of_another() -> None:
    tree = server({"/root/.ssh/authorized_keys": f"{OTHER} somebody\n"})
    (gap,) = gaps(tree, CHECK, Client(key=KEY))
    assert gap.user == "root"
    users = {each.user: each.gaps for each in examine(tree, Client(key=KEY)).path.users}
    assert gap in users["root"]
    assert gap not in users["alice"]


def by_password(client: Client) -> list[str]:
    shadow = f"root:*:19700:0:99999:7:::\nalice:{PASSWORD_HASH}:19700:0:99999:7:::\n"
    keys = dict.fromkeys(("/root/.ssh/authorized_keys", "/home/alice/.ssh/authorized_keys"))
    return [each.what for each in gaps(server({**keys, "/etc/shadow": file(shadow, 0o640, 0, 42)}), CHECK, client)]


def test_who_has_only_a_password_is_asked_whether_they_know_it() -> None:
    (what,) = by_password(Client(user="alice"))
    assert what == "whether you know the password: alice logs in by password; no key of alice's is there"
    assert by_password(Client(user="alice", by_password=True)) == []
    # The server has no key of hers, whatever she says.
    assert by_password(Client(user="alice", key=KEY, by_password=True)) != []
