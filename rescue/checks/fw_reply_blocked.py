"""The firewall lets you in, but not the server's answer out.

Symptom: "ssh: connect to host SERVER port 22: Connection timed out", although a rule for the port is there: the first
packet arrives, the answer does not leave.

Cause: outgoing traffic is filtered, too (the chain OUTPUT of iptables, a chain of nftables with "hook output", ufw with
DEFAULT_OUTPUT_POLICY="DROP"), and no rule lets the answers out. They go from port 22 to a port of the client's, so a
rule for "--dport 22" in OUTPUT is none for them.

Repair: one rule that lets out what belongs to connections from the SSH port; with --from, to that address alone. All
else that is kept in stays kept in.

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
        what = "a rule" if decision is not None and decision.rule else "the policy for what goes out"
        message = (
            f"The firewall {blocking.name(block)} lets the first packet to port {block.port} in, but not the server's "
            f"answer out: {what} ({blocking.decided(block)}) {blocking.keeps(block)} it from {blocking.who(block)}."
        )
        yield blocking.finding("fw-reply-blocked", block, message, (blocking.admit(block),))
