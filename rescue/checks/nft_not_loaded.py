"""The nftables file fails to load, so another firewall decides alone and blocks SSH.

Symptom: "ssh: connect to host SERVER port 22: Connection timed out" (or "Connection refused", "No route to host" if the
other firewall rejects), although the nftables file allows SSH.

Cause: nft loads a file entirely or not at all: one mistake undoes all of it, even a "flush ruleset" in its first line.
The rules that another firewall loaded (saved iptables rules, ufw) stay in force. If no other firewall is loaded, a file
that fails to load blocks nobody: then the server is open, and no login fails for it.

Repair: add one rule for the port to the firewall in force; with --from, for that address alone. The nftables file stays
as it is: what it would do once it loads is your decision. "nft -c -f" shows what is wrong with it.

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
            f"none of it applies, and the {blocking.name(block)} rules stay in force "
            f"({blocking.decided(block)}): they {blocking.keep(block)} port {block.port} for "
            f"{blocking.who(block)}."
        )
        by_hand = Repair(
            f"correct {fault.location}",
            Safety.MANUAL,
            steps=f"Correct that line, and check the file with: nft -c -f {block.beside.location.path}",
        )
        yield blocking.finding(
            "nft-not-loaded", block, message, (blocking.admit(block), by_hand), locations=(fault.location,)
        )
