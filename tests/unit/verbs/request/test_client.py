"""What the options say of the client."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from rescue.errors import UsageError
from rescue.verbs.request.client import ClientOptions, client_of, source_of
from rescue.verbs.request.request import Request

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


def test_the_servers_own_addresses() -> None:
    who = ClientOptions(expect_addresses=("203.0.113.10/24", "2001:DB8::10"), expect_macs=("52-54-00-12-34-AB",))
    client = client_of(who)
    assert client.expected == (ip_address("203.0.113.10"), ip_address("2001:db8::10"))
    assert client.macs == ("52:54:00:12:34:ab",)
    assert Request("inspect").known_as(who).client_words == [
        "--expect-address", "203.0.113.10", "--expect-address", "2001:db8::10", "--expect-mac", "52:54:00:12:34:ab",
    ]  # fmt: skip


@pytest.mark.parametrize("word", ["127.0.0.1", "fe80::1", "0.0.0.0", "eth0", ""])
def test_an_address_that_no_server_is_reached_at(word: str) -> None:
    with pytest.raises(UsageError, match="--expect-address takes an address"):
        client_of(ClientOptions(expect_addresses=(word,)))


@pytest.mark.parametrize("word", ["52:54:00", "ff:ff:ff:ff:ff:ff", "00:00:00:00:00:00", "01:00:5e:00:00:01", "x" * 900])
def test_a_hardware_address_that_no_interface_has(word: str) -> None:
    with pytest.raises(UsageError, match="--expect-mac takes a hardware address"):
        client_of(ClientOptions(expect_macs=(word,)))
