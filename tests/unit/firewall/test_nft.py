"""nftables scripts: what the kernel holds after nft has obeyed them, and whom that lets in."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import PurePosixPath

import pytest

from rescue.firewall import Firewall, Stage, Verdict, VerdictKind, reach
from rescue.firewall.engine.icmp import TCP_RESET
from rescue.firewall.names import Names
from rescue.firewall.nft import load_nftables
from rescue.tree import Entry, Tree

pytestmark = pytest.mark.unit

PATH = PurePosixPath("/etc/nftables.conf")
Files = dict[str, Entry | str | bytes]
ME, ME6, OTHER = "203.0.113.5", "2001:db8:5::5", "198.51.100.7"


def loaded(text: str, others: Files | None = None) -> Firewall:
    found = load_nftables(Tree.of({str(PATH): text, **(others or {})}), PATH, Names())
    assert found is not None
    return found


def chain(*rules: str, policy: str = "drop", family: str = "inet", hook: str = "input", more: str = "") -> str:
    """A table with one base chain, and what else stands in the table."""
    lines = [f"table {family} filter {{", more, "\tchain base {"]
    lines += [f"\t\ttype filter hook {hook} priority filter; policy {policy};", *("\t\t" + rule for rule in rules)]
    return "\n".join([*lines, "\t}", "}", ""])


def judged(text: str, source: str = ME, others: Files | None = None) -> Verdict:
    address = ip_address(source)
    found = loaded(text, others)
    assert not found.problems, found.problems
    return reach([found], 22, address.version, interface="eth0").verdict_for(address)


def lets_in(text: str, source: str = ME) -> bool:
    verdict = judged(text, source)
    assert verdict.kind is not VerdictKind.DEPENDS, verdict
    return verdict.accepted


# -- whole scripts -----------------------------------------------------------------------------------------------------


def test_debians_own_file_keeps_nobody_out() -> None:
    text = (
        "#!/usr/sbin/nft -f\n\nflush ruleset\n\ntable inet filter {\n\tchain input {\n"
        "\t\ttype filter hook input priority filter;\n\t}\n\tchain forward {\n\t\ttype filter hook forward priority "
        "filter;\n\t}\n\tchain output {\n\t\ttype filter hook output priority filter;\n\t}\n}\n"
    )
    assert reach([loaded(text)], 22).open


def test_the_policy_decides_where_no_rule_does() -> None:
    verdict = judged(chain())
    assert (verdict.kind, verdict.stage) == (VerdictKind.DROP, Stage.SYN)
    (decision,) = verdict.decisions
    assert (decision.chain, decision.rule, decision.location.line) == ("base", None, 4)


def test_an_accept_in_another_base_chain_does_not_help() -> None:
    early = chain("tcp dport 22 accept", policy="accept").replace("filter {", "mine {").replace("filter;", "-10;")
    assert not lets_in(early + chain("tcp dport 80 accept"))
    assert lets_in(early + chain("tcp dport { 22, 80 } accept"))


def test_a_drop_is_final_wherever_it_stands() -> None:
    late = chain("tcp dport 22 drop", policy="accept").replace("filter {", "late {").replace("filter;", "50;")
    assert not lets_in(chain("tcp dport 22 accept") + late)


@pytest.mark.parametrize("source", [ME, ME6])
def test_inet_is_for_both_versions_and_an_address_for_one(source: str) -> None:
    assert lets_in(chain("tcp dport 22 accept"), source)
    assert lets_in(chain("ip saddr != 10.0.0.0/8 drop", "tcp dport 22 accept"), source) is (source == ME6)
    assert lets_in(chain("tcp dport 22 accept", family="ip"), source) is True
    assert lets_in(chain(family="ip"), source) is (source == ME6)


def test_commands_are_obeyed_in_order() -> None:
    start = "table inet filter\nadd chain inet filter base { type filter hook input priority 0; policy drop; }\n"
    rule = "rule inet filter base tcp dport 22"
    assert lets_in(f"{start}add {rule} accept\n")
    assert not lets_in(f"{start}add {rule} accept\ninsert {rule} drop\n")
    assert not lets_in(f"{start}add {rule} accept\nflush chain inet filter base\n")
    assert lets_in(f"{start}delete table inet filter\n")
    assert lets_in(f"{start}flush ruleset\n")
    assert not lets_in(f"{start}flush ruleset ip\n")
    assert lets_in(f"{start}add inet filter base tcp dport 22 accept\n")


def test_a_dormant_table_is_asleep() -> None:
    assert lets_in(chain(more="\tflags dormant"))


def test_files_are_included_in_order() -> None:
    files: Files = {
        "/etc/nftables.d/b.nft": chain("tcp dport 22 drop", policy="accept"),
        "/etc/nftables.d/a.nft": "define PORT = 22\n",
        "/etc/nftables.d/.hidden.nft": "nonsense\n",
    }
    assert not judged('include "/etc/nftables.d/*.nft"\n', others=files).accepted
    assert judged('include "/etc/nftables.d/*.conf"\n', others=files).accepted
    assert judged('include "nftables.d/a.nft"\n' + chain("tcp dport $PORT accept"), others=files).accepted


def test_a_file_may_be_included_within_a_chain() -> None:
    files: Files = {"/etc/nftables.d/ssh.nft": "tcp dport 22 accept\n"}
    text = chain('include "/etc/nftables.d/ssh.nft"', "counter")
    verdict = judged(text, others=files)
    assert verdict.accepted
    assert str(verdict.decisions[0].location) == "/etc/nftables.d/ssh.nft:1"
    assert loaded(text).problems


def test_files_that_include_each_other_load_nothing() -> None:
    assert "nest too deep" in loaded('include "/etc/nftables.conf"\n').problems[0].message


def test_definitions_stand_for_what_they_name() -> None:
    head = "define OFFICE = { 198.51.100.0/24, 203.0.113.5 }\ndefine ALL = { $OFFICE, 10.0.0.0/8 }\n"
    assert lets_in(head + chain("ip saddr $ALL tcp dport 22 accept"))
    assert not lets_in(head + chain("ip saddr $ALL tcp dport 22 accept"), "192.0.2.9")


def test_a_set_has_what_it_has_at_the_end() -> None:
    text = chain("tcp dport @open accept", more="\tset open { type inet_service; elements = { 80 }\n\t}")
    assert not lets_in(text)
    assert lets_in(text + "add element inet filter open { 22 }\n")
    assert not lets_in(text + "add element inet filter open { 22 }\nflush set inet filter open\n")


def test_an_empty_set_matches_nobody() -> None:
    more = "\tset none { type ipv4_addr; }\n"
    assert not lets_in(chain("ip saddr @none accept", more=more))
    assert lets_in(chain("ip saddr != @none accept", more=more))


def test_a_hundred_thousand_elements_are_one_set() -> None:
    elements = ", ".join(f"{at % 223 + 1}.{at >> 16 & 255}.{at >> 8 & 255}.{at & 255}" for at in range(100_000))
    text = chain("ip saddr @bad drop", "accept", more=f"\tset bad {{ type ipv4_addr; elements = {{ {elements} }}\n\t}}")
    assert lets_in(text)
    assert not lets_in(text, "1.0.0.0")


# -- what loads nothing ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ("tpc dport 22 accept", "'tpc'"),
        ("tcp dport 70000 accept", "65535"),
        ("tcp dport nosuch accept", "'nosuch'"),
        ("tcp dport 80-22 accept", "no size"),
        ("ip saddr 2001:db8::1 accept", "not an IPv4 address"),
        ("ip saddr bastion.example.org accept", "while the server boots"),
        ("jump nowhere", "no chain nowhere"),
        ("jump base", "base chain"),
        ("ip saddr @nothing drop", "no set nothing"),
        ("accept tcp dport 22", "after one that ends the rule"),
        ("tcp dport $PORT accept", "$PORT is not defined"),
        ("ip saddr 10.0.0.1 ip6 saddr ::1 drop", "conflicting protocols"),
        ("ip6 saddr ::1 ct original ip saddr 10.0.0.0/8 drop", "conflicting protocols"),
        ("tcp option maxseg set 1", "can't be set"),
        ("ct state established related accept", "unexpected"),
        ("reject with icmp no-such-thing", "unknown reject type"),
        ("tcp dport { } accept", "without elements"),
        ("tcp dport 22 accept\r", "unexpected '\\r'"),
    ],
)
def test_one_fault_keeps_the_whole_file_from_loading(rule: str, says: str) -> None:
    found = loaded(chain(rule))
    assert says in found.problems[0].message
    assert found.problems[0].location.line == 5
    assert reach([found], 22).open


@pytest.mark.parametrize(
    "text",
    [
        'include "/etc/gone.nft"\n',
        "define A = 1\ndefine A = 2\n",
        "delete table inet filter\n",
        chain().replace("priority filter", ""),
        chain().replace("policy drop", "policy DROP"),
        chain(more="\tset s { type ipv4_addr; elements = { 10.0.0.0/8 }\n\t}"),
        chain(more="\tset s { type ipv4_addr; flags interval; elements = { 10.0.0.0/8, 10.1.0.0/16 }\n\t}"),
        chain("jump other", more="\tchain other {\n\t\tjump other\n\t}"),
        chain("reject", hook="postrouting"),
        chain()[:-3],
        "table inet filter {\x00}\n",
    ],
)
def test_what_nft_refuses_leaves_no_rule(text: str) -> None:
    found = loaded(text)
    assert found.problems
    assert not any(ruleset.tables for ruleset in found.rulesets.values())


def test_elements_that_overlap_are_one_where_they_are_to_be_merged() -> None:
    more = "\tset s { type ipv4_addr; flags interval; auto-merge; elements = { 203.0.0.0/8, 203.0.113.0/24 }\n\t}"
    assert lets_in(chain("ip saddr @s accept", more=more))


def test_what_this_reader_does_not_know_is_a_doubt() -> None:
    assert judged(chain("ip daddr set 192.0.2.7", "tcp dport 22 accept")).kind is VerdictKind.DEPENDS
    unknown = loaded("replace rule inet filter a handle 3 drop\n")
    assert reach([unknown], 22).verdict_for(ip_address(ME)).kind is VerdictKind.DEPENDS


# -- rules -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "in_"),
    [
        ("tcp dport 22 accept", True),
        ("tcp dport ssh accept", True),
        ("tcp dport { 80, 22 } accept", True),
        ("tcp dport 20-30 accept", True),
        ("tcp dport != 22 accept", False),
        ("udp dport 22 accept", False),
        ("th dport 22 accept", True),
        ("@th,16,16 22 accept", True),
        ("meta l4proto tcp accept", True),
        ("meta l4proto { icmp, ipv6-icmp } accept", False),
        ("ip protocol tcp accept", True),
        ("ip saddr 203.0.113.0/24 accept", True),
        ("ip saddr 203.0.113.1-203.0.113.9 accept", True),
        ("ip saddr { 10.0.0.0/8, 203.0.113.5 } accept", True),
        ("ip saddr != { 10.0.0.0/8, 203.0.113.5 } accept", False),
        ("ip saddr & 255.255.255.0 == 203.0.113.0 accept", True),
        ("ip saddr . tcp dport { 203.0.113.5 . 22, 10.0.0.1 . 80 } accept", True),
        ("ip saddr . tcp dport { 203.0.113.5 . 80, 10.0.0.1 . 22 } accept", False),
        ("ip saddr . tcp dport != { 203.0.113.5 . 80 } accept", True),
        ('iifname "eth0" accept', True),
        ('iifname "eth*" accept', True),
        ('iifname { "lo", "wg0" } accept', False),
        ("iif lo accept", False),
        ('oifname "eth0" accept', False),
        ("fib daddr type local accept", True),
        ("meta nfproto ipv6 accept", False),
        ("tcp flags syn accept", False),  # nor is it in them
        ("ct status dnat accept", False),
        ("ct state new accept", False),  # the client's next packets are not new
        ("ct state new,established accept", True),
        ("ct state vmap { new : accept, established : accept }", True),
        ("ct state vmap { established : accept, related : accept, invalid : drop } accept", False),
        ("tcp dport vmap { 22 : accept, 80 : drop }", True),
        ("tcp dport vmap { 22 : drop, * : accept }", False),
        ("tcp dport vmap { 22 : continue } accept", True),
        ("jump { tcp dport 22 accept; }", True),
        ("limit rate 10/second accept", True),
        ("limit rate over 10/minute accept", False),
        ("tcp dport 22 meta mark set 7 accept", True),
        ("meta mark set 7 meta mark 7 accept", True),
        ("meta mark set 7 meta mark 8 accept", False),
        ("meta mark 0 meta mark set 7 jump { meta mark 7 accept; }", True),
        ("counter", False),
        ('log prefix "in: " level info counter accept comment "all of it"', True),
        ("add @seen { ip saddr limit rate over 3/minute } accept", False),
        ("update @seen { ip saddr timeout 60s } accept", True),
        ("ct count over 3 accept", False),
        ("quota over 10 mbytes accept", False),
        ("notrack accept", True),
    ],
)
def test_a_rule_is_judged_as_the_kernel_does(rule: str, in_: bool) -> None:
    more = "\tset seen { type ipv4_addr; flags dynamic, timeout; }\n"
    assert lets_in(chain(rule, more=more)) is in_


@pytest.mark.parametrize(
    ("rule", "answers"),
    [
        ("tcp flags syn drop", Stage.SYN),
        ("tcp flags { psh } drop", Stage.DATA),
        ("tcp flags & (fin | syn | rst | ack) == syn drop", Stage.SYN),
        ("tcp flags syn / fin,syn,rst,ack drop", Stage.SYN),
        ("tcp flags ack,psh / syn,ack,psh drop", Stage.DATA),
        ("tcp flags psh, ack / syn, psh, ack drop", Stage.DATA),
        ("tcp flags ack drop", Stage.DATA),
        ("tcp flags ! syn drop", Stage.DATA),
        ("tcp flags != syn drop", Stage.DATA),
    ],
)
def test_flags_are_asked_for_one_by_one_or_whole(rule: str, answers: Stage) -> None:
    verdict = judged(chain(rule, policy="accept"))
    assert (verdict.kind, verdict.stage) == (VerdictKind.DROP, answers)


def test_rules_for_new_connections_alone_let_nobody_talk() -> None:
    assert judged(chain("ct state new tcp dport 22 accept")).stage is Stage.DATA


def test_answers_have_to_leave() -> None:
    out = chain("ct state new accept", hook="output").replace("filter {", "out {")
    assert judged(chain("accept") + out).stage is Stage.REPLY


@pytest.mark.parametrize(
    ("rule", "source", "how"),
    [
        ("reject", ME, "icmp-port-unreachable"),
        ("reject", ME6, "icmp6-port-unreachable"),
        ("meta l4proto tcp reject with tcp reset", ME, TCP_RESET),
        ("reject with icmp host-prohibited", ME, "icmp-host-prohibited"),
        ("reject with icmp type host-prohibited", ME6, ""),
        ("reject with icmpx admin-prohibited", ME6, "icmp6-adm-prohibited"),
        ("reject with icmpx host-unreachable", ME, "icmp-host-unreachable"),
    ],
)
def test_a_refusal_says_what_the_rule_says(rule: str, source: str, how: str) -> None:
    verdict = judged(chain(rule, policy="accept"), source)
    assert (verdict.kind, verdict.how) == ((VerdictKind.REJECT, how) if how else (VerdictKind.ACCEPT, ""))


def test_return_from_a_base_chain_leads_to_its_policy() -> None:
    assert not lets_in(chain("tcp dport 22 return", "accept"))
    assert lets_in(chain("tcp dport 22 return", "drop", policy="accept"))


def test_who_comes_back_from_a_goto_does_not_meet_the_next_rule() -> None:
    other = "\tchain other {\n\t\ttcp dport 80 accept\n\t}"
    assert not lets_in(chain("goto other", "accept", more=other))
    assert lets_in(chain("jump other", "accept", more=other))


def test_marks_are_kept_from_hook_to_hook() -> None:
    early = "table inet early {\n\tchain pre {\n\t\ttype filter hook prerouting priority mangle;\n"
    early += "\t\tip saddr 203.0.113.5 meta mark set 0x10\n\t}\n}\n"
    assert lets_in(early + chain("meta mark & 0xf0 == 0x10 accept", "ct mark 1 accept"))
    assert not lets_in(early + chain("meta mark & 0xf0 == 0x10 accept"), OTHER)


def test_a_packet_that_conntrack_does_not_see_has_no_state() -> None:
    raw = "table inet raw {\n\tchain pre {\n\t\ttype filter hook prerouting priority raw;\n\t\tnotrack\n\t}\n}\n"
    assert not lets_in(raw + chain("ct state new,established accept"))
    assert lets_in(raw + chain("ct state untracked accept", "ct state invalid accept"))


@pytest.mark.parametrize("field", ["ct direction original", "ct mark != 5", "ct status != dnat"])
def test_what_belongs_to_no_connection_has_nothing_of_one_but_a_state(field: str) -> None:
    """nft_ct_get_eval() of the kernel breaks the rule off."""
    raw = "table inet raw {\n\tchain pre {\n\t\ttype filter hook prerouting priority raw;\n\t\tnotrack\n\t}\n}\n"
    assert not lets_in(chain(f"{field} drop", policy="accept"))
    assert lets_in(raw + chain(f"{field} drop", policy="accept"))


def test_the_network_card_itself_may_have_a_chain() -> None:
    rule = 'table netdev n {\n\tchain in {\n\t\ttype filter hook ingress device "eth0" priority 0; policy accept;\n'
    rule += "\t\tip saddr 203.0.113.0/24 drop\n\t}\n}\n"
    assert not lets_in(rule)
    assert lets_in(rule, OTHER)
    assert lets_in(rule.replace('"eth0"', '"eth1"'))


def test_where_a_packet_is_sent_on_to_is_a_doubt() -> None:
    nat = "table ip nat {\n\tchain pre {\n\t\ttype nat hook prerouting priority dstnat;\n\t\ttcp dport 22 "
    for where in ("dnat to 10.0.0.9", "redirect to :2222-2229", "redirect to :2222 random", "tproxy to :2222"):
        script = nat + where + "\n\t}\n}\n"
        script = (
            script.replace("nat hook prerouting priority dstnat", "filter hook prerouting priority mangle")
            if (where.startswith("tproxy"))
            else script
        )
        assert judged(script).kind is VerdictKind.DEPENDS, where
    assert lets_in(nat.replace("prerouting", "postrouting").replace("dstnat", "srcnat") + "masquerade\n\t}\n}\n")


def test_a_set_that_rules_fill_is_empty_at_first() -> None:
    more = "\tset bad { type ipv4_addr; flags dynamic, timeout; timeout 1h; }\n"
    text = chain("ip saddr @bad drop", "limit rate over 9/second add @bad { ip saddr } drop", "accept", more=more)
    verdict = judged(text)
    assert verdict.accepted
    assert any("bad" in note for note in verdict.assumed)


@pytest.mark.parametrize(
    "rule",
    ["add @seen { ip saddr } accept", "set update ip saddr @seen accept", "meter each { ip saddr counter } accept"],
)
def test_a_rule_that_keeps_an_address_of_ipv4_is_for_ipv4_alone(rule: str) -> None:
    text = chain(rule, more="\tset seen { type ipv4_addr; flags dynamic; size 99; }")
    assert lets_in(text)
    assert not lets_in(text, ME6)


def test_chains_of_bridges_are_met_by_nobody_from_outside() -> None:
    assert lets_in(chain(family="bridge"))


# -- what ends a line --------------------------------------------------------------------------------------------------

BODY = "table inet t {\n\tchain c {\n\t\taccept\n\t}\n}"


@pytest.mark.parametrize(
    "text",
    [
        BODY + "\n# the end",
        BODY + " # the end",
        'include "/etc/nftables.d/*.nft"',
        "define PORT = 22",
        "table inet t { chain c { accept } }\n",
        "table inet t { chain c { accept; } }\n",
        "table inet t { chain c { type filter hook input priority 0; policy drop }\n}\n",
        "table inet t { set s { type ipv4_addr }\n}\n",
        "define RATE = 100000/second\n",
        "define DEVICE = [the address]\n",
        "define PORTS = 22 80\n",
        chain("meta l4proto { tcp, udp } tcp dport 22 accept"),
        chain("ip protocol { tcp, udp } tcp dport 22 accept"),
    ],
)
def test_what_has_no_end_does_not_load(text: str) -> None:
    """As nft 1.0.6 and 1.1.3 refuse each of them."""
    assert loaded(text).problems


@pytest.mark.parametrize(
    "text",
    [
        BODY,
        "flush ruleset",
        BODY + ";",
        BODY + "\n# the end\n",
        'include "/etc/nftables.d/*.nft"; flush ruleset',
        "table inet t { chain c { accept; }; }",
        "table inet t { set s { type ipv4_addr; elements = { 10.0.0.1 } }\n}\n",
        "define NET = 10.0.0.0/8\n",
        "define NETS = @name\n",
        chain("meta l4proto { tcp, udp } th dport 22 accept"),
        chain("meta l4proto { tcp } tcp dport 22 accept"),
    ],
)
def test_what_needs_no_newline_loads_without_one(text: str) -> None:
    assert not loaded(text, {"/etc/nftables.d/a.nft": "flush ruleset\n"}).problems


def test_a_tcp_reset_is_for_tcp_alone() -> None:
    """nft puts the condition there itself; found by scripts/fuzz-firewall."""
    found = reach([loaded(chain("reject with tcp reset", policy="accept"))], 22, 6, discovery=True)
    verdict = found.verdict_for(ip_address(ME6))
    assert (verdict.kind, verdict.stage) == (VerdictKind.REJECT, Stage.SYN)


def test_of_two_chains_with_one_priority_the_later_one_is_asked_first() -> None:
    first, later = chain("drop", policy="accept"), chain("reject", policy="accept").replace("filter {", "later {", 1)
    assert judged(first + later).kind is VerdictKind.REJECT
    assert judged(later + first).kind is VerdictKind.DROP
