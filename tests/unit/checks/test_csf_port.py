from __future__ import annotations

from ipaddress import ip_address

import pytest

from rescue.model import Client, Severity, Symptom
from rescue.planner import make_plan
from tests.checking import causes, diff, mended, only_finding
from tests.trees import server
from tests.unit.bans.csf_files import CONF, csf

pytestmark = pytest.mark.unit

PATH, ALLOW = "/etc/csf/csf.conf", "/etc/csf/csf.allow"
WITHOUT = CONF.replace("20,21,22,25", "20,21,25").replace('"22,80"', '"80"')
ME = Client(sources=(ip_address("192.0.2.1"),))


def test_the_port_is_added_for_both_versions() -> None:
    tree = server(csf(WITHOUT))
    assert only_finding(tree, "csf-port").symptom is Symptom.TIMED_OUT
    plan = mended(tree)
    assert diff(plan, PATH) == (
        ['TCP_IN = "20,21,25,30000:35000"', 'TCP6_IN = "80"'],
        ['TCP_IN = "20,21,25,30000:35000,22"', 'TCP6_IN = "80,22"'],
    )


def test_an_open_port_and_a_range_with_it_are_well() -> None:
    assert causes(server(csf())) == []
    assert "csf-port" not in causes(server(csf()), Client(port=31000))
    assert "csf-port" in causes(server(csf()), Client(port=36000))


def test_refused_is_what_the_outside_sees_where_drop_says_so() -> None:
    assert only_finding(server(csf(WITHOUT.replace('"DROP"', '"REJECT"'))), "csf-port").symptom is Symptom.REFUSED


def test_where_only_some_are_let_in_your_address_is_added_to_them() -> None:
    tree = server(csf(WITHOUT, allow="203.0.113.9 # the office\n"))
    assert diff(mended(tree, ME), ALLOW) == ([], ["tcp|in|d=22|s=192.0.2.1"])
    finding = only_finding(tree, "csf-port")
    assert finding.severity is Severity.DOUBTFUL
    assert make_plan(tree, Client()).changes == ()


def test_whoever_is_allowed_gets_in() -> None:
    assert causes(server(csf(WITHOUT, allow="tcp|in|d=22|s=192.0.2.1\n")), ME) == []


def test_ipv6_is_open_where_csf_does_not_look_after_it() -> None:
    me = Client(sources=(ip_address("2001:db8::1"),))
    assert causes(server(csf(WITHOUT)), me) == ["csf-port"]
    assert causes(server(csf(WITHOUT.replace('IPV6 = "1"', 'IPV6 = "0"'))), me) == []


def test_with_testing_on_it_ends_by_itself() -> None:
    tree = server(csf(WITHOUT.replace('TESTING = "0"', 'TESTING = "1"')))
    assert only_finding(tree, "csf-port").severity is Severity.DOUBTFUL


def test_what_countries_and_scripts_do_is_not_known() -> None:
    assert causes(server(csf(CONF.replace('CC_DENY = ""', 'CC_DENY = "CN,RU"')))) == ["firewall-not-read"]
    assert causes(server(csf(**{"/etc/csf/csfpost.sh": "iptables -F\n"}))) == ["firewall-not-read"]
