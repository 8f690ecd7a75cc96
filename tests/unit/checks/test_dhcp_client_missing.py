import pytest

from rescue.model import Safety, Severity, Symptom
from rescue.planner import any_repairs
from rescue.tree import Entry, Tree, directory, file, symlink
from tests.checking import causes, diff, mended, only_finding
from tests.networks import LIB, UNIT, networked

pytestmark = pytest.mark.unit

INTERFACES = "/etc/network/interfaces"
DHCP = "auto lo\niface lo inet loopback\nallow-hotplug eth0\niface eth0 inet dhcp\n"
PROGRAM = file("ELF", 0o755)


def server(text: str, extra: dict[str, str | Entry] | None = None) -> Tree:
    none = {"/usr/sbin/dhclient": directory()}
    files: dict[str, str | Entry] = {**none, INTERFACES: text, f"{LIB}/systemd-networkd.service": UNIT}
    return networked({**files, **(extra or {})}, manager="networking.service")


@pytest.mark.parametrize(
    "client",
    [
        {"/usr/sbin/dhclient": PROGRAM},
        {"/usr/sbin/dhcpcd": PROGRAM},
        {"/usr/bin/busybox": PROGRAM, "/usr/sbin/udhcpc": symlink("/usr/bin/busybox")},
        {"/usr/share/ifupdown2": directory(), "/usr/sbin/dhclient": PROGRAM},
    ],
)
def test_one_client_is_enough(client: dict[str, str | Entry]) -> None:
    assert causes(server(DHCP, client)) == []


@pytest.mark.parametrize(
    "text",
    [
        DHCP.replace("dhcp", "static\n  address 192.0.2.2/24\n  gateway 192.0.2.1"),
        DHCP.replace("inet dhcp", "inet manual\n  up /usr/local/sbin/my-card"),
        DHCP + "iface eth0 inet static\n  address 192.0.2.2/24\n",
        "auto eth1\niface eth1 inet static\n  address 192.0.2.2/24\n  gateway 192.0.2.1\niface eth0 inet dhcp\n",
    ],
)
def test_what_needs_no_client_is_no_fault(text: str) -> None:
    assert causes(server(text)) == []


@pytest.mark.parametrize(
    "client",
    [
        {},
        {"/usr/sbin/dhclient": file("ELF", 0o644)},
        {"/usr/sbin/dhclient": symlink("/gone")},
        {"/usr/share/ifupdown2": directory(), "/usr/sbin/dhcpcd": PROGRAM},
    ],
)
def test_without_a_client_the_card_gets_no_address(client: dict[str, str | Entry]) -> None:
    tree = server(DHCP, client)
    finding = only_finding(tree, "dhcp-client-missing")
    assert (finding.severity, finding.symptom) == (Severity.BROKEN, Symptom.UNREACHABLE)
    assert str(finding.locations[0]) == f"{INTERFACES}:4"
    assert [each.safety for each in finding.repairs] == [Safety.UNSAFE, Safety.MANUAL]
    plan = mended(tree, choose=any_repairs)
    assert diff(plan, INTERFACES) == (["allow-hotplug eth0"], ["#allow-hotplug eth0"])
    assert "Name=eth0" in (plan.after.facts.tree.text("/etc/systemd/network/50-dhcp.network") or "")


def test_another_card_that_needs_none_makes_it_a_doubt() -> None:
    text = DHCP + "auto eth1\niface eth1 inet static\n  address 192.0.2.2/24\n"
    assert "eth1" in only_finding(server(text), "dhcp-client-missing").reason


def test_a_bond_needs_its_package() -> None:
    text = "auto x0\niface x0 inet static\n  address 192.0.2.2/24\n  gateway 192.0.2.1\n"
    text += "  bond-slaves eth0 eth1\n"
    assert "ifenslave" in only_finding(server(text), "dhcp-client-missing").message
    assert causes(server(text, {"/etc/network/if-pre-up.d/ifenslave": file("#!/bin/sh\n", 0o755)})) == []
    assert causes(server(text, {"/usr/share/ifupdown2": directory()})) == []
    assert causes(server(text.replace("bond-slaves", "bridge_ports"))) == []
