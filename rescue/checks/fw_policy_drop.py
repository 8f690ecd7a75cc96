"""A firewall rule, or the policy for what no rule allows, keeps SSH out.

Symptom: "ssh: connect to host SERVER port 22: Connection timed out" for DROP. For REJECT: "Connection refused", or "No
route to host" where the refusal says host-prohibited or admin-prohibited. Where only what follows the first packet is
blocked, the connection opens and then hangs.

Cause: saved rules of iptables, in /etc/iptables/rules.v4 and rules.v6 (netfilter-persistent) or in
/etc/sysconfig/iptables and ip6tables, end in a policy of DROP or in a rule that rejects everything, and no rule before
it lets the port through; or a rule names the client's address (a ban that was saved with the rest, a network that "ufw
deny from" shuts out).

Repair: one rule that accepts new connections to the port is put before the rule (or policy) that decides; with --from,
for that address alone. Where the server's answers can't leave, a rule for these is added too. The policy and every
other rule stay.

See: iptables(8), iptables-extensions(8) on REJECT and conntrack, iptables-restore(8), netfilter-persistent(8), ufw(8).
"""

from __future__ import annotations

from collections.abc import Iterator

from rescue.facts import Facts
from rescue.firewall.boot import FIREWALLD, NFTABLES
from rescue.firewall.diagnosis import Mistake
from rescue.logins import blocking
from rescue.model import Finding

STEP = blocking.STEP
READS = blocking.READS


def find(facts: Facts) -> Iterator[Finding]:
    for block in blocking.blocks_of(facts, Mistake.RULE):
        if block.firewall.manager in (NFTABLES, FIREWALLD):
            continue
        # What of ufw does not load, or is told to drop all of IPv6, is better named.
        if not blocking.without_ipv6(facts, block) and not blocking.faults(block):
            yield blocking.finding("fw-policy-drop", block, blocking.turned_away(block), (blocking.admit(block),))
