"""Settings of sshd_config that no check looks at."""

from __future__ import annotations

import pytest

from tests.judging import gaps_of

pytestmark = pytest.mark.unit

DROP_IN = "/etc/ssh/sshd_config.d/10-local.conf"


@pytest.mark.parametrize(
    "line",
    [
        "RekeyLimit default 1s",
        "ClientAliveInterval 1",
        "Banner /dev/zero",
        "SetEnv BASH_ENV=/nowhere",
        "SetEnv LD_PRELOAD=/x",
        "UseDNS yes",
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
