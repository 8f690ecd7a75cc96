"""Settings that wait for a network card, whoever applies them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from ipaddress import (
    IPv4Interface,
    IPv4Network,
    IPv6Interface,
    IPv6Network,
    ip_address,
    ip_interface,
    ip_network,
)

from rescue.model import Address, Location
from rescue.tree import Tree

Interface = IPv4Interface | IPv6Interface

Written = tuple[tuple[Address, Location], ...]
"""Addresses, each with the line that gives it."""
Asks = tuple[tuple[int, Location], ...]
"""IP versions for which an address may come from the network (DHCP, router advertisements), each with what asks."""


@dataclass(frozen=True, slots=True)
class Route:
    """A way to a network. kind: "unicast", or what the kernel does instead ("blackhole", "unreachable", ...)."""

    to: IPv4Network | IPv6Network
    location: Location
    kind: str = "unicast"


LOST = ("blackhole", "unreachable", "prohibit")
"""Kinds of routes by which nothing is sent (ip-route(8))."""
DEFAULTS = {4: "0.0.0.0/0", 6: "::/0"}


def route(to: str, location: Location, version: int = 4, kind: str = "unicast") -> Route | None:
    """A route to a network, an address or "default"; None where it is none."""
    try:
        return Route(ip_network(DEFAULTS[version] if to == "default" else to, strict=False), location, kind)
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class Profile:
    """The settings of one file or stanza.

    location: of what chooses the card. names: globs of which one has to match; () for any. macs: the same, of hardware
    addresses in lower case. unclear: it chooses by something that the disk does not tell (a driver, a slot).
    addresses: those set by hand. gateways: the routers that have to be in one of their networks; on_link: the program
    tells the kernel to take them even where they are not. written: every address that is written for the server
    itself, whatever became of it; asks: for what it asks the network. routes: every one that it sets, a default one
    among them; None where that is not known. wired: whether it may be for a wired network
    interface, and is used at boot. rename(tree, name) and unbind(tree): the tree in which it chooses the interface of
    that name, or every wired one instead of one hardware address; None where that is not written.
    """

    manager: str
    location: Location
    names: tuple[str, ...] = ()
    macs: tuple[str, ...] = ()
    unclear: bool = False
    addresses: tuple[Interface, ...] = ()
    gateways: tuple[Address, ...] = ()
    on_link: bool = False
    written: Written = ()
    asks: Asks = ()
    routes: tuple[Route, ...] | None = None
    wired: bool = True
    rename: Callable[[Tree, str], Tree] | None = None
    unbind: Callable[[Tree], Tree] | None = None

    def takes(self, name: str, mac: str = "") -> bool | None:
        """Whether it is for the card; None where that hangs on a hardware address that is not known."""
        if self.unclear:
            return None
        positive = [each for each in self.names if not each.startswith("!")]
        if any(fnmatchcase(name, each[1:]) for each in self.names if each.startswith("!")):
            return False
        if positive and not any(fnmatchcase(name, each) for each in positive):
            return False
        if not self.macs:
            return True
        return mac.lower() in self.macs if mac else None

    @property
    def exact(self) -> str:
        """The one name that it waits for, and nothing else; empty if it is not of that kind."""
        if len(self.names) != 1 or self.macs or self.unclear or any(char in self.names[0] for char in "*?[!"):
            return ""
        return self.names[0]


USUAL = ("eth0", "ens3", "enp1s0", "eno1", "ens192", "enX0")
"""What a server's first network interface is called."""


def covers(first: Profile, other: Profile) -> bool:
    """Whether every usual interface that `other` is for is the first one's, and each that it names."""
    exact = [each for each in other.names if not any(char in each for char in "*?[!")]
    return all(first.takes(each) for each in (*USUAL, *exact) if other.takes(each) is not False)


def interface(text: str) -> Interface | None:
    """An address with its prefix length or mask; None where it is none."""
    try:
        return ip_interface(text)
    except ValueError:
        return None


def address(text: str) -> Address | None:
    """An address; None where it is none."""
    try:
        return ip_address(text)
    except ValueError:
        return None


def written(texts: Iterable[tuple[str, Location]]) -> Written:
    """The addresses among the texts, which may be quoted, or have a prefix length or a zone behind them."""
    found = ((address(text.strip().strip("\"'").partition("/")[0].partition("%")[0]), place) for text, place in texts)
    return tuple((each, place) for each, place in found if each is not None)


def replaced_line(tree: Tree, location: Location, old: str, new: str) -> Tree:
    """The tree with `old` replaced once in the line; ValueError if the line no longer holds it."""
    lines = (tree.text(location.path) or "").split("\n")
    at = location.line - 1
    if not 0 <= at < len(lines) or old not in lines[at]:
        raise ValueError(f"{location} no longer says {old!r}")
    before, _, after = lines[at].rpartition(old)
    lines[at] = f"{before}{new}{after}"
    return tree.write(location.path, "\n".join(lines))
