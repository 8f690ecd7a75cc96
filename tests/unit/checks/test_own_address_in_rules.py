"""Rules for the server's own address, which its network files may tell."""

from __future__ import annotations

import pytest

from rescue.tree import Tree
from tests.checking import causes, only_finding
from tests.unit.checks.test_fw_interface import ruled

pytestmark = pytest.mark.unit

STATIC = "Address=192.0.2.10/24\nGateway=192.0.2.1\nIPv6AcceptRA=no"
WIRED = "/etc/systemd/network/10-wired.network"


def addressed(rule: str, network: str, **more: str) -> Tree:
    return ruled(rule, **{WIRED: f"[Match]\nName=eth0\n\n[Network]\n{network}\n", **more})


def test_a_rule_for_the_servers_only_address_lets_in() -> None:
    assert causes(addressed("ip daddr 192.0.2.10 tcp dport 22 accept", STATIC)) == []


def test_a_rule_for_another_address_lets_nobody_in() -> None:
    finding = only_finding(addressed("ip daddr 192.0.2.11 tcp dport 22 accept", STATIC), "nft-drop")
    assert finding.reason == ""


@pytest.mark.parametrize("network", ["DHCP=yes", f"{STATIC}\nDHCP=ipv4", "IPv6AcceptRA=no"])
def test_where_other_addresses_may_be_it_is_a_doubt(network: str) -> None:
    finding = only_finding(addressed("ip daddr 192.0.2.11 tcp dport 22 accept", network), "nft-drop")
    assert "the server's own address" in finding.reason


def test_what_cloud_init_may_write_anew_is_not_certain() -> None:
    tree = addressed("ip daddr 192.0.2.11 tcp dport 22 accept", STATIC, **{"/etc/cloud/cloud.cfg": "users: []\n"})
    assert "the server's own address" in only_finding(tree, "nft-drop").reason


TWO = f"{STATIC}\nAddress=198.51.100.3/24"


def test_a_rule_for_one_of_two_addresses_is_a_doubt() -> None:
    finding = only_finding(addressed("ip daddr 192.0.2.10 tcp dport 22 accept", TWO), "nft-drop")
    assert "the server's own address" in finding.reason


def test_a_rule_for_none_of_two_addresses_lets_nobody_in() -> None:
    assert only_finding(addressed("ip daddr 192.0.2.11 tcp dport 22 accept", TWO), "nft-drop").reason == ""


def test_what_is_written_for_a_program_that_does_not_start_is_not_what_the_server_has() -> None:
    stanza = "auto eth0\niface eth0 inet static\n\taddress 192.0.2.11/24\n\tgateway 192.0.2.1\n"
    tree = addressed(
        "ip daddr 192.0.2.11 tcp dport 22 accept", "IPv6AcceptRA=no", **{"/etc/network/interfaces": stanza}
    )
    assert "the server's own address" in only_finding(tree, "nft-drop").reason
