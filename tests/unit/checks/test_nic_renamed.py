import pytest

from rescue.model import Safety, Severity, Symptom
from rescue.tree import Entry, file, symlink
from tests.checking import causes, changed_paths, diff, mended, mended_if_agreed, only_finding
from tests.networks import CAME_UP, ID, NEW, OLD, WIRED, networkd, networked

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    "match",
    ["Name=e*", "Name=ens3 eth0", "Name=eth0", "Name=!lo", "MACAddress=52:54:00:00:00:01", "Driver=virtio_net", ""],
)
def test_settings_that_are_or_may_be_for_the_card_are_no_fault(match: str) -> None:
    assert causes(networked(networkd(match), CAME_UP)) == []


def test_without_a_journal_nothing_is_said() -> None:
    assert causes(networked(networkd("Name=ens3"))) == []
    files = {**networkd("Name=ens3"), f"/var/log/journal/{ID}/system.journal": "LPKSHHRH, but no more of it"}
    assert causes(networked(files)) == []


def test_a_name_of_no_card_of_the_last_boot_is_replaced() -> None:
    renamed = ("virtio_net virtio0 enp1s0: renamed from eth0", NEW)
    tree = networked(networkd("Name=ens3"), ("ens3: Gained carrier", OLD), renamed)
    finding = only_finding(tree, "nic-renamed")
    assert (finding.severity, finding.symptom) == (Severity.BROKEN, Symptom.UNREACHABLE)
    assert str(finding.locations[0]) == f"{WIRED}:2"
    plan = mended(tree)
    assert changed_paths(plan) == [WIRED]
    assert diff(plan, WIRED) == (["Name=ens3"], ["Name=enp1s0"])


def test_what_only_an_older_boot_tells_is_a_doubt() -> None:
    finding = only_finding(networked(networkd("Name=ens3"), ("eth0: Gained carrier", OLD)), "nic-renamed")
    assert finding.severity is Severity.DOUBTFUL
    assert "no interface came up" in finding.reason


def test_another_file_that_takes_the_card_is_enough() -> None:
    files = {**networkd("Name=ens3"), "/etc/systemd/network/90-all.network": "[Match]\nName=e*\n"}
    assert causes(networked(files, CAME_UP)) == []
    masked = {**files, "/etc/systemd/network/90-all.network": symlink("/dev/null")}
    assert causes(networked(masked, CAME_UP)) == ["nic-renamed"]


def test_two_cards_are_for_a_person_to_tell_apart() -> None:
    tree = networked(networkd("Name=ens3"), CAME_UP, ("eth1: Gained carrier", NEW))
    assert [repair.safety for repair in only_finding(tree, "nic-renamed").repairs] == [Safety.MANUAL]


def test_interfaces_of_other_kinds_are_no_cards() -> None:
    assert causes(networked(networkd("Name=ens3"), ("docker0: Gained carrier", NEW), ("br0: Link UP", NEW))) == []
    assert causes(networked(networkd("Name=wg0"), CAME_UP)) == ["net-unconfigured"]


def test_ifupdown_has_the_name_in_several_lines() -> None:
    interfaces = "/etc/network/interfaces"
    text = (
        "source /etc/network/interfaces.d/*\n\nauto lo\niface lo inet loopback\n\n# ens3 is the first one\n"
        "allow-hotplug ens3\niface ens3 inet static\n    address 192.0.2.2/24\n    gateway 192.0.2.1\n"
    )
    tree = networked({interfaces: text}, CAME_UP, manager="networking.service")
    plan = mended(tree)
    assert diff(plan, interfaces) == (
        ["allow-hotplug ens3", "iface ens3 inet static"], ["allow-hotplug eth0", "iface eth0 inet static"],
    )  # fmt: skip
    more = {interfaces: text, "/etc/network/interfaces.d/eth0": "auto eth0\niface eth0 inet dhcp\n"}
    assert causes(networked(more, CAME_UP, manager="networking.service")) == []
    bridged = {interfaces: "auto br0\niface br0 inet dhcp\n    bridge_ports eth0\n"}
    assert causes(networked(bridged, CAME_UP, manager="networking.service")) == []


def test_netplan_has_the_name_as_a_key() -> None:
    path = "/etc/netplan/50-cloud-init.yaml"
    text = "# made by hand\nnetwork:\n  version: 2\n  ethernets:\n    ens3:\n      dhcp4: true\n"
    plan = mended(networked({path: text}, CAME_UP))
    assert diff(plan, path) == (["    ens3:"], ["    eth0:"])
    flow = networked({path: "network: {ethernets: {ens3: {dhcp4: true}}}\n"}, CAME_UP)
    assert [repair.safety for repair in only_finding(flow, "nic-renamed").repairs] == [Safety.MANUAL]
    by_mac = text.replace("      dhcp4", "      match:\n        macaddress: 52:54:00:00:00:01\n      dhcp4")
    assert causes(networked({path: by_mac}, CAME_UP)) == []


def test_networkmanager_asks_for_an_address_by_itself_so_it_is_a_doubt() -> None:
    path = "/etc/NetworkManager/system-connections/wired.nmconnection"
    text = "[connection]\nid=wired\ntype=ethernet\ninterface-name=ens3\n\n[ipv4]\nmethod=auto\n"
    tree = networked({path: file(text, 0o600)}, CAME_UP, manager="NetworkManager.service")
    assert only_finding(tree, "nic-renamed").severity is Severity.DOUBTFUL
    assert diff(mended_if_agreed(tree), path) == (["interface-name=ens3"], ["interface-name=eth0"])


def test_a_server_without_a_journal_has_its_text_logs() -> None:
    interfaces = "/etc/network/interfaces"
    text = (
        "auto lo\niface lo inet loopback\niface enp0s31f6 inet manual\nauto vmbr0\niface vmbr0 inet static\n"
        "  address 192.0.2.2/26\n  gateway 192.0.2.1\n  bridge-ports enp0s31f6\n"
    )
    said = "2026-11-29T10:00:00.000000+00:00 server kernel: e1000e 0000:00:1f.6 eno1: "
    files: dict[str, str | Entry] = {
        interfaces: text, "/var/log/kern.log": f"{said}renamed from eth0\n{said}NIC Link is Up 1000 Mbps\n",
        f"/var/log/journal/{ID}/system.journal": "",
    }  # fmt: skip
    tree = networked(files, manager="networking.service")
    assert only_finding(tree, "nic-renamed").severity is Severity.BROKEN
    plan = mended(tree)
    assert diff(plan, interfaces) == (
        ["iface enp0s31f6 inet manual", "  bridge-ports enp0s31f6"],
        ["iface eno1 inet manual", "  bridge-ports eno1"],
    )


def test_a_byte_order_mark_is_not_part_of_the_first_section() -> None:
    files = {WIRED: "\ufeff[Match]\nName=ens3\n\n[Network]\nDHCP=yes\n"}
    plan = mended(networked(files, CAME_UP))
    assert diff(plan, WIRED) == (["Name=ens3"], ["Name=eth0"])


def test_what_cloud_init_may_write_anew_is_a_doubt() -> None:
    tree = networked({**networkd("Name=ens3"), "/etc/cloud/cloud.cfg": ""}, CAME_UP)
    assert "cloud-init" in only_finding(tree, "nic-renamed").reason
