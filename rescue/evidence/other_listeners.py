"""Whether SSH's port is sshd's, and the server behind it the one that is judged.

Decides: every service that is started at boot and opens ports; another SSH server (Dropbear, tinyssh, a second sshd,
sshd started by xinetd or inetd), whose settings are not those of sshd's own service.

Not judged: a command that names SSH's port, of a program that is not known; an SSH server other than OpenSSH; a second
sshd that has the port which you connect to.

Supply: ss -tlnp on the server's console shows who has which port.
"""

from __future__ import annotations

from collections.abc import Iterator

from rescue.facts import Facts
from rescue.logins import blocking
from rescue.logins.listening import taken
from rescue.logins.listening.taken import by_super_server, dropbear_ports, others, takers
from rescue.logins.ssh_units import OTHERS, serving
from rescue.model import Gap, Location, Step
from rescue.sshd.listen import started_socket

STEP = Step.LISTEN
READS = (*taken.READS, *blocking.READS)

SUPPLY = "ss -tlnp on the server's console shows who has which port"


def find(facts: Facts) -> Iterator[Gap]:
    units = serving(facts.units)
    if not units and (server := by_super_server(facts)) is not None:
        place = server.port.location
        for step in (Step.SERVICE, Step.LISTEN, Step.ACCEPT):
            what = f"how {server.unit} starts sshd for each connection ({place})"
            yield Gap("other-listeners", step, what, SUPPLY, locations=(place,))
    if facts.sshd.fatal or not units:
        return
    if all(unit.name in OTHERS for unit in units):
        yield from _instead(facts)
        return
    if started_socket(facts.units) is None:
        for each in takers(facts):
            if not each.sure:
                place = each.port.location
                what = f"whether sshd gets port {each.port.number}, which {each.unit} names, too ({place})"
                yield Gap("other-listeners", STEP, what, SUPPLY, locations=(place,))
    yield from _second(facts)


def _instead(facts: Facts) -> Iterator[Gap]:
    """Of a server where another program serves SSH."""
    for unit in (unit for unit in serving(facts.units) if unit.name in OTHERS):
        name = unit.name.partition(".")[0]
        ports = list(dropbear_ports(facts, unit)) if unit.name == "dropbear.service" else []
        where = f", on port {' and '.join(str(each.number) for each in ports)}," if ports else ""
        place = unit.path
        for step in (Step.LISTEN, Step.ACCEPT, Step.ACCOUNT, Step.KEY):
            what = f"what {name}{where} allows: it serves SSH here, and sshd's settings are not its own"
            locations = (Location(place),) if place is not None else ()
            yield Gap("other-listeners", step, what, f"look at {unit.name} by hand", locations=locations)


def _second(facts: Facts) -> Iterator[Gap]:
    """Of another sshd or Dropbear that alone has the port which the client connects to."""
    if facts.arrives in facts.listening_ports:
        return
    for each in others(facts):
        if each.port.number == facts.arrives:
            what = f"what {each.unit} does, which alone has port {facts.arrives} ({each.port.location})"
            for step in (Step.LISTEN, Step.ACCEPT, Step.ACCOUNT, Step.KEY):
                yield Gap("other-listeners", step, what, SUPPLY, locations=(each.port.location,))
            return
