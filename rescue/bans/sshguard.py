"""sshguard's blacklist: the addresses that it blocks again, for good, each time it starts.

Taken from sshguard 2.4: sshg-blocker blocks every line of BLACKLIST_FILE when it starts, whatever the whitelist says,
and hands it to the program that BACKEND names.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from pathlib import PurePosixPath

from rescue.bans.words import Ban
from rescue.formats.shell_assignments import read_settings
from rescue.model import Address, Location, Symptom
from rescue.tree import Read, Tree

UNIT = "sshguard.service"
CONFIGS = tuple(PurePosixPath(path) for path in ("/etc/sshguard/sshguard.conf", "/etc/sshguard.conf"))
READS = tuple(Read(str(path), depth=0) for path in CONFIGS)
LARGEST = 1 << 24

_CERTAIN = ("sshg-fw-nft-sets", "sshg-fw-hosts")
"""Backends that block without any rule of somebody else's."""


@dataclass(frozen=True, slots=True)
class Sshguard:
    """What sshguard does at the next boot. backend: the program's name. prefixes: of what it blocks, by IP version."""

    backend: str
    blacklist: PurePosixPath
    prefixes: dict[int, int]


def sshguard(tree: Tree) -> Sshguard | None:
    """The configuration; None if it has no blacklist, or blocks nobody. Raises `NotCaptured`."""
    tree.require(*READS)
    path = next((each for each in CONFIGS if tree.text(each) is not None), None)
    if path is None:
        return None
    settings = read_settings(iter([(path, tree.text(path) or "")]))
    _, colon, place = settings.get("BLACKLIST_FILE").partition(":")
    backend = PurePosixPath(settings.get("BACKEND")).name
    if not colon or not place.startswith("/") or backend in ("", "sshg-fw-null"):
        return None
    prefixes = {
        version: int(told) if (told := settings.get(f"IPV{version}_SUBNET")).isdigit() and int(told) <= bits else bits
        for version, bits in ((4, 32), (6, 128))
    }
    return Sshguard(backend, PurePosixPath(place), prefixes)


def bans(tree: Tree, this: Sshguard, chains: frozenset[str]) -> Iterator[Ban]:
    """Whom it blocks once started. chains: those of the rules that are loaded before it."""
    if this.backend == "sshg-fw-iptables" and "sshguard" not in chains:
        return  # its rules go into that chain, and fail where there is none
    sure = this.backend in (*_CERTAIN, "sshg-fw-iptables")
    doubt = "" if sure else f"sshguard fills a list through {this.backend}, but no known rule uses that list"
    tree.require(Read(str(this.blacklist), depth=0, limit=LARGEST))
    for number, line in enumerate((tree.text(this.blacklist) or "").split("\n"), start=1):
        address = _address(line)
        if address is None:
            continue
        prefix = this.prefixes[address.version]
        yield Ban(
            network=ip_network(f"{address}/{prefix}", strict=False),
            written=str(address),
            by="its blacklist",
            until=None,
            location=Location(this.blacklist, number, line),
            symptom=Symptom.CLOSED if this.backend == "sshg-fw-hosts" else Symptom.TIMED_OUT,
            doubt=doubt,
        )


def _address(line: str) -> Address | None:
    parts = line.split("|")
    if len(parts) != 4:
        return None
    try:
        return ip_address(parts[3].strip())
    except ValueError:
        return None


def lifted(tree: Tree, path: PurePosixPath, written: tuple[str, ...]) -> Tree:
    """The tree in which the blacklist has no line for `written`."""
    lines = (tree.text(path) or "").split("\n")
    kept = [line for line in lines if (found := _address(line)) is None or str(found) not in written]
    return tree.write(path, "\n".join(kept))
