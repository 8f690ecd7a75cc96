"""The firewall lets you in, but blocks the server's answers.

Symptom: "ssh: connect to host SERVER port 22: Connection timed out", although a rule allows the port: the first packet
arrives, but the answer does not leave.

Cause: outgoing traffic is filtered too (the iptables chain OUTPUT, an nftables chain with "hook output", ufw with
DEFAULT_OUTPUT_POLICY="DROP"), and no rule lets the answers out. They go from port 22 to a port of the client, so an
OUTPUT rule with "--dport 22" does not match them.

Repair: add one rule that lets out packets of connections from the SSH port; with --from, to that address alone. All
other outgoing traffic stays blocked.

See: iptables-extensions(8) on conntrack, nft(8) on "ct state", ufw-framework(8).
"""

from __future__ import annotations

from collections.abc import Iterator

from rescue.facts import Facts
from rescue.firewall.diagnosis import Mistake
from rescue.logins import blocking
from rescue.model import Finding

STEP = blocking.STEP
READS = blocking.READS


def find(facts: Facts) -> Iterator[Finding]:
    for block in blocking.blocks_of(facts, Mistake.REPLY):
        decision = block.decision
        what = "a rule" if decision is not None and decision.rule else "the policy for outgoing traffic"
        message = (
            f"The firewall {blocking.name(block)} lets in the first packet to port {block.port}, but "
            f"{what} ({blocking.decided(block)}) {blocking.keeps(block)} the server's answer to {blocking.who(block)}."
        )
        yield blocking.finding("fw-reply-blocked", block, message, (blocking.admit(block),))
