"""CSF (ConfigServer Security & Firewall): the ports that it opens, and its allow and deny lists.

Taken from csf.pl 14 (`dostart`, `dopacketfilters`, `linefilter`) and its readme: who is in csf.allow is let in before
csf.deny and the temporary bans are asked, and these before the ports of TCP_IN. No archive has the program, so that
nothing of this could be held against it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePosixPath
from re import compile as compile_pattern

from rescue.bans.words import Ban, Network, parse_network
from rescue.firewall.boot import UnitTable
from rescue.formats.append_line import ended
from rescue.model import Address, Location, Symptom
from rescue.tree import Read, Tree

DIRECTORY = PurePosixPath("/etc/csf")
CONF, ALLOW, DENY = (DIRECTORY / f"csf.{name}" for name in ("conf", "allow", "deny"))
TEMPORARY = PurePosixPath("/var/lib/csf/csf.tempban")
HOOKS = tuple(
    PurePosixPath(folder) / name for folder in (DIRECTORY, "/usr/local/csf/bin") for name in ("csfpre.sh", "csfpost.sh")
)
UNIT = "csf.service"

LARGEST = 1 << 24
READS = (
    Read(str(DIRECTORY), depth=1),
    *(Read(str(path), depth=0, limit=LARGEST) for path in (ALLOW, DENY, TEMPORARY)),
    *(Read(str(path), depth=0, content=False) for path in HOOKS),
)

MOST_INCLUDES = 30
_SETTING = compile_pattern(r"\s*([A-Za-z_]\w*)\s*=\s*\"([^\"]*)\".*")
_COUNTRIES = ("CC_DENY", "CC_ALLOW_FILTER", "CC_DENY_PORTS", "CC_ALLOW_PORTS")


@dataclass(frozen=True, slots=True)
class CsfSetting:
    value: str
    location: Location


@dataclass(frozen=True, slots=True)
class Csf:
    """What csf does at boot."""

    settings: dict[str, CsfSetting]

    def get(self, name: str, default: str = "") -> str:
        found = self.settings.get(name)
        return found.value if found else default

    def on(self, name: str) -> bool:
        """Whether a setting is enabled: Perl takes "0" and "" as false."""
        return self.get(name) not in ("", "0")

    @property
    def symptom(self) -> Symptom:
        return Symptom.REFUSED if self.get("DROP").upper() == "REJECT" else Symptom.TIMED_OUT

    @property
    def healing(self) -> str:
        """Why a lock-out ends by itself; empty if it does not."""
        if not self.on("TESTING"):
            return ""
        minutes = self.get("TESTING_INTERVAL", "5")
        return f"TESTING is on: csf removes its rules every {minutes} minutes"

    def open_to(self, port: int, version: int) -> bool:
        """Whether everybody may connect to the port."""
        if version == 6 and not self.on("IPV6"):
            return True
        listed = self.get("TCP_IN" if version == 4 else "TCP6_IN")
        return any(_holds(part, port, ":") for part in listed.replace(" ", "").split(","))


def csf(tree: Tree, units: UnitTable) -> Csf | None:
    """The configuration, if csf is started at boot and not disabled. Raises `NotCaptured`."""
    if not units.unit(UNIT).started:
        return None
    tree.require(*READS)
    text = tree.text(CONF)
    if text is None or switched_off(tree):
        return None
    found = {}
    for number, line in enumerate(text.split("\n"), start=1):
        match = _SETTING.fullmatch(line)
        if match is not None:
            found[match[1]] = CsfSetting(match[2], Location(CONF, number, line))
    return Csf(found)


def switched_off(tree: Tree) -> bool:
    """Whether csf was told not to start (csf -x)."""
    return tree.entry(DIRECTORY / "csf.disable") is not None


def unknown(tree: Tree, this: Csf) -> str:
    """What depends on something not on the disk; empty if nothing."""
    for path in HOOKS:
        if tree.entry(path) is not None:
            return f"csf also runs {path}"
    name = next((each for each in _COUNTRIES if this.get(each)), None)
    return f"{name} filters addresses by country" if name else ""


@dataclass(frozen=True, slots=True)
class CsfEntry:
    """One line of csf.allow or csf.deny. ports: None for all."""

    network: Network
    ports: tuple[str, ...] | None
    location: Location

    def holds(self, address: Address, port: int) -> bool:
        if address.version != self.network.version or address not in self.network:
            return False
        return self.ports is None or any(_holds(part, port, "_") for part in self.ports)


def entries(tree: Tree, path: PurePosixPath, seen: tuple[PurePosixPath, ...] = ()) -> Iterator[CsfEntry]:
    """The lines of a list that are about new TCP connections, with those of the files that it includes."""
    tree.require(Read(str(path), depth=0, limit=LARGEST))
    included = []
    for number, line in enumerate((tree.text(path) or "").split("\n"), start=1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if words[0] == "Include" and len(words) > 1 and words[1].startswith("/"):
            included.append(PurePosixPath(words[1]))
            continue
        entry = _entry(words[0], Location(path, number, line))
        if entry is not None:
            yield entry
    for each in included:
        if each not in (*seen, path) and len(seen) < 1 and len(included) <= MOST_INCLUDES:
            yield from entries(tree, each, (*seen, path))


def _entry(word: str, here: Location) -> CsfEntry | None:
    if "|" not in word:
        network = parse_network(word)
        return CsfEntry(network, None, here) if network is not None else None
    protocol, *rest = word.split("|")
    if protocol.lower() not in ("tcp", "") or "out" in rest:
        return None
    ports: tuple[str, ...] | None = None
    network = None
    for part in rest:
        side, equals, value = part.partition("=")
        if not equals:
            continue
        as_network = parse_network(value) if not value.isdigit() else None
        if as_network is not None and side == "s":
            network = as_network
        elif side == "d" and as_network is None:
            ports = tuple(value.split(","))
        else:
            return None  # of the client's port, or of one of the server's addresses
    return CsfEntry(network, ports, here) if network is not None else None


def _holds(part: str, port: int, dash: str) -> bool:
    first, _, last = part.partition(dash)
    if not (first.isascii() and first.isdigit() and (not last or (last.isascii() and last.isdigit()))):
        return False
    return int(first) <= port <= int(last or first)


def allowed(tree: Tree, address: Address, port: int) -> bool:
    """Whether csf.allow lets the address reach the port."""
    return any(entry.holds(address, port) for entry in entries(tree, ALLOW))


def lets_others_in(tree: Tree, port: int) -> bool:
    """Whether csf.allow names an outside address."""
    return any(not entry.network.is_loopback and entry.holds(entry.network[0], port) for entry in entries(tree, ALLOW))


def bans(tree: Tree, this: Csf, port: int, now: datetime) -> Iterator[Ban]:
    """Whom csf's lists block from the port."""
    doubt = this.healing
    for entry in entries(tree, DENY):
        if entry.ports is None or any(_holds(part, port, "_") for part in entry.ports):
            written = str(entry.location)
            yield Ban(entry.network, written, f"{entry.location}", None, entry.location, this.symptom, doubt)
    for number, line in enumerate((tree.text(TEMPORARY) or "").split("\n"), start=1):
        parts = line.split("|")
        network = parse_network(parts[1]) if len(parts) > 4 else None
        if network is None or not (parts[0].isdigit() and parts[4].isdigit()) or "in" not in parts[3]:
            continue
        end = int(parts[0][:12]) + int(parts[4][:12])
        ports = [each.partition(";") for each in parts[2].split(",") if each]
        on = not ports or any(_holds(first, port, "_") and kind in ("", "tcp") for first, _, kind in ports)
        if on and end > now.timestamp():
            here = Location(TEMPORARY, number, line)
            until = datetime.fromtimestamp(min(end, 253402300799), UTC)
            yield Ban(network, str(here), str(here), until, here, this.symptom, doubt)


