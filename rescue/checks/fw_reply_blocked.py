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

from rescue.checks import _firewall
from rescue.facts import Facts
from rescue.firewall.blocked import Mistake
from rescue.model import Finding

LINK = _firewall.LINK
READS = _firewall.READS


def find(facts: Facts) -> Iterator[Finding]:
    for block in _firewall.blocks_of(facts, Mistake.REPLY):
        decision = block.decision
        what = "a rule" if decision is not None and decision.rule else "the policy for what goes out"
        message = (
            f"The firewall {_firewall.name(block)} lets the first packet to port {block.port} in, but not the server's "
            f"answer out: {what} ({_firewall.decided(block)}) {_firewall.keeps(block)} it from {_firewall.who(block)}."
        )
        yield _firewall.finding("fw-reply-blocked", block, message, (_firewall.admit(block),))
