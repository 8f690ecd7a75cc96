"""sshguard has blacklisted your address, and blocks it again at every boot.

Symptom: "ssh: connect to host SERVER port 22: Connection timed out" from your address; other addresses get in.

Cause: sshguard blocked your address so often that it put it on its blacklist (BLACKLIST_FILE in
/etc/sshguard/sshguard.conf). Addresses there are blocked permanently, on every port, whatever the whitelist says.

Repair: with --from ADDRESS, remove your line from the blacklist; all others stay. To never be blocked again, put your
address on the whitelist. Without --from, rescue reports nothing: servers block strangers all day.

See: sshguard(8), sshguard-setup(7).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import PurePosixPath

from rescue.bans import sshguard
from rescue.facts import Facts
from rescue.firewall import READS as FIREWALL_READS
from rescue.logins import banning
from rescue.model import Finding, Step
from rescue.services.units import UNIT_READS
from rescue.tree import Tree

STEP = Step.FIREWALL
READS = (*UNIT_READS, *FIREWALL_READS, *sshguard.READS)


def find(facts: Facts) -> Iterator[Finding]:
    if not facts.client.sources or not facts.units.unit(sshguard.UNIT).started:
        return
    this = sshguard.sshguard(facts.tree)
    if this is None:
        return
    found = banning.bans_of(facts, tuple(sshguard.bans(facts.tree, this, facts.chains)))
    if found:
        edit = partial(_lifted, path=this.blacklist, written=banning.spellings(found))
        told = "remove the line, then: systemctl restart sshguard #"
        yield banning.finding("sshguard-ban", facts, found, banning.Lifting("sshguard", edit, told))


def _lifted(tree: Tree, path: PurePosixPath, written: tuple[str, ...]) -> Tree:
    return sshguard.lifted(tree, path, written)
