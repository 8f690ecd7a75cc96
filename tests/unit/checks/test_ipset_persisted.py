from __future__ import annotations

from ipaddress import ip_address

import pytest

from rescue.model import Client, Severity, Symptom
from rescue.planner import make_plan
from rescue.tree import Tree, file, symlink
from tests.checking import causes, changed_paths, diff, mended, only_finding
from tests.trees import server

pytestmark = pytest.mark.unit

SETS, RULES = "/etc/iptables/ipsets", "/etc/iptables/rules.v4"
ME = Client(sources=(ip_address("192.0.2.1"),))
DENY = "-A INPUT -p tcp -m set --match-set bad src -j DROP"
ALLOW = "-A INPUT -p tcp -m tcp --dport 22 -m set --match-set good src -j ACCEPT"
PLUGINS = "/usr/share/netfilter-persistent/plugins.d"


def saved(sets: str, *rules: str, policy: str = "ACCEPT") -> Tree:
    related = "-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
    text = "\n".join(["*filter", f":INPUT {policy} [0:0]", related, *rules, "COMMIT", ""])
    wants = "/etc/systemd/system/multi-user.target.wants"
    return server(
        {
            SETS: sets,
            RULES: text,
            **{f"{PLUGINS}/{name}": file("", 0o755) for name in ("10-ipset", "15-ip4tables", "25-ip6tables")},
            f"{wants}/netfilter-persistent.service": symlink("/usr/lib/systemd/system/netfilter-persistent.service"),
            "/usr/lib/systemd/system/netfilter-persistent.service": "[Service]\nExecStart=/usr/sbin/x\n",
        }
    )


def test_your_own_line_is_taken_out() -> None:
    tree = saved("create bad hash:ip\nadd bad 203.0.113.9\nadd bad 192.0.2.1\nadd bad 203.0.113.8\n", DENY)
    finding = only_finding(tree, "ipset-persisted", ME)
    assert finding.symptom is Symptom.TIMED_OUT
    assert finding.severity is Severity.BROKEN
    assert "bad" in finding.message
    plan = mended(tree, ME)
    assert changed_paths(plan) == [SETS]
    assert diff(plan, SETS) == (["add bad 192.0.2.1"], [])


def test_of_a_network_that_is_listed_you_are_made_an_exception() -> None:
    tree = saved("create bad hash:net\nadd bad 192.0.0.0/16\nadd bad 203.0.113.0/24\ncreate more hash:ip\n", DENY)
    plan = mended(tree, ME)
    assert diff(plan, SETS) == ([], ["add bad 192.0.2.1 nomatch"])
    text = plan.after.facts.tree.text(SETS)
    assert text is not None
    assert text.index("nomatch") < text.index("create more")


def test_of_a_range_of_single_addresses_you_are_taken_out_again() -> None:
    plan = mended(saved("create bad hash:ip\nadd bad 192.0.2.0/28\n", DENY), ME)
    assert diff(plan, SETS) == ([], ["del bad 192.0.2.1"])


def test_a_list_of_those_who_are_let_in_gets_your_address() -> None:
    tree = saved("create good hash:net\nadd good 203.0.113.0/24\n", ALLOW, policy="DROP")
    assert only_finding(tree, "ipset-persisted", ME).symptom is Symptom.TIMED_OUT
    plan = mended(tree, ME)
    assert diff(plan, SETS) == ([], ["add good 192.0.2.1"])


def test_a_rule_that_turns_away_who_is_not_listed_is_the_same() -> None:
    rule = "-A INPUT -p tcp -m tcp --dport 22 -m set ! --match-set good src -j REJECT"
    tree = saved("create good hash:ip,port\nadd good 203.0.113.9,22\n", rule.replace("good src", "good src,dst"))
    assert only_finding(tree, "ipset-persisted", ME).symptom is Symptom.REFUSED
    assert diff(mended(tree, ME), SETS) == ([], ["add good 192.0.2.1,tcp:22"])


def test_a_set_in_a_list_of_sets_is_edited_itself() -> None:
    sets = "create a hash:net\ncreate b hash:net\nadd b 192.0.2.0/24\ncreate bad list:set\nadd bad a\nadd bad b\n"
    assert diff(mended(saved(sets, DENY), ME), SETS) == ([], ["add b 192.0.2.1 nomatch"])


def test_without_an_address_a_list_of_those_who_are_let_in_is_a_doubt() -> None:
    tree = saved("create good hash:net\nadd good 203.0.113.0/24\n", ALLOW, policy="DROP")
    finding = only_finding(tree, "ipset-persisted")
    assert finding.severity is Severity.DOUBTFUL
    assert make_plan(tree, Client()).changes == ()


def test_a_healthy_server_keeps_others_out() -> None:
    tree = saved("create bad hash:net\nadd bad 203.0.113.0/24\n", DENY)
    assert causes(tree, ME) == []
    assert causes(tree) == []


def test_a_rule_for_another_port_is_no_list_for_you() -> None:
    web = "-A INPUT -p tcp -m tcp --dport 443 -m set --match-set good src -j ACCEPT"
    tree = saved("create good hash:net\nadd good 203.0.113.0/24\n", web, policy="DROP")
    assert causes(tree, ME) == ["fw-policy-drop"]


NOT_LISTED = "-A INPUT -p tcp -m tcp --dport 22 -m set ! --match-set good src -j DROP"


@pytest.mark.parametrize(
    "sets",
    [
        # An element that the set can't have: with that line nothing of the file behind it would load.
        "create good bitmap:ip range 10.0.0.0/16\nadd good 10.0.0.5\ncreate more hash:ip\n",
        # Of one address the set would make a network of 256.
        "create good hash:ip netmask 24\nadd good 203.0.113.9\n",
    ],
)
def test_a_set_that_can_not_have_your_address_alone_stays_and_the_rules_let_you_in(sets: str) -> None:
    plan = mended(saved(sets, NOT_LISTED), ME)
    assert changed_paths(plan) == [RULES]
    assert diff(plan, RULES)[1] == [
        "-A INPUT -s 192.0.2.1/32 -p tcp -m tcp --dport 22 -m conntrack --ctstate NEW -j ACCEPT"
    ]
