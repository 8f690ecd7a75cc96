from __future__ import annotations

from ipaddress import ip_address

import pytest

from rescue.model import Client, Severity, Symptom
from tests.checking import causes, diff, mended, only_finding
from tests.trees import server
from tests.unit.bans.csf_files import CONF, csf
from tests.unit.bans.fail2ban_files import NOW

pytestmark = pytest.mark.unit

DENY, ALLOW, TEMPORARY = "/etc/csf/csf.deny", "/etc/csf/csf.allow", "/var/lib/csf/csf.tempban"
ME = Client(sources=(ip_address("192.0.2.1"),), now=NOW)
LINE = "192.0.2.1 # lfd: (sshd) Failed SSH login: 5 in the last 3600 secs"


def test_your_line_is_taken_out() -> None:
    tree = server(csf(deny=f"# a list\n203.0.113.9 # other\n{LINE}\n203.0.113.8\n"))
    finding = only_finding(tree, "csf-ban", ME)
    assert finding.symptom is Symptom.TIMED_OUT
    assert finding.locations[0].line == 3
    assert diff(mended(tree, ME), DENY) == ([LINE], [])


def test_of_a_network_that_is_banned_you_alone_are_let_in() -> None:
    tree = server(csf(deny="192.0.2.0/24 # a whole provider\n"))
    plan = mended(tree, ME)
    assert diff(plan, DENY) == ([], [])
    assert diff(plan, ALLOW) == ([], ["tcp|in|d=22|s=192.0.2.1"])


def test_temporary_bans_count_until_they_end() -> None:
    now = int(NOW.timestamp())
    line = f"{now - 60}|192.0.2.1||inout|3600|lfd - 5 failed"
    tree = server(csf(temporary=f"{line}\n{now - 60}|203.0.113.9||in|3600|x\n"))
    assert diff(mended(tree, ME), TEMPORARY) == ([line], [])
    for other in (f"{now - 3700}|192.0.2.1||in|3600|x", f"{now}|192.0.2.1|80,443|in|3600|x", "junk|192.0.2.1"):
        assert causes(server(csf(temporary=other)), ME) == []


@pytest.mark.parametrize(
    "line, banned",
    [
        ("tcp|in|d=22|s=192.0.2.1", True),
        ("tcp|in|d=20_30,99|s=192.0.2.0/24", True),
        ("tcp|in|d=80|s=192.0.2.1", False),
        ("udp|in|d=22|s=192.0.2.1", False),
        ("tcp|out|d=22|d=192.0.2.1", False),
        ("# 192.0.2.1", False),
        ("203.0.113.9", False),
    ],
)
def test_lines_with_ports_count_for_these(line: str, banned: bool) -> None:
    assert causes(server(csf(deny=f"{line}\n")), ME) == (["csf-ban"] if banned else [])


def test_files_that_are_included_count() -> None:
    files = csf(deny="Include /etc/csf/more.deny\n", **{"/etc/csf/more.deny": f"{LINE}\n"})
    assert diff(mended(server(files), ME), "/etc/csf/more.deny") == ([LINE], [])


def test_whoever_is_allowed_is_let_in_first() -> None:
    assert causes(server(csf(deny=f"{LINE}\n", allow="192.0.2.0/24\n")), ME) == []


def test_with_testing_on_it_ends_by_itself() -> None:
    tree = server(csf(CONF.replace('TESTING = "0"', 'TESTING = "1"'), deny=f"{LINE}\n"))
    assert only_finding(tree, "csf-ban", ME).severity is Severity.DOUBTFUL


def test_a_healthy_server_bans_strangers() -> None:
    assert causes(server(csf(deny="203.0.113.9\n")), ME) == []
    assert causes(server(csf(deny=f"{LINE}\n"))) == []


def test_csf_that_is_switched_off_bans_nobody() -> None:
    assert causes(server(csf(deny=f"{LINE}\n", **{"/etc/csf/csf.disable": ""})), ME) == []


def test_ipv6_counts_where_csf_looks_after_it() -> None:
    me = Client(sources=(ip_address("2001:db8::1"),), now=NOW)
    assert causes(server(csf(deny="2001:db8::1\n")), me) == ["csf-ban"]
    assert causes(server(csf(CONF.replace('IPV6 = "1"', 'IPV6 = "0"'), deny="2001:db8::1\n")), me) == []
