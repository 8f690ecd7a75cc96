"""Match blocks of which it is not known whether they are for the client."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from rescue.examine import examine
from rescue.model import Client
from tests.judging import ME, gaps_of
from tests.trees import SSHD_CONFIG, server

pytestmark = pytest.mark.unit

CONFIG = "/etc/ssh/sshd_config"
SOURCE = ip_address("198.51.100.7")
KNOWN = Client(user="alice", key=ME.key, sources=(SOURCE,))
TWO = Client(user="alice", key=ME.key, sources=(ip_address("10.1.1.1"), SOURCE))

CLOSING = {
    "PubkeyAuthentication no": "key",
    "AuthorizedKeysFile none": "key",
    "AuthorizedKeysFile /etc/keys/%u": "key",
    "AuthenticationMethods publickey,password": "key",
    "PubkeyAcceptedAlgorithms ssh-rsa": "key",
    "PubkeyAcceptedKeyTypes ssh-rsa": "key",
    "RevokedKeys /nowhere": "key",
    "MaxAuthTries 1": "key",
    "ForceCommand /bin/false": "session",
    "ChrootDirectory /srv": "session",
    "MaxSessions 0": "session",
}


def with_block(match: str, line: str) -> dict[str, str]:
    return {CONFIG: f"{SSHD_CONFIG}\nMatch {match}\n\t{line}\n"}


@pytest.mark.parametrize(("line", "step"), CLOSING.items())
@pytest.mark.parametrize("match", ["Address 198.51.100.0/24", "Address !10.0.0.0/8,*", "Host *.example.org"])
def test_without_an_address_the_block_may_be_for_anybody(match: str, line: str, step: str) -> None:
    assert gaps_of(with_block(match, line)) == [(step, "sshd-matches")]


@pytest.mark.parametrize(("line", "step"), CLOSING.items())
def test_which_address_of_the_server_is_dialled_is_not_known(line: str, step: str) -> None:
    assert gaps_of(with_block("LocalAddress 192.0.2.5", line), KNOWN) == [(step, "sshd-matches")]


@pytest.mark.parametrize(("line", "step"), CLOSING.items())
def test_of_several_addresses_each_counts(line: str, step: str) -> None:
    assert (step, "sshd-matches") in gaps_of(with_block("Address 198.51.100.0/24", line), TWO)


@pytest.mark.parametrize(
    ("match", "line", "client"),
    [
        ("Address 198.51.100.0/24", "PasswordAuthentication yes", ME),
        ("Address 198.51.100.0/24", "PasswordAuthentication no", ME),
        ("Address 198.51.100.0/24", "PubkeyAuthentication yes", ME),
        ("Address 198.51.100.0/24", "X11Forwarding no", ME),
        ("Address 198.51.100.0/24", "MaxSessions 2", ME),
        ("Address 198.51.100.0/24", "ForceCommand none", ME),
        ("Address 198.51.100.0/24", "AuthorizedKeysFile .ssh/authorized_keys .ssh/authorized_keys2", ME),
        ("User bob Address 198.51.100.0/24", "PubkeyAuthentication no", ME),
        ("Address 10.0.0.0/8", "PubkeyAuthentication no", KNOWN),
        ("Address 10.0.0.0/8 LocalAddress 192.0.2.5", "PubkeyAuthentication no", KNOWN),
        ("Address 192.0.2.0/24", "PubkeyAuthentication no", TWO),
    ],
)
def test_a_block_that_keeps_nobody_out_or_is_for_others(match: str, line: str, client: Client) -> None:
    assert gaps_of(with_block(match, line), client) == []


def test_without_a_key_a_password_counts() -> None:
    found = gaps_of(with_block("Address 198.51.100.0/24", "PasswordAuthentication no"), Client(user="alice"))
    assert ("key", "sshd-matches") in found


@pytest.mark.parametrize(
    ("client", "said"), [(ME, "--from with your address"), (TWO, "only one address"), (KNOWN, "laddr=")]
)
def test_what_supplies_it(client: Client, said: str) -> None:
    match = "LocalAddress 192.0.2.5"
    found = examine(server(with_block(match, "PubkeyAuthentication no")), client).path.gaps
    gap = next(each for each in found if each.check == "sshd-matches")
    assert said in gap.supply
    assert f"{CONFIG}:" in gap.what
    assert gap.user == "alice"
