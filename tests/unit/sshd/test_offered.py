"""The bracket of "Permission denied (...)": what this sshd offers to this user."""

import pytest

from rescue.facts import Facts
from rescue.model import Client
from rescue.sshd.offered import denied, offered
from tests.trees import SSHD_CONFIG, server

pytestmark = pytest.mark.unit


def methods(config: str, user: str = "alice") -> str:
    facts = Facts(server({"/etc/ssh/sshd_config": config}), Client(user=user))
    account = facts.accounts.get(user)
    assert account is not None
    return ",".join(offered(facts.effective(account)))


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (SSHD_CONFIG, "publickey,password"),
        ("", "publickey,password,keyboard-interactive"),
        ("PasswordAuthentication no\nKbdInteractiveAuthentication no\n", "publickey"),
        ("PubkeyAuthentication no\n", "password,keyboard-interactive"),
        (f"GSSAPIAuthentication yes\n{SSHD_CONFIG}", "publickey,gssapi-keyex,gssapi-with-mic,password"),
        (f"HostbasedAuthentication yes\n{SSHD_CONFIG}", "publickey,password,hostbased"),
        (f"{SSHD_CONFIG}AuthenticationMethods publickey,password\n", "publickey"),
        (f"{SSHD_CONFIG}AuthenticationMethods publickey,password password\n", "publickey,password"),
        (f"{SSHD_CONFIG}Match User alice\nPasswordAuthentication no\n", "publickey"),
        (f"{SSHD_CONFIG}Match User bob\nPasswordAuthentication no\n", "publickey,password"),
    ],
)
def test_the_methods_in_sshds_order(config: str, said: str) -> None:
    assert methods(config) == said


def test_the_clients_line() -> None:
    facts = Facts(server(), Client(user="alice"))
    account = facts.accounts.get("alice")
    assert account is not None
    assert denied(facts.effective(account), "alice") == "alice@SERVER: Permission denied (publickey,password)."
