"""A server that listens for itself alone."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from rescue.model import Client, Severity
from tests.checking import causes, diff, mended, only_finding
from tests.unit.checks.test_listenaddress_stale import MAIN, with_lines

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "*", "127.0.0.1:22"])
def test_the_line_is_commented_out(host: str) -> None:
    tree = with_lines(f"ListenAddress {host}\n")
    assert only_finding(tree, "listenaddress-loopback").severity is Severity.BROKEN
    assert diff(mended(tree), MAIN) == ([f"ListenAddress {host}"], [f"#ListenAddress {host}"])


def test_an_address_beside_it_that_is_gone_is_told() -> None:
    tree = with_lines("ListenAddress 127.0.0.1\nListenAddress 198.51.100.23\n")
    finding = only_finding(tree, "listenaddress-loopback")
    assert "198.51.100.23" in finding.message


def test_an_address_beside_it_that_is_there_is_enough() -> None:
    assert causes(with_lines("ListenAddress 127.0.0.1\nListenAddress 192.0.2.7\n")) == []


def test_who_comes_from_the_server_itself_is_let_in() -> None:
    assert causes(with_lines("ListenAddress 127.0.0.1\n"), Client(sources=(ip_address("127.0.0.1"),))) == []
