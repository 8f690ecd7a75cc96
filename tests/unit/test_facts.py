"""Facts that join rooms: which port is dialled, who is judged."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest

from rescue.facts import MOST_JUDGED, Facts
from rescue.firewall import VerdictKind
from rescue.model import Client
from rescue.tree import Entry, file, symlink
from tests.networks import networked
from tests.trees import server

pytestmark = pytest.mark.unit

RULES = """\
*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
{rules}COMMIT
"""
UNIT = "/usr/lib/systemd/system/netfilter-persistent.service"
WANTED = "/etc/systemd/system/multi-user.target.wants/netfilter-persistent.service"
PLUGIN = "/usr/share/netfilter-persistent/plugins.d/15-ip4tables"
SERVICE = "[Service]\nType=oneshot\nExecStart=/usr/sbin/netfilter-persistent start\n"


def moved(*allowed: int) -> dict[str, Entry | str | bytes | None]:
    """sshd on 2222 behind rules that only let `allowed` in."""
    rules = "".join(f"-A INPUT -p tcp -m tcp --dport {port} -j ACCEPT\n" for port in allowed)
    return {
        "/etc/ssh/sshd_config.d/port.conf": "Port 2222\n",
        "/etc/iptables/rules.v4": RULES.format(rules=rules),
        UNIT: SERVICE,
        WANTED: symlink(UNIT),
        PLUGIN: file("#!/bin/sh\n", 0o755),
    }


def test_22_is_dialled_unless_something_speaks_for_another_port() -> None:
    assert Facts(server()).dialled == 22
    assert Facts(server({"/etc/ssh/sshd_config.d/port.conf": "Port 2222\n"})).dialled == 22
    assert Facts(server({"/etc/ssh/sshd_config.d/port.conf": "Port 2222\nPort 22\n"})).dialled == 22


def test_the_client_knows_what_it_dials() -> None:
    assert Facts(server(), Client(port=2200)).dialled == 2200


@pytest.mark.parametrize("allowed", [(2222,), (22, 2222), (22,), (80,)])
def test_who_fences_a_server_off_knows_its_port(allowed: tuple[int, ...]) -> None:
    facts = Facts(server(moved(*allowed)))
    assert [each.manager for each in facts.firewalls] != []
    assert facts.dialled == 2222


STATIC = "auto eth0\niface eth0 inet static\n\taddress {0}/24\n\tgateway 203.0.113.1\n"


@pytest.mark.parametrize(
    ("interfaces", "kind"),
    [
        (STATIC.format("203.0.113.10"), VerdictKind.ACCEPT),
        (STATIC.format("203.0.113.11"), VerdictKind.DROP),
        ("auto eth0\niface eth0 inet dhcp\n", VerdictKind.DEPENDS),
    ],
)
def test_a_rule_for_an_address_of_the_server_is_held_against_its_network_files(
    interfaces: str, kind: VerdictKind
) -> None:
    rules = "-A INPUT -d 203.0.113.10 -p tcp -m tcp --dport 22 -j ACCEPT\n"
    files: dict[str, str | Entry] = {
        "/etc/iptables/rules.v4": RULES.format(rules=rules), "/etc/network/interfaces": interfaces,
        UNIT: SERVICE, WANTED: symlink(UNIT), PLUGIN: file("#!/bin/sh\n", 0o755),
    }  # fmt: skip
    facts = Facts(networked(files, manager="networking.service"))
    assert facts.reach(22).verdict_for(IPv4Address("198.51.100.7")).kind is kind


def test_root_and_those_with_keys_are_judged() -> None:
    assert [account.name for account in Facts(server()).logins] == ["root", "alice"]
    without = {"/root/.ssh/authorized_keys": None}
    assert [account.name for account in Facts(server(without)).logins] == ["alice"]


def test_where_nobody_has_a_key_everybody_who_could_is_judged() -> None:
    without = {"/root/.ssh/authorized_keys": None, "/home/alice/.ssh/authorized_keys": None}
    assert [account.name for account in Facts(server(without)).logins] == ["root", "alice"]


def test_a_named_user_alone_is_judged() -> None:
    assert [account.name for account in Facts(server(), Client(user="alice")).logins] == ["alice"]
    assert Facts(server(), Client(user="nobody-here")).logins == ()


def test_of_a_crowd_the_first_stand_for_all() -> None:
    crowd = "".join(f"u{number}:x:{number}:1000::/home/u{number}:/bin/bash\n" for number in range(1000, 4000))
    nobody = {"/root/.ssh/authorized_keys": None, "/home/alice/.ssh/authorized_keys": None}
    facts = Facts(server({"/etc/passwd": "root:x:0:0::/root:/bin/bash\n" + crowd, **nobody}))
    assert len(facts.logins) == MOST_JUDGED
    assert facts.logins[0].name == "root"
