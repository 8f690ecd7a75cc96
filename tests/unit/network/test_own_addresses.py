"""The profiles of every manager, and the addresses that the server has by them."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address

import pytest

from rescue.network import given_addresses
from rescue.network.own_addresses import OwnAddresses, own_addresses
from rescue.services.units import Units
from rescue.tree import Entry, Tree, file, symlink
from tests.networks import networked

pytestmark = pytest.mark.unit

OWN = "192.0.2.7"
NETWORK_FILE = "/etc/systemd/network/10.network"
PLAN = "/etc/netplan/01.yaml"
INTERFACES = "/etc/network/interfaces"
CONNECTION = "/etc/NetworkManager/system-connections/eth0.nmconnection"
IFCFG = "/etc/sysconfig/network-scripts/ifcfg-eth0"
KEYFILE = (
    "[connection]\ntype=ethernet\n[ipv4]\nmethod=manual\naddress1=192.0.2.7/24,192.0.2.1\n[ipv6]\nmethod=disabled\n"
)


def own(files: Mapping[str, Entry | str]) -> OwnAddresses:
    return own_addresses(Tree.of(dict(files)))


def plan(card: str) -> dict[str, Entry | str]:
    return {PLAN: f"network: {{version: 2, ethernets: {{eth0: {{{card}}}}}}}\n"}


def asked(found: OwnAddresses) -> str:
    return "".join(str(version) for version in (4, 6) if found.asked(version) is not None)


WRITTEN: dict[str, dict[str, Entry | str]] = {
    "networkd": {NETWORK_FILE: "[Match]\nName=eth0\n[Network]\nAddress=192.0.2.7/24\nIPv6AcceptRA=no\n"},
    "networkd with a byte order mark": {NETWORK_FILE: "\ufeff[Network]\nAddress=192.0.2.7/24\nIPv6AcceptRA=no\n"},
    "networkd, no merged /usr": {
        "/lib/systemd/network/10.network": "[Network]\nIPv6AcceptRA=no\n",
        f"{NETWORK_FILE}.d/a.conf": "[Address]\nAddress=192.0.2.7/24\n",
    },
    "networkd, DHCP taken back": {
        NETWORK_FILE: "[Network]\nDHCP=yes\nAddress=192.0.2.7/24\n",
        f"{NETWORK_FILE}.d/a.conf": "[Network]\nDHCP=no\nIPv6AcceptRA=f\n",
    },
    "netplan": plan("addresses: [192.0.2.7/24], accept-ra: no"),
    "netplan, quoted": plan("'addresses': ['192.0.2.7/24'], \"accept-ra\": \"false\""),
    "netplan, with a label": plan("addresses: [192.0.2.7/24: {label: 'eth0:1'}], accept-ra: false"),
    "netplan, an anchor": {
        PLAN: "network:\n  version: 2\n  ethernets:\n    eth0: &one {addresses: [192.0.2.7/24], accept-ra: no}\n"
    },
    "netplan, a bridge": {
        PLAN: "network:\n  version: 2\n  bridges:\n    br0:\n      addresses: [192.0.2.7/24]\n      accept-ra: off\n"
    },
    "netplan, no merged /usr": {
        "/lib/netplan/01.yaml": "network: {version: 2, ethernets: {e: {addresses: [192.0.2.7/24], accept-ra: no}}}\n"
    },
    "keyfile": {CONNECTION: KEYFILE},
    "an old keyfile": {CONNECTION: KEYFILE.replace("address1=192.0.2.7/24,", "addresses=192.0.2.7;24;")},
    "ifcfg with a comment": {IFCFG: "BOOTPROTO=none # by hand\nIPADDR='192.0.2.7' # mine\n"},
    "ifupdown": {INTERFACES: "iface eth0 inet static\n  address 192.0.2.7/24\n"},
    "ifupdown, a command": {INTERFACES: "iface eth0 inet static\n  up ip addr add 192.0.2.7/24 dev eth0\n"},
    "ifupdown, a file that is named": {
        INTERFACES: "source interfaces.d/*\n",
        "/etc/network/interfaces.d/e": "iface eth0 inet static\n  address 192.0.2.7\n",
    },
}


@pytest.mark.parametrize("kind", WRITTEN)
def test_an_address_that_is_set_is_the_servers_own(kind: str) -> None:
    found = own(WRITTEN[kind])
    assert (found.readable, asked(found)) == (True, "")
    assert list(found.written) == [ip_address(OWN)] or kind == "an old keyfile"
    assert found.may_have(ip_address(OWN)) is True
    assert found.may_have(ip_address("198.51.100.1")) is False


ASKING: dict[str, list[dict[str, Entry | str]]] = {
    "46": [
        {NETWORK_FILE: "[Network]\nDHCP=yes\n"},
        {NETWORK_FILE: "\ufeff[Network]\nDHCP=yes\nIPv6AcceptRA=no\n"},
        {"/etc/systemd/network/10-x.network.d/a.conf": "[Network]\nAddress=192.0.2.7/24\n"},
        plan("dhcp4: yes"),
        plan("dhcp4: true, dhcp6: true, accept-ra: false"),
        {PLAN: "network: [what\n"},
        {CONNECTION: "[connection]\ntype=ethernet\n"},
        {IFCFG: "BOOTPROTO=dhcp # by the provider\n"},
        {INTERFACES: "source /run/network/interfaces.d/*\n"},
        {INTERFACES: "iface eth0 inet dhcp\niface eth0 inet6 auto\n"},
        {INTERFACES: "iface eth0 inet static\n", "/etc/cloud/cloud.cfg": "users: [default]\n"},
    ],
    "4": [
        {NETWORK_FILE: "[Network]\nDHCP=ipv4\nIPv6AcceptRA=no\n"},
        plan("dhcp4: true, accept-ra: false"),
        {CONNECTION: "[ipv4]\nmethod=auto\n[ipv6]\nmethod=ignore\n"},
        {INTERFACES: "iface eth0 inet manual\n"},
    ],
    "6": [
        {NETWORK_FILE: "[Network]\nAddress=192.0.2.7/24\n"},
        plan("addresses: [192.0.2.7/24]"),
        {CONNECTION: KEYFILE.replace("[ipv6]\nmethod=disabled\n", "")},
        {IFCFG: "IPADDR=192.0.2.7\nIPV6_AUTOCONF=yes\n"},
        {**WRITTEN["netplan"], "/etc/systemd/network/10-netplan-eth0.network.d/a.conf": "[Network]\nDHCP=ipv6\n"},
    ],
    "": [
        {CONNECTION: "[connection]\ntype=ethernet\nmaster=bond0\n"},
        {**WRITTEN["netplan"], "/etc/systemd/network/10-netplan-eth0.network.d/a.conf": "[Network]\nDNS=192.0.2.53\n"},
        {"/usr/lib/systemd/network/80-ve.network": "[Match]\nName=ve-*\n[Network]\nDHCP=yes\n"},
    ],
}


@pytest.mark.parametrize(("versions", "files"), [(each, files) for each, some in ASKING.items() for files in some])
def test_what_asks_the_network_may_bring_more(versions: str, files: dict[str, Entry | str]) -> None:
    assert asked(own(files)) == versions


def test_a_router_or_a_name_server_is_not_the_server() -> None:
    card = "addresses: [192.0.2.7/24], gateway4: 192.0.2.1, nameservers: {addresses: [192.0.2.53]}, accept-ra: no"
    found = own(plan(card))
    assert [found.may_have(ip_address(each)) for each in ("192.0.2.1", "192.0.2.53")] == [False, False]


def test_a_file_that_nothing_names_is_not_read() -> None:
    files: dict[str, Entry | str] = {
        INTERFACES: "iface eth0 inet static\n",
        "/etc/network/interfaces.d/e": "iface eth1 inet static\n  address 192.0.2.7\n",
    }
    assert own(files).written == {}


def test_a_masked_file_of_networkd_sets_nothing() -> None:
    shipped = {"/usr/local/lib/systemd/network/10.network": "[Network]\nAddress=192.0.2.7/24\n"}
    assert own({**shipped, NETWORK_FILE: symlink("/dev/null")}).written == {}
    assert list(own(shipped).written) == [ip_address(OWN)]


def test_wg_quick_reads_comments_and_any_case() -> None:
    found = own(
        {"/etc/wireguard/wg0.conf": "[interface]\nprivatekey = secret\nADDRESS = 10.8.0.2/24, 10.9.0.2 # mine\n"}
    )
    assert [(str(each), place.text) for each, place in found.written.items()] == [
        ("10.8.0.2", "ADDRESS"), ("10.9.0.2", "ADDRESS"),
    ]  # fmt: skip
    assert not found.readable  # of a tunnel alone no server lives


CLOUD = {
    "network: {config: disabled}\n": "",
    "network:\n  config: 'disabled'\n": "",
    "network: {config: {version: 1}}\n": "46",
    "config: disabled\n": "46",
    "other:\n  config: disabled\n": "46",
    "network: {config: disabled\n": "46",
}


@pytest.mark.parametrize("text", CLOUD)
def test_cloud_init_leaves_the_network_alone_where_it_is_told_to(text: str) -> None:
    files: dict[str, Entry | str] = {INTERFACES: "iface eth0 inet static\n", "/etc/cloud/cloud.cfg.d/a.cfg": text}
    assert asked(own(files)) == CLOUD[text]


def test_of_several_files_of_cloud_init_the_last_counts() -> None:
    files: dict[str, Entry | str] = {
        INTERFACES: "iface eth0 inet static\n",
        "/etc/cloud/cloud.cfg": "network: {config: x}",
    }
    assert asked(own({**files, "/etc/cloud/cloud.cfg.d/a.cfg": "network: {config: disabled}\n"})) == ""
    files["/etc/cloud/cloud.cfg"] = "network: {config: disabled}"
    assert asked(own({**files, "/etc/cloud/cloud.cfg.d/a.cfg": "network: {config: {}}\n"})) == "46"


def test_a_connection_of_networkmanagers_is_set_by_hand() -> None:
    def given(text: str, mode: int = 0o600) -> dict[int, tuple[object, ...]]:
        tree = networked({CONNECTION: file(text, mode)}, manager="NetworkManager.service")
        return {**given_addresses(tree, Units(tree))}

    assert given(KEYFILE) == {4: (ip_address(OWN),)}
    assert given(KEYFILE.replace("manual", "auto")) == {}
    # NetworkManager ignores a connection that others may read.
    assert given(KEYFILE, 0o644) == {}


def test_a_stanza_has_its_own_lines_alone() -> None:
    lines = "iface eth0 inet static\n  address 192.0.2.7/24\nauto eth1\n  address 192.0.2.8/24\n"
    assert list(own({INTERFACES: lines}).written) == [ip_address(OWN)]
