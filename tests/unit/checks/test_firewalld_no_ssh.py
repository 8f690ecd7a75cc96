from ipaddress import ip_address

import pytest

from rescue.model import Client, Safety, Severity, Symptom
from tests.checking import causes, changed_paths, diff, mended, only_finding
from tests.firewalld import CONF, DHCP, OWN, PUBLIC, SSH, STOCK, VERSION, rule, service, with_firewalld, zone

pytestmark = pytest.mark.unit

ME = Client(sources=(ip_address("203.0.113.5"),))
ME6 = Client(sources=(ip_address("2001:db8::7"),))
DIRECT = f"{OWN}/direct.xml"


def test_firewalld_as_it_is_installed_is_no_matter() -> None:
    assert causes(with_firewalld()) == []
    assert causes(with_firewalld(), ME) == causes(with_firewalld(), ME6) == []


def test_a_zone_without_ssh_is_found_and_gets_the_service_back() -> None:
    tree = with_firewalld({PUBLIC: zone(DHCP, "<forward/>")})
    finding = only_finding(tree, "firewalld-no-ssh")
    assert (finding.severity, finding.symptom) == (Severity.BROKEN, Symptom.UNREACHABLE)
    assert (str(finding.locations[0].path), finding.locations[0].line) == (PUBLIC, 2)
    assert finding.repairs[0].safety is Safety.SAFE
    assert diff(mended(tree), PUBLIC) == ([], [f"  {SSH}"])


def test_with_an_address_a_rich_rule_is_for_it_alone() -> None:
    tree = with_firewalld({PUBLIC: zone(DHCP, "<forward/>")})
    rich = ['  <rule family="ipv4">', '    <source address="203.0.113.5"/>', f"    {SSH}", "    <accept/>", "  </rule>"]
    assert diff(mended(tree, ME), PUBLIC) == ([], rich)
    rich[:2] = ['  <rule family="ipv6">', '    <source address="2001:db8::7"/>']
    assert diff(mended(tree, ME6), PUBLIC) == ([], rich)


def test_a_zone_on_one_line_stays_a_zone() -> None:
    plan = mended(with_firewalld({PUBLIC: f"<zone>{DHCP}</zone>\n"}))
    text = plan.after.facts.tree.text(PUBLIC) or ""
    assert text.startswith(f"<zone>{DHCP}")
    assert text.replace("\n", "").replace("  ", "") == f"<zone>{DHCP}{SSH}</zone>"


def test_another_port_is_put_in_as_a_port() -> None:
    tree = with_firewalld({"/etc/ssh/sshd_config": "Port 2222\nUsePAM yes\n"})
    plan = mended(tree)
    assert changed_paths(plan) == [PUBLIC]
    stock = tree.text(f"{STOCK}/zones/public.xml") or ""
    added = stock.replace(f"  {DHCP}\n", f'  {DHCP}\n  <port port="2222" protocol="tcp"/>\n')
    assert plan.after.facts.tree.text(PUBLIC) == added  # a copy of the zone that is installed, with one line more


def test_a_service_of_ones_own_is_not_taken_for_port_22() -> None:
    own = {f"{OWN}/services/ssh.xml": service('<port protocol="tcp" port="2222"/>')}
    plan = mended(with_firewalld(own))
    assert diff(plan, PUBLIC)[1][-1:] != [f"  {SSH}"]
    assert '<port port="22" protocol="tcp"/>' in (plan.after.facts.tree.text(PUBLIC) or "")


def test_a_rule_that_denies_wins_at_the_same_priority_and_gets_one_before_it() -> None:
    ban = rule('<source address="203.0.113.0/24"/>', "<drop/>")
    allow = rule('<source address="203.0.113.5"/>', SSH, "<accept/>")
    tree = with_firewalld({PUBLIC: zone(SSH, allow, ban)})
    finding = only_finding(tree, "firewalld-no-ssh", ME)
    assert (finding.symptom, finding.locations[0].line) == (Symptom.TIMED_OUT, 6)
    assert '  <rule family="ipv4" priority="-1">' in diff(mended(tree, ME), PUBLIC)[1]


def test_a_rule_for_everybody_that_denies() -> None:
    tree = with_firewalld({PUBLIC: zone(SSH, rule(SSH, "<reject/>", family="", priority=-5))})
    assert only_finding(tree, "firewalld-no-ssh").symptom is Symptom.REFUSED
    assert diff(mended(tree), PUBLIC)[1] == ['  <rule priority="-6">', f"    {SSH}", "    <accept/>", "  </rule>"]


