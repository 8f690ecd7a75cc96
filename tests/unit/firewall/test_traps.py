"""The traps of packet filters, one case each with its name: what people and programs take for something else.

First saved rules by themselves, then how several tables, chains and programs are combined, then nftables and ufw.
"""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from rescue.firewall import Stage, Verdict, VerdictKind, reach
from rescue.firewall.engine.ruleset import Firewall
from rescue.firewall.iptables.load import Loader
from rescue.firewall.names import Names
from rescue.model import Location
from rescue.tree import Tree
from tests.unit.firewall.files import RELATED, firewall, saved
from tests.unit.firewall.test_nft import ME, ME6, OTHER, chain, judged, loaded
from tests.unit.firewall.ufw.test_load import kind
from tests.unit.firewall.ufw.test_load import loaded as ufw

pytestmark = pytest.mark.unit

SERVER = ip_address("192.0.2.1")


def verdict(rule: str, source: str = ME, policy: str = "ACCEPT") -> Verdict:
    """What becomes of a connection from `source` where INPUT has this one rule."""
    address = ip_address(source)
    here = firewall(saved(rule, policy=policy), address.version)
    return reach([here], 22, address.version, interface="eth0", server=SERVER).verdict_for(address)


DROPPED = {
    "a network is cut at its mask": "-s 203.0.113.200/24",
    "a short form has zeros at its end": "-s 203.0/16",
    "a number is a whole first byte": "-s 203/8",
    "a dotted mask": "-s 203.0.113.0/255.255.255.0",
    "a mask with a hole": "-s 203.0.0.5/255.255.0.255",
    "a list is several rules": "-s 10.0.0.1,203.0.113.5",
    "mask zero is everybody": "-s 203.0.113.5/0",
    "bytes may be octal": "-s 0313.0.0161.5",
    "a negated address": "! -s 10.0.0.0/8",
    "the server's own address": "-d 192.0.2.1",
    "an interface by its beginning": "-i eth+",
    "any interface": "-i +",
    "a negated interface": "! -i lo",
    "a protocol by its number": "-p 6",
    "every protocol": "-p all",
    "protocol zero is every protocol": "-p 0",
    "all but UDP": "! -p udp",
    "a port by its name": "-p tcp --dport ssh",
    "a range of ports": "-p tcp --dport 20:30",
    "a range without an end": "-p tcp --dport 20:",
    "a negated port": "-p tcp ! --dport 80",
    "several ports and ranges": "-p tcp -m multiport --dports 80,20:25",
    "a port on either side": "-p tcp -m multiport --ports 22",
    "the client's port is one of those that clients have": "-p tcp --sport 1024:65535",
    "the first packet alone": "-p tcp --syn",
    "flags of the first packet": "-p tcp --tcp-flags FIN,SYN,RST,ACK SYN",
    "a new connection": "-m conntrack --ctstate NEW",
    "the old word for it": "-m state --state NEW",
    "no state but two": "-m conntrack ! --ctstate INVALID,UNTRACKED",
    "the way of the first packet": "-m conntrack --ctdir ORIGINAL",
    "the connection's protocol": "-m conntrack --ctproto tcp",
    "the port that was dialled": "-m conntrack --ctorigdstport 22",
    "a range of addresses": "-m iprange --src-range 203.0.113.1-203.0.113.9",
    "an address of the server's": "-m addrtype --dst-type LOCAL",
    "no fragment": "! -f",
    "an option that every first packet has": "-p tcp --tcp-option 2",
    "a packet for this host": "-m pkttype --pkt-type unicast",
    "a remark is no condition": "-m comment --comment x",
    "a rate that is not used up": "-m limit --limit 1/hour --limit-burst 1",
    "a rate for each source that is not used up": "-m hashlimit --hashlimit-upto 1/min --hashlimit-name x",
    "the list of those who came is written": "-m recent --set",
    "not more than some connections": "-m connlimit --connlimit-upto 3",
    "a mark that nobody has set": "-m mark --mark 0",
}
"""What such a rule with -j DROP drops."""

