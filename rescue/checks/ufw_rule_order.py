"""A ufw rule that denies SSH comes before the one that allows it, and wins.

Symptom: "ssh: connect to host SERVER port 22: Connection timed out" (or "Connection refused" if the earlier rule
rejects), although "ufw status" shows that SSH is allowed.

Cause: ufw checks its rules from the top, and the first match decides. "ufw allow" adds a new rule after the others, so
an older "ufw deny 22" or "ufw deny from" stays in force. ufw does not see that "22/tcp" and "OpenSSH" are the same.

Repair: add one rule for the port, or with --from for that address alone, right before the rule that denies, as "ufw
insert" writes it. The rule that denies stays, because it may be meant for others; remove it with "ufw delete" once you
are in.

See: ufw(8) on rule ordering and "insert"; src/backend_iptables.py in ufw's source.
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
    for block in blocking.blocks_of(facts, Mistake.ORDER):
        denying, allowing = block.decision, block.other
        if denying is None or allowing is None:
            continue
        message = (
            "In ufw the first matching rule decides: one that denies SSH "
            f"({blocking.shown(denying.location)}) comes before the one that allows it "
            f"({blocking.shown(allowing.location)}). So it {blocking.keeps(block)} port {block.port} "
            f"for {blocking.who(block)}."
        )
        yield blocking.finding(
            "ufw-rule-order", block, message, (blocking.admit(block),), locations=(denying.location, allowing.location)
        )
