"""What iptables-restore takes and refuses, kind by kind; each line was tried with iptables 1.8.9 and both backends."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest

from rescue.firewall import VerdictKind, reach
from rescue.firewall.engine.addresses import AddressSet
from rescue.firewall.engine.verdict import Stage, Verdict
from rescue.firewall.iptables.load import Loader
from rescue.firewall.iptables.option_values import leading_number, mask_length, number, port_or_name
from rescue.firewall.names import Names, RuleError
from tests.unit.firewall.files import firewall
from tests.unit.firewall.iptables.test_load import PATH, load, table

pytestmark = pytest.mark.unit

HEAD = [":INPUT DROP [0:0]", ":ALPHA - [0:0]"]

TAKEN = [
    "-AINPUT -p tcp --dport 80 -j ACCEPT",
    "-A INPUT ! -ilo -j ACCEPT",
    "-A INPUT -mtcp -p tcp --dport 80 -j ACCEPT",
    "-A INPUT -gALPHA",
    "-A INPUT --jum DROP --src 10.0.0.1",
    "-IINPUT 1 -j DROP",
    "-A INPUT -v -j DROP",
    "-A INPUT -j DROP --",
    "-A INPUT -s foo/0 -j DROP",
    "-A INPUT -s 10.0.0.1/+8 -j DROP",
    "[0:0]-A INPUT -j DROP",
    '-A INPUT -j DROP -m comment --comment "open',
    "-A INPUT -m addrtype --dst-type LOC -j ACCEPT",
    "-A INPUT -m conntrack --ctstate E,REL -j ACCEPT",
    "-A INPUT -m state --state est -j ACCEPT",
    "-A INPUT -m hashlimit --hashlimit-upto 1000000/sec --hashlimit-burst 5 --hashlimit-name x -j ACCEPT",
    "-A INPUT -p tcp -m ecn --ecn-tcp-cwr -j ACCEPT",
    "-A INPUT -m policy --dir in --pol ipsec --strict --reqid 1 --next --proto esp -j ACCEPT",
    "-A INPUT -m connbytes --connbytes 1: --connbytes-dir both --connbytes-mode bytes -j ACCEPT",
    "-A INPUT -p udp -m udp --dport 2:1 -j ACCEPT",
    "-A OUTPUT -m owner --uid-owner 0-1000 -j ACCEPT",
    "-A INPUT -j AUDIT --type Drop",
    "-A INPUT -j NFQUEUE --queue-balance 0:3",
    "-A INPUT -m recent --set --hitcount 0 -j ACCEPT",
]


@pytest.mark.parametrize("line", TAKEN)
def test_a_line_that_loads(line: str) -> None:
    assert load(table(*HEAD, line)).problems == ()


REFUSED = [
    "-A INPUT -ptcp -j ACCEPT",
    "-A INPUT -s10.0.0.0/8 -j ACCEPT",
    "-A INPUT -jACCEPT",
    "-A INPUT --source=10.0.0.1 -j ACCEPT",
    "-A INPUT -t filter -j ACCEPT",
    "-A INPUT -w -j ACCEPT",
    "-A INPUT -n -j ACCEPT",
    "-F INPUT -j ACCEPT",
    "-I INPUT 0 -j ACCEPT",
    "-A INPUT -p any -j ACCEPT",
    "-A INPUT -j",
    '-A INPUT -i lo -j "ACCEPT',
    '-A INPUT -j LOG --log-prefix "x',
    ":ACCEPT - [0:0]",
    "-N LOG",
    "-A INPUT -m quota -j ACCEPT",
    "-A INPUT -m nfacct -j ACCEPT",
    "-A INPUT -m connbytes --connbytes 1:2 -j ACCEPT",
    "-A INPUT -m connbytes --connbytes 2:1 --connbytes-dir both --connbytes-mode bytes -j ACCEPT",
    "-A INPUT -m string --algo bm -j ACCEPT",
    "-A INPUT -m addrtype --limit-iface-in -j ACCEPT",
    "-A INPUT -m policy --dir inn --pol ipsec -j ACCEPT",
    "-A INPUT -m policy --pol ipsec -j ACCEPT",
    "-A INPUT -m policy --dir out --pol none -j ACCEPT",
    "-A INPUT -m conntrack --ctstatus SEEN-REPLY -j ACCEPT",
    "-A INPUT -m conntrack --ctproto nosuch -j ACCEPT",
    "-A INPUT -m recent --set --hitcount 4 -j ACCEPT",
    "-A INPUT -m recent --rcheck --hitcount 65536 -j ACCEPT",
    "-A INPUT -m recent --set --name a/b -j ACCEPT",
    "-A INPUT -m hashlimit --hashlimit-upto 5/min --hashlimit-burst 0 --hashlimit-name x -j ACCEPT",
    "-A INPUT -m hashlimit --hashlimit-upto 1mb/s --hashlimit-burst 1 --hashlimit-name x -j ACCEPT",
    "-A INPUT -m connlimit --connlimit-saddr -j ACCEPT",
    "-A INPUT -p tcp -m multiport --dports 22:22 -j ACCEPT",
    "-A INPUT -p tcp -m tcpmss --mss 2:1 -j ACCEPT",
    "-A INPUT -m ecn --ecn-ip-ect 4 -j ACCEPT",
    "-A INPUT -m pkttype --pkt-type uni -j ACCEPT",
    "-A INPUT -m time --datestart 2039 -j ACCEPT",
    "-A INPUT -m u32 --u32 6&0xFF -j ACCEPT",
    "-A INPUT -m realm --realm x -j ACCEPT",
    "-A INPUT -m mac --mac-source 00:11:22:33:44 -j ACCEPT",
    "-A OUTPUT -m owner --uid-owner 1-0 -j ACCEPT",
    "-A INPUT -m owner --uid-owner 0 -j ACCEPT",
    "-A INPUT -m udplite -p udplite -j ACCEPT",
    "-A INPUT -j AUDIT",
    "-A INPUT -j AUDIT --type allow",
    "-A INPUT -j LOG --log-level loud",
    "-A INPUT -j NFQUEUE --queue-balance 3:0",
    "-A INPUT -j NFLOG --nflog-group 65536",
    "-A INPUT -j IDLETIMER --timeout 0 --label x",
    "-A INPUT -j HL --hl-set 5",
    "-A INPUT -j SAME --to 10.0.0.1",
    "-A INPUT -j LED",
]


@pytest.mark.parametrize("line", REFUSED)
def test_a_line_that_loses_its_table(line: str) -> None:
    found = load(table(*HEAD, line))
    assert [problem.lost for problem in found.problems] == ["the table filter"]


ELSEWHERE = {
    "nat": [
        "-A PREROUTING -i eth0 -j REDIRECT --to-ports 8080",
        "-A PREROUTING -j REDIRECT --to-ports 8080 -p tcp",
        "-A PREROUTING -p tcp -j DNAT --to-destination 192.168.1.300:80",
        "-A PREROUTING -p tcp -j DNAT",
        "-A POSTROUTING -j SNAT",
        "-A POSTROUTING -j SNAT --to-source 10.0.0.1:80",
        "-A POSTROUTING -p tcp -j MASQUERADE --to-ports 90-80",
        "-A POSTROUTING -j NETMAP",
    ],
    "mangle": [
        "-A PREROUTING -j CHECKSUM",
        "-A POSTROUTING -j CLASSIFY",
        "-A POSTROUTING -j CLASSIFY --set-class 1",
        "-A PREROUTING -j ECN --ecn-tcp-remove",
        "-A PREROUTING -p tcp -j ECN",
        "-A FORWARD -p tcp --syn -j TCPMSS",
        "-A FORWARD -p tcp --syn -j TCPMSS --set-mss 65516",
        "-A PREROUTING -j MARK --set-mark 1 --or-mark 2",
        "-A PREROUTING -j TTL --ttl-inc 0",
        "-A PREROUTING -j TPROXY --on-port 80",
        "-A PREROUTING -p tcp -j TCPOPTSTRIP --strip-options mss,mss",
    ],
    "raw": ["-A PREROUTING -j CT --helper ftp", "-A PREROUTING -j CT --zone 65536"],
}


@pytest.mark.parametrize(("name", "line"), [(name, line) for name, lines in ELSEWHERE.items() for line in lines])
def test_a_line_that_loses_another_table(name: str, line: str) -> None:
    assert [problem.lost for problem in load(f"*{name}\n{line}\nCOMMIT\n").problems] == [f"the table {name}"]


def test_a_port_is_taken_behind_its_protocol() -> None:
    assert load("*nat\n-A PREROUTING -p tcp -j REDIRECT --to-ports 8080\nCOMMIT\n").problems == ()
    assert load("*nat\n-A PREROUTING ! -p tcp -j REDIRECT --to-ports 8080\nCOMMIT\n").problems == ()


@pytest.mark.parametrize(
    ("line", "nft", "legacy"),
    [
        ("-A INPUT ! -p tcp -m tcp --dport 22 -j ACCEPT", True, False),
        ("-A INPUT -m limit --limit 5/min --limit-burst 0 -j ACCEPT", True, False),
        (":-x - [0:0]", False, True),
    ],
)
def test_what_one_backend_takes_alone(line: str, nft: bool, legacy: bool) -> None:
    taken = [not load(table(*HEAD, line), backend).problems for backend in ("nft", "legacy")]
    assert taken == [nft, legacy]


@pytest.mark.parametrize(
    ("line", "taken"),
    [
        ("-A INPUT -m ah -j ACCEPT", True),
        ("-A INPUT -m ah --ahres -j ACCEPT", True),
        ("-A INPUT -m rt --rt-0-res -j ACCEPT", False),
        ("-A INPUT -m rt --rt-type 0 --rt-0-res -j ACCEPT", True),
        ("-A INPUT -m hbh --hbh-opts 1:2,3 -j ACCEPT", True),
        ("-A INPUT -m hbh --hbh-opts 0:1 -j ACCEPT", False),
        ("-A INPUT -m ipv6header --header hop,dst -j ACCEPT", True),
        ("-A INPUT -m ipv6header --header foo -j ACCEPT", False),
        ("-A INPUT -m addrtype --dst-type BROADCAST -j ACCEPT", False),
        ("-A INPUT -f -j ACCEPT", False),
        ("-A INPUT -p tcp -j REJECT --reject-with tcp-rst", False),
    ],
)
def test_lines_for_ipv6(line: str, taken: bool) -> None:
    assert (not load(table(*HEAD, line), version=6).problems) is taken


def test_an_owner_that_does_not_exist_loses_the_table_where_the_names_are_known() -> None:
    text = table("-A OUTPUT -m owner --uid-owner nobodyatall -j ACCEPT")
    for users, lost in ((None, 0), ({"root": 0}, 1), ({"nobodyatall": 7}, 0)):
        loader = Loader(4, Names(users=users))
        loader.restore(text, PATH)
        assert len(loader.ruleset().problems) == lost


@pytest.mark.parametrize(
    ("text", "value"), [("08", (0, "8")), (" +0x1fz", (31, "z")), ("010", (8, "")), ("-1", None), ("", None)]
)
def test_a_number_is_what_strtoul_reads(text: str, value: tuple[int, str] | None) -> None:
    assert leading_number(text) == value


def test_numbers_have_bounds() -> None:
    assert number("0xff", 255) == 255
    for text in ("256", "1x", "99999999999999999999", "9" * 5000, ""):
        with pytest.raises(RuleError):
            number(text, 255)


def test_a_port_that_getaddrinfo_finds_is_cut_to_its_last_bits() -> None:
    assert [port_or_name(text, Names()) for text in ("ssh", "022", "65537", "")] == [22, 22, 1, 0]
    with pytest.raises(RuleError):
        port_or_name("2147483648", Names())


def test_the_length_of_a_mask() -> None:
    assert [mask_length(text, 4) for text in ("24", "255.255.0.0", "255.0.255.0")] == [24, 16, None]


# -- verdicts ---------------------------------------------------------------------------------------------------------


def verdict(*lines: str, version: int = 4, own: str = "") -> Verdict:
    held = firewall(table(*lines), version)
    if own:
        held = replace(held, own={version: AddressSet.network(own)})
    source = ip_address("198.51.100.7" if version == 4 else "2001:db8:5::5")
    return reach([held], 22, version, interface="eth0").verdict_for(source)


DROP = ":INPUT DROP [0:0]"
ESTABLISHED = "-A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT"


@pytest.mark.parametrize(
    ("match", "kind", "stage"),
    [
        ("-m limit --limit 1/min --limit-burst 1", VerdictKind.DROP, Stage.DATA),
        ("-m limit --limit 1/min --limit-burst 2", VerdictKind.DROP, Stage.DATA),
        ("-m limit --limit 1/s --limit-burst 1", VerdictKind.DEPENDS, Stage.DATA),
        ("-m limit --limit 3/min", VerdictKind.DEPENDS, Stage.DATA),
        ("-m limit --limit 3/min --limit-burst 200", VerdictKind.ACCEPT, Stage.SYN),
        ("-m hashlimit --hashlimit-upto 1/min --hashlimit-burst 1 --hashlimit-name x", VerdictKind.DROP, Stage.DATA),
        ("-m hashlimit --hashlimit-upto 100b/s --hashlimit-name x", VerdictKind.DROP, Stage.DATA),
        ("-m quota --quota 0", VerdictKind.DROP, Stage.SYN),
        ("-m quota --quota 100", VerdictKind.DROP, Stage.DATA),
        ("-m quota --quota 1000000", VerdictKind.ACCEPT, Stage.SYN),
    ],
)
def test_a_limit_that_the_connections_own_packets_use_up(match: str, kind: VerdictKind, stage: Stage) -> None:
    found = verdict(DROP, f"-A INPUT -p tcp --dport 22 {match} -j ACCEPT")
    assert (found.kind, found.stage) == (kind, stage)


@pytest.mark.parametrize("match", ["-m limit --limit 1/min --limit-burst 1", "-m quota --quota 100"])
def test_a_limit_that_the_first_packet_alone_meets(match: str) -> None:
    assert verdict(DROP, ESTABLISHED, f"-A INPUT -p tcp --dport 22 {match} -j ACCEPT").accepted


def test_what_is_beyond_a_limit_is_dropped_once_it_is_used_up() -> None:
    beyond = "-m hashlimit --hashlimit-above 1/min --hashlimit-burst 1 --hashlimit-name x -j DROP"
    assert verdict(f"-A INPUT {beyond}").stage is Stage.DATA
    assert verdict(f"-A INPUT -m conntrack --ctstate NEW {beyond}").accepted


@pytest.mark.parametrize(
    "match",
    ["hbh ! --hbh-len 42", "dst ! --dst-len 42", "rt ! --rt-type 3", "frag ! --fragid 3", "srh ! --srh-tag 3", "ah",
     "hbh", "ah ! --ahspi 5", "eui64"],
)  # fmt: skip
def test_a_header_that_is_not_there_matches_nothing_negated_or_not(match: str) -> None:
    assert verdict(f"-A INPUT -m {match} -j DROP", version=6).accepted


@pytest.mark.parametrize(
    ("match", "applies"),
    [
        ("ipv6header --header hop", False),
        ("ipv6header ! --header hop", True),
        ("ipv6header --header prot", True),
        ("ipv6header --header prot,hop --soft", False),
        ("ipv6header ! --header hop --soft", True),
        ("addrtype --dst-type UNICAST", True),
        ("addrtype --dst-type UNICAST,LOCAL", True),
        ("addrtype --src-type UNICAST,LOCAL", False),
        ("addrtype --dst-type MULTICAST", False),
    ],
)
def test_kinds_of_headers_and_addresses_of_ipv6(match: str, applies: bool) -> None:
    assert verdict(f"-A INPUT -m {match} -j DROP", version=6).accepted is not applies


@pytest.mark.parametrize(
    ("match", "kind"),
    [
        ("-p tcp --tcp-option 2", VerdictKind.DROP),
        ("-p tcp ! --tcp-option 2 --syn", VerdictKind.ACCEPT),
        ("-p tcp --tcp-option 99", VerdictKind.ACCEPT),
        ("-p tcp ! --tcp-option 99", VerdictKind.DROP),
        ("-p tcp --tcp-option 8", VerdictKind.DEPENDS),
        ("-m socket --transparent", VerdictKind.ACCEPT),
        ("-m statistic --mode random --probability 1", VerdictKind.DROP),
        ("-m statistic --mode random --probability 0", VerdictKind.ACCEPT),
        ("-m statistic --mode nth --every 1 --packet 0", VerdictKind.DROP),
        ("-m devgroup --src-group 0", VerdictKind.DROP),
        ("-m connlabel --label 1 --set", VerdictKind.DROP),
    ],
)
def test_what_need_not_depend(match: str, kind: VerdictKind) -> None:
    assert verdict(f"-A INPUT {match} -j DROP").kind is kind


def test_rules_for_an_address_of_the_server_are_judged_where_its_files_tell_its_addresses() -> None:
    rule = "-A INPUT -p tcp -d 203.0.113.10 --dport 22 -j ACCEPT"
    assert verdict(DROP, ESTABLISHED, rule).kind is VerdictKind.DEPENDS
    assert verdict(DROP, ESTABLISHED, rule, own="203.0.113.10").kind is VerdictKind.ACCEPT
    assert verdict(DROP, ESTABLISHED, rule, own="203.0.113.11").kind is VerdictKind.DROP
    assert verdict(DROP, ESTABLISHED, rule, own="203.0.113.10/31").kind is VerdictKind.DEPENDS


BOMB = [":INPUT DROP [0:0]", *(f":L{at} - [0:0]" for at in range(14)), "-A INPUT -j L0",
        *(f"-A L{at} -j L{at + 1}" for at in range(13) for _ in range(4))]  # fmt: skip


@pytest.mark.parametrize(
    ("leaf", "kind"),
    [
        ("-A L13 -s 198.51.100.0/24 -j DROP", VerdictKind.DROP),
        ("-A L13 -s 198.51.101.0/24 -j DROP", VerdictKind.ACCEPT),
        ("-A L13 -j MARK --or-mark 1", VerdictKind.ACCEPT),
        ("-A L13 -m mac --mac-source 02:00:00:00:00:01 -j DROP", VerdictKind.DEPENDS),
    ],
)
def test_chains_that_jump_to_each_other_by_the_thousand_are_followed_to_the_end(leaf: str, kind: VerdictKind) -> None:
    found = verdict(*BOMB, leaf, "-A INPUT -p tcp --dport 22 -j ACCEPT", "-A INPUT -m conntrack --ctstate NEW -j DROP")
    assert found.kind is kind
    assert "intricate" not in found.reason