def let_in(tree: Tree, addresses: tuple[Address, ...], port: int) -> Tree:
    """The tree in which no line bans one of `addresses` alone, and csf.allow lets in whom others still ban."""
    lines: dict[PurePosixPath, set[int]] = {}
    for entry in entries(tree, DENY):
        if entry.network.num_addresses == 1 and any(entry.holds(each, port) for each in addresses):
            lines.setdefault(entry.location.path, set()).add(entry.location.line)
    for number, line in enumerate((tree.text(TEMPORARY) or "").split("\n"), start=1):
        network = parse_network(line.split("|")[1]) if line.count("|") > 3 else None
        if network is not None and network.num_addresses == 1 and network[0] in addresses:
            lines.setdefault(TEMPORARY, set()).add(number)
    for path, numbers in lines.items():
        old = (tree.text(path) or "").split("\n")
        tree = tree.write(path, "\n".join(line for at, line in enumerate(old, start=1) if at not in numbers))
    still = [each for each in addresses if any(entry.holds(each, port) for entry in entries(tree, DENY))]
    return admitted(tree, tuple(still), port)


def admitted(tree: Tree, addresses: tuple[Address, ...], port: int) -> Tree:
    """The tree in which csf.allow lets `addresses` reach the port."""
    for address in addresses:
        if not allowed(tree, address, port):
            text = tree.text(ALLOW) or ""
            tree = tree.write(ALLOW, f"{ended(text)}tcp|in|d={port}|s={address}\n")
    return tree


def opened(tree: Tree, port: int, versions: tuple[int, ...]) -> Tree:
    """The tree in which TCP_IN (and TCP6_IN) has the port. ValueError where csf.conf has no such line."""
    for version in versions:
        name = "TCP_IN" if version == 4 else "TCP6_IN"
        lines = (tree.text(CONF) or "").split("\n")
        at = max((at for at, line in enumerate(lines) if (found := _SETTING.fullmatch(line)) and found[1] == name),
                 default=None)  # fmt: skip
        if at is None:
            raise ValueError(f"{CONF} has no line for {name}")
        head, quote, rest = lines[at].partition('"')
        listed, _, tail = rest.partition('"')
        new = f"{listed},{port}" if listed.strip() else str(port)
        lines[at] = f"{head}{quote}{new}{quote}{tail}"
        tree = tree.write(CONF, "\n".join(lines))
    return tree
