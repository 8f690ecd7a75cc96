import pytest

from rescue.model import Client, Safety, Severity, Symptom
from rescue.tree import Entry, file
from tests.checking import causes, diff, mended, only_finding
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
