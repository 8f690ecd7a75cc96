"""Lines of .network files that systemd-networkd ignores, where no other gives an IPv4 address."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from rescue.model import Client, Safety, Severity
from rescue.tree import Tree
from tests.checking import causes, diff, mended, mended_if_agreed, only_finding
from tests.networks import WIRED, networked

pytestmark = pytest.mark.unit

FOUR = Client(sources=(ip_address("198.51.100.7"),))
SIX = Client(sources=(ip_address("2001:db8:1::7"),))
BRIDGE = {"/etc/systemd/network/20.network": "[Match]\nName=br0\n[Network]\nDHCP=yes\n"}
DROP_IN = f"{WIRED}.d/x.conf"


def by(*lines: str, match: str = "Name=e*", **files: str) -> Tree:
    text = "\n".join(("[Match]", match, "[Network]", *lines, ""))
    return networked({WIRED: text, **files})


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("DCHP=yes", "DHCP=yes"),
        ("dhcp=yes", "DHCP=yes"),
        ("DHCP4=yes", "DHCP=yes"),
        ("DHCP=enabled", "DHCP=yes"),
        ("DHCP=ip4", "DHCP=ipv4"),
    ],
)
def test_a_misspelt_line_is_corrected(wrong: str, right: str) -> None:
    tree = by(wrong)
    finding = only_finding(tree, "networkd-ignored", FOUR)
    assert (finding.severity, finding.locations[0].line) == (Severity.BROKEN, 4)
    assert only_finding(tree, "networkd-ignored").severity is Severity.DOUBTFUL
    assert diff(mended(tree, FOUR), WIRED) == ([wrong], [right])


@pytest.mark.parametrize("key", ["Adress", "IPAddress", "address", "Addres"])
def test_a_misspelt_address_is_corrected(key: str) -> None:
    tree = by(f"{key}=192.0.2.2/24", "Gateway=192.0.2.1")
    assert diff(mended(tree, FOUR), WIRED) == ([f"{key}=192.0.2.2/24"], ["Address=192.0.2.2/24"])


@pytest.mark.parametrize(
    ("line", "says"),
    [("Address=192.0.2.300/24", "is none"), ("DHCP=perhaps", "no value"), ("DHCP=ipv6", "IPv6 alone")],
)
def test_what_was_meant_is_not_guessed(line: str, says: str) -> None:
    finding = only_finding(by(line), "networkd-ignored", FOUR)
    assert says in finding.message
    assert [each.safety for each in finding.repairs] == [Safety.MANUAL]


def test_a_section_counts_capitals_too() -> None:
    tree = networked({WIRED: "[Match]\nName=e*\n[network]\nDHCP=yes\n"})
    assert "has to be [Network]" in only_finding(tree, "networkd-ignored", FOUR).message
    tree = networked({WIRED: "[Match]\nName=e*\nDHCP=yes\n[Network]\nLLDP=no\n"})
    assert "instead of [Network]" in only_finding(tree, "networkd-ignored", FOUR).message


def test_the_first_file_for_an_interface_counts_alone() -> None:
    first = "/etc/systemd/network/05-mine.network"
    tree = by("DHCP=yes", **{first: "[Match]\nName=e*\n[Network]\nDCHP=yes\n"})
    assert diff(mended(tree, FOUR), first) == (["DCHP=yes"], ["DHCP=yes"])
    assert causes(by("DHCP=yes", **{first: "[Match]\nName=ens9\n[Network]\nDCHP=yes\n"}), FOUR) == []


def test_a_drop_in_turns_dhcp_off() -> None:
    tree = by("DHCP=yes", **{DROP_IN: "[Network]\nDHCP=no\n"})
    assert diff(mended_if_agreed(tree, FOUR), DROP_IN) == (["DHCP=no"], ["#DHCP=no"])


@pytest.mark.parametrize(
    "tree",
    [
        by("DHCP=yes"),
        by("DHCP=ipv4", "DCHP=yes"),
        by("Address=192.0.2.2/24", "Gateway=192.0.2.1", "Adress=192.0.2.3/24"),
        by("DHCP=yes", **{"/etc/systemd/network/05-other.network": "[Match]\nName=wg0\n[Network]\nDCHP=yes\n"}),
        by("DHCP=yes", **{DROP_IN: "[Network]\nDHCP=ipv4\n"}),
        by(
            "DHCP=no",
            "DHCPServer=yes",
            **BRIDGE,
        ),
    ],
    ids=["dhcp", "once more", "a second address", "a tunnel's", "a drop-in", "a bridge's"],
)
def test_what_must_not_alarm(tree: Tree) -> None:
    assert "networkd-ignored" not in causes(tree, FOUR)


def test_a_server_of_ipv6_alone_is_left_alone() -> None:
    tree = by("DHCP=ipv6")
    assert causes(tree) == causes(tree, SIX) == []
