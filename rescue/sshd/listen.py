"""On which addresses and ports sshd listens after the next boot.

Source: servconf.c and sshd.c of OpenSSH (Port, ListenAddress, -p and -o), systemd.socket(5), and the generator in
Ubuntu 24.04 and later, which writes ListenStream lines from sshd_config at each boot.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Protocol

from rescue.formats.services import SERVICES_READ
from rescue.model import Location
from rescue.sshd.commandline import OPENRC_OPTIONS, RED_HAT_OPTIONS, AssignmentLike, Options, command_line
from rescue.sshd.effective import Setting
from rescue.sshd.language.arguments import Arguments
from rescue.sshd.language.faults import BadLine
from rescue.sshd.language.numbers import integer
from rescue.sshd.language.patterns import numeric_address
from rescue.sshd.language.places import listen
from rescue.sshd.server import Server
from rescue.tree import Read, Tree

SOCKETS = ("ssh.socket", "sshd.socket")
SERVICES = ("ssh.service", "sshd.service", "sshd", "ssh")
GENERATORS = (
    "/usr/lib/systemd/system-generators/sshd-socket-generator",
    "/lib/systemd/system-generators/sshd-socket-generator",
)
LISTEN_READS = (
    Read("/etc/ssh", depth=2), SERVICES_READ, Read("/etc/default", depth=1),
    *(Read(path, depth=0) for path in (RED_HAT_OPTIONS, OPENRC_OPTIONS)),
)  # fmt: skip
GENERATED = "addresses.conf"
"""The drop-in that Ubuntu's generator writes; those with names that sort after it are read later."""


class UnitLike(Protocol):
    """The part of a unit that is used here (see rescue.services.units.Unit)."""

    @property
    def name(self) -> str: ...
    @property
    def present(self) -> bool: ...
    @property
    def started(self) -> bool: ...
    @property
    def assignments(self) -> Sequence[AssignmentLike]: ...


class UnitsLike(Protocol):
    """Units by name (see rescue.services.units.Units)."""

    def unit(self, name: str) -> UnitLike: ...


@dataclass(frozen=True, slots=True)
class Listener:
    """One TCP socket. address: None for every address of the machine, "::" for all of IPv6 only ("0.0.0.0" of IPv4); a
    host name as written.

    location: the line that decides; None for the default.
    """

    address: str | None
    port: int
    location: Location | None = None


def listeners(tree: Tree, server: Server, units: UnitsLike, *, only: bool = False) -> tuple[Listener, ...]:
    """Where SSH listens after the next boot, if its service is started; () if the configuration stops sshd.

    only: whether the kernel is told to leave IPv4 out of sockets for all of IPv6 (net.ipv6.bindv6only). sshd opens one
    for each version, and systemd does as the kernel does.
    """
    if server.fatal:
        return ()
    socket = started_socket(units)
    if socket is not None:
        return tuple(dict.fromkeys(_versions(socket, each, only=only) for each in _of_socket(tree, server, socket)))
    return tuple(dict.fromkeys(configured(server, options(tree, units))))


def started_socket(units: UnitsLike) -> UnitLike | None:
    """The socket unit that listens instead of sshd, if one is started at boot."""
    return next((unit for name in SOCKETS if (unit := units.unit(name)).started), None)


def generated(tree: Tree) -> bool:
    """Whether Ubuntu's generator sets the socket's ports from sshd_config."""
    return any(tree.entry(path) is not None for path in GENERATORS)


def options(tree: Tree, units: UnitsLike) -> Options:
    """What the service passes to sshd on its command line."""
    unit = next((unit for name in SERVICES if (unit := units.unit(name)).present), None)
    return command_line(tree, unit.assignments if unit else ())


def configured(server: Server, given: Options) -> Iterator[Listener]:
    """The sockets that sshd opens by itself."""
    numbers = ports(server, given)
    lines = [*_given_addresses(server, given), *server.globals("ListenAddress")]
    for line in lines:
        host, port = line.words[0], line.words[1]
        for address in _addresses(host):
            if port:
                yield Listener(address, int(port), line.location)
            else:
                yield from (Listener(address, number, line.location) for number, _ in numbers)
    if not lines:
        yield from (Listener(None, number, place) for number, place in numbers)


def _addresses(host: str) -> tuple[str, ...]:
    if host == "*":
        # glibc treats a lone star as no name, which without AI_PASSIVE means only this machine.
        return ("::1", "127.0.0.1")
    address = numeric_address(host)
    return (host if address is None else str(address),)


Place = tuple[int, Location | None]


def ports(server: Server, given: Options) -> list[Place]:
    """The ports for addresses without one, with their locations; None for the default."""
    if given.ports:
        # With -p sshd ignores every Port line; -o Port= only comes first.
        return list(given.ports)
    found: list[Place] = [
        (number, place)
        for value, place in given.values("port")
        if (number := server.files.port(value)) is not None and number > 0
    ]
    found += [(int(line.words[0]), line.location) for line in server.globals("Port")]
    return found or [(22, None)]


def _given_addresses(server: Server, given: Options) -> Iterator[Setting]:
    for value, place in given.values("listenaddress"):
        try:
            yield Setting(listen(Arguments("ListenAddress", value, server.dialect), server.files.port), place)
        except BadLine:
            continue


def _of_socket(tree: Tree, server: Server, socket: UnitLike) -> Iterator[Listener]:
    from_config: tuple[Listener, ...] = ()
    if generated(tree) and (server.globals("Port") or server.globals("ListenAddress")):
        from_config = tuple(configured(server, Options()))
    streams: list[Listener] = []
    written = False
    for each in socket.assignments:
        if each.section != "Socket" or each.key != "ListenStream":
            continue
        if from_config and not written and _after_generated(each.location.path):
            streams, written = list(from_config), True
        if not each.text:
            streams = []
        elif (stream := listen_stream(each.text, each.location)) is not None:
            streams.append(stream)
    yield from from_config if from_config and not written else streams


def clash(one: str | None, other: str | None, *, only: bool) -> bool:
    """Whether two sockets on one port conflict: a wildcard takes every address of its IP versions.

    only: whether one for all of IPv6 leaves IPv4 alone.
    """
    first, second = one or "::", other or "::"
    if first == second:
        return True
    if "::" in (first, second):
        return not only or ":" in (second if first == "::" else first)
    return "0.0.0.0" in (first, second) and not (":" in first or ":" in second)  # noqa: S104  read, not bound


def ipv6_only(socket: UnitLike, *, only: bool = False) -> bool:
    """Whether the socket's IPv6 settings exclude IPv4 (BindIPv6Only=); by default "::" accepts what the kernel says."""
    lines = [each for each in socket.assignments if (each.section, each.key) == ("Socket", "BindIPv6Only")]
    said = lines[-1].text if lines else "default"
    return said == "ipv6-only" or (said != "both" and only)


def _versions(socket: UnitLike, listener: Listener, *, only: bool) -> Listener:
    if listener.address not in (None, "::"):
        return listener
    return replace(listener, address="::" if ipv6_only(socket, only=only) else None)


def _after_generated(path: PurePosixPath) -> bool:
    return path.parent.name.endswith(".d") and path.name > GENERATED


def listen_stream(text: str, location: Location) -> Listener | None:
    """A ListenStream= of systemd.socket(5): a port, or address:port; None for anything but a TCP socket."""
    host, colon, port = text.rpartition(":")
    number = integer(port, 1, 65535)
    if number is None:
        return None
    if not colon:
        return Listener(None, number, location)
    address = numeric_address(host.removeprefix("[").removesuffix("]"))
    return None if address is None else Listener(str(address), number, location)
