"""One version of IP only."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from rescue.model import Client, Severity
from rescue.tree import symlink
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


@pytest.mark.parametrize(
    "lines", ["ListenAddress ::\n", "ListenAddress ::1\nListenAddress ::\n", "ListenAddress [::]\n"]
)
def test_the_star_of_ipv6_is_not_ipv4s(lines: str) -> None:
    """sshd sets IPV6_V6ONLY."""
    tree = server({MAIN: SSHD_CONFIG + lines})
    assert only_finding(tree, "addressfamily", V4).severity is Severity.BROKEN
    assert diff(mended(tree, V4), MAIN) == (lines.splitlines(), ["#" + line for line in lines.splitlines()])
    assert causes(tree, V6) == []
    assert only_finding(tree, "addressfamily").severity is Severity.DOUBTFUL


def test_the_star_of_ipv4_is_not_ipv6s() -> None:
    tree = server({MAIN: SSHD_CONFIG + "ListenAddress 0.0.0.0\n"})
    assert causes(tree) == []
    assert causes(tree, V4) == []
    assert only_finding(tree, "addressfamily", V6).severity is Severity.BROKEN


@pytest.mark.parametrize("lines", ["ListenAddress ::\nListenAddress 0.0.0.0\n", "ListenAddress some.host.example\n"])
def test_both_or_who_knows(lines: str) -> None:
    tree = server({MAIN: SSHD_CONFIG + lines})
    assert "addressfamily" not in {*causes(tree, V4), *causes(tree, V6)}


def test_a_port_in_the_line_is_not_taken_away_with_it() -> None:
    finding = only_finding(server({MAIN: SSHD_CONFIG + "ListenAddress [::]:22\n"}), "addressfamily", V4)
    assert all(repair.edit is None for repair in finding.repairs)


SOCKET_STARTS = {
    "/etc/systemd/system/multi-user.target.wants/ssh.service": None,
    "/usr/lib/systemd/system/sockets.target": "[Unit]\n",
    "/etc/systemd/system/sockets.target.wants/ssh.socket": symlink("/lib/systemd/system/ssh.socket"),
}
SOCKET_DROP_IN = "/etc/systemd/system/ssh.socket.d/local.conf"


@pytest.mark.parametrize(
    ("lines", "over_ipv4"),
    [
        ("BindIPv6Only=ipv6-only\n", False),
        ("ListenStream=\nListenStream=[::]:22\nBindIPv6Only=ipv6-only\n", False),
        ("ListenStream=\nListenStream=[::]:22\n", True),
        ("ListenStream=\nListenStream=[::]:22\nBindIPv6Only=both\n", True),
        ("ListenStream=\nListenStream=[::]:22\nListenStream=0.0.0.0:22\nBindIPv6Only=ipv6-only\n", True),
    ],
)
def test_a_socket_takes_both_unless_it_is_told_not_to(lines: str, over_ipv4: bool) -> None:
    tree = server({**SOCKET_STARTS, SOCKET_DROP_IN: "[Socket]\n" + lines})
    assert causes(tree, V4) == ([] if over_ipv4 else ["addressfamily"])
    assert causes(tree, V6) == []
