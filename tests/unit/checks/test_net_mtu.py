from ipaddress import ip_address

import pytest

from rescue.model import Client, Safety, Severity, Symptom
from rescue.tree import Tree
from tests.checking import causes, diff, mended, mended_if_agreed, only_finding
from tests.networks import networked

pytestmark = pytest.mark.unit

CHECK, INTERFACES = "net-mtu", "/etc/network/interfaces"
SIX, FOUR = Client(sources=(ip_address("2001:db8::7"),)), Client(sources=(ip_address("198.51.100.7"),))
HEAD = "auto eth0\niface eth0 inet static\n  address 203.0.113.9/24\n  gateway 203.0.113.1\n"
V6 = "iface eth0 inet6 static\n  address 2001:db8:9::9/64\n  gateway 2001:db8:9::1\n"


def ifupdown(more: str, manager: str = "networking.service") -> Tree:
    return networked({INTERFACES: f"{HEAD}{more}"}, manager=manager)


def test_a_digit_is_missing() -> None:
    tree = ifupdown(f"  mtu 150\n{V6}")
    finding = only_finding(tree, CHECK, FOUR)
    assert (finding.severity, finding.symptom) == (Severity.DOUBTFUL, Symptom.TIMED_OUT)
    assert diff(mended_if_agreed(tree, FOUR), INTERFACES) == (["  mtu 150"], ["#  mtu 150"])


@pytest.mark.parametrize("value", ["150", "1279"])
def test_ipv6_is_dropped_below_1280(value: str) -> None:
    tree = ifupdown(f"  mtu {value}\n{V6}")
    finding = only_finding(tree, CHECK, SIX)
    assert (finding.severity, finding.symptom) == (Severity.BROKEN, Symptom.UNREACHABLE)
    assert "IPv6" in finding.message
    assert diff(mended(tree, SIX), INTERFACES)[1] == [f"#  mtu {value}"]


def test_the_kernel_refuses_it() -> None:
    finding = only_finding(ifupdown("  mtu 15\n"), CHECK)
    assert finding.severity is Severity.BROKEN
    assert "does not come up" in finding.message


def test_a_continued_line_is_left_to_the_person() -> None:
    finding = only_finding(ifupdown("  mtu \\\n150\n"), CHECK)
    assert [each.safety for each in finding.repairs] == [Safety.MANUAL]


@pytest.mark.parametrize(
    ("tree", "client"),
    [
        (ifupdown("  mtu 1500\n"), SIX), (ifupdown("  mtu 1280\n"), SIX), (ifupdown("  mtu 576\n"), FOUR),
        (ifupdown("  mtu 1000\n"), Client()), (ifupdown("  mtu 9000\n"), Client()), (ifupdown("  #mtu 15\n"), FOUR),
        (ifupdown("  mtu big\n"), FOUR), (ifupdown("  mtu\n"), FOUR), (ifupdown("", "systemd-networkd.service"), FOUR),
        (ifupdown("auto wg0\niface wg0 inet static\n  address 10.0.0.1/24\n  mtu 100\n"), FOUR),
        (ifupdown("iface eth1 inet static\n  address 10.0.0.1/24\n  mtu 100\n"), FOUR),
        (ifupdown("auto eth1\niface eth1 inet dhcp\n  mtu 100\n"), FOUR),
        (ifupdown("  mtu 150\n", "NetworkManager.service"), FOUR),
    ],
)  # fmt: skip
def test_states_that_must_not_alarm(tree: Tree, client: Client) -> None:
    assert CHECK not in causes(tree, client)
