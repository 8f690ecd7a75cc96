import pytest

from rescue.model import Safety, Severity
from rescue.tree import Entry, Tree, symlink
from tests.checking import causes, only_finding
from tests.networks import LIB, UNIT, WANTS, networkd, networked

pytestmark = pytest.mark.unit

CHECK = "net-two-managers"
NEW_WAY = "Address=203.0.113.9/24\nGateway=203.0.113.1"
OLD_WAY = "auto eth0\niface eth0 inet static\n  address 198.51.100.9/24\n  gateway 198.51.100.1\n"
PLAN = (
    "network:\n  version: 2\n  ethernets:\n    eth0:\n      addresses: [203.0.113.9/24]\n"
    "      routes: [{to: default, via: 203.0.113.1}]\n"
)


def both(old: str = OLD_WAY, new: str = NEW_WAY, match: str = "Name=eth0", *, starts: bool = True) -> Tree:
    files: dict[str, str | Entry] = {**networkd(match, new), "/etc/network/interfaces": old}
    return networked({**files, **(IFUPDOWN if starts else {})})


IFUPDOWN: dict[str, str | Entry] = {
    f"{LIB}/networking.service": UNIT,
    f"{WANTS}/networking.service": symlink(f"{LIB}/networking.service"),
}


def test_two_programs_set_different_gateways() -> None:
    finding = only_finding(both(), CHECK)
    assert finding.severity is Severity.DOUBTFUL
    assert "eth0" in finding.message
    assert "198.51.100.1" in finding.message
    assert "203.0.113.1" in finding.message
    assert [each.safety for each in finding.repairs] == [Safety.MANUAL]
    assert len(finding.locations) == 2


def plan(text: str = PLAN) -> Tree:
    return networked({"/etc/netplan/01.yaml": text, "/etc/network/interfaces": OLD_WAY, **IFUPDOWN})


def test_netplan_sets_it_by_networkd() -> None:
    assert only_finding(plan(), CHECK).locations[1].path.name == "01.yaml"
    assert CHECK not in causes(plan(PLAN.replace("version: 2", "version: 2\n  renderer: NetworkManager")))


@pytest.mark.parametrize(
    "tree",
    [
        both(starts=False), both(new="DHCP=yes"), both(OLD_WAY.replace("static", "dhcp").partition("  address")[0]),
        both(OLD_WAY.replace("eth0", "eth1")), both(match="Name=e*"), both(match="MACAddress=52:54:00:6b:3c:58"),
        both(new="Address=198.51.100.9/24\nGateway=198.51.100.1"), both(OLD_WAY.partition("  gateway")[0]),
        both(new="Address=203.0.113.9/24"), both(new="Address=2001:db8::9/64\nGateway=2001:db8::1"),
        both("auto lo\niface lo inet loopback\n"), both("\n"), both(OLD_WAY.removeprefix("auto eth0\n")),
    ],
)  # fmt: skip
def test_states_that_must_not_alarm(tree: Tree) -> None:
    assert CHECK not in causes(tree)
