"""The addresses that SSH is set to listen on, and those that the server will have. Shared by the ListenAddress checks;
no check itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from ipaddress import IPv4Address, IPv6Address, ip_address

from rescue.facts import Facts
from rescue.logins.ssh_units import serving, triggered
from rescue.model import Repair, Safety
from rescue.network.own_addresses import ADDRESS_READS, OwnAddresses, own_addresses
from rescue.network.sysctl import READS as SYSCTL_READS
from rescue.network.sysctl import number, sysctl_lines, value_of
from rescue.services.unit_files import Assignment
from rescue.services.units import UNIT_READS, Unit
from rescue.sshd import Listener, edit
from rescue.sshd.listen import LISTEN_READS, started_socket
from rescue.tree import Tree

READS = (
    *UNIT_READS,
    *ADDRESS_READS,
    *LISTEN_READS,
    *SYSCTL_READS,
)

NONLOCAL = {4: "net.ipv4.ip_nonlocal_bind", 6: "net.ipv6.ip_nonlocal_bind"}
THIS_MACHINE = "127.0.0.1"
YES = frozenset({"yes", "true", "on", "1"})


@dataclass(frozen=True, slots=True)
class Bind:
    """An address that SSH is set to listen on. here: whether the server has it; None if unknown."""

    listener: Listener
    address: IPv4Address | IPv6Address
    here: bool | None


@dataclass(frozen=True, slots=True)
class Told:
    """Where SSH is set to listen, if every line names a specific address. socket: the listening unit, if any.

    free: whether it listens on addresses that are not there, too (ip_nonlocal_bind, FreeBind=).
    """

    binds: tuple[Bind, ...]
    own: OwnAddresses
    socket: Unit | None
    free: bool = False


def told(facts: Facts) -> Told | None:
    """The addresses; None if nothing serves, or if a listener takes every address or is not known."""
    if not serving(facts.units):
        return None
    listeners = facts.listeners
    if not listeners or any(each.address is None for each in listeners):
        return None
    own = own_addresses(facts.tree)
    binds = []
    free = False
    for each in listeners:
        try:
            address = ip_address(THIS_MACHINE if each.address == "localhost" else each.address or "")
        except ValueError:
            # A host name: another check reports whether it resolves.
            return None
        if address.is_unspecified:
            return None
        here = own.may_have(address)
        free = free or (here is not True and _nonlocal(facts, address.version))
        binds.append(Bind(each, address, here))
    socket = _socket(facts)
    return Told(tuple(binds), own, socket, free or (socket is not None and free_bind(socket)))


def _socket(facts: Facts) -> Unit | None:
    socket = started_socket(facts.units)
    if socket is None:
        return None
    unit = facts.units.unit(socket.name)
    return unit if triggered(facts.units, unit).present else None


def last(unit: Unit, section: str, key: str) -> Assignment | None:
    """The assignment that is effective."""
    found = [each for each in unit.assignments if (each.section, each.key) == (section, key)]
    return found[-1] if found else None


def free_bind(unit: Unit) -> bool:
    """Whether the socket can bind to an address that does not exist (yet)."""
    assigned = last(unit, "Socket", "FreeBind")
    return assigned is not None and assigned.text.lower() in YES


def _nonlocal(facts: Facts, version: int) -> bool:
    """Whether programs may bind to missing addresses."""
    return number(value_of(sysctl_lines(facts.tree, facts.units), NONLOCAL[version])) == 1


def on_all(told: Told) -> Iterator[Repair]:
    """Listen on every address: comment out the lines that name one, if all of them are sshd_config's."""
    places = [each.listener.location for each in told.binds]
    if told.socket is not None or any(
        place is None or not place.text.lower().lstrip("\"' ").startswith("listenaddress") for place in places
    ):
        return
    shown = " and ".join(dict.fromkeys(str(place) for place in places))
    ports = {each.listener.port for each in told.binds}
    yield Repair(
        f"listen on every address of the server: comment out {shown}",
        Safety.SAFE,
        partial(_comment_out, told=told),
        weakens=f"port {', '.join(map(str, sorted(ports)))} will be open on every address that the firewall allows",
        lets_in=True,
    )


def _comment_out(tree: Tree, told: Told) -> Tree:
    kept = [each.listener.location for each in told.binds]
    for place in dict.fromkeys(kept):
        if place is not None:
            tree = edit.comment_out(tree, place)
    return tree
