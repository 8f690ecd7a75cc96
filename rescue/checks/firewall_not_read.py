"""A firewall is loaded at boot that this version of rescue can't read, so it may be what keeps you out.

Symptom: "ssh: connect to host SERVER port 22: Connection timed out" (or "No route to host", or "Connection refused").

Cause: a program that makes its own rules is started when the server boots (Shorewall, ferm, FireHOL and the like), or
CSF with a list of countries or scripts of your own beside it; or a script of your own has commands of iptables, nft or
ufw: /etc/rc.local, a unit, a line of /etc/network/interfaces, a script in /etc/network/if-pre-up.d, a @reboot of cron.
rescue judges ufw, nftables, firewalld and the files of iptables-save exactly, also where a script only loads such a
file, and CSF's own files; of these it only sees that they are there.

Repair: none is made. Look at its files by hand, for a rule that lets TCP port 22 (or the port that sshd listens on)
in from your address, before any that drops or rejects:

    shorewall   /etc/shorewall/rules: SSH(ACCEPT) net $FW
    csf         /etc/csf/csf.conf: CC_DENY, CC_ALLOW_FILTER;
                csfpre.sh and csfpost.sh in /etc/csf
    ferm        /etc/ferm/ferm.conf
    firehol     /etc/firehol/firehol.conf: server ssh accept
    a script    iptables -I INPUT 1 -p tcp --dport 22 -j ACCEPT
                as its last line of iptables

To be let in at once, and look at it from inside: put # before the line that starts it, take it away later.

See: shorewall-rules(5), ferm(1), iptables(8).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from rescue.bans import csf
from rescue.boot.commands import READS as BOOT_READS
from rescue.facts import Facts
from rescue.firewall import READS as FIREWALL_READS
from rescue.firewall.custom_loaders import LoaderCommand
from rescue.model import Finding, Location, Repair, Safety, Severity, Step, Symptom
from rescue.text.numbers import plural
from rescue.text.safe import cut
from rescue.tree import Read

STEP = Step.FIREWALL

MANAGERS = {
    "arno-iptables-firewall": ("/etc/arno-iptables-firewall/firewall.conf",),
    "csf": ("/etc/csf/csf.conf",),
    "ferm": ("/etc/ferm/ferm.conf",),
    "firehol": ("/etc/firehol/firehol.conf",),
    "foomuuri": ("/etc/foomuuri",),
    "shorewall": ("/etc/shorewall/rules",),
    "shorewall-lite": ("/var/lib/shorewall-lite/firewall",),
    "shorewall6": ("/etc/shorewall6/rules",),
    "uif": ("/etc/uif/uif.conf",),
}
"""Services by name, and where their rules begin."""

READS = (
    *BOOT_READS,
    *FIREWALL_READS,
    *csf.READS,
    *(Read(path, depth=0) for paths in MANAGERS.values() for path in paths),
    Read("/etc/ssh", depth=2),
)

LONGEST = 100
"""Characters of a command that a message shows."""


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
            step=STEP,
            severity=Severity.DOUBTFUL,
            message=f"The firewall {name} is started at boot. {said}",
            symptom=Symptom.TIMED_OUT,
            locations=(Location(PurePosixPath(path)),) if path else tuple(unit.wanted_by),
            repairs=(Repair(f"see by hand whether {name} lets TCP port {facts.dialled} in", Safety.MANUAL),),
            subject=name,
            reason=reason,
        )
    yield from _scripts(facts, facts.at_boot.unread)


def _scripts(facts: Facts, unread: Iterable[LoaderCommand]) -> Iterator[Finding]:
    """One doubt for each file with such commands."""
    by_file: dict[PurePosixPath, list[LoaderCommand]] = {}
    for command in unread:
        by_file.setdefault(command.location.path, []).append(command)
    for path, commands in by_file.items():
        first, more = commands[0], len(commands) - 1
        others = f", and {plural(more, 'line')} more" if more else ""
        yield Finding(
            check="firewall-not-read",
            step=STEP,
            severity=Severity.DOUBTFUL,
            message=f"{path}, which is run at boot, changes the firewall by commands of its own, which are not judged "
            f"({first.location}: {cut(first.text, LONGEST)}{others}).",
            symptom=Symptom.TIMED_OUT,
            locations=tuple(command.location for command in commands[:3]),
            repairs=(
                Repair(
                    f"see by hand whether {path} lets TCP port {facts.dialled} in",
                    Safety.MANUAL,
                    steps=f"Read {path}: the first rule of INPUT that fits decides, then its policy (-P). A line that "
                    "lets you in, behind its other commands of iptables (ip6tables for IPv6), is the following.\n"
                    f"iptables -I INPUT 1 -p tcp --dport {facts.dialled} -j ACCEPT",
                ),
            ),
            subject=str(path),
            reason=f"what the commands of {path} do was not judged",
        )
