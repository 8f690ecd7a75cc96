"""firewalld allows SSH in one zone, but you come into another.

Symptom: "ssh: connect to host SERVER port 22: No route to host" (or "Connection timed out" if the zone drops), although
"firewall-cmd --list-all" shows ssh.

Cause: one zone decides about a packet: the zone bound to its source address, else that of the network interface, else
the default zone. Somebody changed the default zone, assigned the interface or your address to a zone that does not
allow SSH, or allowed SSH in a zone that is not in use. NetworkManager assigns an interface to the zone of its
connection, whatever firewalld's own files say.

Repair: add the service or the port to the zone that decides, in its file in /etc/firewalld/zones (copied from /usr/lib
if there is none); with --from, a rich rule for that address alone. The default zone and the zone bindings stay as they
are.

See: firewalld.zones(5), firewalld.zone(5), firewall-cmd(1) on --get-active-zones, nm-settings(5) on connection.zone.
"""

from __future__ import annotations

from collections.abc import Iterator

from rescue.facts import Facts
from rescue.firewall.boot import FIREWALLD, firewalld_configuration
from rescue.firewall.diagnosis import Blockage, Mistake
from rescue.firewall.firewalld import zones
from rescue.logins import blocking
from rescue.model import Finding

STEP = blocking.STEP
READS = blocking.READS


def find(facts: Facts) -> Iterator[Finding]:
    for block in blocking.blocks_of(facts, Mistake.RULE):
        here = zones.entered(block.decision) if block.decision is not None else None
        other = other_zone(facts, block)
        if here is None or other is None:
            continue
        message = (
            f"firewalld allows port {block.port} in the zone {other}, but you come into the zone {here.zone}: "
            f"{here.by} ({blocking.shown(here.bound)}). It {blocking.keeps(block)} {blocking.who(block)}."
        )
        yield blocking.finding("firewalld-zone", block, message, (blocking.admit(block),), locations=(here.bound,))


def other_zone(facts: Facts, block: Blockage) -> str | None:
    """The zone that would let the client in, if firewalld puts it in another; else None."""
    if block.firewall.manager != FIREWALLD or zones.fell_back(block.firewall) or block.decision is None:
        return None
    here = zones.entered(block.decision)
    config = firewalld_configuration(facts.tree, block.firewall)
    if here is None or config is None:
        return None
    found = zones.better_zone(config, here, block.port, block.version)
    return found.name if found is not None else None
