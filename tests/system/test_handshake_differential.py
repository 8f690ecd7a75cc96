"""Our reading of what a client and sshd agree on against real ones: Debian's ssh, PuTTY's plink, dbclient, Paramiko.

A sample; `scripts/fuzz-handshake` tries hundreds.
"""

from __future__ import annotations

import pytest

from rescue.facts import Facts
from rescue.sshd.handshake.clients import of_openssh
from rescue.sshd.key_kinds import takes
from rescue.tree import Entry
from tests.system.handshakes import CLIENTS, Case, compare, logs_in, refused
from tests.system.sshd_root import VERSIONS, SshdRoot, sshd_root
from tests.trees import DPKG_STATUS, server

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


@pytest.mark.parametrize("accepted", ["rsa-sha2-256", "rsa-sha2-512", "ssh-rsa", "-rsa-sha2-512"])
@pytest.mark.parametrize("suite", ["bullseye", "bookworm"])
def test_an_rsa_key_is_accepted_as_the_client_signs(root: SshdRoot, suite: str, accepted: str) -> None:
    keyword = "PubkeyAcceptedKeyTypes" if root.version < (8, 5) else "PubkeyAcceptedAlgorithms"
    case = Case((f"{keyword} {accepted}",), ("ed25519",), "rsa2048")
    version = VERSIONS[suite]
    files: dict[str, Entry | str | bytes | None] = {
        "/etc/ssh/sshd_config": f"{keyword} {accepted}\n",
        "/var/lib/dpkg/status": DPKG_STATUS.replace("9.2p1-2+deb12u6", f"{'.'.join(map(str, root.version))}p1-1"),
    }
    effective = Facts(server(files)).sshd.effective(user="root", groups=frozenset(), address=None, local_port=22)
    assert takes(effective, "ssh-rsa", of_openssh(version).rsa) is logs_in(root, case, suite)
