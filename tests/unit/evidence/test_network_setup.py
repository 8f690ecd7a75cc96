"""What sets the network up."""

from __future__ import annotations

import pytest

from rescue.tree import Entry, directory, file, symlink
from tests.judging import Changes, gaps_of

pytestmark = pytest.mark.unit

UNIT = "/usr/lib/systemd/system/systemd-networkd.service"
STARTED = "/etc/systemd/system/multi-user.target.wants/systemd-networkd.service"
DHCPCD = "/etc/systemd/system/multi-user.target.wants/dhcpcd.service"
"""What configures the network of the literal server."""
FILE = "/etc/systemd/network/10-wired.network"


def _networkd() -> Changes:
    """The literal server's own program for the network gives way to networkd."""
    return {
        "/usr/lib/systemd/system/dhcpcd.service": None,
        "/etc/systemd/system/multi-user.target.wants/dhcpcd.service": None,
        UNIT: "[Service]\nExecStart=/lib/systemd/systemd-networkd\n",
        STARTED: symlink(UNIT),
        DHCPCD: None,
        FILE: "[Match]\nName=e*\n[Network]\nAddress=192.0.2.2/24\nGateway=192.0.2.1\n",
    }


def test_a_server_with_networkd_is_silent() -> None:
    assert gaps_of(_networkd()) == []


def test_nothing_is_started() -> None:
    assert gaps_of({**_networkd(), STARTED: None}) == [("network", "network-setup")]


@pytest.mark.parametrize("mode", [0o600, 0o640])
def test_a_file_that_networkd_can_not_read(mode: int) -> None:
    closed = file("[Match]\nName=e*\n[Network]\nAddress=192.0.2.2/24\n", mode)
    assert ("network", "network-setup") in gaps_of({**_networkd(), FILE: closed})


@pytest.mark.parametrize("content", [symlink("/dev/null"), "", "[Match]\nName=e*\n[Network]\nDHCP=no\n"])
def test_no_file_gives_an_address(content: Entry | str) -> None:
    assert gaps_of({**_networkd(), FILE: content}) == [("network", "network-setup")]


@pytest.mark.parametrize(("path", "mode"), [("/etc/systemd/network", 0o711), ("/etc/systemd", 0o700)])
def test_a_directory_that_is_closed_to_networkd(path: str, mode: int) -> None:
    assert ("network", "network-setup") in gaps_of({**_networkd(), path: directory(mode)})


def test_with_its_socket_as_debian_enables_it() -> None:
    link = "/etc/systemd/system/sockets.target.wants/systemd-networkd.socket"
    socket: dict[str, Entry | str] = {
        link: symlink("/usr/lib/systemd/system/systemd-networkd.socket"),
        "/usr/lib/systemd/system/systemd-networkd.socket": "[Socket]\n",
        "/usr/lib/systemd/system/basic.target": "[Unit]\nWants=sockets.target\n",
        "/usr/lib/systemd/system/sockets.target": "[Unit]\n",
    }
    assert gaps_of({**_networkd(), **socket}) == []
    assert ("network", "network-setup") in gaps_of({**_networkd(), **socket, FILE: None})
