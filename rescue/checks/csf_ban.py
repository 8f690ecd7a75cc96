"""CSF has banned your address.

Symptom: "ssh: connect to host SERVER port 22: Connection timed out" (or "Connection refused" if DROP is REJECT) from
your address; other addresses get in.

Cause: lfd, CSF's daemon, saw failed logins from your address and wrote it to /etc/csf/csf.deny (permanent) or
/var/lib/csf/csf.tempban (temporary); or somebody did so by hand ("csf -d ADDRESS"). CSF loads both when it starts.

Repair: with --from ADDRESS, remove the lines that ban only your address. If a whole network is banned, add a line to
csf.allow that lets in your address, on the SSH port only; the rest of the network stays banned. lfd may ban you again;
an entry in csf.ignore prevents that. Without --from, rescue reports nothing: servers ban strangers all day.

See: CSF's readme.txt and csf.conf; "csf -g ADDRESS" and "csf -dr ADDRESS" on a running server. CSF is in no package
archive, so this check could not be tested against the real program.
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
