from __future__ import annotations

from ipaddress import ip_address

import pytest

from rescue.model import Client, Safety, Severity
from rescue.planner import any_repairs
from rescue.tree import Entry, Tree, file
from tests.checking import causes, diff, mended, only_finding
from tests.networks import WIRED, networkd, networked

pytestmark = pytest.mark.unit

INTERFACES = "/etc/network/interfaces"
OUTSIDE = Client(sources=(ip_address("198.51.100.7"),))
NEAR = Client(sources=(ip_address("192.0.2.9"),))
SIX = Client(sources=(ip_address("2001:db8:1::7"),))
STANZA = "auto eth0\niface eth0 inet static\n  address 192.0.2.2/24\n"


def by_networkd(network: str, **files: str | Entry) -> Tree:
    return networked({**networkd("Name=e*", network), **files})


def by_ifupdown(text: str, **files: str | Entry) -> Tree:
    return networked({INTERFACES: text, **files}, manager="networking.service")


def by_netplan(said: str) -> Tree:
    return networked({"/etc/netplan/01.yaml": f"network: {{version: 2, ethernets: {{eth0: {{{said}}}}}}}\n"})


@pytest.mark.parametrize(
    "tree",
    [by_networkd("Address=192.0.2.2/24"), by_ifupdown(STANZA), by_netplan("addresses: [192.0.2.2/24]")],
    ids=["networkd", "ifupdown", "netplan"],
)
def test_a_client_outside_gets_no_answer(tree: Tree) -> None:
    finding = only_finding(tree, "net-no-gateway", OUTSIDE)
    assert finding.severity is Severity.BROKEN
    assert "198.51.100.7" in finding.message
    assert [each.safety for each in finding.repairs] == [Safety.MANUAL]
    assert only_finding(tree, "net-no-gateway").severity is Severity.DOUBTFUL
    assert causes(tree, NEAR) == []
    assert causes(tree, SIX) == []


@pytest.mark.parametrize("word", ["gatway", "gatewy", "gatewayy", "getway", "gtw"])
def test_a_misspelt_gateway_is_corrected(word: str) -> None:
    tree = by_ifupdown(f"{STANZA}  {word} 192.0.2.1\n")
    if word == "gtw":
        assert [each.safety for each in only_finding(tree, "net-no-gateway", OUTSIDE).repairs] == [Safety.MANUAL]
        return
    assert diff(mended(tree, OUTSIDE), INTERFACES) == ([f"  {word} 192.0.2.1"], ["  gateway 192.0.2.1"])


def test_networkd_has_it_with_an_equals_sign() -> None:
    tree = by_networkd("Address=192.0.2.2/24\nGatway=192.0.2.1")
    assert diff(mended(tree, OUTSIDE), WIRED) == (["Gatway=192.0.2.1"], ["Gateway=192.0.2.1"])


def test_a_disabled_line_is_a_guess() -> None:
    tree = by_ifupdown(f"{STANZA}  #gateway 192.0.2.1\n")
    assert diff(mended(tree, OUTSIDE, any_repairs), INTERFACES) == (["  #gateway 192.0.2.1"], ["  gateway 192.0.2.1"])


def test_a_gateway_of_another_network_is_none() -> None:
    finding = only_finding(by_ifupdown(f"{STANZA}  gatway 10.0.0.1\n"), "net-no-gateway", OUTSIDE)
    assert [each.safety for each in finding.repairs] == [Safety.MANUAL]


@pytest.mark.parametrize(
    "network",
    [
        "Address=192.0.2.2/24\nGateway=192.0.2.1",
        "Address=192.0.2.2/24\nDHCP=ipv4",
        "Address=192.0.2.2/24\n[Route]\nGateway=192.0.2.1",
        "Address=192.0.2.2/24\n[Route]\nGateway=192.0.2.1\nDestination=198.51.100.0/24",
        "Address=192.0.2.2/24\nDefaultRouteOnDevice=yes",
        "Address=192.0.2.2/24\n[Route]\nGateway=192.0.2.1\nTable=100",
        "Address=192.0.2.2/24\n[Route]\nGateway=nonsense",
        "Address=192.0.2.2/24\nGateway=_dhcp4",
        "Address=192.0.2.2/24\n[Route]\nDestination=0.0.0.0/1\n[Route]\nDestination=128.0.0.0/1",
        "Address=2001:db8::2/64",
        "Address=169.254.7.7/16",
    ],
)
def test_states_of_networkd_that_are_none(network: str) -> None:
    assert causes(by_networkd(network), OUTSIDE) == []


@pytest.mark.parametrize(
    "text",
    [
        f"{STANZA}  gateway 192.0.2.1\n",
        f"{STANZA}  up ip route add default via 192.0.2.1\n",
        f"{STANZA}  post-up /usr/local/sbin/routes\n",
        f"{STANZA}\nauto eth1\niface eth1 inet dhcp\n",
        f"{STANZA}\nauto eth1\niface eth1 inet static\n  address 198.51.100.2/24\n",
    ],
)
def test_states_of_ifupdown_that_are_none(text: str) -> None:
    assert causes(by_ifupdown(text), OUTSIDE) == []


@pytest.mark.parametrize(
    "said",
    [
        "addresses: [192.0.2.2/24], routes: [{to: default, via: 192.0.2.1}]",
        "addresses: [192.0.2.2/24], routes: [{to: 0.0.0.0/0, via: 192.0.2.1}]",
        "addresses: [192.0.2.2/24], gateway4: 192.0.2.1",
        "addresses: [192.0.2.2/24], dhcp4: true",
        "addresses: [192.0.2.2/24], routes: [{to: default, via: 192.0.2.1, table: 7}]",
    ],
)
def test_states_of_netplan_that_are_none(said: str) -> None:
    assert causes(by_netplan(said), OUTSIDE) == []


@pytest.mark.parametrize(
    "command", ["ip route add default via 192.0.2.1", "route add default gw 192.0.2.1", "ip r a default via 192.0.2.1"]
)
def test_a_script_of_ones_own_may_set_it(command: str) -> None:
    script: dict[str, str | Entry] = {"/etc/rc.local": file(f"#!/bin/sh\n{command}\n", 0o755)}
    assert causes(by_networkd("Address=192.0.2.2/24", **script), OUTSIDE) == []


def test_another_file_may_have_the_gateway() -> None:
    more: dict[str, str | Entry] = {f"{WIRED}.d/gateway.conf": "[Network]\nGateway=192.0.2.1\n"}
    assert causes(by_networkd("Address=192.0.2.2/24", **more), OUTSIDE) == []
