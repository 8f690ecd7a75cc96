import pytest

from rescue.model import Safety, Severity
from rescue.planner import any_repairs
from tests.checking import causes, changed_paths, mended, only_finding
from tests.networks import WIRED, networkd, networked

pytestmark = pytest.mark.unit

STATIC = "/etc/systemd/network/05-static.network"
WRONG = "Address=192.0.20.2/24\nGateway=192.0.2.1"


@pytest.mark.parametrize(
    "network",
    [
        "Address=192.0.2.2/24\nGateway=192.0.2.1",
        "Address=198.51.100.7/32\n[Route]\nGateway=192.0.2.1\nGatewayOnLink=yes",
        "Address=198.51.100.7/32\nGateway=192.0.2.1\n[Route]\nDestination=192.0.2.1/32",
        "DHCP=yes\nAddress=192.0.20.2/24\nGateway=192.0.2.1",
        "DHCP=no\nAddress=2001:db8::2/64\nGateway=fe80::1",
        "Gateway=192.0.2.1",
        "Address=192.0.2.2\nGateway=192.0.2.1",
        "Address=10.1.2.3\nGateway=10.0.0.1",
        "Address=172.16.9.3\nGateway=172.16.0.1",
        "DHCP=no\nAddress=2001:db8::2\nGateway=2001:db8::1",
        "Address=239.0.0.1\nGateway=192.0.2.1",
    ],
)
def test_a_router_that_can_be_reached_is_no_fault(network: str) -> None:
    assert causes(networked(networkd("Name=e*", network))) == []


def test_what_is_no_address_is_another_fault() -> None:
    assert causes(networked(networkd("Name=e*", "Address=nonsense\nGateway=192.0.2.1"))) == ["networkd-ignored"]


def test_without_a_router_it_is_another_fault() -> None:
    assert causes(networked(networkd("Name=e*", "Address=192.0.2.2/24"))) == ["net-no-gateway"]


def test_an_address_without_a_prefix_length_has_that_of_its_class() -> None:
    assert causes(networked(networkd("Name=e*", "Address=192.0.20.2\nGateway=192.0.2.1"))) == ["net-static-wrong"]


def test_a_router_outside_the_network_is_certain_and_left_to_the_person() -> None:
    finding = only_finding(networked(networkd("Name=e*", WRONG)), "net-static-wrong")
    assert finding.severity is Severity.BROKEN
    assert "192.0.20.2/24" in finding.message
    assert [repair.safety for repair in finding.repairs] == [Safety.MANUAL]


def test_where_another_file_takes_the_card_this_one_can_be_set_aside() -> None:
    tree = networked({**networkd("Name=e*"), STATIC: f"[Match]\nName=e*\n\n[Network]\n{WRONG}\n"})
    assert [repair.safety for repair in only_finding(tree, "net-static-wrong").repairs] == [
        Safety.UNSAFE, Safety.MANUAL,
    ]  # fmt: skip
    assert WIRED in only_finding(tree, "net-static-wrong").repairs[0].title
    plan = mended(tree, choose=any_repairs)
    assert sorted(changed_paths(plan)) == [STATIC, f"{STATIC}.disabled"]


def test_ifupdown_has_the_network_in_a_mask() -> None:
    interfaces = "/etc/network/interfaces"
    text = "auto eth0\niface eth0 inet static\n  address 192.0.20.2\n  netmask 255.255.255.0\n  gateway 192.0.2.1\n"

    def found(text: str) -> list[str]:
        return causes(networked({interfaces: text}, manager="networking.service"))

    assert found(text) == ["net-static-wrong"]
    assert only_finding(networked({interfaces: text}, manager="networking.service"), "net-static-wrong").reason
    # A single address: ifupdown gives the router to the kernel as on the wire.
    assert found(text.replace("255.255.255.0", "255.255.255.255")) == []
    assert found(text.replace("192.0.20.2", "198.51.100.7/32").replace("  netmask 255.255.255.0\n", "")) == []
    assert found(text + "  pointopoint 192.0.2.1\n") == []
    assert found(text.replace("192.0.20.2", "192.0.2.2")) == []
    assert found(text.replace("255.255.255.0", "255.255.0.0")) == []
    assert found(text + "  up ip route add 192.0.2.1 dev eth0\n") == []
    assert found(text.replace("static", "dhcp")) == []


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ("addresses: [192.0.20.2/24], gateway4: 192.0.2.1", True),
        ("addresses: [198.51.100.7/32], routes: [{to: default, via: 192.0.2.1}]", True),
        ("addresses: [198.51.100.7/32], routes: [{to: default, via: 192.0.2.1, on-link: true}]", False),
        (
            "addresses: [198.51.100.7/32], routes: [{to: 192.0.2.1/32, scope: link}, {to: default, via: 192.0.2.1}]",
            False,
        ),
        ("addresses: [192.0.2.2/24], gateway4: 192.0.2.1", False),
        ("addresses: [192.0.20.2/24], gateway4: 192.0.2.1, dhcp4: true", False),
    ],
)
def test_netplan_has_its_routers_in_two_places(said: str, wrong: bool) -> None:
    path = "/etc/netplan/01.yaml"
    tree = networked({path: f"network: {{version: 2, ethernets: {{eth0: {{{said}}}}}}}\n"})
    assert causes(tree) == (["net-static-wrong"] if wrong else [])


def test_a_byte_order_mark_before_the_first_section_counts_as_nothing() -> None:
    files = networkd("Name=e*", WRONG)
    assert causes(networked({WIRED: f"\ufeff{files[WIRED]}"})) == ["net-static-wrong"]
