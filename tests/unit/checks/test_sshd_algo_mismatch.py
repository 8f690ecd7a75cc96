import pytest

from rescue.model import Client, Safety, Severity, Symptom
from rescue.tree import Entry, file, symlink
from tests.checking import causes, changed_paths, diff, mended, only_finding
from tests.trees import server

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
