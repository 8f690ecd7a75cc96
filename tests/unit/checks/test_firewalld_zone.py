from ipaddress import ip_address

import pytest

from rescue.model import Client, Symptom
from rescue.tree import Entry, symlink
from tests.checking import causes, changed_paths, diff, mended, only_finding
from tests.firewalld import CONF, DHCP, OWN, PUBLIC, SSH, with_firewalld, zone

pytestmark = pytest.mark.unit

ME = Client(sources=(ip_address("203.0.113.5"),))
SHOP = f"{OWN}/zones/shop.xml"
DROP = f"{OWN}/zones/drop.xml"
KEYFILE = "/etc/NetworkManager/system-connections/eth0.nmconnection"


def network_manager() -> dict[str, Entry | str]:
    unit = "/usr/lib/systemd/system/NetworkManager.service"
    return {
        unit: "[Service]\nExecStart=/usr/sbin/NetworkManager\n",
        "/etc/systemd/system/multi-user.target.wants/NetworkManager.service": symlink(unit),
    }


def test_the_default_zone_was_changed() -> None:
    tree = with_firewalld({CONF: "# mine\nDefaultZone=drop\n"})
    finding = only_finding(tree, "firewalld-zone")
    assert finding.symptom is Symptom.TIMED_OUT
    assert str(finding.locations[0]) == f"{CONF}:2"
    assert "in the zone public" in finding.message
    plan = mended(tree)
    assert changed_paths(plan) == [DROP]
    assert f"  {SSH}\n" in (plan.after.facts.tree.text(DROP) or "")
    assert 'target="DROP"' in (plan.after.facts.tree.text(DROP) or "")


def test_the_interface_belongs_to_another_zone() -> None:
    tree = with_firewalld({SHOP: zone('<service name="http"/>', '<interface name="eth0"/>')})
    finding = only_finding(tree, "firewalld-zone", ME)
    assert (finding.symptom, str(finding.locations[0])) == (Symptom.UNREACHABLE, f"{SHOP}:5")
    assert "the network interface eth0" in finding.message
    assert '    <source address="203.0.113.5"/>' in diff(mended(tree, ME), SHOP)[1]


def test_networkmanager_gives_the_interface_to_its_connections_zone() -> None:
    keyfile = "[connection]\nid=x\ninterface-name=eth0\nzone=shop\n"
    files = {SHOP: zone('<service name="http"/>'), KEYFILE: keyfile}
    assert causes(with_firewalld(files), ME) == []  # nothing reads it while NetworkManager does not start
    finding = only_finding(with_firewalld({**files, **network_manager()}), "firewalld-zone", ME)
    assert str(finding.locations[0]) == f"{KEYFILE}:4"


def test_a_connection_without_a_zone_goes_to_the_default_one_whatever_the_zones_say() -> None:
    keyfile = "[connection]\nid=x\ninterface-name=eth0\n"
    files = {SHOP: zone('<service name="http"/>', '<interface name="eth0"/>'), KEYFILE: keyfile}
    assert causes(with_firewalld(files), ME) == ["firewalld-zone"]
    assert causes(with_firewalld({**files, **network_manager()}), ME) == []


def test_an_ifcfg_file_names_the_zone() -> None:
    files = {SHOP: zone(), "/etc/sysconfig/network-scripts/ifcfg-eth0": 'DEVICE=eth0\nZONE="shop"\n'}
    assert causes(with_firewalld({**files, **network_manager()}), ME) == ["firewalld-zone"]


def test_the_clients_address_belongs_to_another_zone() -> None:
    files = {DROP: zone('<source address="203.0.113.0/24"/>', target="DROP")}
    finding = only_finding(with_firewalld(files), "firewalld-zone", ME)
    assert (finding.symptom, str(finding.locations[0])) == (Symptom.TIMED_OUT, f"{DROP}:4")
    assert causes(with_firewalld(files)) == []
    assert causes(with_firewalld(files), Client(sources=(ip_address("198.51.100.1"),))) == []
    assert changed_paths(mended(with_firewalld(files), ME)) == [DROP]


def test_ssh_was_allowed_in_a_zone_that_is_not_in_use() -> None:
    allowed = {f"{OWN}/zones/home.xml": zone(SSH, DHCP, '<port port="2222" protocol="tcp"/>')}
    tree = with_firewalld({"/etc/ssh/sshd_config": "Port 2222\nUsePAM yes\n", **allowed})
    assert "in the zone home" in only_finding(tree, "firewalld-zone").message
    assert changed_paths(mended(tree)) == [PUBLIC]


def test_a_zone_that_lost_what_it_had_is_another_cause() -> None:
    tree = with_firewalld({PUBLIC: zone(DHCP), f"{OWN}/zones/home.xml": zone(SSH)})
    assert causes(tree) == ["firewalld-no-ssh"]


def test_a_default_zone_that_is_not_there_is_public() -> None:
    assert causes(with_firewalld({CONF: "DefaultZone=shop\n"})) == []
