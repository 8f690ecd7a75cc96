"""An address that is set after the SSH server has asked for it."""

from __future__ import annotations

import pytest

from rescue.model import Severity
from rescue.tree import Entry, symlink
from tests.checking import causes, changed_paths, lines, mended, only_finding
from tests.trees import SSH_SERVICE, SSHD_CONFIG, server

pytestmark = pytest.mark.unit

NETWORK = "[Match]\nName=e*\n[Network]\nAddress=192.0.2.7/24\nIPv6AcceptRA=no\n"
LIB, ETC = "/usr/lib/systemd/system", "/etc/systemd/system"
WAIT = f"{LIB}/systemd-networkd-wait-online.service"

Changes = dict[str, Entry | str | bytes | None]

NETWORKD: Changes = {
    "/etc/ssh/sshd_config": SSHD_CONFIG + "ListenAddress 192.0.2.7\n",
    "/etc/systemd/network/10.network": NETWORK,
    f"{LIB}/network-online.target": "[Unit]\nAfter=network.target\n",
    WAIT: "[Unit]\nBefore=network-online.target\n[Service]\nExecStart=/bin/true\n",
    f"{ETC}/network-online.target.wants/systemd-networkd-wait-online.service": symlink(WAIT),
}


def test_the_service_waits_for_the_network() -> None:
    tree = server(NETWORKD)
    finding = only_finding(tree, "listenaddress-race")
    assert finding.severity is Severity.DOUBTFUL
    plan = mended(tree)
    path = f"{ETC}/ssh.service.d/rescue.conf"
    assert changed_paths(plan) == [f"{ETC}/ssh.service.d", path]
    assert lines(plan.after.facts.tree, path) == [
        "[Unit]", "Wants=network-online.target", "After=network-online.target", "",
    ]  # fmt: skip


def test_ifupdown_sets_it_in_time() -> None:
    interfaces = "auto eth0\niface eth0 inet static\n  address 192.0.2.7/24\n"
    elsewhere: Changes = {"/etc/systemd/network/10.network": None, "/etc/network/interfaces": interfaces}
    assert causes(server({**NETWORKD, **elsewhere})) == []


def test_a_service_that_is_ordered_by_another_waits() -> None:
    """cloud-init is started between the network and the SSH server."""
    cloud = (
        "[Unit]\nAfter=systemd-networkd-wait-online.service\nBefore=network-online.target sshd.service\n"
        "Wants=systemd-networkd-wait-online.service\n"
    )
    tree = server(
        {
            **NETWORKD,
            f"{LIB}/cloud-init.service": cloud,
            f"{ETC}/multi-user.target.wants/cloud-init.service": symlink(f"{LIB}/cloud-init.service"),
        }
    )
    assert causes(tree) == []


def test_a_service_that_tries_again_comes_up() -> None:
    again = SSH_SERVICE.replace("RestartPreventExitStatus=255", "RestartSec=42s")
    assert causes(server({**NETWORKD, f"{LIB}/ssh.service": again})) == []
    quickly = SSH_SERVICE.replace("RestartPreventExitStatus=255\n", "")
    assert causes(server({**NETWORKD, f"{LIB}/ssh.service": quickly})) == ["listenaddress-race"]


def test_a_socket_may_bind_freely() -> None:
    changes: Changes = {
        **NETWORKD,
        f"{ETC}/multi-user.target.wants/ssh.service": None,
        f"{ETC}/sockets.target.wants/ssh.socket": symlink(f"{LIB}/ssh.socket"),
        f"{ETC}/ssh.socket.d/own.conf": "[Socket]\nListenStream=\nListenStream=192.0.2.7:22\n",
    }
    tree = server(changes)
    assert only_finding(tree, "listenaddress-race").subject == "ssh.socket"
    assert changed_paths(mended(tree)) == [f"{ETC}/ssh.socket.d/rescue.conf"]


def test_every_address_needs_no_waiting() -> None:
    assert causes(server({**NETWORKD, "/etc/ssh/sshd_config": SSHD_CONFIG})) == []
