"""Over IPv6 the server must be found before anybody can connect: neighbour discovery."""

from ipaddress import ip_address

import pytest

from rescue.firewall import Kind, Stage, Verdict, reach
from tests.unit.firewall.files import RELATED, firewall, saved

pytestmark = pytest.mark.unit

SSH = "-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT"
ICMP = "-A INPUT -p ipv6-icmp -j ACCEPT"
ME = ip_address("2001:db8:5::5")


def judged(*rules: str, policy: str = "DROP", output: str = "ACCEPT", discovery: bool = True) -> Verdict:
    here = reach([firewall(saved(*rules, policy=policy, output=output), 6)], 22, 6, discovery=discovery)
    return here.verdict_for(ME)


def test_who_drops_all_of_icmpv6_is_not_found_any_more() -> None:
    verdict = judged(RELATED, SSH)
    assert (verdict.kind, verdict.stage, verdict.closed) == (Kind.DROP, Stage.NEIGHBOUR, True)
    assert judged(RELATED, SSH, discovery=False).accepted


def test_conntrack_does_not_know_neighbours() -> None:
    assert not judged("-A INPUT -m conntrack --ctstate NEW,ESTABLISHED,RELATED -j ACCEPT", SSH).accepted
    assert judged("-A INPUT -m conntrack --ctstate UNTRACKED -j ACCEPT", RELATED, SSH).accepted


def test_the_question_is_sent_to_a_group() -> None:
    """So it is none to one of the server's own addresses; found by scripts/fuzz-firewall."""
    assert judged("-A INPUT -m addrtype --dst-type LOCAL -j ACCEPT").stage is Stage.NEIGHBOUR
    assert judged("-A INPUT -m addrtype --dst-type MULTICAST -j ACCEPT").stage is Stage.SYN
    # Of IPv6, all of the types are asked for at once (match_type6() of xt_addrtype.c): no address is of these two.
    assert judged("-A INPUT -m addrtype --dst-type LOCAL,MULTICAST -j ACCEPT").stage is Stage.NEIGHBOUR


def test_a_packet_of_no_connection_has_no_direction() -> None:
    """conntrack_mt() of the kernel: only the state is asked of it; found by scripts/fuzz-firewall."""
    assert judged("-A INPUT -m conntrack --ctdir ORIGINAL -j DROP", policy="ACCEPT", discovery=True).kind is Kind.DROP
    assert judged("-A INPUT -p icmpv6 -m conntrack --ctdir ORIGINAL -j DROP", policy="ACCEPT").accepted
    assert judged("-A INPUT -p icmpv6 -m conntrack ! --ctdir REPLY -j DROP", policy="ACCEPT").accepted
    untracked = "-A INPUT -p icmpv6 -m conntrack --ctstate UNTRACKED --ctdir REPLY -j DROP"
    assert not judged(untracked, policy="ACCEPT").accepted


@pytest.mark.parametrize(
    "rule",
    [
        ICMP,
        "-A INPUT -p icmpv6 --icmpv6-type neighbour-solicitation -j ACCEPT",
        "-A INPUT -p icmpv6 --icmpv6-type neighbor-solicitation -m hl --hl-eq 255 -j ACCEPT",
        "-A INPUT -s fe80::/10 -p icmpv6 -j ACCEPT",
    ],
)
def test_a_rule_for_the_question_is_enough(rule: str) -> None:
    assert judged(RELATED, rule, SSH).accepted


@pytest.mark.parametrize(
    "rule",
    [
        "-A INPUT -p icmpv6 --icmpv6-type echo-request -j ACCEPT",
        "-A INPUT -p icmpv6 --icmpv6-type router-advertisement -j ACCEPT",
        "-A INPUT -p icmpv6 -m hl --hl-lt 255 -j ACCEPT",
        "-A INPUT -p icmpv6 -m pkttype --pkt-type unicast -j ACCEPT",
    ],
)
def test_a_rule_for_other_messages_is_not(rule: str) -> None:
    assert not judged(RELATED, rule, SSH).accepted


def test_the_answer_has_to_leave() -> None:
    leaves = "-A OUTPUT -p tcp --sport 22 -j ACCEPT"
    assert judged(RELATED, ICMP, SSH, leaves, output="DROP").stage is Stage.NEIGHBOUR
    assert judged(RELATED, ICMP, SSH, leaves, "-A OUTPUT -p icmpv6 -j ACCEPT", output="DROP").accepted
