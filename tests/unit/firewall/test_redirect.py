"""Connections that a rule sends on to another port of the server: which port the rules see then, and where."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import PurePosixPath

import pytest

from rescue.firewall import AddressSet, Firewall, VerdictKind, reach
from rescue.firewall.engine.addresses import ordinary
from rescue.firewall.names import Names
from rescue.firewall.nft import load_nftables
from rescue.model import Client
from rescue.tree import Tree
from tests.checking import causes, diff, mended, only_finding
from tests.unit.firewall.engine.test_reach import verdict
from tests.unit.firewall.files import V4, reached, saved, with_saved

pytestmark = pytest.mark.unit

TO = "*nat\n-A PREROUTING -p tcp --dport 22 -j REDIRECT --to-ports 2222\nCOMMIT\n"
ME = ip_address("203.0.113.5")


def behind(*rules: str, nat: str = TO) -> str:
    return nat + saved(*rules)


def test_the_rules_behind_it_see_the_new_port() -> None:
    assert verdict(behind("-A INPUT -p tcp --dport 2222 -j ACCEPT")).accepted
    assert verdict(behind("-A INPUT -p tcp --dport 22 -j ACCEPT")).kind is VerdictKind.DROP
    assert verdict("*mangle\n-A PREROUTING -p tcp --dport 22 -j DROP\nCOMMIT\n" + TO).kind is VerdictKind.DROP
    assert verdict("*mangle\n-A PREROUTING -p tcp --dport 2222 -j DROP\nCOMMIT\n" + TO).accepted
    assert verdict("*mangle\n-A INPUT -p tcp --dport 2222 -j DROP\nCOMMIT\n" + TO).kind is VerdictKind.DROP


def test_the_answer_comes_from_the_new_port_until_it_leaves() -> None:
    out = "*filter\n-A OUTPUT -p tcp --sport {} -j DROP\nCOMMIT\n"
    assert verdict(TO + out.format(2222)).kind is VerdictKind.DROP
    assert verdict(TO + out.format(22)).accepted
    late = "*mangle\n-A POSTROUTING -p tcp --sport {} -j DROP\nCOMMIT\n"
    assert verdict(TO + late.format(2222)).kind is VerdictKind.DROP
    assert verdict(TO + late.format(22)).accepted


@pytest.mark.parametrize(
    ("asked", "in_"),
    [
        ("--ctstate DNAT", True),
        ("! --ctstate DNAT", False),
        ("--ctorigdstport 22", True),
        ("--ctorigdstport 2222", False),
        ("--ctreplsrcport 2222", True),
        ("--ctreplsrcport 22", False),
    ],
)
def test_conntrack_knows_both_ports(asked: str, in_: bool) -> None:
    assert verdict(behind(f"-A INPUT -p tcp -m conntrack {asked} -j ACCEPT")).accepted is in_


def test_the_same_port_is_nothing_new_and_a_connection_without_conntrack_is_not_sent_on() -> None:
    for target in ("REDIRECT", "REDIRECT --to-ports 22"):
        here = reached(TO.replace("REDIRECT --to-ports 2222", target) + saved("-A INPUT -p tcp --dport 22 -j ACCEPT"))
        assert here.verdict_for(ME).accepted
        assert here.port_for([ME]) == 22
    untracked = "*raw\n-A PREROUTING -p tcp --dport 22 -j NOTRACK\nCOMMIT\n"
    assert reached(untracked + TO).port_for([ME]) == 22


def test_who_is_sent_on_where_is_told() -> None:
    here = reached(TO.replace("--dport", "-s 203.0.113.0/24 --dport") + "*filter\nCOMMIT\n")
    assert here.sent_on == {2222: AddressSet.network("203.0.113.0/24")}
    assert (here.port_for([ME]), here.port_for([ip_address("198.51.100.7")]), here.port_for([])) == (2222, 22, 22)
    assert reached(TO).port_for([]) == 2222
    assert reached(TO).sent_on[2222] == ordinary(4)


def script(nat: str, *rules: str) -> Firewall:
    lines = "".join(f"\t\t{rule}\n" for rule in rules)
    text = (
        f"table ip t {{\n\tchain nat {{\n\t\ttype nat hook prerouting priority dstnat;\n\t\t{nat}\n\t}}\n"
        f"\tchain inward {{\n\t\ttype filter hook input priority filter; policy drop;\n{lines}\t}}\n}}\n"
    )
    path = PurePosixPath("/etc/nftables.conf")
    found = load_nftables(Tree.of({str(path): text}), path, Names())
    assert found is not None
    assert not found.problems
    return found


@pytest.mark.parametrize("to", ["redirect to :2222", "dnat to :2222"])
@pytest.mark.parametrize(
    ("rule", "in_"),
    [
        ("tcp dport 2222 accept", True),
        ("tcp dport 22 accept", False),
        ("ct status dnat accept", True),
        ("ct status ! dnat accept", False),
        ("ct status == dnat accept", False),
        ("ct status != dnat accept", True),
        ("ct status { dnat, snat } accept", False),
        ("ct status { dnat } accept", True),
        ("ct status & dnat == dnat accept", True),
        ("meta l4proto tcp ct original proto-dst 22 accept", True),
        ("meta l4proto tcp ct reply proto-src 22 accept", False),
    ],
)
def test_nft_sends_on_too(to: str, rule: str, in_: bool) -> None:
    assert reach([script(f"tcp dport 22 {to}", rule)], 22).verdict_for(ME).accepted is in_


# -- what becomes of it ----------------------------------------------------------------------------------------------


def moved(rules: str) -> Tree:
    return with_saved(rules).write("/etc/ssh/sshd_config.d/port.conf", "Port 2222\n")


def test_a_server_that_listens_where_connections_are_sent_on_to_is_healthy() -> None:
    assert causes(moved(TO), Client(port=22)) == []
    assert causes(moved(TO), Client(port=22, sources=(ME,))) == []


def test_who_is_turned_away_behind_it_was_sent_on_all_the_same() -> None:
    tree = moved(behind("-A INPUT -s 203.0.113.0/24 -p tcp --dport 2222 -j ACCEPT"))
    assert causes(tree, Client(port=22)) == ["fw-allowlist"]
    assert causes(tree, Client(port=22, sources=(ip_address("198.51.100.7"),))) == ["fw-allowlist"]
    assert causes(tree, Client(port=22, sources=(ME,))) == []


def test_where_nobody_listens_there_the_rule_is_at_fault() -> None:
    tree = with_saved(TO)
    found = only_finding(tree, "fw-redirect")
    assert "redirects port 22 to port 2222, where nothing listens" in found.message
    gone, come = diff(mended(tree), V4)
    assert come == [f"#{line}" for line in gone]
    assert "REDIRECT" in gone[0]


def test_the_rule_that_lets_in_is_for_the_port_that_the_firewall_sees() -> None:
    plan = mended(moved(behind()), Client(port=22))
    assert diff(plan, V4) == (
        [],
        [
            "-A INPUT -p tcp -m tcp --dport 2222 -m conntrack --ctstate NEW,ESTABLISHED -j ACCEPT",
        ],
    )
