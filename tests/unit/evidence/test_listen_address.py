"""An address beside a loopback one; the rest is in tests/unit/checks/test_listenaddress_other.py."""

from __future__ import annotations

import pytest

from tests.judging import gaps_of

pytestmark = pytest.mark.unit

PATH = "/etc/ssh/sshd_config.d/10-own.conf"


@pytest.mark.parametrize(
    ("lines", "gap"),
    [
        ("ListenAddress 127.0.0.1\nListenAddress 192.0.2.9\n", True),
        ("ListenAddress 0.0.0.0\n", False),
        ("#ListenAddress 192.0.2.9\n", False),
    ],
)
def test_an_address_that_the_network_may_give(lines: str, gap: bool) -> None:
    # On the healthy server dhcpcd asks for its addresses.
    assert (("listen", "listen-address") in gaps_of({PATH: lines})) is gap
