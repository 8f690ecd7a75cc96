"""The firewall lets SSH in over IPv4, but not over IPv6, by which you come.

Symptom: over IPv6 "ssh: connect to host SERVER port 22: Connection timed out", or "No route to host" where all of
ICMPv6 is dropped; over IPv4 (ssh -4) the login works. Where the server's name has an IPv6 address, ssh takes that.

Cause: IPv6 has rules of its own: ip6tables and /etc/iptables/rules.v6, ufw's user6.rules, and in nftables all that is
said with "ip saddr" or in a table of the family ip. A rule that was made for IPv4 alone does not count for it. Or the
rules drop all of ICMPv6, by which neighbours find each other: nobody can find the server then.

Repair: the rule that IPv4 has, for IPv6, before the rule (or policy) that decides; with --from, for that address alone.
Where neighbours can't ask for the server, a rule for these two kinds of messages is added too.

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
            f"You come over IPv6. The firewall {blocking.name(block)} lets port {block.port} in over IPv4{four}, but "
            f"over IPv6 it {blocking.keeps(block)} {blocking.who(block)} out: a rule or policy "
            f"({blocking.decided(block)}) turns away {stage}."
        )
        repairs = (blocking.admit(block), Repair("dial over IPv4: ssh -4", Safety.MANUAL))
        yield blocking.finding("fw-ipv6-only", block, message, repairs)
