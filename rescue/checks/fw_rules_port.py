"""The rules of iptables or nftables let SSH in on another port than the one that the SSH server uses.

Symptom: "ssh: connect to host SERVER port 2222: Connection timed out" on the port that the server listens on; on the
port that the rules allow: "Connection refused", as nothing listens there.

Cause: the SSH server was moved to another port (or back to 22), and the saved rules (/etc/iptables/rules.v4, rules.v6,
/etc/sysconfig/iptables, /etc/nftables.conf) were not told. A rule for "--dport ssh" is one for port 22.

Repair: one rule for the port that is served is put before the rule (or policy) that turns it away; with --from, for
that address alone. The rule for the other port stays, and the SSH server's port is not changed.

See: iptables(8), nft(8), sshd_config(5) on Port.
"""

from __future__ import annotations

from collections.abc import Iterator

from rescue.facts import Facts
from rescue.firewall.boot import UFW
from rescue.firewall.diagnosis import Mistake
from rescue.logins import blocking
from rescue.model import Finding

STEP = blocking.STEP
READS = blocking.READS


def find(facts: Facts) -> Iterator[Finding]:
    for block in blocking.blocks_of(facts, Mistake.OTHER_PORT):
        if block.firewall.manager == UFW:
            continue
        other = block.other.location if block.other else None
        message = (
            f"The SSH server is reached on port {block.port}, but the rules of {blocking.name(block)} let SSH in on "
            f"another port only{f' ({blocking.shown(other)})' if other else ''}: they {blocking.keep(block)} "
            f"{blocking.who(block)} away from port {block.port}."
        )
        yield blocking.finding(
            "fw-rules-port", block, message, (blocking.admit(block),), locations=(other,) if other else ()
        )
