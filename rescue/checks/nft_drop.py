"""The nftables rules block SSH.

Symptom: "ssh: connect to host SERVER port 22: Connection timed out" for drop, "Connection refused" or "No route to
host" for reject. Over IPv6 "No route to host" also if all of ICMPv6 is dropped: then nobody can find the server.

Cause: /etc/nftables.conf (/etc/sysconfig/nftables.conf on Fedora and relatives), or a file that it includes, has a
chain with "hook input" and "policy drop" or a drop rule, and nothing in it accepts the port. An accept in another table
does not help: it ends only its own chain, and every base chain must accept the packet.

Repair: add one rule that accepts the port before the rule that decides, or at the end of the chain whose policy
decides; with --from, for that address alone. If the server's answers can't leave, or neighbours can't ask for the
server, also add a rule for these. The policy and every other rule stay. A table of another program, which is not in the
file, is not seen.

See: nft(8), "CHAINS" and "VERDICT STATEMENTS"; RFC 4890 on ICMPv6 and firewalls.
"""

from __future__ import annotations

from collections.abc import Iterator

from rescue.facts import Facts
from rescue.firewall.boot import NFTABLES
from rescue.firewall.diagnosis import Mistake
from rescue.logins import blocking
from rescue.model import Finding

STEP = blocking.STEP
READS = blocking.READS


def find(facts: Facts) -> Iterator[Finding]:
    for block in blocking.blocks_of(facts, Mistake.RULE):
        if block.firewall.manager == NFTABLES:
            yield blocking.finding("nft-drop", block, blocking.turned_away(block), (blocking.admit(block),))
