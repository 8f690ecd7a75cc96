"""The firewall blocks SSH: a rule or the default policy does.

Symptom: "ssh: connect to host SERVER port 22: Connection timed out" for DROP. For REJECT: "Connection refused", or "No
route to host" if the reject type is host-prohibited or admin-prohibited. If only the packets after the first are
blocked, the connection opens and then hangs.

Cause: saved iptables rules, in /etc/iptables/rules.v4 and rules.v6 (netfilter-persistent) or in /etc/sysconfig/iptables
and ip6tables, end in the policy DROP or in a rule that rejects everything, and no rule before it accepts the port; or a
rule names the client's address (a ban saved with the other rules, a network blocked with "ufw deny from").

Repair: add one rule that accepts new connections to the port, before the rule (or policy) that decides; with --from,
for that address alone. If the server's answers can't leave, also add a rule for these. The policy and every other rule
stay.

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
        # Other checks report more precisely that ufw fails to load or drops all of IPv6.
        if not blocking.without_ipv6(facts, block) and not blocking.faults(block):
            yield blocking.finding("fw-policy-drop", block, blocking.turned_away(block), (blocking.admit(block),))