PASSED = {
    "another version's loopback is no match": "-i lo",
    "a program's port is not a client's": "-p tcp --sport 22",
    "a rule for UDP": "-p udp --dport 22",
    "a rule for ping": "-p icmp --icmp-type echo-request",
    "a negated list of states": "-m conntrack ! --ctstate NEW,ESTABLISHED",
    "a second fragment": "-f",
    "a broadcast": "-m pkttype --pkt-type broadcast",
    "an address that is not the server's": "-m addrtype ! --dst-type LOCAL",
    "more than some connections": "-m connlimit --connlimit-above 3",
    "more than a rate": "-m hashlimit --hashlimit-above 5/min --hashlimit-burst 99 --hashlimit-name x",
    "the list of those who came is empty after a boot": "-m recent --rcheck --seconds 60",
    "and so is that of those who came often": "-m recent --update --seconds 60 --hitcount 4",
    "a mark that was not set": "-m mark --mark 1",
    "the state of what nobody tracks": "-m conntrack --ctstate UNTRACKED",
    "what is related to another connection": "-m conntrack --ctstate RELATED",
    "an address that was changed on the way": "-m conntrack --ctstate DNAT",
    "another port that was dialled": "-m conntrack --ctorigdstport 2222",
}
"""What such a rule with -j DROP lets pass."""

UNDECIDED = {
    "the card's own address": "-m mac --mac-source 02:00:00:00:00:01",
    "the country": "-m geoip --src-cc DE",
    "the time of day": "-m time --timestart 09:00 --timestop 18:00",
    "chance": "-m statistic --mode random --probability 0.5",
    "the content of packets as a number": "-m u32 --u32 0=0",
    "the length of packets": "-m length --length 0:60",
    "the system of the client": "-p tcp -m osf --genre Linux",
    "which socket": "-m socket",
    "a bridge's port": "-m physdev --physdev-in eth1",
    "another bit of the header": "-m tos --tos 0x10",
    "the processor": "-m cpu --cpu 0",
    "some of the ports that clients have": "-p tcp --sport 40000:50000",
}
"""What nothing on the disk decides."""


@pytest.mark.parametrize("match", DROPPED.values(), ids=list(DROPPED))
def test_a_rule_that_applies(match: str) -> None:
    found = verdict(f"-A INPUT {match} -j DROP")
    assert (found.kind, found.stage) == (VerdictKind.DROP, Stage.SYN)


@pytest.mark.parametrize("match", PASSED.values(), ids=list(PASSED))
def test_a_rule_that_does_not_apply(match: str) -> None:
    assert verdict(f"-A INPUT {match} -j DROP").accepted


@pytest.mark.parametrize("match", UNDECIDED.values(), ids=list(UNDECIDED))
def test_a_rule_of_which_nothing_on_the_disk_tells_whether_it_applies(match: str) -> None:
    found = verdict(f"-A INPUT {match} -j DROP")
    assert found.kind is VerdictKind.DEPENDS
    assert found.reason


def test_a_text_is_never_in_the_first_packet_and_may_be_in_a_later_one() -> None:
    assert verdict("-A INPUT -p tcp --syn -m string --string SSH --algo bm -j DROP").accepted
    assert verdict("-A INPUT -m string --string SSH --algo bm -j DROP").kind is VerdictKind.DEPENDS


def test_who_owns_a_packet_is_never_known_of_one_that_comes_in() -> None:
    assert loads("*filter\n-A INPUT -m owner --uid-owner 0 -j DROP\nCOMMIT\n").ruleset(4).problems


def test_a_program_that_decides_on_packets() -> None:
    for target in ("NFQUEUE --queue-num 0", "NFQUEUE --queue-num 0 --queue-bypass"):
        assert verdict(f"-A INPUT -p tcp --dport 22 -j {target}").kind is VerdictKind.DEPENDS


def test_a_zone_or_a_helper_of_conntrack_changes_no_verdict() -> None:
    raw = "*raw\n-A PREROUTING -p tcp -j CT --zone 3\n-A PREROUTING -p tcp -j CT --helper ftp\nCOMMIT\n"
    assert by(raw + saved("-A INPUT -m conntrack --ctstate NEW,ESTABLISHED -j ACCEPT")).accepted


# -- tables, files and programs together -------------------------------------------------------------------------------


def loads(*texts: str, backend: str = "nft", manager: str = "iptables-persistent") -> Firewall:
    """What is there after several files were restored one after another."""
    path = Tree.of({}).resolve("/etc/iptables/rules.v4")
    loader = Loader(4, Names(), backend)
    for text in texts:
        loader.restore(text, path)
    return Firewall(manager, Location(path), {4: loader.ruleset()}, {4: (path,)}, backend)


def by(*texts: str, backend: str = "nft") -> Verdict:
    return reach([loads(*texts, backend=backend)], 22, interface="eth0").verdict_for(ip_address(ME))


