"""bans-unknown: without your address nobody can say whether it is among those that are banned."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from rescue.model import Client
from tests.evidence import gaps
from tests.trees import server
from tests.unit.bans import crowdsec_files, fail2ban_files
from tests.unit.bans.crowdsec_files import ban
from tests.unit.bans.fail2ban_files import NOW

pytestmark = pytest.mark.unit

CHECK = "bans-unknown"
ANYBODY = Client(now=NOW)
ME = Client(sources=(ip_address("192.0.2.1"),), now=NOW)


def test_where_somebody_is_banned_your_address_is_asked_for() -> None:
    (gap,) = gaps(server(crowdsec_files.installed(ban("203.0.113.9"))), CHECK, ANYBODY)
    assert (gap.what, gap.supply) == ("whether CrowdSec bans your address", "--from ADDRESS")
    assert gaps(server(crowdsec_files.installed(ban("203.0.113.9"))), CHECK, ME) == []


def test_a_list_that_can_not_be_read_may_hold_you() -> None:
    tree = server({**crowdsec_files.installed(), crowdsec_files.DATABASE: b"junk"})
    assert len(gaps(tree, CHECK, ANYBODY)) == 1


def test_where_nobody_is_banned_nothing_is_asked() -> None:
    assert gaps(server(), CHECK, ANYBODY) == []
    assert gaps(server(crowdsec_files.installed()), CHECK, ANYBODY) == []
    assert gaps(server(crowdsec_files.installed(ban("203.0.113.9", -1))), CHECK, ANYBODY) == []
    assert gaps(server(fail2ban_files.installed()), CHECK, ANYBODY) == []
