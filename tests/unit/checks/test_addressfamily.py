"""One version of IP only."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from rescue.model import Client, Severity
from tests.checking import causes, diff, mended, only_finding
from tests.trees import SSHD_CONFIG, server

pytestmark = pytest.mark.unit

MAIN = "/etc/ssh/sshd_config"
V4, V6 = (Client(sources=(ip_address(each),)) for each in ("203.0.113.7", "2001:db8::7"))


def test_who_comes_over_the_other_is_refused() -> None:
    tree = server({MAIN: SSHD_CONFIG + "AddressFamily inet6  # for now\n"})
    assert only_finding(tree, "addressfamily", V4).severity is Severity.BROKEN
    assert diff(mended(tree, V4), MAIN) == (["AddressFamily inet6  # for now"], ["AddressFamily any  # for now"])
    assert causes(tree, V6) == []
    assert only_finding(tree, "addressfamily").severity is Severity.DOUBTFUL


def test_ipv4_alone_is_no_matter_unless_one_comes_over_ipv6() -> None:
    tree = server({MAIN: SSHD_CONFIG + "AddressFamily inet\n"})
    assert causes(tree) == []
    assert causes(tree, V4) == []
    assert only_finding(tree, "addressfamily", V6).severity is Severity.BROKEN


def test_an_option_of_the_command_counts() -> None:
    tree = server({"/etc/default/ssh": "SSHD_OPTS=-6\n"})
    finding = only_finding(tree, "addressfamily", V4)
    assert [str(place) for place in finding.locations] == ["/etc/default/ssh:1"]
    assert all(repair.edit is None for repair in finding.repairs)
