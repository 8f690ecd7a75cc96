"""An address that the server does not have, cannot be sure of, or has."""

from __future__ import annotations

import pytest

from rescue.model import Severity, Symptom
from rescue.tree import Entry, Tree, symlink
from tests.checking import causes, changed_paths, diff, mended, mended_if_agreed, only_finding
from tests.trees import SSHD_CONFIG, server

pytestmark = pytest.mark.unit

MAIN = "/etc/ssh/sshd_config"
INTERFACES = "/etc/network/interfaces"
STATIC = "auto lo\niface lo inet loopback\nauto eth0\niface eth0 inet static\n    address 192.0.2.7/24\n"
ASKED = "auto eth0\niface eth0 inet dhcp\n"


def with_lines(text: str, interfaces: str | None = STATIC, **more: Entry | str) -> Tree:
    changes: dict[str, Entry | str | bytes | None] = {MAIN: SSHD_CONFIG + text, **more}
    if interfaces is not None:
        changes[INTERFACES] = interfaces
    return server(changes)


def test_an_address_that_is_gone_is_replaced_by_the_only_one() -> None:
    tree = with_lines("ListenAddress 198.51.100.23\n")
    finding = only_finding(tree, "listenaddress-stale")
    assert (finding.severity, finding.symptom) == (Severity.BROKEN, Symptom.REFUSED)
    assert [str(place) for place in finding.locations] == [f"{MAIN}:13", f"{INTERFACES}:5"]
    plan = mended(tree)
    assert diff(plan, MAIN) == (["ListenAddress 198.51.100.23"], ["ListenAddress 192.0.2.7"])
    assert changed_paths(plan) == [MAIN]


def test_of_several_addresses_none_is_picked() -> None:
    more = STATIC + "    up ip addr add 192.0.2.8/24 dev eth0\n"
    plan = mended(with_lines("ListenAddress 198.51.100.23:2222\nListenAddress 198.51.100.24\nPort 22\n", more))
    before = ["ListenAddress 198.51.100.23:2222", "ListenAddress 198.51.100.24"]
    assert diff(plan, MAIN) == (before, [f"#{line}" for line in before])


@pytest.mark.parametrize("interfaces", [ASKED, None], ids=["dhcp", "nothing"])
def test_what_the_network_gives_is_not_on_the_disk(interfaces: str | None) -> None:
    tree = with_lines("ListenAddress 198.51.100.23\n", interfaces)
    finding = only_finding(tree, "listenaddress-stale")
    assert finding.severity is Severity.DOUBTFUL
    assert finding.reason
    assert diff(mended_if_agreed(tree), MAIN) == (["ListenAddress 198.51.100.23"], ["#ListenAddress 198.51.100.23"])


@pytest.mark.parametrize(
    "lines",
    [
        "ListenAddress 192.0.2.7\n",
        "ListenAddress 198.51.100.23\nListenAddress 192.0.2.7\n",
        "ListenAddress 0.0.0.0\nListenAddress 198.51.100.23\n",
        "ListenAddress ::\nListenAddress 0.0.0.0\n",
        "Port 22\n",
    ],
)
def test_an_address_that_is_there_is_enough(lines: str) -> None:
    assert causes(with_lines(lines)) == []


def test_the_kernel_may_be_told_to_let_it() -> None:
    tree = with_lines("ListenAddress 198.51.100.23\n", **{"/etc/sysctl.d/99.conf": "net.ipv4.ip_nonlocal_bind = 1\n"})
    assert causes(tree) == []


def test_a_socket_on_a_missing_address_is_mended_by_hand() -> None:
    tree = server(
        {
            INTERFACES: STATIC,
            "/etc/systemd/system/multi-user.target.wants/ssh.service": None,
            "/etc/systemd/system/sockets.target.wants/ssh.socket": symlink("/lib/systemd/system/ssh.socket"),
            "/etc/systemd/system/ssh.socket.d/own.conf": "[Socket]\nListenStream=\nListenStream=198.51.100.23:22\n",
        }
    )
    assert only_finding(tree, "listenaddress-stale").severity is Severity.BROKEN
    free = "[Socket]\nFreeBind=yes\n"
    assert causes(tree.write("/etc/systemd/system/ssh.socket.d/zfree.conf", free)) == []


PLACES = {
    "networkd": ("/etc/systemd/network/10.network", "[Network]\nAddress=192.0.2.7/24\nIPv6AcceptRA=no\n"),
    "netplan": ("/etc/netplan/01.yaml", "network:\n  ethernets:\n    eth0:\n      addresses: [192.0.2.7/24]\n"),
    "keyfile": (
        "/etc/NetworkManager/system-connections/eth0.nmconnection",
        "[ipv4]\nmethod=manual\naddress1=192.0.2.7/24,192.0.2.1\n[ipv6]\nmethod=disabled\n",
    ),
    "ifcfg": ("/etc/sysconfig/network-scripts/ifcfg-eth0", 'BOOTPROTO=none\nIPADDR="192.0.2.7"\nPREFIX=24\n'),
    "wicked": ("/etc/sysconfig/network/ifcfg-eth0", "BOOTPROTO='static'\nIPADDR='192.0.2.7/24'\n"),
}


@pytest.mark.parametrize("kind", PLACES)
def test_every_kind_of_file_gives_addresses(kind: str) -> None:
    path, text = PLACES[kind]
    finding = only_finding(with_lines("ListenAddress 198.51.100.23\n", None, **{path: text}), "listenaddress-stale")
    assert finding.severity is Severity.BROKEN
    assert [str(place.path) for place in finding.locations] == [MAIN, path]


ASKING = {
    "networkd": ("/etc/systemd/network/10.network", "[Network]\nDHCP=yes\nAddress=192.0.2.7/24\n"),
    "drop-in": ("/etc/systemd/network/10.network.d/x.conf", "[Network]\nDHCP=ipv4\n"),
    "netplan": ("/etc/netplan/01.yaml", "network:\n  ethernets:\n    eth0:\n      dhcp4: true\n"),
    "netplan in one line": ("/etc/netplan/01.yaml", "network: {ethernets: {eth0: {dhcp4: yes}}}\n"),
    "keyfile": ("/etc/NetworkManager/system-connections/e", "[ipv4]\nmethod=auto\n"),
    "ifcfg": ("/etc/sysconfig/network-scripts/ifcfg-eth0", "BOOTPROTO=dhcp\n"),
    "cloud-init": ("/etc/cloud/cloud.cfg", "datasource_list: [ NoCloud ]\n"),
}


@pytest.mark.parametrize("kind", ASKING)
def test_what_asks_the_network_makes_it_a_doubt(kind: str) -> None:
    path, text = ASKING[kind]
    tree = with_lines("ListenAddress 198.51.100.23\n", STATIC, **{path: text})
    assert only_finding(tree, "listenaddress-stale").severity is Severity.DOUBTFUL


def test_cloud_init_may_be_told_to_leave_the_network_alone() -> None:
    more = {"/etc/cloud/cloud.cfg.d/99.cfg": "network:\n  config: disabled\n"}
    assert only_finding(with_lines("ListenAddress 198.51.100.23\n", **more), "listenaddress-stale").severity is (
        Severity.BROKEN
    )
