"""ufw is told not to handle IPv6."""

from __future__ import annotations

import pytest

from rescue.model import Safety, Symptom
from tests.checking import causes, changed_paths, diff, mended, only_finding
from tests.unit.firewall.files import DEFAULTS, USER6, allow, came_from, with_ufw

pytestmark = pytest.mark.unit

CHECK = "ufw-ipv6-off"
OVER_IPV6 = came_from("2001:db8:5::5")
OFF = DEFAULTS.replace("IPV6=yes", "IPV6=no")


def test_who_comes_over_ipv4_is_not_concerned() -> None:
    assert causes(with_ufw(allow(22), default__ufw=OFF)) == []
    assert causes(with_ufw(allow(22), default__ufw=OFF), came_from("203.0.113.5")) == []


def test_ipv6_is_handled_again_and_the_one_address_allowed() -> None:
    tree = with_ufw(allow(22), default__ufw=OFF)
    found = only_finding(tree, CHECK, OVER_IPV6)
    assert found.locations[0].text == "IPV6=no"
    # Seen on a real server: nobody answers the neighbour's question who has the address.
    assert found.symptom is Symptom.UNREACHABLE
    assert [repair.safety for repair in found.repairs] == [Safety.SAFE, Safety.MANUAL]
    plan = mended(tree, OVER_IPV6)
    assert changed_paths(plan) == ["/etc/default/ufw", USER6]
    assert diff(plan, "/etc/default/ufw") == (["IPV6=no"], ["IPV6=yes"])
    assert "### tuple ### allow tcp 22 ::/0 any 2001:db8:5::5 in" in diff(plan, USER6)[1]


@pytest.mark.parametrize("setting, made", [("", "IPV6=yes"), ('IPV6="off" # old', "IPV6=yes")])
def test_the_line_that_counts_is_the_one_that_changes(setting: str, made: str) -> None:
    tree = with_ufw(allow(22), default__ufw=DEFAULTS.replace("IPV6=yes\n", f"{setting}\n" if setting else ""))
    assert made in diff(mended(tree, OVER_IPV6), "/etc/default/ufw")[1]
