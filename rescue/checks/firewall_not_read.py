"""A firewall is loaded at boot that this version of rescue can't read, so it may be what keeps you out.

Symptom: "ssh: connect to host SERVER port 22: Connection timed out" (or "No route to host", or "Connection refused").

Cause: Shorewall or ferm is started when the server boots, or CSF with a list of countries or scripts of your own beside
it. rescue judges ufw, nftables, firewalld and the files of iptables-save exactly, and CSF's own files; of these it only
sees that they are there.

Repair: none is made. Look at its files by hand, for a rule that lets TCP port 22 (or the port that sshd listens on)
in from your address, before any that drops or rejects:

    shorewall   /etc/shorewall/rules: SSH(ACCEPT) net $FW
    csf         /etc/csf/csf.conf: CC_DENY, CC_ALLOW_FILTER;
                csfpre.sh and csfpost.sh in /etc/csf
    ferm        /etc/ferm/ferm.conf

See: shorewall-rules(5), ferm(1).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from rescue.bans import csf
from rescue.facts import Facts
from rescue.formats.units import UNIT_READS
from rescue.model import Finding, Link, Location, Repair, Safety, Severity, Symptom
from rescue.tree import Read

LINK = Link.FIREWALL

MANAGERS = {
    "shorewall": ("/etc/shorewall/rules",),
    "csf": ("/etc/csf/csf.conf",),
    "ferm": ("/etc/ferm/ferm.conf",),
}
"""Services by name, and where their rules begin."""

READS = (*UNIT_READS, *csf.READS, *(Read(path, depth=0) for paths in MANAGERS.values() for path in paths))


def find(facts: Facts) -> Iterator[Finding]:
    """One doubt for each such firewall that could block something."""
    for name, paths in MANAGERS.items():
        unit = facts.units.unit(f"{name}.service")
        if not unit.present or not unit.started:
            continue
        said, reason = "This version of rescue can't read its rules.", f"the rules of {name} were not judged"
        if name == "csf":
            this = csf.csf(facts.tree, facts.units)
            told = csf.unknown(facts.tree, this) if this is not None else ""
            if (this is not None and not told) or csf.switched_off(facts.tree):
                continue
            said, reason = ("Not all of it can be judged.", told) if told else (said, reason)
        path = next((each for each in paths if facts.tree.entry(each) is not None), None)
        yield Finding(
            check="firewall-not-read",
            link=LINK,
            severity=Severity.DOUBTFUL,
            message=f"The firewall {name} is started at boot. {said}",
            symptom=Symptom.TIMED_OUT,
            locations=(Location(PurePosixPath(path)),) if path else tuple(unit.wanted_by),
            repairs=(Repair(f"see by hand whether {name} lets TCP port {facts.dialled} in", Safety.MANUAL),),
            subject=name,
            reason=reason,
        )

