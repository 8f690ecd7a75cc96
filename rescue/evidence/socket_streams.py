"""Whether the sockets that systemd opens leave sshd its port.

Decides: if systemd listens instead of sshd (ssh.socket), its ListenStream= lines, which add up: if one conflicts with
another, the whole unit fails, and an empty one must come before those that replace the package's. Also every other
socket unit that starts at boot: sockets open before services.

Not judged: a custom port that two lines or two units use, and an SSH socket without a TCP port.

Supply: put an empty ListenStream= before the line that should apply alone, or move the other unit to another port; then
reboot, and try.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from rescue.facts import Facts
from rescue.logins.ssh_units import serving
from rescue.model import Gap, Location, Step
from rescue.services.units import UNIT_READS, Unit
from rescue.sshd.listen import SOCKETS, Listener, clash, generated, ipv6_only, listen_stream, started_socket
from rescue.tree import Read

STEP = Step.LISTEN
READS = (*UNIT_READS, Read("/etc/ssh", depth=2))

MOST_SOCKETS = 500
EMPTY = "put an empty ListenStream= before the line that should apply alone, reboot, and try"


def find(facts: Facts) -> Iterator[Gap]:
    if facts.units.manager != "systemd" or facts.sshd.fatal or not serving(facts.units):
        return
    socket = started_socket(facts.units)
    if socket is not None and not generated(facts.tree):
        yield from _of_ssh(facts.units.unit(socket.name))
    for name in [each for each in facts.units.reached if each.endswith(".socket") and each not in SOCKETS][
        :MOST_SOCKETS
    ]:
        unit = facts.units.unit(name)
        taken = next((each for each in _streams(unit) if each.port in facts.listening_ports), None)
        if unit.started and taken is not None and taken.location is not None:
            what = f"whether sshd gets port {taken.port}, which {name} uses too ({taken.location})"
            yield Gap("socket-streams", STEP, what, f"systemctl disable {name}, reboot, and try",
                      locations=(taken.location,))  # fmt: skip


def _of_ssh(unit: Unit) -> Iterator[Gap]:
    streams = _streams(unit)
    if not streams:
        lines = _lines(unit)
        what = f"how SSH is reached: {unit.name} listens on no TCP port"
        yield Gap("socket-streams", STEP, what, "add ListenStream=22 to it, reboot, and try", locations=lines[-1:])
    only = ipv6_only(unit)
    for one, other in combinations(streams[:MOST_SOCKETS], 2):
        if one.port == other.port and clash(one.address, other.address, only=only):
            places = tuple(each.location for each in (one, other) if each.location is not None)
            said = " and ".join(f"{place}: {place.text.strip()}" for place in places)
            yield Gap("socket-streams", STEP, f"whether {unit.name} can listen twice on port {one.port} ({said})",
                      EMPTY, locations=places)  # fmt: skip
            return


def _lines(unit: Unit) -> tuple[Location, ...]:
    return tuple(each.location for each in unit.assignments if (each.section, each.key) == ("Socket", "ListenStream"))


def _streams(unit: Unit) -> list[Listener]:
    """The TCP sockets that it opens."""
    found: list[Listener] = []
    for each in unit.assignments:
        if (each.section, each.key) == ("Socket", "ListenStream"):
            stream = listen_stream(each.text, each.location) if each.text else None
            found = [*found, stream] if stream is not None else found if each.text else []
    return found
