"""Settings of sshd_config that no check looks at."""

from __future__ import annotations

from base64 import b64encode
from ipaddress import ip_address

import pytest

from rescue.keys.wire import string, uint32
from rescue.model import Client
from tests.judging import ME, gaps_of
from tests.trees import DPKG_STATUS

pytestmark = pytest.mark.unit

FROM = Client(user="alice", key=ME.key, sources=(ip_address("203.0.113.7"),))
DROP_IN = "/etc/ssh/sshd_config.d/10-local.conf"


@pytest.mark.parametrize(
    "line",
    [
        "RekeyLimit default 1s",
        "ClientAliveInterval 1",
        "Banner /dev/zero",
        "SetEnv BASH_ENV=/nowhere",
        "SetEnv LD_PRELOAD=/x",
        "UseDNS yes\nLoginGraceTime 20",
        "PermitUserEnvironment yes",
        "PermitTTY no",
    ],
)
def test_a_setting_of_unknown_effect(line: str) -> None:
    assert "sshd-settings" in {evidence for _, evidence in gaps_of({DROP_IN: line + "\n"})}


@pytest.mark.parametrize(
    "line",
    [
        "Ciphers chacha20-poly1305@openssh.com,aes256-gcm@openssh.com\nMACs hmac-sha2-512-etm@openssh.com",
        "KexAlgorithms sntrup761x25519-sha512@openssh.com,curve25519-sha256",
        "HostKeyAlgorithms ssh-ed25519,rsa-sha2-512",
        "MACs hmac-md5",
        "Ciphers -aes128-ctr",
        "Ciphers +3des-cbc",
        "RekeyLimit 1G 1h",
        "ClientAliveInterval 300",
        "Banner /etc/issue.net",
        "SetEnv LANG=C",
        "X11Forwarding no",
        "LogLevel VERBOSE",
        "MaxAuthTries 3",
        "UseDNS no",
        "UseDNS yes",
        "HostCertificate /etc/ssh/nowhere.pub",
        "Match User bob\nRekeyLimit default 1s",
    ],
)
def test_what_is_judged_or_harmless(line: str) -> None:
    assert gaps_of({DROP_IN: line + "\n"}) == []


@pytest.mark.parametrize(
    ("line", "steps"),
    [
        ("ListenAddress 0.0.0.0 rdomain vrf-mgmt", [("service", "sshd-settings")]),
        ("ListenAddress 0.0.0.0 rdomain lo", []),
        ("ListenAddress 0.0.0.0", []),
    ],
)
def test_a_routing_domain_has_to_be_there_when_sshd_starts(line: str, steps: list[tuple[str, str]]) -> None:
    assert gaps_of({DROP_IN: line + "\n"}) == steps


NEW = {"/var/lib/dpkg/status": DPKG_STATUS.replace("1:9.2p1-2+deb12u6", "1:10.0p1-7")}


@pytest.mark.parametrize(
    ("line", "client", "gap"),
    [
        ("PerSourcePenalties no", ME, False),
        ("PerSourcePenalties yes", ME, False),
        ("PerSourcePenalties authfail:1m noauth:20s", ME, False),
        # The sum is 10 minutes at most, if nothing else is said.
        ("PerSourcePenalties authfail:1h", ME, False),
        ("PerSourcePenalties authfail:1h max:1d", ME, True),
        ("PerSourcePenalties overflow:deny-all max-sources4:10 max-sources6:65536", ME, True),
        ("PerSourcePenalties authfail:1h max:1d\nPerSourcePenaltyExemptList 203.0.113.0/24", FROM, False),
        ("PerSourcePenalties authfail:1h max:1d\nPerSourcePenaltyExemptList 192.0.2.0/24", FROM, True),
    ],
)
def test_penalties_that_last(line: str, client: Client, gap: bool) -> None:
    assert (("accept", "sshd-settings") in gaps_of({**NEW, DROP_IN: line + "\n"}, client)) is gap


@pytest.mark.parametrize(("ends", "gap"), [(1, True), ((1 << 64) - 1, False)])
def test_a_host_certificate_that_is_outdated(ends: int, gap: bool) -> None:
    kind = b"ssh-ed25519-cert-v01@openssh.com"
    fields = [kind, bytes(32), bytes(32)]
    blob = b"".join(map(string, fields)) + bytes(8) + uint32(2) + string(b"") * 2 + bytes(8) + ends.to_bytes(8, "big")
    path = "/etc/ssh/ssh_host_ed25519_key-cert.pub"
    changes = {DROP_IN: f"HostCertificate {path}\n", path: f"{kind.decode()} {b64encode(blob).decode()} x\n"}
    assert (("accept", "sshd-settings") in gaps_of(changes)) is gap
