"""The SSH server listens over one version of IP only, and you come over the other.

Symptom: "ssh: connect to host SERVER port 22: Connection refused" over the version that is left out; with ssh -6 (or
ssh -4) it works, if you have that version at all.

Cause: "AddressFamily inet6" or "inet" in sshd_config or a file that it includes, or the option -6 or -4 of the
service's command.

Repair: the line is set to "any", which is sshd's default. Or you dial over the version that is served.

See: sshd_config(5) on AddressFamily, sshd(8) on -4 and -6, ssh(1) on -4 and -6.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from rescue.checks import _listen_addresses
from rescue.checks._ssh_units import serving
from rescue.facts import Facts
from rescue.model import Finding, Link, Location, Repair, Safety, Severity, Symptom
from rescue.sshd import edit
from rescue.sshd.listen import started_socket

LINK = Link.LISTEN
READS = _listen_addresses.READS

VERSIONS = {"inet": 4, "inet6": 6}


def find(facts: Facts) -> Iterator[Finding]:
    lines = facts.sshd.globals("AddressFamily")
    served = VERSIONS.get(lines[0].words[0]) if lines else None
    place = lines[0].location if lines else None
    if served is None or place is None or facts.sshd.fatal or not serving(facts.units):
        return
    if started_socket(facts.units) is not None or any(each.address is not None for each in facts.listeners):
        return
    sources = facts.client.sources
    if any(source.version == served for source in sources) or (not sources and served == 4):
        # Most networks have IPv4, and a client that has both tries the one after the other.
        return
    yield Finding(
        check="addressfamily",
        link=LINK,
        severity=Severity.BROKEN if sources else Severity.DOUBTFUL,
        message=f"The SSH server listens over IPv{served} only ({place}: {place.text}).",
        symptom=Symptom.REFUSED,
        locations=(place,),
        repairs=(*_repairs(place), Repair(f"dial over IPv{served}", Safety.MANUAL, steps=f"ssh -{served} USER@SERVER")),
        reason="" if sources else "over which version of IP you come was not told (--from)",
    )


def _repairs(place: Location) -> Iterator[Repair]:
    if place.text.lower().lstrip("\"' ").startswith("addressfamily"):
        change = partial(edit.set_value, location=place, value="any")
        yield Repair(
            f"listen over both: AddressFamily any ({place})",
            Safety.SAFE,
            change,
            weakens="the SSH port is open over the other version of IP, too, to whom the firewall lets through",
            lets_in=True,
        )
    else:
        yield Repair("take the option -4 or -6 out of the service's command", Safety.MANUAL, steps=f"edit {place}")
