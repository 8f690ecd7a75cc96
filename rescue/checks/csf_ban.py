"""CSF has banned your address: it is in csf.deny, or in its list of temporary bans.

Symptom: "ssh: connect to host SERVER port 22: Connection timed out" (or "Connection refused", where DROP is REJECT)
from your address, while it works from another one.

Cause: lfd, CSF's daemon, has seen failed logins from your address and wrote it into /etc/csf/csf.deny (for good) or
/var/lib/csf/csf.tempban (for a while); or somebody did so by hand ("csf -d ADDRESS"). CSF loads both when it starts.

Repair: with --from ADDRESS, the lines that ban your address alone are taken out. Of a network that is banned you are
let in by a line of csf.allow, for the SSH port alone; the others of it stay out. lfd bans you again if it has a reason:
csf.ignore keeps it from that. Without --from nothing is said: strangers are banned all day.

See: CSF's readme.txt and csf.conf; "csf -g ADDRESS" and "csf -dr ADDRESS" on a running server. Its program is in no
archive, so that this reading could not be held against it.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from rescue.bans import csf
from rescue.facts import Facts
from rescue.logins import banning
from rescue.model import Finding, Step
from rescue.services.units import UNIT_READS

STEP = Step.FIREWALL
READS = (*UNIT_READS, *csf.READS)


def find(facts: Facts) -> Iterator[Finding]:
    this = csf.csf(facts.tree, facts.units) if facts.client.sources else None
    if this is None:
        return
    tree, port = facts.tree, facts.dialled
    judged = [each for each in facts.client.sources if each.version == 4 or this.on("IPV6")]
    found = {
        source: bans
        for source, bans in banning.bans_of(facts, tuple(csf.bans(tree, this, port, facts.now))).items()
        if source in judged and not csf.allowed(tree, source, port)
    }
    if found:
        edit = partial(csf.let_in, addresses=tuple(found), port=port)
        yield banning.finding("csf-ban", facts, found, banning.Lifting("CSF", edit, "csf -dr", for_one=True))
