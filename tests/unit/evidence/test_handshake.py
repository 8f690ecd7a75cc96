"""What can't be told from a disk of whether sshd and a client agree."""

from __future__ import annotations

import pytest

from rescue.tree import file
from tests.judging import Changes, gaps_of
from tests.trees import KEY

pytestmark = pytest.mark.unit

DROP_IN = "/etc/ssh/sshd_config.d/10-local.conf"
PRIVATE = "/etc/ssh/ssh_host_own_key"
BODY = "MC4CAQAwBQYDK2VwBCIEIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
PKCS8 = file(f"-----BEGIN PRIVATE KEY-----\n{BODY}\n-----END PRIVATE KEY-----\n", 0o600)
AGENT = "HostKeyAgent /run/agent\n"


def keyed(algorithms: str, **more: str) -> Changes:
    return {DROP_IN: f"HostKey {PRIVATE}\nHostKeyAlgorithms {algorithms}\n", PRIVATE: PKCS8, **more}


@pytest.mark.parametrize(
    "changes",
    [
        keyed("ssh-ed25519"),
        {DROP_IN: f"{AGENT}HostKeyAlgorithms ssh-ed25519\n"},
        {
            "/etc/os-release": 'ID="almalinux"\nID_LIKE="rhel"\nVERSION_ID="9.5"\n',
            "/etc/crypto-policies/config": "FIPS\n",
            DROP_IN: "Ciphers chacha20-poly1305@openssh.com\n",
        },
    ],
    ids=["outer form alone", "agent", "fips"],
)
def test_what_is_not_known(changes: Changes) -> None:
    assert ("accept", "handshake") in gaps_of(changes)


@pytest.mark.parametrize(
    "changes",
    [
        # The public half beside it says what it is.
        keyed("ssh-ed25519", **{f"{PRIVATE}.pub": KEY}),
        {DROP_IN: "Ciphers aes256-gcm@openssh.com\nKexAlgorithms curve25519-sha256\n"},
        {"/etc/crypto-policies/config": "FIPS\n", DROP_IN: "Ciphers chacha20-poly1305@openssh.com\n"},
    ],
    ids=["public half", "strict lists", "not Red Hat"],
)
def test_what_is_known(changes: Changes) -> None:
    assert ("accept", "handshake") not in gaps_of(changes)
