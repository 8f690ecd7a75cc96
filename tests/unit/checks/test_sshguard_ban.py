from __future__ import annotations

from ipaddress import ip_address

import pytest

from rescue.model import Client, Safety, Severity, Symptom
from rescue.tree import Entry, symlink
from tests.checking import causes, diff, mended, only_finding
from tests.trees import server
from tests.unit.bans.csf_files import sshguard

pytestmark = pytest.mark.unit

PATH = "/var/lib/sshguard/enemies"
ME = Client(sources=(ip_address("192.0.2.1"),))
MINE, OTHER = "1540000000|100|4|192.0.2.1", "1540000001|260|6|2001:db8::9"


def test_your_line_of_the_blacklist_is_taken_out() -> None:
    tree = server(sshguard(f"{OTHER}\n{MINE}\n{MINE}\njunk\n"))
    assert only_finding(tree, "sshguard-ban", ME).symptom is Symptom.TIMED_OUT
    assert diff(mended(tree, ME), PATH) == ([MINE, MINE], [])


def test_a_healthy_server_blocks_strangers() -> None:
    assert causes(server(sshguard(f"{OTHER}\n")), ME) == []
    assert causes(server(sshguard(f"{MINE}\n"))) == []


def test_without_a_blacklist_or_the_service_nobody_is_blocked_again() -> None:
    files = sshguard(f"{MINE}\n")
    conf = "/etc/sshguard/sshguard.conf"
    assert causes(server({**files, conf: str(files[conf]).replace("BLACKLIST", "#BLACKLIST")}), ME) == []
    assert causes(server({**files, "/etc/systemd/system/multi-user.target.wants/sshguard.service": None}), ME) == []


def test_whole_networks_are_blocked_where_it_is_told_to() -> None:
    tree = server(sshguard("1540000000|100|4|192.0.2.77\n", more="IPV4_SUBNET=24\n"))
    finding = only_finding(tree, "sshguard-ban", ME)
    assert finding.repairs[0].safety is Safety.UNSAFE


def test_its_iptables_rules_need_a_chain_that_is_loaded() -> None:
    files = sshguard(f"{MINE}\n", "sshg-fw-iptables")
    assert causes(server(files), ME) == []
    unit = "/usr/lib/systemd/system/netfilter-persistent.service"
    rules = "*filter\n:sshguard - [0:0]\n-A INPUT -j sshguard\nCOMMIT\n"
    loaded: dict[str, Entry | str] = {
        unit: "[Service]\nExecStart=/usr/sbin/x\n",
        "/etc/systemd/system/multi-user.target.wants/netfilter-persistent.service": symlink(unit),
        "/etc/iptables/rules.v4": rules,
    }
    assert causes(server({**files, **loaded}), ME) == ["sshguard-ban"]


def test_a_list_that_somebody_elses_rules_have_to_ask_is_a_doubt() -> None:
    tree = server(sshguard(f"{MINE}\n", "sshg-fw-ipset"))
    assert only_finding(tree, "sshguard-ban", ME).severity is Severity.DOUBTFUL
