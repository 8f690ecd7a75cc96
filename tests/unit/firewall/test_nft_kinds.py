"""Kinds of rules that were once misjudged: what loads with which nft, and what a rule that loads does."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from rescue.firewall import Stage, Verdict, VerdictKind, reach
from rescue.firewall.engine.ruleset import Firewall
from rescue.firewall.names import Names
from rescue.firewall.nft import load_nftables
from rescue.tree import Tree
from tests.unit.firewall.test_nft import ME, ME6, PATH, chain

ESTABLISHED = "ct state established,related accept"


def loaded(text: str, nft: tuple[int, ...] = ()) -> Firewall:
    found = load_nftables(Tree.of({str(PATH): text}), PATH, Names(), nft)
    assert found is not None
    return found


def judged(text: str, source: str = ME, interface: str = "eth0") -> Verdict:
    address = ip_address(source)
    found = loaded(text)
    assert not found.problems, found.problems
    return reach([found], 22, address.version, interface=interface).verdict_for(address)


@pytest.mark.parametrize(
    "rule",
    [
        "tcp dport 22 meta secpath missing drop",
        "tcp dport 22 meta ipsec missing drop",
        "rt ipsec missing drop",
        "meta oifgroup != 1 iifgroup 0 drop; tcp dport 22 drop",
        "limit rate over 10 bytes/second burst 10 bytes drop",
        "quota over 0 bytes drop",
        "quota over 20 bytes drop",
        "oifname != lo drop",
        "ct count over 0 drop",
        "tcp option md5sig missing drop",
        "ip saddr { 10.0.0.1, * } drop",
        "tcp dport { 80, * } drop",
        "fib daddr type < blackhole drop",
        "meta pkttype <= 1 drop",
        "ct direction <= 1 drop",
        "meta protocol 2048 drop",
        "iifgroup 0-5 drop",
        "socket transparent 0 drop",
        "socket mark != 1 drop",
        "meta priority set tcp dport map { 22 : 1:1 } drop",
        "tcp dport 22 counter drop",
        "ct zone set tcp dport map { 22 : 1 } drop",
    ],
)
def test_a_rule_holds_for_the_client(rule: str) -> None:
    lines = rule.split("; ")
    assert judged(chain(*lines, policy="accept")).kind is VerdictKind.DROP


@pytest.mark.parametrize(
    "rule",
    [
        "meta oifgroup 0 tcp dport 22 drop",
        "meta oifgroup != 1 tcp dport 22 drop",
        'meta oifkind != "veth" drop',
        "oiftype ether drop",
        "tcp dport 22 meta secpath exists drop",
        "limit rate 10 bytes/second burst 10 bytes drop",
        "quota 20 bytes drop",
        "ct count 0 drop",
        "meta priority set tcp dport map { 80 : 1:1 } drop",
        "meta priority set ip saddr map { 10.0.0.1 : 1:1 } drop",
        "ct zone set tcp dport map { 80 : 1 } drop",
        "ip dscp set tcp dport map { 80 : cs1 } drop",
        "tcp option maxseg 2 drop",
        "tcp option md5sig exists drop",
        "meta protocol 0x86dd drop",
        "ct direction 1 drop",
        "meta pkttype 1-3 drop",
        "tcp option sack left 5 drop",
        "socket transparent 1 drop",
        "socket mark 1-5 drop",
        "exthdr frag 2 drop",
    ],
)
def test_a_rule_does_not_hold_for_the_client(rule: str) -> None:
    assert judged(chain(rule, policy="accept")).accepted


def test_a_map_of_nat_that_does_not_know_the_port_leaves_the_packet_alone() -> None:
    rule = "dnat ip to tcp dport map {{ {0} : 192.0.2.9 }}"
    nat = "table ip n {{\n\tchain p {{\n\t\ttype nat hook prerouting priority -100;\n\t\t{0}\n\t}}\n}}\n"
    assert judged(nat.format(rule.format(80))).accepted
    assert judged(nat.format(rule.format(22))).kind is VerdictKind.DEPENDS


@pytest.mark.parametrize(
    ("rate", "kind"),
    [
        ("rate 10/second", VerdictKind.ACCEPT),
        ("rate 1/minute burst 2 packets", VerdictKind.DROP),
        ("rate 3/minute", VerdictKind.DEPENDS),
        ("rate 10/minute burst 5 packets", VerdictKind.DEPENDS),
        ("rate 10/minute burst 50 packets", VerdictKind.ACCEPT),
        ("rate 10 kbytes/second", VerdictKind.ACCEPT),
        ("rate 1 kbytes/second", VerdictKind.DEPENDS),
        ("rate 10 bytes/second burst 10 bytes", VerdictKind.DROP),
        ("rate 25 bytes/second burst 25 bytes", VerdictKind.DEPENDS),
    ],
)
def test_a_limit_may_be_used_up_by_the_connection_itself(rate: str, kind: VerdictKind) -> None:
    assert judged(chain(f"limit {rate} accept")).kind is kind
    over = rate.replace("rate", "rate over")
    assert judged(chain(f"limit {over} drop", policy="accept")).kind is kind


def test_a_limit_for_new_connections_is_not() -> None:
    assert judged(chain(ESTABLISHED, "limit rate 3/minute accept")).accepted
    named = "\tlimit l {\n\t\trate 10 bytes/second burst 10 bytes\n\t}\n"
    assert judged(chain(ESTABLISHED, "limit name l accept", more=named)).kind is VerdictKind.DROP
    assert judged(chain(ESTABLISHED, "limit rate 20 bytes/second accept")).stage is Stage.SYN


@pytest.mark.parametrize("name", ["wg0", "tun0", "docker0", "br-0123456789ab", "virbr0", "tailscale0", "br0", "eth0.7"])
def test_an_interface_that_comes_later_may_keep_all_rules_from_loading(name: str) -> None:
    verdict = judged(chain(ESTABLISHED, f'iif "{name}" accept'))
    assert verdict.kind is VerdictKind.DEPENDS
    assert name in verdict.reason
    assert judged(chain(ESTABLISHED, f'iif {{ lo, "{name}" }} accept', "tcp dport 22 accept")).accepted
    assert judged(chain(ESTABLISHED, f'iifname "{name}" accept')).kind is VerdictKind.DROP


def test_the_loopback_is_always_there() -> None:
    assert judged(chain(ESTABLISHED, "iif lo accept", "iif != lo drop")).kind is VerdictKind.DROP


VERSIONS = (
    ("table inet t {\n\tchain c {\n\t\ttype filter hook input priority filter;\n\t}\n}\n", (0, 9, 0), (0, 9, 1)),
    ("destroy table inet t\n", (1, 0, 6), (1, 0, 7)),
    ("table ip t {\n\tchain c {\n\t\ttype nat hook output priority dstnat;\n\t}\n}\n", (1, 0, 8), (1, 0, 9)),
    ("table ip t {\n\tchain c {\n\t\ttype nat hook input priority srcnat;\n\t}\n}\n", (1, 0, 6), (1, 1, 3)),
    ("table inet t {\n\tset s {\n\t\ttypeof ip saddr\n\t}\n}\n", (0, 9, 3), (0, 9, 4)),
    ("table inet t {\n\tchain c {\n\t\tct state ! new\n\t}\n}\n", (0, 9, 8), (1, 0, 6)),
    ("table inet t {\n\tchain c {\n\t\treject with icmp host-unreachable\n\t}\n}\n", (0, 9, 8), (1, 0, 6)),
    ("table inet t {\n\tchain c {\n\t\ttcp flags syn / syn,ack accept\n\t}\n}\n", (0, 9, 8), (1, 0, 6)),
    ("table inet t {\n\tchain c {\n\t\tip saddr vmap { * : drop }\n\t}\n}\n", (0, 9, 8), (1, 0, 6)),
    ("table inet t {\n\tchain c {\n\t\tlast\n\t}\n}\n", (1, 0, 6), (1, 1, 3)),
    ("table inet t {\n\tchain c {\n\t\ticmpv6 taddr ::1\n\t}\n}\n", (1, 0, 6), (1, 1, 3)),
    ("table inet t {\n\tchain c {\n\t\tmeta mark set ip dscp\n\t}\n}\n", (1, 0, 6), (1, 1, 3)),
    ("table netdev t {\n\tchain c {\n\t\ttype filter hook egress device eth0 priority 0;\n\t}\n}\n", (1, 0, 0),
     (1, 0, 1)),
)  # fmt: skip


@pytest.mark.parametrize(("text", "older", "newer"), VERSIONS)
def test_what_an_older_nft_does_not_know_loads_nothing_there(
    text: str, older: tuple[int, ...], newer: tuple[int, ...]
) -> None:
    assert loaded(text, older).problems
    assert loaded(text, newer).problems == ()
    assert loaded(text).problems == ()


def test_a_refusal_is_for_the_version_that_it_is_for() -> None:
    rule = "reject with icmp type host-unreachable"
    assert judged(chain(rule, policy="accept")).kind is VerdictKind.REJECT
    assert judged(chain(rule, policy="accept"), ME6).accepted


def test_what_leaves_has_no_link_layer_header_yet() -> None:
    assert judged(chain("ether type ip drop", policy="accept", hook="output")).accepted
    assert judged(chain("ether type ip drop", policy="accept")).kind is VerdictKind.DROP


def test_a_helper_of_the_table_makes_conntrack_work() -> None:
    nat = (
        "table ip n {{\n{0}\tchain p {{\n\t\ttype nat hook prerouting priority -100;\n\t\ttcp dport 22 drop\n\t}}\n}}\n"
    )
    helper = '\tct helper h {\n\t\ttype "ftp" protocol tcp\n\t}\n'
    assert judged(nat.format("")).accepted
    assert judged(nat.format(helper)).kind is VerdictKind.DROP


@pytest.mark.parametrize("flags", ["", "flags dynamic;", "flags timeout;"])
def test_a_set_without_elements_is_asked_by_its_own_version_of_ip_alone(flags: str) -> None:
    more = f"\tset s {{ type ipv4_addr; {flags} }}\n"
    text = chain("ip saddr != @s drop", policy="accept", more=more)
    assert judged(text).kind is VerdictKind.DROP
    assert judged(text, ME6).accepted


def test_what_a_map_is_to_keep_is_asked_of_the_packet_too() -> None:
    more = "\tmap m { type inet_service : ipv4_addr; flags dynamic; }\n"
    text = chain("add @m { tcp dport : ip saddr } drop", policy="accept", more=more)
    assert judged(text).kind is VerdictKind.DROP
    assert judged(text, ME6).accepted


SETS = """\
table ip t {
	set ports { type inet_service; elements = { ssh, 80 }
	}
	set four { type ipv4_addr; flags interval; auto-merge; elements = { 10.0.0.0/8, 198.51.100.7 }
	}
	set kinds { type inet_proto; elements = { tcp }
	}
	chain c { type filter hook input priority 0; tcp dport @ports drop
	}
}
"""


@pytest.mark.parametrize(
    ("commands", "loads"),
    [
        (["ports { 22 }"], True),
        (["ports { 22 }", "ports { 22 }"], False),
        (["ports { 22 }", "ports { ssh }"], False),
        (["ports { 22, 22 }"], False),
        (["ports { 81 }"], False),
        (["kinds { 6 }"], True),
        (["kinds { tcp }", "kinds { 6 }"], False),
        (["four { 198.51.100.7 }"], True),
        (["four { 10.0.0.0-10.255.255.255 }"], True),
    ],
)
def test_an_element_is_deleted_once_however_it_is_written(commands: list[str], loads: bool) -> None:
    text = SETS + "".join(f"delete element ip t {each}\n" for each in commands)
    assert loads is not bool(loaded(text).problems)


@pytest.mark.parametrize("gone", ["198.51.100.7, 198.51.100.7", "10.1.0.0/16", "192.0.2.1"])
def test_what_nft_takes_for_there_in_a_set_of_intervals_is_a_doubt(gone: str) -> None:
    found = loaded(f"{SETS}delete element ip t four {{ {gone} }}\n")
    assert reach([found], 22, 4).verdict_for(ip_address(ME)).kind is VerdictKind.DEPENDS


def test_a_deleted_element_lets_in_however_it_is_written() -> None:
    assert not judged(SETS).accepted
    assert judged(f"{SETS}delete element ip t ports {{ 22 }}\n").accepted
