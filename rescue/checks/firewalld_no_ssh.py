"""The rules of firewalld keep SSH out: the zone that you come into does not let it in, or a rule turns you away.

Symptom: "ssh: connect to host SERVER port 22: No route to host", at once, where the zone refuses (most do); "Connection
timed out" where the zone or a rule drops; "Connection refused" for a rich rule that says reject.

Cause: the service ssh was taken out of the zone (firewall-cmd --remove-service=ssh), or sshd was moved to a port that
the zone does not know, or the zone's file in /etc/firewalld/zones was written anew without it: that file replaces the
one in /usr/lib/firewalld/zones as a whole. Or a rich rule, a policy or a direct rule turns your address or the port
away: among rich rules of the same priority those that deny come first, whatever their order.

Repair: the service or the port is put into the file of the zone that decides, in /etc/firewalld/zones; where only
/usr/lib has one, it is copied there first. With --from a rich rule for that address alone is put in. Where a rule turns
you away, the new one gets a lower priority, so that it comes first. Every other rule stays.

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
        f"You come into the zone {here.zone} of firewalld ({here.by}), and it has nothing that lets port {block.port} "
        f"in ({blocking.shown(block.decision.location)}): it {blocking.keeps(block)} {blocking.who(block)} out."
    )
