from __future__ import annotations

from ipaddress import ip_address

import pytest

from rescue.model import Client, Safety, Severity
from rescue.tree import Entry, Tree, file
from tests.checking import causes, diff, mended, only_finding
from tests.networks import networkd, networked

pytestmark = pytest.mark.unit

LOCAL, INTERFACES = "/etc/rc.local", "/etc/network/interfaces"
ME = Client(sources=(ip_address("198.51.100.7"),))
OTHER = Client(sources=(ip_address("203.0.113.7"),))
STATIC = "Address=192.0.2.2/24\nGateway=192.0.2.1\n"


def with_script(line: str, network: str = STATIC) -> Tree:
    script: dict[str, str | Entry] = {LOCAL: file(f"#!/bin/sh\n{line}\nexit 0\n", 0o755)}
    return networked({**networkd("Name=e*", network), **script})


@pytest.mark.parametrize(
    "line",
    [
        "ip route add blackhole 198.51.100.0/24", "/sbin/ip route add unreachable 198.51.100.7",
        "ip r a prohibit 198.0.0.0/8", "ip -4 route replace blackhole 198.51.100.7/32",
    ],
)  # fmt: skip
def test_a_ban_by_a_route_is_commented_out(line: str) -> None:
    tree = with_script(line)
    assert only_finding(tree, "net-blackhole-route", ME).severity is Severity.BROKEN
    assert diff(mended(tree, ME), LOCAL) == ([line], [f"#{line}"])
    assert causes(tree, OTHER) == []
    assert causes(tree) == []


def test_an_up_line_of_ifupdown() -> None:
    stanza = "auto eth0\niface eth0 inet static\n  address 192.0.2.2/24\n  gateway 192.0.2.1\n"
    tree = networked(
        {INTERFACES: f"{stanza}  up ip route add blackhole 198.51.100.0/24\n", "/usr/sbin/ifup": file("ELF", 0o755)},
        manager="networking.service",
    )
    assert diff(mended(tree, ME), INTERFACES)[1] == ["#  up ip route add blackhole 198.51.100.0/24"]


def test_one_of_several_routes_of_networkd() -> None:
    routes = "[Route]\nDestination=203.0.113.0/24\nGateway=192.0.2.9\n\n[Route]\nType=blackhole\n"
    routes += "Destination=198.51.100.0/24\n"
    tree = networked(networkd("Name=e*", f"{STATIC}{routes}"))
    finding = only_finding(tree, "net-blackhole-route", ME)
    assert finding.locations[0].text == "Destination=198.51.100.0/24"
    assert [each.safety for each in finding.repairs] == [Safety.MANUAL]
    assert causes(tree, OTHER) == []


def test_a_route_of_netplan() -> None:
    said = "addresses: [192.0.2.2/24], routes: [{to: default, via: 192.0.2.1}, {to: 198.51.100.0/24, type: blackhole}]"
    tree = networked({"/etc/netplan/01.yaml": f"network: {{version: 2, ethernets: {{eth0: {{{said}}}}}}}\n"})
    assert only_finding(tree, "net-blackhole-route", ME).subject == "198.51.100.7"
    assert causes(tree, OTHER) == []


def test_with_dhcp_the_clients_network_may_be_nearer() -> None:
    assert only_finding(
        with_script("ip route add blackhole 198.51.100.0/24", "DHCP=yes"), "net-blackhole-route", ME
    ).reason
    assert not only_finding(
        with_script("ip route add blackhole 198.51.100.7", "DHCP=yes"), "net-blackhole-route", ME
    ).reason


@pytest.mark.parametrize(
    "line",
    [
        "# ip route add blackhole 198.51.100.0/24", "ip route del blackhole 198.51.100.0/24",
        "ip route add blackhole 198.51.100.0/24 table 7", "ip route add blackhole nonsense", "ip route show",
        "echo ip route add blackhole 198.51.100.0/24", "ip route add blackhole 2001:db8::/32",
        "ip route add blackhole 198.51.100.0/99",
    ],
)  # fmt: skip
def test_states_that_are_none(line: str) -> None:
    assert causes(with_script(line), ME) == []


def test_a_narrower_route_leads_to_the_client() -> None:
    route = "[Route]\nDestination=198.51.100.0/28\nGateway=192.0.2.9\n"
    assert causes(with_script("ip route add blackhole 198.51.100.0/24", f"{STATIC}{route}"), ME) == []
