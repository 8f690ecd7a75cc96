"""Two firewalls are loaded: one allows SSH, the other blocks it.

Symptom: "ssh: connect to host SERVER port 22: Connection timed out" (or "Connection refused", "No route to host" if the
other one rejects), although the firewall that you know of allows SSH.

Cause: ufw, saved iptables rules and nftables do not replace each other. Every firewall that is loaded at boot must
accept a packet: one may drop what another accepts. This happens after a change from one to another while the old one is
still enabled, or with an image that already had one.

Repair: add one rule for the port to the firewall that blocks you; with --from, for that address alone. Both stay
enabled. If you want only one of them, disable the other's service yourself once you are in.

See: nft(8) on "VERDICT STATEMENTS" (an accept ends only its own chain), ufw(8), netfilter-persistent(8).
"""

from __future__ import annotations

from collections.abc import Iterator

from rescue.facts import Facts
from rescue.firewall.diagnosis import Mistake
from rescue.firewall.engine.verdict import Decision
from rescue.logins import blocking
from rescue.model import Finding, Location

STEP = blocking.STEP
READS = blocking.READS


def find(facts: Facts) -> Iterator[Finding]:
    for block in blocking.blocks_of(facts, Mistake.TWO):
        if block.beside is None or block.other is None:
            continue
        closed, opened = blocking.name(block), blocking.name_of(block.beside)
        message = (
            f"Two firewalls are loaded, and both must allow SSH: {opened} does "
            f"({blocking.shown(block.other.location)}), {closed} does not ({blocking.decided(block)}). "
            f"So {closed} {blocking.keeps(block)} port {block.port} for {blocking.who(block)}."
        )
        yield blocking.finding(
            "fw-two-firewalls",
            block,
            message,
            (blocking.admit(block),),
            locations=(*_where(block.decision), block.other.location),
        )


def _where(decision: Decision | None) -> tuple[Location, ...]:
    return (decision.location,) if decision is not None else ()
