"""The file of nftables does not load, so another firewall's rules decide alone, and keep SSH out.

Symptom: "ssh: connect to host SERVER port 22: Connection timed out" (or "Connection refused", "No route to host", where
the other firewall rejects), although the file of nftables lets SSH in.

Cause: nft loads a file as a whole or not at all: one mistake in it undoes all of it, a "flush ruleset" in its first
line too. What another firewall has loaded (the saved rules of iptables, ufw) stays in force. Where no other one is
loaded, a file that does not load keeps nobody out: the server is open then, which is no cause of a failed login.

Repair: one rule for the port in the firewall that is in force; with --from, for that address alone. The file of
nftables is left as it is: what it would do when it loads is for you to decide. "nft -c -f" says what is wrong with it.

See: nft(8) on "-c" and on transactions; systemctl --failed on the server.
"""

from __future__ import annotations

from collections.abc import Iterator

from rescue.facts import Facts
from rescue.firewall.diagnosis import Mistake
from rescue.logins import blocking
from rescue.model import Finding, Repair, Safety

STEP = blocking.STEP
READS = blocking.READS


def find(facts: Facts) -> Iterator[Finding]:
    for block in blocking.blocks_of(facts, Mistake.NOT_LOADED):
        if block.beside is None or not block.beside.problems:
            continue
        fault = block.beside.problems[0]
        message = (
            f"{block.beside.location.path} does not load: {fault.message} ({blocking.shown(fault.location)}). So "
            f"nothing of it counts, and the rules of {blocking.name(block)} stay in force "
            f"({blocking.decided(block)}): they {blocking.keep(block)} {blocking.who(block)} away from port "
            f"{block.port}."
        )
        by_hand = Repair(
            f"correct {fault.location}",
            Safety.MANUAL,
            steps=f"Correct that line, and try the file with: nft -c -f {block.beside.location.path}",
        )
        yield blocking.finding(
            "nft-not-loaded", block, message, (blocking.admit(block), by_hand), locations=(fault.location,)
        )
