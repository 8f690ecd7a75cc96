"""firewalld blocks SSH: your zone does not allow it, or a rule rejects you.

Symptom: "ssh: connect to host SERVER port 22: No route to host", at once, if the zone rejects (most do); "Connection
timed out" if the zone or a rule drops; "Connection refused" for a rich rule that rejects.

Cause: the service ssh was removed from the zone (firewall-cmd --remove-service=ssh), sshd was moved to a port that the
zone does not allow, or the zone's file in /etc/firewalld/zones was rewritten without it: that file replaces the one in
/usr/lib/firewalld/zones entirely. Or a rich rule, a policy or a direct rule blocks your address or the port: among rich
rules of equal priority, those that deny come first, whatever their order.

Repair: add the service or the port to the file of the zone that decides, in /etc/firewalld/zones; if only /usr/lib has
one, copy it there first. With --from, add a rich rule for that address alone. If a rule blocks you, the new one gets a
lower priority number, so that it comes first. Every other rule stays.

See: firewalld.zone(5), firewalld.richlanguage(5), firewalld.policies(5), firewalld.direct(5).
"""

from __future__ import annotations

from collections.abc import Iterator

from rescue.checks import firewalld_zone
from rescue.facts import Facts
from rescue.firewall.boot import FIREWALLD
from rescue.firewall.diagnosis import Blockage, Mistake
from rescue.firewall.firewalld import zones
from rescue.logins import blocking
from rescue.model import Finding

STEP = blocking.STEP
READS = blocking.READS


def find(facts: Facts) -> Iterator[Finding]:
    for block in blocking.blocks_of(facts, Mistake.RULE):
        if block.firewall.manager != FIREWALLD or zones.fell_back(block.firewall):
            continue
        if firewalld_zone.other_zone(facts, block) is None:
            yield blocking.finding("firewalld-no-ssh", block, _message(block), (blocking.admit(block),))


def _message(block: Blockage) -> str:
    here = zones.entered(block.decision) if block.decision is not None else None
    if here is None or not here.whole or block.decision is None:
        return blocking.turned_away(block)
    return (
        f"firewalld puts you in the zone {here.zone} ({here.by}), which does not allow port {block.port} "
        f"({blocking.shown(block.decision.location)}): it {blocking.keeps(block)} {blocking.who(block)}."
    )
