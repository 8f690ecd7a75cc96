"""What the options say of the client."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from rescue.verbs.request.client import source_of

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("word", "address"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8::7", "2001:db8::7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("::ffff:cb00:7107", "203.0.113.7"),
        ("127.0.0.1", "127.0.0.1"),
    ],
)
def test_ipv4_is_ipv4_however_it_is_spelt(word: str, address: str) -> None:
    """sshd, too, takes it for the address within (canohost.c), and the firewall never sees the other."""
    assert source_of(word) == ip_address(address)


@pytest.mark.parametrize("word", ["0.0.0.0", "::", "255.255.255.255", "224.0.0.1", "ff02::1", "::ffff:0.0.0.0", "here"])
def test_nobody_comes_from_there(word: str) -> None:
    with pytest.raises(ValueError, match=r"nobody comes from|does not appear"):
        source_of(word)
