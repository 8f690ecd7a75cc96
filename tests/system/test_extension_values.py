"""What extensions take and refuse, held against iptables-restore and this kernel, with both backends."""

from __future__ import annotations

import pytest

from tests.system.firewall_rules import BACKENDS, NEEDED, counted, loaded, net
from tests.system.netlab import PacketLab
from tests.unit.firewall.iptables.test_extension_values import REFUSED_VALUES, TAKEN_VALUES, TARGETS

__all__ = ["counted", "net"]

pytestmark = NEEDED

LINES = [
    *(f"-A INPUT {match} -j DROP" for match in (*REFUSED_VALUES, *TAKEN_VALUES)),
    *(f"-A INPUT -j {target}" for target in TARGETS),
    "-A FORWARD -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu",
    "-A INPUT -m iprange --src-range 10.0.0.9-10.0.0.1 -j DROP",
    "-L",
    "-Z INPUT",
    "-S INPUT 1",
    "-E ALPHA BETA",
    "-R INPUT 1 -j DROP",
    "[10] -A INPUT -j DROP",
    "[10 -A INPUT -j DROP",
    "-A INPUT -j DROP\0 -s 1.2.3.4",
    "\0junk",
]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("line", LINES)
def test_a_line_is_taken_where_iptables_restore_takes_it(net: PacketLab, line: str, backend: str) -> None:
    text = f"*filter\n:ALPHA - [0:0]\n-A INPUT -j ACCEPT\n{line}\nCOMMIT\n"
    took = net.load(text, 4, backend)
    net.flush_used(text, backend)
    assert took == (not loaded(text, 4, backend).problems)