@pytest.mark.parametrize(
    ("table", "chain_", "stage"),
    [
        ("raw", "PREROUTING", Stage.SYN),
        ("mangle", "PREROUTING", Stage.SYN),
        ("mangle", "INPUT", Stage.SYN),
        ("security", "INPUT", Stage.SYN),
        ("raw", "OUTPUT", Stage.REPLY),
        ("mangle", "OUTPUT", Stage.REPLY),
        ("filter", "OUTPUT", Stage.REPLY),
        ("security", "OUTPUT", Stage.REPLY),
        ("mangle", "POSTROUTING", Stage.REPLY),
    ],
)
def test_every_table_on_the_way_of_a_connection_may_drop_it(table: str, chain_: str, stage: Stage) -> None:
    found = by(f"*{table}\n:{chain_} DROP [0:0]\nCOMMIT\n")
    assert (found.kind, found.stage) == (VerdictKind.DROP, stage)


def test_a_chain_for_what_is_only_passed_on_is_met_by_nobody() -> None:
    assert by("*filter\n:FORWARD DROP [0:0]\nCOMMIT\n*mangle\n:FORWARD DROP [0:0]\nCOMMIT\n").accepted


def test_the_chains_of_nat_see_the_first_packet_alone() -> None:
    assert by("*nat\n:INPUT ACCEPT [0:0]\n-A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT\nCOMMIT\n").accepted
    assert by("*nat\n:PREROUTING DROP [0:0]\nCOMMIT\n").stage is Stage.SYN


def test_a_second_file_resets_the_policy_with_nft_and_keeps_it_with_legacy() -> None:
    closed, without = saved(RELATED), "*filter\nCOMMIT\n"
    assert by(closed, without).accepted
    assert by(closed, without, backend="legacy").kind is VerdictKind.DROP


def test_what_one_program_accepts_another_may_still_drop() -> None:
    nft = loaded(chain("tcp dport 22 drop", policy="accept"))
    legacy = loads(saved("-A INPUT -j ACCEPT", policy="ACCEPT"), backend="legacy")
    for pair in ([nft, legacy], [legacy, nft]):
        assert reach(pair, 22).verdict_for(ip_address(ME)).kind is VerdictKind.DROP


def test_a_refusal_is_silence_where_icmp_may_not_leave() -> None:
    refusing = saved("-A INPUT -p tcp -j REJECT", "-A OUTPUT -p icmp -j DROP", policy="ACCEPT")
    assert by(refusing).kind is VerdictKind.DROP
    assert by(refusing.replace("-p icmp", "-p udp")).kind is VerdictKind.REJECT


@pytest.mark.parametrize("source", ["127.0.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255"])
def test_sources_that_the_kernel_refuses_by_itself_are_in_no_answer(source: str) -> None:
    here = reach([], 22)
    assert int(ip_address(source)) not in here.accepted
    assert all(int(ip_address(each)) in here.accepted for each in ("240.0.0.1", "0.1.2.3"))


@pytest.mark.parametrize("source", ["::1", "ff02::1", "::ffff:10.0.0.1"])
def test_such_sources_of_ipv6(source: str) -> None:
    assert int(ip_address(source)) not in reach([], 22, 6).accepted


# -- nftables ----------------------------------------------------------------------------------------------------------


def test_an_ipv4_address_in_a_table_for_both_is_a_question_to_ipv4_alone() -> None:
    text = chain("ip saddr != 10.0.0.0/8 drop", policy="accept")
    assert judged(text, ME).kind is VerdictKind.DROP
    assert judged(text, ME6).accepted


def test_a_tool_that_joins_flags_makes_another_rule_of_them() -> None:
    apart = chain("tcp flags syn accept", "tcp flags ack accept", policy="drop")
    joined = chain("tcp flags { syn, ack } accept", policy="drop")
    assert judged(apart).accepted
    assert judged(joined).stage is Stage.DATA


def test_an_interface_by_its_number_has_to_be_there() -> None:
    assert loaded(chain('iif "lo" accept', policy="accept")).problems == ()
    assert judged(chain("iif lo accept", "tcp dport 22 accept")).accepted


def test_elements_with_a_time_limit_are_there_after_the_load() -> None:
    more = "\tset s { type ipv4_addr; flags timeout; elements = { 203.0.113.5 timeout 1h }\n\t}"
    assert judged(chain("ip saddr @s drop", policy="accept", more=more)).kind is not VerdictKind.ACCEPT


def test_a_set_without_elements_and_its_negation() -> None:
    more = "\tset s { type ipv4_addr; }\n"
    assert judged(chain("ip saddr @s drop", policy="accept", more=more)).accepted
    assert judged(chain("ip saddr != @s drop", policy="accept", more=more)).kind is VerdictKind.DROP


