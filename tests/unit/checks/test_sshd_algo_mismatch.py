from base64 import b64encode

import pytest

from rescue.keys.wire import string
from rescue.model import Client, Safety, Severity, Symptom
from rescue.tree import Entry, file, symlink
from tests.checking import causes, changed_paths, diff, mended, mended_if_agreed, only_finding
from tests.trees import DPKG_STATUS, server

pytestmark = pytest.mark.unit

ALICE = Client(user="alice")
PATH = "/etc/ssh/sshd_config.d/10-own.conf"


def setting(value: str) -> dict[str, Entry | str | bytes | None]:
    return {PATH: f"PubkeyAcceptedAlgorithms {value}\n"}


@pytest.mark.parametrize("value", ["ssh-ed25519", "ssh-ed*,rsa-sha2-512", "+ssh-rsa", "^rsa-sha2-512", "-ssh-rsa"])
def test_a_list_that_takes_the_key_is_no_finding(value: str) -> None:
    assert causes(server(setting(value)), ALICE) == []


@pytest.mark.parametrize(
    "value, becomes",
    [
        ("rsa-sha2-512", "PubkeyAcceptedAlgorithms rsa-sha2-512,ssh-ed25519"),
        ("rsa-sha2-*,ecdsa-*", "PubkeyAcceptedAlgorithms rsa-sha2-*,ecdsa-*,ssh-ed25519"),
        ("-ssh-ed25519,ssh-rsa", "PubkeyAcceptedAlgorithms -ssh-rsa"),
        ("-ssh-ed25519", "#PubkeyAcceptedAlgorithms -ssh-ed25519"),
    ],
)
def test_the_keys_kind_is_taken_as_well(value: str, becomes: str) -> None:
    tree = server(setting(value))
    finding = only_finding(tree, "sshd-algo-mismatch", ALICE)
    assert (finding.severity, finding.symptom) == (Severity.BROKEN, Symptom.DENIED)
    assert diff(mended(tree, ALICE), PATH) == ([f"PubkeyAcceptedAlgorithms {value}"], [becomes])


RSA = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQC" + "A" * 170 + "Q=="
"""1024 bits, of nobody."""


@pytest.mark.parametrize("least, found", [("1024", []), ("2048", ["sshd-algo-mismatch"])])
def test_an_rsa_key_that_is_too_short_needs_another_key(least: str, found: list[str]) -> None:
    keys = file(f"{RSA}\n", 0o600, 1000, 1000)
    tree = server({PATH: f"RequiredRSASize {least}\n", "/home/alice/.ssh/authorized_keys": keys})
    assert causes(tree, ALICE) == found
    if found:
        finding = only_finding(tree, "sshd-algo-mismatch", ALICE)
        assert "need 2048 bits here, and it has 1024" in finding.message
        assert [each.safety for each in finding.repairs] == [Safety.MANUAL]


BACK_END = "/etc/crypto-policies/back-ends/opensshserver.config"
ECDSA = "ecdsa-sha2-nistp256,rsa-sha2-512"


def under_policy(policy: str, *, linked: bool = True) -> dict[str, Entry | str | bytes | None]:
    """A server as Red Hat makes it, whose list is the crypto policy's."""
    own = f"/usr/share/crypto-policies/{policy}/opensshserver.txt"
    text = f"PubkeyAcceptedAlgorithms {ECDSA}\n"
    files: dict[str, Entry | str | bytes | None] = {own: text, BACK_END: symlink(own)} if linked else {BACK_END: text}
    return {
        **files,
        "/etc/crypto-policies/config": f"# see update-crypto-policies(8)\n{policy}\n",
        "/etc/ssh/sshd_config.d/50-redhat.conf": f"Include {BACK_END}\n",
    }


def test_under_fips_another_key_is_the_way() -> None:
    finding = only_finding(server(under_policy("FIPS")), "sshd-algo-mismatch", Client(user="alice"))
    assert "crypto policy is FIPS" in finding.message
    assert "/etc/crypto-policies/config" in [str(each.path) for each in finding.locations]
    assert [each.edit for each in finding.repairs] == [None]
    assert "ssh-keygen -t ecdsa" in finding.repairs[0].title


@pytest.mark.parametrize("linked", [True, False])
def test_under_another_policy_a_file_of_its_own_counts_before_it(linked: bool) -> None:
    tree = server(under_policy("FUTURE", linked=linked))
    plan = mended(tree, Client(user="alice"))
    assert changed_paths(plan) == ["/etc/ssh/sshd_config.d/00-key-kinds.conf"]
    text = plan.after.facts.tree.text("/etc/ssh/sshd_config.d/00-key-kinds.conf")
    assert text == f"PubkeyAcceptedAlgorithms {ECDSA},ssh-ed25519\n"


RSA_2048 = "ssh-rsa " + b64encode(string(b"ssh-rsa") + string(b"\1\0\1") + string(b"\0" + b"\xc5" * 256)).decode()


@pytest.mark.parametrize(
    ("value", "version", "program", "found"),
    [
        # Up to 9.5 sshd tells ssh of all that it knows, and ssh signs with the best of them: measured.
        ("rsa-sha2-256", "9.2p1", "", True),
        ("rsa-sha2-512", "9.2p1", "", False),
        ("ssh-rsa", "9.2p1", "", True),
        ("+ssh-rsa", "9.2p1", "", False),
        ("-rsa-sha2-512", "9.2p1", "", True),
        ("rsa-sha2-256", "10.0p1", "", False),
        ("ssh-rsa", "10.0p1", "", True),
        ("ssh-rsa", "10.0p1", "openssh-8.4", False),
        # Certificates keep it among what sshd says it knows.
        ("-rsa-sha2-512", "10.0p1", "", True),
        ("-rsa-sha2-*", "10.0p1", "", True),
        ("rsa-sha2-256", "9.2p1", "dropbear-2022.83", False),
        ("rsa-sha2-512", "9.2p1", "dropbear-2022.83", True),
        ("ssh-rsa", "9.2p1", "jsch-0.1", False),
        ("rsa-sha2-512", "9.2p1", "jsch-0.1", True),
        ("rsa-sha2-512", "9.2p1", "putty", False),
    ],
)
def test_an_rsa_key_is_accepted_as_the_client_signs(value: str, version: str, program: str, found: bool) -> None:
    changes = setting(value)
    changes["/home/alice/.ssh/authorized_keys"] = file(f"{RSA_2048}\n", 0o600, 1000, 1000)
    changes["/var/lib/dpkg/status"] = DPKG_STATUS.replace("9.2p1-2+deb12u6", f"{version}-1")
    client = Client(user="alice", program=program)
    tree = server(changes)
    named = [each for each in causes(tree, client) if each != "no-common-algorithm"]
    assert named == (["sshd-algo-mismatch"] if found else [])
    if found and not program:
        mended(tree, client)


def test_a_client_that_knows_sha1_alone_is_denied_by_default() -> None:
    keys = file(f"{RSA_2048}\n", 0o600, 1000, 1000)
    tree = server({"/home/alice/.ssh/authorized_keys": keys})
    client = Client(user="alice", program="paramiko-2.4")
    finding = only_finding(tree, "sshd-algo-mismatch", client)
    assert "Paramiko 2.4 signs for RSA keys by ssh-rsa alone" in finding.message
    assert causes(tree, ALICE) == []
    plan = mended_if_agreed(tree, client)
    assert "PubkeyAcceptedAlgorithms +ssh-rsa\n" in (plan.after.facts.tree.text("/etc/ssh/sshd_config") or "")
