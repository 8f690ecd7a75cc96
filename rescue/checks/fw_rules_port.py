"""The iptables or nftables rules allow SSH on another port than the one sshd uses.

Symptom: "ssh: connect to host SERVER port 2222: Connection timed out" on the port that the server listens on; on the
port that the rules allow: "Connection refused", because nothing listens there.

Cause: sshd was moved to another port (or back to 22), but the saved rules (/etc/iptables/rules.v4, rules.v6,
/etc/sysconfig/iptables, /etc/nftables.conf) were not changed. A rule with "--dport ssh" is for port 22.

Repair: add one rule for sshd's port before the rule (or policy) that blocks it; with --from, for that address alone.
The rule for the other port stays, and so does sshd's port.

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
            f"sshd is reached on port {block.port}, but the {blocking.name(block)} rules allow SSH only on "
            f"another port{f' ({blocking.shown(other)})' if other else ''}: they {blocking.keep(block)} "
            f"port {block.port} for {blocking.who(block)}."
        )
        yield blocking.finding(
            "fw-rules-port", block, message, (blocking.admit(block),), locations=(other,) if other else ()
        )
