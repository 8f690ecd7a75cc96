"""Firewalls that a person's own scripts load: read where the script only names a file, else told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

import pytest

from rescue.firewall.custom_loaders import apart, concerns_firewall, loads
from rescue.model import Location

pytestmark = pytest.mark.unit


HERE = Location(PurePosixPath("/etc/rc.local"), 3)


@dataclass(frozen=True)
class Said:
    text: str
    certain: bool = True
    location: Location = HERE


@pytest.mark.parametrize(
    ("text", "version", "path", "backend"),
    [
        ("iptables-restore < /etc/iptables.rules", 4, "/etc/iptables.rules", ""),
        ("/sbin/iptables-restore </etc/iptables.up.rules", 4, "/etc/iptables.up.rules", ""),
        ("iptables-restore -c -w 5 < /etc/iptables.rules", 4, "/etc/iptables.rules", ""),
        ("iptables-restore /etc/iptables.rules", 4, "/etc/iptables.rules", ""),
        ("iptables-restore -n /etc/iptables.rules 2>/dev/null", 4, "/etc/iptables.rules", ""),
        ("cat /etc/iptables.rules | iptables-restore", 4, "/etc/iptables.rules", ""),
        ("/usr/sbin/ip6tables-restore < /etc/ip6tables.rules > /dev/null 2>&1", 6, "/etc/ip6tables.rules", ""),
        ("/usr/sbin/iptables-legacy-restore < /etc/fw", 4, "/etc/fw", "legacy"),
        ('iptables-nft-restore < "/etc/fw"', 4, "/etc/fw", "nft"),
        ("nft -f /etc/nftables.rules", 0, "/etc/nftables.rules", ""),
        ("/usr/sbin/nft --file /root/fw.nft", 0, "/root/fw.nft", ""),
    ],
)
def test_a_command_that_loads_a_file(text: str, version: int, path: str, backend: str) -> None:
    (load,) = loads([Said(text)])
    assert (load.version, str(load.path), load.backend) == (version, path, backend)
    assert apart([Said(text)], others=False)[1] == ()
    assert apart([Said(text, certain=False)], others=False) == ((), (Said(text, certain=False),))


@pytest.mark.parametrize(
    "text",
    [
        "iptables -P INPUT DROP",
        "/sbin/iptables -A INPUT -j DROP",
        "iptables -w -I INPUT -s 203.0.113.0/24 -j REJECT",
        "$IPT -A INPUT -j LOGDROP",
        '"${IPTABLES}" -A INPUT -p tcp --dport 22 -j DROP',
        "ip6tables --policy INPUT DROP",
        "iptables-restore <<EOF",
        "iptables-restore < $RULES",
        "echo \"$rules\" | iptables-restore",
        "wget -qO- https://example.org/rules | iptables-restore",
        "nft add rule inet filter input drop",
        "nft -f -",
        "iptables -t raw -A PREROUTING -p tcp --dport 22 -j DROP",
        "iptables -A OUTPUT -p tcp --sport 22 -j DROP",
        "ufw --force enable",
        "ufw default deny incoming",
        "firewall-cmd --panic-on",
        "if ! iptables -A INPUT -j DROP",
    ],
)  # fmt: skip
def test_a_command_that_may_keep_somebody_out(text: str) -> None:
    assert concerns_firewall(Said(text), others=False), text
    assert apart([Said(text)], others=False) == ((), (Said(text),))


@pytest.mark.parametrize(
    "text",
    [
        "iptables -t nat -A POSTROUTING -o eth0 -j MASQUERADE",
        "iptables -A FORWARD -i wg0 -j ACCEPT",
        "iptables -P FORWARD DROP",
        "iptables -I INPUT -p tcp --dport 22 -j ACCEPT",
        "iptables -P INPUT ACCEPT",
        "iptables -I DOCKER-USER -i eth0 -j DROP",
        "iptables -N LOGDROP",
        "iptables -D INPUT -j DROP",
        "iptables -L -n",
        "iptables-save > /etc/iptables.rules",
        "echo iptables -P INPUT DROP",
        "apt-get install -y iptables nftables",
        "nft list ruleset",
        "iptables-restore -t < /etc/iptables.rules",
        "systemctl restart nginx",
        "ufw allow 22/tcp",
        "ufw status",
        "if command -v iptables >/dev/null; then",
        "if ! iptables -C INPUT -j DROP",
        "iptables -F",
    ],
)
def test_a_command_that_keeps_nobody_out(text: str) -> None:
    assert apart([Said(text)], others=False) == ((), ())


def test_a_flush_counts_where_another_firewall_is_loaded_before() -> None:
    assert concerns_firewall(Said("iptables -F"), others=True)


def test_two_files_for_one_version_are_not_judged() -> None:
    one, other = Said("iptables-restore < /a"), Said("iptables-restore < /b")
    assert apart([one, other], others=False) == ((), (one, other))
    assert len(apart([one, one], others=False)[0]) == 1