def test_a_map_without_the_key_goes_on_with_the_next_rule() -> None:
    assert judged(chain("tcp dport vmap { 80 : drop }", "accept")).accepted


def test_intervals_in_each_field_of_a_concatenation() -> None:
    more = (
        "\tset s { type ipv4_addr . inet_service; flags interval; "
        "elements = { 203.0.113.0/24 . 20-30, 198.51.100.0/24 . 80 }\n\t}"
    )
    text = chain("ip saddr . tcp dport @s accept", more=more)
    assert judged(text, ME).accepted
    assert judged(text, OTHER).kind is VerdictKind.DROP


def test_a_glob_of_files_may_find_none_and_a_name_may_not() -> None:
    assert loaded('include "/etc/nftables.d/*.nft"\n' + chain()).problems == ()
    assert loaded('include "/etc/nftables.d/a.nft"\n' + chain()).problems


def test_delete_needs_what_destroy_does_not() -> None:
    assert loaded("delete table inet gone\n").problems
    assert loaded("table inet gone\ndelete table inet gone\n").problems == ()


def test_the_time_of_day_and_chance_are_doubts() -> None:
    for rule in ('meta hour "09:00"-"18:00" drop', "numgen random mod 2 0 drop", "meta skuid 0 accept", "queue num 0"):
        assert judged(chain(rule, policy="accept")).kind in (VerdictKind.DEPENDS, VerdictKind.ACCEPT)
    assert judged(chain('meta hour "09:00"-"18:00" drop', policy="accept")).kind is VerdictKind.DEPENDS
    assert judged(chain("numgen random mod 2 0 drop", policy="accept")).kind is VerdictKind.DEPENDS
    assert judged(chain("queue num 0", policy="accept")).kind is VerdictKind.DEPENDS


def test_a_route_back_is_not_on_the_disk() -> None:
    assert judged(chain("fib saddr . iif oif missing drop", policy="accept")).kind in (
        VerdictKind.DEPENDS,
        VerdictKind.ACCEPT,
    )


# -- ufw ---------------------------------------------------------------------------------------------------------------

DEFAULTS = (
    'IPV6=yes\nDEFAULT_INPUT_POLICY="{}"\nDEFAULT_OUTPUT_POLICY="{}"\nDEFAULT_FORWARD_POLICY="DROP"\n'
    "MANAGE_BUILTINS=no\n"
)
"""Of /etc/default/ufw: incoming, outgoing."""


def policies(incoming: str, outgoing: str = "ACCEPT") -> dict[str, str]:
    return {"default__ufw": DEFAULTS.format(incoming, outgoing)}


def test_a_policy_of_reject_answers_and_one_of_drop_does_not() -> None:
    assert kind(ufw(**policies("REJECT"))) is VerdictKind.REJECT
    assert kind(ufw(**policies("DROP"))) is VerdictKind.DROP
    assert kind(ufw(**policies("ACCEPT"))) is VerdictKind.ACCEPT


def test_what_is_allowed_in_gets_an_answer_whatever_the_policy_for_outgoing() -> None:
    rule = "allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in\n-A % -p tcp --dport 22 -j ACCEPT"
    assert kind(ufw(rule, **policies("DROP", "DROP"))) is VerdictKind.ACCEPT
    assert kind(ufw(rule, **policies("DROP", "REJECT"))) is VerdictKind.ACCEPT


def test_a_broken_file_before_the_users_lets_no_answer_out() -> None:
    rule = "allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in\n-A % -p tcp --dport 22 -j ACCEPT"
    broken = {"ufw__before.rules": "*filter\n-A oops\nCOMMIT\n"}
    assert kind(ufw(rule, **broken)) is VerdictKind.ACCEPT
    assert kind(ufw(rule, **{**broken, **policies("DROP", "DROP")})) is VerdictKind.DROP


def test_other_tables_in_the_file_before_the_users_count() -> None:
    rule = "allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in\n-A % -p tcp --dport 22 -j ACCEPT"
    mangle = "*mangle\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p tcp --dport 22 -j DROP\nCOMMIT\n"
    assert kind(ufw(rule, **{"ufw__after.rules": mangle})) is VerdictKind.DROP


def test_the_forward_rules_of_a_router_are_none_for_the_server() -> None:
    route = "route:allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in\n-A ufw-user-forward -p tcp --dport 22 -j ACCEPT"
    assert kind(ufw(route)) is VerdictKind.DROP
