"""Accounts that log in with a password, and what shuts that way."""

import pytest

from rescue.model import Client, Safety, Severity, Symptom
from rescue.planner import any_repairs
from rescue.tree import Entry, file
from tests.checking import causes, diff, mended, only_finding
from tests.trees import KEY, PASSWORD_HASH, SSHD_CONFIG, server

pytestmark = pytest.mark.unit

CHECK = "password-login-off"
ALICE, ROOT = Client(user="alice"), Client(user="root")
CONFIG, DROP_IN = "/etc/ssh/sshd_config", "/etc/ssh/sshd_config.d/50-cloud-init.conf"
KEYS = ("/root/.ssh/authorized_keys", "/home/alice/.ssh/authorized_keys")
HASH = PASSWORD_HASH
Changes = dict[str, Entry | str | bytes | None]


def passwords(alice: str = HASH, root: str = "*") -> Changes:
    """A server on which nobody has a key."""
    shadow = f"root:{root}:19700:0:99999:7:::\nsshd:!:19700::::::\nalice:{alice}:19700:0:99999:7:::\n"
    return {"/etc/shadow": file(shadow, 0o640, 0, 42), **dict.fromkeys(KEYS)}


def test_a_drop_in_that_counts_before_the_yes() -> None:
    changes = passwords() | {
        DROP_IN: "PasswordAuthentication no\n",
        CONFIG: SSHD_CONFIG + "PasswordAuthentication yes\n",
    }
    tree = server(changes)
    finding = only_finding(tree, CHECK, ALICE)
    assert (finding.severity, finding.symptom) == (Severity.BROKEN, Symptom.DENIED)
    assert f"PasswordAuthentication no ({DROP_IN}:1)" in finding.message
    assert [each.safety for each in finding.repairs] == [Safety.UNSAFE, Safety.MANUAL]
    assert "--add-key" in finding.repairs[1].title
    plan = mended(tree, ALICE, any_repairs)
    assert diff(plan, DROP_IN) == (["PasswordAuthentication no"], ["PasswordAuthentication yes"])
    assert causes(tree) == [CHECK]


@pytest.mark.parametrize(
    "line", ["PasswordAuthentication yes", "KbdInteractiveAuthentication yes\nPasswordAuthentication no", ""]
)
def test_a_password_that_is_taken(line: str) -> None:
    tree = server(passwords() | {DROP_IN: line + "\n"})
    assert causes(tree, ALICE) == []
    assert causes(tree) == []


@pytest.mark.parametrize("keys", [KEY, f"cert-authority {KEY}"])
def test_who_has_a_key_is_left_alone(keys: str) -> None:
    own = file(keys + "\n", 0o600, 1000, 1000)
    tree = server(passwords() | {DROP_IN: "PasswordAuthentication no\n", KEYS[1]: own})
    assert causes(tree, ALICE) == []


@pytest.mark.parametrize("state", ["*", "!", f"!{HASH}"])
def test_without_a_usable_password_it_is_the_key_that_is_missing(state: str) -> None:
    tree = server(passwords(alice=state) | {DROP_IN: "PasswordAuthentication no\n"})
    assert causes(tree, ALICE) == ["key-missing"]


def test_a_key_by_another_name_was_to_be_one() -> None:
    misnamed = {"/home/alice/.ssh/authorized_key": file(KEY + "\n", 0o600, 1000, 1000)}
    tree = server(passwords() | misnamed | {DROP_IN: "PasswordAuthentication no\n"})
    assert causes(tree, ALICE) == ["key-missing"]


def test_with_a_key_it_is_the_keys_way_that_is_judged() -> None:
    client = Client(user="alice", key=" ".join(KEY.split()[:2]))
    assert causes(server(passwords() | {DROP_IN: "PasswordAuthentication no\n"}), client) == ["key-missing"]


def test_root_with_a_password() -> None:
    tree = server(passwords(root=HASH))
    finding = only_finding(tree, CHECK, ROOT)
    assert "PermitRootLogin prohibit-password (the default)" in finding.message
    plan = mended(tree, ROOT, any_repairs)
    assert diff(plan, CONFIG) == ([], ["PermitRootLogin yes"])
    # Alice gets in, and root is not meant to, with a password.
    assert causes(tree) == []


def test_root_alone_and_both_settings() -> None:
    tree = server(
        passwords(alice="*", root=HASH) | {DROP_IN: "PasswordAuthentication no\nPermitRootLogin prohibit-password\n"}
    )
    plan = mended(tree, ROOT, any_repairs)
    assert diff(plan, DROP_IN)[1] == ["PasswordAuthentication yes", "PermitRootLogin yes"]


def test_root_who_is_kept_out_altogether_is_another_cause() -> None:
    tree = server(passwords(root=HASH) | {DROP_IN: "PermitRootLogin no\n"})
    assert CHECK not in causes(tree, ROOT)


def test_methods_that_ask_for_a_key() -> None:
    tree = server(passwords() | {DROP_IN: "AuthenticationMethods publickey\n"})
    assert "AuthenticationMethods publickey" in only_finding(tree, CHECK, ALICE).message
    assert diff(mended(tree, ALICE, any_repairs), DROP_IN)[1] == ["AuthenticationMethods publickey password"]
    assert causes(server(passwords() | {DROP_IN: "AuthenticationMethods publickey password\n"}), ALICE) == []


def test_it_may_depend_on_the_address() -> None:
    block = "PasswordAuthentication no\nMatch Address 192.0.2.0/24\nPasswordAuthentication yes\n"
    tree = server(passwords() | {CONFIG: SSHD_CONFIG + block})
    assert only_finding(tree, CHECK, ALICE).severity is Severity.DOUBTFUL
