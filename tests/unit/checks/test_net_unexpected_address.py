from ipaddress import ip_address

import pytest

from rescue.model import Client, Safety, Severity, Symptom
from rescue.tree import Entry, Tree, file, symlink
from tests.checking import causes, diff, mended_if_agreed, only_finding
from tests.networks import LIB, UNIT, WANTS, WIRED, networkd, networked

pytestmark = pytest.mark.unit

STATIC = "Address=203.0.113.9/24\nGateway=203.0.113.1"
SIX = "Address=2001:db8::9/64\nGateway=2001:db8::1\nIPv6AcceptRA=no"


def expecting(*addresses: str) -> Client:
    return Client(expected=tuple(ip_address(each) for each in addresses))


ME = expecting("203.0.113.10")


def static(network: str = STATIC) -> Tree:
    return networked(networkd("Name=e*", network))


def test_a_digit_is_wrong() -> None:
    finding = only_finding(static(), "net-unexpected-address", ME)
    assert (finding.severity, finding.symptom) == (Severity.BROKEN, Symptom.UNREACHABLE)
    assert "203.0.113.9, and not 203.0.113.10" in finding.message
    assert [each.safety for each in finding.repairs] == [Safety.UNSAFE, Safety.MANUAL]
    plan = mended_if_agreed(static(), ME)
    assert diff(plan, WIRED) == (["Address=203.0.113.9/24"], ["Address=203.0.113.10/24"])


@pytest.mark.parametrize(
    ("network", "address"),
    [
        (STATIC, "198.51.100.10"),
        (STATIC, "203.0.113.1"),
        (f"{STATIC}\nAddress=203.0.113.8/24", "203.0.113.10"),
        (STATIC.replace("/24", "/32") + "\nGatewayOnLink=yes", "203.0.113.10"),
    ],
)
def test_where_the_gateway_may_be_wrong_too_a_person_corrects_it(network: str, address: str) -> None:
    finding = only_finding(static(network), "net-unexpected-address", expecting(address))
    assert [each.safety for each in finding.repairs] == [Safety.MANUAL]


def test_ipv6_may_be_announced_to_the_server() -> None:
    finding = only_finding(static(SIX), "net-unexpected-address", expecting("2001:db8::10"))
    assert finding.severity is Severity.DOUBTFUL
    plan = mended_if_agreed(static(SIX), expecting("2001:db8::10"))
    assert diff(plan, WIRED)[1] == ["Address=2001:db8::10/64"]


def test_the_server_may_answer_to_another_address_that_is_expected() -> None:
    finding = only_finding(static(), "net-unexpected-address", expecting("203.0.113.9", "203.0.113.10"))
    assert "203.0.113.9" in finding.reason


def test_keepalived_may_add_it() -> None:
    files = {
        **networkd("Name=e*", STATIC),
        f"{LIB}/keepalived.service": UNIT,
        f"{WANTS}/keepalived.service": symlink(f"{LIB}/keepalived.service"),
    }
    assert only_finding(networked(files), "net-unexpected-address", ME).severity is Severity.DOUBTFUL


def ifupdown(more: str) -> Tree:
    text = f"auto eth0\niface eth0 inet static\n  address 203.0.113.9/24\n  gateway 203.0.113.1\n{more}"
    return networked({"/etc/network/interfaces": text}, manager="networking.service")


def rc_local(command: str) -> Tree:
    files: dict[str, str | Entry] = {
        "/etc/rc.local": file(f"#!/bin/sh\n{command}\n", 0o755),
        f"{LIB}/rc-local.service": UNIT.replace("/bin/true", "/etc/rc.local start"),
        f"{WANTS}/rc-local.service": symlink(f"{LIB}/rc-local.service"),
    }
    return networked({**networkd("Name=e*", STATIC), **files})


def test_a_command_may_set_an_address() -> None:
    finding = only_finding(rc_local("ip addr add $OTHER dev lo"), "net-unexpected-address", ME)
    assert finding.severity is Severity.DOUBTFUL


def test_ifupdown() -> None:
    plan = mended_if_agreed(ifupdown(""), ME)
    assert diff(plan, "/etc/network/interfaces") == (["  address 203.0.113.9/24"], ["  address 203.0.113.10/24"])


@pytest.mark.parametrize(
    ("tree", "client"),
    [
        (static(), Client()), (static(), expecting("203.0.113.9")), (static("DHCP=yes"), ME),
        (static(f"{STATIC}\nDHCP=yes"), ME), (static(f"{STATIC}\nAddress=203.0.113.10/32"), ME),
        (static(), expecting("2001:db8::10")), (static(SIX.partition("\nIPv6")[0]), expecting("2001:db8::10")),
        (static("Address=10.0.0.2/24\nGateway=10.0.0.1"), ME), (networked({}), ME),
        (ifupdown("  up ip addr add 203.0.113.10/32 dev eth0\n"), ME),
        (rc_local("ip addr add 203.0.113.10/32 dev lo"), ME), (ifupdown("  up ip addr add $OTHER dev eth0\n"), ME),
        (ifupdown("iface eth0 inet static\n  address 203.0.113.10/24\n"), ME),
    ],
)  # fmt: skip
def test_states_that_must_not_alarm(tree: Tree, client: Client) -> None:
    assert [each for each in causes(tree, client) if each == "net-unexpected-address"] == []


def test_a_private_address_that_is_expected_is_compared() -> None:
    tree = static("Address=10.0.0.2/24\nGateway=10.0.0.1")
    assert causes(tree, expecting("10.0.0.20")) == ["net-unexpected-address"]