def test_a_policy_that_denies_is_mended_in_the_policy() -> None:
    path = f"{OWN}/policies/shut.xml"
    lines = ['<policy target="DROP">', '  <ingress-zone name="ANY"/>', '  <egress-zone name="HOST"/>', "</policy>", ""]
    tree = with_firewalld({path: "\n".join(lines)})
    finding = only_finding(tree, "firewalld-no-ssh", ME)
    assert (str(finding.locations[0]), finding.symptom) == (f"{path}:1", Symptom.TIMED_OUT)
    assert changed_paths(mended(tree, ME)) == [path]
    assert diff(mended(tree), path) == ([], [f"  {SSH}"])


@pytest.mark.parametrize("version", ["1.3.3", "2.3.1"])
def test_a_direct_rule_gets_one_before_it(version: str) -> None:
    dropping = '  <rule ipv="ipv4" table="filter" chain="INPUT" priority="0">-p tcp --dport 22 -j DROP</rule>'
    direct = f"<direct>\n{dropping}\n</direct>\n"
    tree = with_firewalld({DIRECT: direct, VERSION: f"VERSION = '{version}'\n"})
    assert str(only_finding(tree, "firewalld-no-ssh", ME).locations[0]) == f"{DIRECT}:2"
    accepting = dropping.replace('"0">-p', '"-1">-s 203.0.113.5 -p').replace("DROP", "ACCEPT")
    assert diff(mended(tree, ME), DIRECT) == ([], [accepting])


def test_a_list_of_the_allowed_is_another_cause() -> None:
    tree = with_firewalld({PUBLIC: zone(DHCP, rule('<source address="198.51.100.0/24"/>', SSH, "<accept/>"))})
    assert causes(tree, ME) == ["fw-allowlist"]
    assert '    <source address="203.0.113.5"/>' in diff(mended(tree, ME), PUBLIC)[1]


def test_over_ipv6_neighbours_have_to_find_the_server() -> None:
    path = f"{OWN}/policies/allow-host-ipv6.xml"
    lines = ['<policy target="DROP">', '  <ingress-zone name="ANY"/>', '  <egress-zone name="HOST"/>', f"  {SSH}"]
    tree = with_firewalld({path: "\n".join([*lines, "</policy>", ""])})
    assert only_finding(tree, "firewalld-no-ssh", ME6).symptom is Symptom.UNREACHABLE
    assert sum("icmp-type" in line for line in diff(mended(tree, ME6), path)[1]) == 2


def test_a_zone_of_one_element_is_opened() -> None:
    tree = with_firewalld({PUBLIC: "<zone/>\n"})
    plan = mended(tree)
    assert plan.after.facts.tree.text(PUBLIC) == f"<zone>\n  {SSH}\n</zone>\n"


def test_comments_and_line_ends_stay() -> None:
    text = zone(DHCP, "<!-- mine -->", "<forward/>").replace("\n", "\r\n")
    plan = mended(with_firewalld({PUBLIC: text}))
    assert plan.after.facts.tree.text(PUBLIC) == text.replace(f"{DHCP}\r\n", f"{DHCP}\r\n  {SSH}\r\n")


def test_what_is_not_known_is_a_doubt() -> None:
    bomb = '<!DOCTYPE zone [<!ENTITY a "b">]>\n<zone/>\n'
    finding = only_finding(with_firewalld({PUBLIC: bomb}), "firewalld-no-ssh", ME)
    assert finding.severity is Severity.DOUBTFUL
    assert "document type" in finding.reason


def test_a_firewalld_that_is_not_started_keeps_nobody_out() -> None:
    wants = "/etc/systemd/system/multi-user.target.wants/firewalld.service"
    assert causes(with_firewalld({PUBLIC: zone(DHCP), wants: None})) == []


def test_the_iptables_backend_refuses_in_its_own_way() -> None:
    tree = with_firewalld({PUBLIC: zone(DHCP), CONF: "FirewallBackend=iptables\n"})
    assert only_finding(tree, "firewalld-no-ssh").symptom is Symptom.REFUSED
    assert diff(mended(tree), PUBLIC) == ([], [f"  {SSH}"])
