"""A firewall that rescue can't read loads at boot, and may block you.

Symptom: "ssh: connect to host SERVER port 22: Connection timed out" (or "No route to host", or "Connection refused").

Cause: a program that makes its own rules starts at boot (Shorewall, ferm, FireHOL and the like), or CSF with a country
list or with scripts of your own; or a script of your own runs iptables, nft or ufw: /etc/rc.local, a unit, a line in
/etc/network/interfaces, a script in /etc/network/if-pre-up.d, a cron @reboot line. rescue evaluates ufw, nftables,
firewalld and iptables-save files exactly, also if a script only loads such a file, and CSF's own files; of the others
it only sees that they exist.

Repair: none. Look in its files for a rule that lets in TCP port 22 (or the port that sshd listens on) from your
address, before any rule that drops or rejects:

    shorewall   /etc/shorewall/rules: SSH(ACCEPT) net $FW
    csf         /etc/csf/csf.conf: CC_DENY, CC_ALLOW_FILTER;
                csfpre.sh and csfpost.sh in /etc/csf
    ferm        /etc/ferm/ferm.conf
    firehol     /etc/firehol/firehol.conf: server ssh accept
    a script    iptables -I INPUT 1 -p tcp --dport 22 -j ACCEPT
                as its last iptables line

To get in at once and look from inside, put # before the line that starts it; remove the # later.

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
"""Services by name, and where their rules start."""

READS = (
    *BOOT_READS,
    *FIREWALL_READS,
    *csf.READS,
    *(Read(path, depth=0) for paths in MANAGERS.values() for path in paths),
    Read("/etc/ssh", depth=2),
)

LONGEST = 100
"""How many characters of a command a message shows."""


def find(facts: Facts) -> Iterator[Finding]:
    """One doubtful finding for each such firewall that could block something."""
    for name, paths in MANAGERS.items():
        unit = facts.units.unit(f"{name}.service")
        if not unit.present or not unit.started:
            continue
        said, reason = "rescue can't read its rules.", f"the rules of {name} were not checked"
        if name == "csf":
            this = csf.csf(facts.tree, facts.units)
            told = csf.unknown(facts.tree, this) if this is not None else ""
            if (this is not None and not told) or csf.switched_off(facts.tree):
                continue
            said, reason = ("Not all of it can be checked.", told) if told else (said, reason)
        path = next((each for each in paths if facts.tree.entry(each) is not None), None)
        yield Finding(
            check="firewall-not-read",
            step=STEP,
            severity=Severity.DOUBTFUL,
            message=f"The firewall {name} starts at boot. {said}",
            symptom=Symptom.TIMED_OUT,
            locations=(Location(PurePosixPath(path)),) if path else tuple(unit.wanted_by),
            repairs=(Repair(f"check by hand whether {name} lets in TCP port {facts.dialled}", Safety.MANUAL),),
            subject=name,
            reason=reason,
        )
    yield from _scripts(facts, facts.at_boot.unread)


def _scripts(facts: Facts, unread: Iterable[LoaderCommand]) -> Iterator[Finding]:
    """One doubtful finding for each file with such commands."""
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
            message=f"{path} runs at boot and changes the firewall with its own commands, which are not checked "
            f"({first.location}: {cut(first.text, LONGEST)}{others}).",
            symptom=Symptom.TIMED_OUT,
            locations=tuple(command.location for command in commands[:3]),
            repairs=(
                Repair(
                    f"check by hand whether {path} lets in TCP port {facts.dialled}",
                    Safety.MANUAL,
                    steps=f"Read {path}: the first INPUT rule that matches decides, then the policy (-P). This line "
                    "lets you in; put it after the other iptables commands (ip6tables for IPv6).\n"
                    f"iptables -I INPUT 1 -p tcp --dport {facts.dialled} -j ACCEPT",
                ),
            ),
            subject=str(path),
            reason=f"what the commands in {path} do was not checked",
        )
