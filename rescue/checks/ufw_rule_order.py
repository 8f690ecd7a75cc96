"""In ufw's list a rule that denies SSH stands before the one that allows it, and wins.

Symptom: "ssh: connect to host SERVER port 22: Connection timed out" (or "Connection refused", where the earlier rule
rejects), although "ufw status" shows that SSH is allowed.

Cause: ufw asks its rules from the top, and the first that fits decides. "ufw allow" puts a new rule behind the others,
so an older "ufw deny 22" or "ufw deny from" stays in force. ufw does not see that "22/tcp" and "OpenSSH" are the same.

Repair: one rule for the port, or with --from for that address alone, is put right before the rule that denies, as "ufw
insert" writes it. The rule that denies stays: it may be meant for others; "ufw delete" takes it out once you are in.

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
            "In ufw's list the first rule that fits decides: one that turns SSH away "
            f"({blocking.shown(denying.location)}) stands before the one that allows it "
            f"({blocking.shown(allowing.location)}). So it {blocking.keeps(block)} {blocking.who(block)} away from "
            f"port {block.port}."
        )
        yield blocking.finding(
            "ufw-rule-order", block, message, (blocking.admit(block),), locations=(denying.location, allowing.location)
        )
