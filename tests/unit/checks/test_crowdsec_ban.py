from __future__ import annotations

from ipaddress import ip_address

import pytest

from rescue.model import Client, Severity, Symptom
from tests.checking import causes, changed_paths, mended, only_finding
from tests.trees import server
from tests.unit.bans.crowdsec_files import BOUNCER, DATABASE, ban, installed
from tests.unit.bans.fail2ban_files import NOW

pytestmark = pytest.mark.unit

ME = Client(sources=(ip_address("192.0.2.1"),), now=NOW)
OTHERS = (ban("203.0.113.9"), ban("2001:db8::9"), ban("198.51.100.0/24", scope="Range"))


def test_the_decisions_on_your_address_end_and_no_others() -> None:
    tree = server(installed(ban("192.0.2.1"), ban("192.0.2.1", 9, origin="CAPI"), *OTHERS))
    finding = only_finding(tree, "crowdsec-ban", ME)
    assert finding.symptom is Symptom.TIMED_OUT
    assert finding.severity is Severity.BROKEN
    assert "adds it again" in finding.message
    plan = mended(tree, ME)
    assert changed_paths(plan) == [DATABASE]


def test_a_healthy_server_bans_strangers() -> None:
    assert causes(server(installed(*OTHERS)), ME) == []
    assert causes(server(installed(ban("192.0.2.1"), *OTHERS))) == []


@pytest.mark.parametrize("name", ["crowdsec", "crowdsec-firewall-bouncer"])
def test_without_one_of_the_two_services_nobody_is_banned(name: str) -> None:
    files = {**installed(ban("192.0.2.1")), f"/etc/systemd/system/multi-user.target.wants/{name}.service": None}
    assert causes(server(files), ME) == []


def test_a_database_that_cannot_be_read_is_a_doubt() -> None:
    finding = only_finding(server({**installed(), DATABASE: b"junk"}), "crowdsec-ban", ME)
    assert finding.severity is Severity.DOUBTFUL


def test_decisions_of_another_server_are_a_doubt() -> None:
    files = installed(bouncer=BOUNCER.replace("127.0.0.1", "192.0.2.80"))
    assert only_finding(server(files), "crowdsec-ban", ME).severity is Severity.DOUBTFUL
