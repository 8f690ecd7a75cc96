"""Our reading of what a client and sshd agree on against real ones: Debian's ssh, PuTTY's plink, dbclient, Paramiko.

A sample; `scripts/fuzz-handshake` tries hundreds.
"""

from __future__ import annotations

import pytest

from tests.system.handshakes import CLIENTS, Case, compare, refused
from tests.system.sshd_root import SshdRoot, sshd_root

pytestmark = pytest.mark.system


@pytest.fixture(scope="module", params=["bookworm", "trixie", "bullseye"])
def root(request: pytest.FixtureRequest) -> SshdRoot:
    return sshd_root(request.param)


@pytest.mark.parametrize(
    "case",
    [
        Case(("Ciphers aes128-ctr,aes256-gcm@openssh.com", "MACs hmac-md5"), ("ed25519",)),
        Case(("HostKeyAlgorithms rsa-sha2-512",), ("ed25519", "rsa_pem")),
        Case(("HostKeyAlgorithms rsa-sha2-512",), ("ed25519", "ecdsa_pem")),
        Case(("KexAlgorithms -*25519*,ecdh-*", "Ciphers ^aes256-cbc"), ("ecdsa521",)),
    ],
    ids=["mac needed by some", "a host key fits", "no host key fits", "prefixes"],
)
def test_the_real_client_says_what_we_say(root: SshdRoot, case: Case) -> None:
    clients = [each for each in CLIENTS if each.startswith("openssh")]
    assert not refused(root, case)
    assert compare(root, case, clients) == len(clients)
