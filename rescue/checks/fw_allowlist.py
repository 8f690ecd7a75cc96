"""The firewall lets only certain addresses reach SSH, and yours is not one of them.

Symptom: "ssh: connect to host SERVER port 22: Connection timed out" (or "Connection refused", where others are
rejected) from your address, while it works from another one.

Cause: a rule of the firewall (ufw, iptables, nftables, firewalld) admits SSH from an office's, a provider's or a home's
address alone ("ufw allow from 203.0.113.7 to any port 22"), and the address that you come from has changed since.

Repair: with --from ADDRESS a rule for that address is added beside the others. The old address stays: it may be
somebody else's, and you can take it out once you are in. Without --from nothing is changed, unless you choose to open
the port for everybody (--unsafe).

See: ufw(8), iptables(8).
"""

from __future__ import annotations

from collections.abc import Iterator

from rescue.facts import Facts
from rescue.firewall.diagnosis import Blockage, Mistake
from rescue.logins import blocking
from rescue.model import Finding, Repair, Safety, Severity

STEP = blocking.STEP
READS = blocking.READS


def find(facts: Facts) -> Iterator[Finding]:
    for block in blocking.blocks_of(facts, Mistake.ALLOW_LIST):
        message = f"The firewall {blocking.name(block)} lets only certain addresses reach port {block.port}"
        admitted = block.admitted.summary()
        if block.sources:
            message += f" ({admitted}), and {blocking.who(block)} is not among them."
            yield blocking.finding("fw-allowlist", block, message, _repairs(block))
            continue
        yield blocking.finding(
            "fw-allowlist",
            block,
            f"{message}: {admitted}.",
            _repairs(block),
            severity=Severity.DOUBTFUL,
            reason=f"your address is not known, and only {admitted} may connect: run again with --from ADDRESS",
        )


def _repairs(block: Blockage) -> tuple[Repair, ...]:
    first = blocking.admit_client(block) if block.sources else blocking.ask_for_address()
    return (first, blocking.admit_everybody(block, Safety.UNSAFE))
