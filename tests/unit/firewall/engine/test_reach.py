"""Who gets through: sets, single addresses, and what decides."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from rescue.firewall import Stage, Verdict, VerdictKind, reach
from rescue.firewall.engine.addresses import AddressSet, ordinary
from tests.unit.firewall.files import RELATED, firewall, reached, saved

pytestmark = pytest.mark.unit

SSH = "-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT"
WORLD = ordinary(4)


def verdict(text: str, source: str = "203.0.113.5", port: int = 22, **known: str) -> Verdict:
    address = ip_address(source)
    return reached(text, port, address.version, **known).verdict_for(address)


def test_without_a_firewall_everybody_gets_in() -> None:
    here = reach([], 22)
    assert here.open
    assert here.accepted == WORLD
    assert here.verdict_for(ip_address("203.0.113.5")).accepted
    assert here.deciding(ip_address("203.0.113.5")) == ()


def test_a_policy_of_drop_decides_where_no_rule_does() -> None:
    here = reached(saved(RELATED))
    assert here.dropped == WORLD
    assert not here.accepted | here.rejected | here.depends
    (decision,) = here.deciding(ip_address("203.0.113.5"))
    assert (decision.rule, decision.chain, decision.location.line) == (None, "INPUT", 2)
    assert decision.location.text == ":INPUT DROP [0:0]"


def test_the_rule_that_lets_in_decides() -> None:
    here = reached(saved(RELATED, SSH))
    assert here.open
    decisions = here.deciding(ip_address("203.0.113.5"))
    assert [each.rule.text for each in decisions if each.rule and each.stage is Stage.SYN] == [SSH]


def test_the_four_answers_part_all_ordinary_sources() -> None:
    here = reached(
        saved(
            RELATED,
            "-A INPUT -s 10.0.0.0/8 -p tcp -j REJECT --reject-with tcp-reset",
            "-A INPUT -s 11.0.0.0/8 -m mac --mac-source 02:00:00:00:00:01 -j ACCEPT",
            "-A INPUT -s 12.0.0.0/8 -j ACCEPT",
        )
    )
    parts = [here.accepted, here.dropped, here.rejected, here.depends]
    assert sum(part.count for part in parts) == WORLD.count
    assert [part.summary() for part in (here.accepted, here.rejected, here.depends)] == [
        "12.0.0.0/8", "10.0.0.0/8", "11.0.0.0/8",
    ]  # fmt: skip
    assert here.blocked == here.dropped | here.rejected


@pytest.mark.parametrize(
    "how",
    ["tcp-reset", "icmp-port-unreachable", "icmp-host-prohibited", "icmp-admin-prohibited", "icmp-net-unreachable"],
)
def test_a_refusal_says_with_what(how: str) -> None:
    found = verdict(saved(f"-A INPUT -p tcp -j REJECT --reject-with {how}", policy="ACCEPT"))
    assert (found.kind, found.how) == (VerdictKind.REJECT, how)


def test_a_refusal_that_may_not_leave_is_silence() -> None:
    found = verdict(saved("-A INPUT -p tcp -j REJECT", output="DROP"))
    assert found.kind is VerdictKind.DROP
    assert found.decisions[0].rule is not None


def test_an_answer_that_may_not_leave_keeps_the_client_out() -> None:
    found = verdict(saved(SSH, RELATED, output="DROP"))
    assert (found.kind, found.stage) == (VerdictKind.DROP, Stage.REPLY)
    assert verdict(saved(SSH, RELATED, "-A OUTPUT -p tcp --sport 22 -j ACCEPT", output="DROP")).accepted


def test_new_connections_alone_are_not_enough() -> None:
    found = verdict(saved("-A INPUT -p tcp --dport 22 -m conntrack --ctstate NEW -j ACCEPT"))
    assert (found.kind, found.stage) == (VerdictKind.DROP, Stage.DATA)


def test_who_only_acknowledges_may_go_unheard_and_who_says_something_may_not() -> None:
    dropped = "-A INPUT -p tcp -m tcp --tcp-flags {} -j DROP"
    assert verdict(saved(dropped.format("ALL ACK"), policy="ACCEPT")).accepted
    assert verdict(saved(dropped.format("ACK,PSH ACK"), policy="ACCEPT")).accepted
    assert verdict(saved(dropped.format("ALL PSH,ACK"), policy="ACCEPT")).stage is Stage.DATA


def test_chains_jump_return_and_go_for_good() -> None:
    text = saved(
        ":A - [0:0]", ":B - [0:0]", RELATED,
        "-A INPUT -j A", "-A INPUT -g B", "-A INPUT -j ACCEPT",
        "-A A -s 10.0.0.0/8 -j RETURN", "-A A -s 11.0.0.0/8 -j ACCEPT",
        "-A B -s 10.0.0.5 -j ACCEPT",
    )  # fmt: skip
    here = reached(text)
    # What runs off the end of B meets the policy, not the rule behind the goto.
    assert here.accepted.summary() == "10.0.0.5, 11.0.0.0/8"


def test_a_mark_is_followed_from_table_to_table() -> None:
    marks = "*mangle\n-A PREROUTING -s 10.0.0.0/8 -j MARK --set-mark 7\nCOMMIT\n"
    assert reached(marks + saved(RELATED, "-A INPUT -m mark --mark 7 -j ACCEPT")).accepted.summary() == "10.0.0.0/8"


def test_what_conntrack_overlooks_is_not_new() -> None:
    raw = "*raw\n-A PREROUTING -p tcp --dport 22 -j NOTRACK\nCOMMIT\n"
    assert verdict(raw + saved("-A INPUT -m state --state NEW,ESTABLISHED -j ACCEPT")).kind is VerdictKind.DROP
    assert verdict(raw + saved("-A INPUT -m state --state UNTRACKED -j ACCEPT")).accepted


def test_data_of_an_overlooked_connection_may_be_new() -> None:
    raw = "*raw\n-A PREROUTING -p tcp --dport 22 -j NOTRACK\nCOMMIT\n"
    after = "*mangle\n-A POSTROUTING -p tcp --sport 22 -m conntrack --ctstate NEW -j DROP\nCOMMIT\n"
    assert verdict(after).accepted
    assert verdict(raw).accepted
    assert verdict(raw + after).kind is VerdictKind.DEPENDS
    answers = "*raw\n-A PREROUTING -p tcp --dport 22 -j NOTRACK\n-A OUTPUT -p tcp --sport 22 -j NOTRACK\nCOMMIT\n"
    assert verdict(answers + after).accepted


def test_the_other_tables_may_drop_too() -> None:
    for table, chain in (("raw", "PREROUTING"), ("mangle", "PREROUTING"), ("mangle", "INPUT"), ("security", "INPUT")):
        found = verdict(f"*{table}\n-A {chain} -s 203.0.113.0/24 -j DROP\nCOMMIT\n")
        assert (found.kind, found.decisions[0].table) == (VerdictKind.DROP, table)


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ("-m mac --mac-source 02:00:00:00:00:01 -j ACCEPT", "MAC"),
        ("-m set --match-set office src -j ACCEPT", "ipset"),
        ("-m time --timestart 08:00 --timestop 18:00 -j ACCEPT", "time"),
        ("-m recent --rcheck --seconds 30 --name KNOCK -j ACCEPT", "KNOCK"),
        ("-m u32 --u32 0=0 -j ACCEPT", "content"),
        ("-m geoip --src-cc DE -j ACCEPT", "country"),
        ("-d 198.51.100.1 -j ACCEPT", "own address"),
        ("-j NFQUEUE --queue-num 1", "NFQUEUE"),
        ("-m layer7 --l7proto ssh -j ACCEPT", "layer7"),
    ],
)
def test_what_the_disk_does_not_tell_depends_and_says_on_what(rule: str, reason: str) -> None:
    found = verdict(saved(RELATED, f"-A INPUT {rule}"))
    assert found.kind is VerdictKind.DEPENDS
    assert reason in found.reason
    assert reached(saved(RELATED, f"-A INPUT {rule}")).depends == WORLD


def test_a_rule_in_doubt_that_changes_nothing_leaves_the_verdict_certain() -> None:
    assert verdict(saved("-A INPUT -m mac --mac-source 02:00:00:00:00:01 -j ACCEPT", SSH, RELATED)).accepted
    assert verdict(saved("-A INPUT -m time --timestart 08:00 -j DROP", RELATED)).kind is VerdictKind.DROP


def test_connections_sent_elsewhere_depend_on_where() -> None:
    nat = "*nat\n-A PREROUTING -p tcp --dport 22 -j {}\nCOMMIT\n"
    unclear = ("DNAT --to-destination 10.0.0.9", "REDIRECT --to-ports 2222-2229", "REDIRECT --to-ports 2222 --random",
               "NETMAP --to 10.0.0.0/24")  # fmt: skip
    for target in unclear:
        assert verdict(nat.format(target)).kind is VerdictKind.DEPENDS, target
        assert verdict(nat.format(target), port=23).accepted
    sometimes = nat.replace("22 -j", "22 -m statistic --mode random --probability 0.5 -j")
    assert verdict(sometimes.format("REDIRECT --to-ports 2222")).kind is VerdictKind.DEPENDS


@pytest.mark.parametrize(
    "rule",
    [
        "-m limit --limit 3/min -j ACCEPT",
        "-p tcp --syn -m connlimit --connlimit-upto 3 -j ACCEPT",
        "-m hashlimit --hashlimit-upto 3/min --hashlimit-name ssh -j ACCEPT",
    ],
)
def test_rate_limits_are_taken_as_not_used_up_and_that_is_said(rule: str) -> None:
    found = verdict(saved(RELATED, f"-A INPUT {rule}"))
    assert found.accepted
    assert found.assumed


def test_a_list_of_recent_attackers_is_empty_after_boot() -> None:
    found = verdict(
        saved(
            RELATED,
            "-A INPUT -p tcp --dport 22 -m recent --update --seconds 60 --hitcount 4 --name SSH -j DROP",
            "-A INPUT -p tcp --dport 22 -m recent --set --name SSH",
            SSH,
        )
    )
    assert found.accepted
    assert "SSH" in found.assumed[0]


def test_a_list_that_was_just_filled_is_in_doubt() -> None:
    rules = ("-A INPUT -m recent --set --name X", "-A INPUT -m recent --rcheck --name X -j DROP", SSH)
    assert verdict(saved(RELATED, *rules)).kind is VerdictKind.DEPENDS


def test_loopback_is_not_the_network() -> None:
    assert verdict(saved(RELATED, "-A INPUT -i lo -j ACCEPT")).kind is VerdictKind.DROP
    assert verdict(saved(RELATED, "-A INPUT ! -i lo -j ACCEPT")).accepted
    assert (
        verdict(saved(RELATED, "-A INPUT -i docker0 -j ACCEPT", "-A INPUT -i wg+ -j ACCEPT")).kind is VerdictKind.DROP
    )


def test_the_only_outside_interface_that_rules_name_is_taken_for_yours() -> None:
    found = verdict(saved(RELATED, "-A INPUT -i docker0 -j DROP", "-A INPUT -i ens3 -p tcp --dport 22 -j ACCEPT"))
    assert found.accepted
    assert "ens3" in found.assumed[0]


def test_of_two_outside_interfaces_it_depends() -> None:
    text = saved(RELATED, "-A INPUT -i eth0 -j DROP", "-A INPUT -i eth1 -j ACCEPT")
    assert verdict(text).kind is VerdictKind.DEPENDS
    assert verdict(text, interface="eth1").accepted
    assert verdict(text, interface="eth0").kind is VerdictKind.DROP


def test_all_firewalls_must_accept() -> None:
    mine, other = firewall(saved(RELATED, SSH)), firewall(saved(RELATED, "-A INPUT -s 10.0.0.0/8 -j ACCEPT"))
    here = reach([mine, other], 22)
    assert here.accepted.summary() == "10.0.0.0/8"
    assert here.deciding(ip_address("8.8.8.8"))[-1].firewall is other


def test_an_address_with_a_holed_mask_is_judged_exactly_by_itself() -> None:
    text = saved(RELATED, "-A INPUT -s 10.0.0.5/255.0.0.255 -j ACCEPT")
    assert verdict(text, "10.9.8.5").accepted
    assert verdict(text, "10.9.8.6").kind is VerdictKind.DROP


def test_ipv6_is_judged_by_its_own_rules() -> None:
    text = saved("-A INPUT -s 2001:db8::/32 -j ACCEPT")
    assert verdict(text, "2001:db8::5").accepted
    assert verdict(text, "2606:4700::1").kind is VerdictKind.DROP
    with pytest.raises(ValueError):
        reached(text, version=6).verdict_for(ip_address("10.0.0.1"))


def test_rules_that_are_too_intricate_are_not_called_clear() -> None:
    """Each chain jumps twice to the next, with another mark: a packet would pass two to the power of 28 rules."""
    chains = [f":C{at} - [0:0]" for at in range(29)]
    jumps = [f"-A C{at} -j C{at + 1}" for at in range(28)]
    marks = [f"-A C{at} -j MARK --xor-mark {1 << at}" for at in range(28)]
    jumps += [*marks, *jumps]
    here = reach([firewall(saved(*chains, "-A INPUT -j C0", *jumps, "-A C28 -j LOG", "-A C28 -s 10.0.0.0/8 -j DROP",
                                 policy="ACCEPT"), backend="legacy")], 22)  # fmt: skip
    assert here.depends == WORLD
    assert "intricate" in here.verdict_for(ip_address("8.8.8.8")).reason


def test_ten_thousand_rules_are_judged() -> None:
    targets = ("ACCEPT", "DROP", "DROP")
    rules = [
        f"-A INPUT -s {at % 223 + 1}.{at // 256}.{at % 256}.0/24 -p tcp --dport 22 -j {targets[at % 3]}"
        for at in range(10_000)
    ]
    here = reached(saved(RELATED, *rules))
    assert AddressSet.network("1.0.0.0/24") <= here.accepted
    assert AddressSet.network("2.0.1.0/24") <= here.dropped
