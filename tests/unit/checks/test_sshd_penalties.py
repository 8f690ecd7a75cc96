"""Whole networks that count as one source."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from rescue.model import Client, Severity
from tests.checking import causes, diff, mended_if_agreed, only_finding
from tests.trees import DPKG_STATUS, SSHD_CONFIG, server

pytestmark = pytest.mark.unit

MAIN = "/etc/ssh/sshd_config"
NEW = DPKG_STATUS.replace("1:9.2p1-2+deb12u6", "1:10.0p1-7")
V4 = Client(user="alice", sources=(ip_address("203.0.113.7"),))
V6 = Client(user="alice", sources=(ip_address("2001:db8::7"),))


@pytest.mark.parametrize(
    ("lines", "version", "client", "found"),
    [
        (["PerSourceNetBlockSize 32"], NEW, V6, True),
        (["PerSourceNetBlockSize 32"], NEW, V4, False),
        (["PerSourceNetBlockSize 0:0"], NEW, V4, True),
        (["PerSourceNetBlockSize 24:56"], NEW, Client(), False),
        (["PerSourceNetBlockSize 32"], DPKG_STATUS, V6, False),
        (["PerSourceNetBlockSize 8:32", "PerSourceMaxStartups 3"], DPKG_STATUS, V4, True),
        (["PerSourceNetBlockSize 8:32", "PerSourceMaxStartups 50"], DPKG_STATUS, V4, False),
        (["PerSourceNetBlockSize 0:0", "PerSourcePenalties no"], NEW, V4, False),
        (["PerSourceNetBlockSize 0:0", "PerSourcePenaltyExemptList 203.0.113.0/24"], NEW, V4, False),
        (["PerSourceNetBlockSize 0:0", "PerSourcePenaltyExemptList 192.0.2.0/24"], NEW, V4, True),
    ],
)
def test_strangers_use_up_what_is_yours(lines: list[str], version: str, client: Client, found: bool) -> None:
    tree = server({MAIN: SSHD_CONFIG + "".join(f"{line}\n" for line in lines), "/var/lib/dpkg/status": version})
    assert causes(tree, client) == (["sshd-penalties"] if found else [])
    if found:
        assert only_finding(tree, "sshd-penalties", client).severity is Severity.DOUBTFUL
        assert diff(mended_if_agreed(tree, client), MAIN) == ([lines[0]], ["PerSourceNetBlockSize 32:128"])
