"""The firewall allows SSH over IPv4 but not over IPv6, which you use.

Symptom: over IPv6 "ssh: connect to host SERVER port 22: Connection timed out", or "No route to host" if all of ICMPv6
is dropped; over IPv4 (ssh -4) the login works. If the server's name has an IPv6 address, ssh uses that.

Cause: IPv6 has its own rules: ip6tables and /etc/iptables/rules.v6, ufw's user6.rules, and in nftables every rule with
"ip6 saddr" or in a table of the family ip6. A rule made for IPv4 only ("ip saddr", the family ip) does not apply to it.
Or the rules drop all of ICMPv6, which neighbours use to find each other: then nobody can find the server.

Repair: add IPv4's rule for IPv6, before the rule (or policy) that decides; with --from, for that address alone. If
neighbours can't ask for the server, also add a rule for these two message types.

See: ip6tables(8), nft(8) on the family inet, ufw(8); RFC 4890 on ICMPv6 and firewalls.
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
    for block in blocking.blocks_of(facts, Mistake.IPV6):
        four = f" ({blocking.shown(block.other.location)})" if block.other else ""
        decision = block.decision
        stage = decision.stage if decision is not None else block.verdict.stage
        message = (
            f"You connect over IPv6. The firewall {blocking.name(block)} allows port {block.port} over IPv4{four}, but "
            f"over IPv6 it {blocking.keeps(block)} {blocking.who(block)}: a rule or policy "
            f"({blocking.decided(block)}) blocks {stage}."
        )
        repairs = (blocking.admit(block), Repair("connect over IPv4: ssh -4", Safety.MANUAL))
        yield blocking.finding("fw-ipv6-only", block, message, repairs)
