"""Which program configures the network, and whether it can read its settings.

Decides: one of systemd-networkd, ifupdown (networking), NetworkManager and the like starts at boot. systemd-networkd
reads its files as a separate user: it ignores a file that others can't read.

Not judged: a server that starts none of the known programs, and systemd-networkd without a file that sets an address or
uses DHCP.

Supply: enable the program that your files are for, or set the files to mode 644.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from rescue.accounts.permissions import READ, Person, allows, first_barrier
from rescue.facts import Facts
from rescue.model import Gap, Location, Step
from rescue.network import networkd
from rescue.services.units import UNIT_READS
from rescue.tree import Read

STEP = Step.NETWORK
FOLDERS = networkd.DIRECTORIES[:2]
"""Those that are not the distribution's."""
READS = (*UNIT_READS, *(Read(folder, depth=2) for folder in FOLDERS))

NETWORKD = "systemd-networkd.service"
PROGRAMS = (
    NETWORKD,
    "networking.service",
    "NetworkManager.service",
    "dhcpcd.service",
    "connman.service",
    "wicked.service",
    "wickedd.service",
    "network.service",
    "netctl.service",
    "systemd-networkd.socket",
    "cloud-init.service",
    "cloud-init-local.service",
    "ifupdown2.service",
    "dhclient.service",
    "iwd.service",
    "udhcpc.service",
)
NOBODY = Person(65534, frozenset({65534}))
"""systemd-network, for checking file modes."""


def find(facts: Facts) -> Iterator[Gap]:
    if facts.units.manager != "systemd" or not facts.units.reached:
        return
    reached = set(facts.units.reached)
    started = [name for name in PROGRAMS if name in reached and facts.units.unit(name).started]
    # Its socket starts networkd only at the next network change, which may never come.
    sure = [name for name in started if name.endswith(".service")]
    if not sure and _there(facts):
        known = ", ".join(name.removesuffix(".service") for name in _there(facts))
        yield Gap(
            "network-setup",
            STEP,
            f"what configures the network: none of {known} starts",
            "enable the intended one",
        )
    if started and set(started) <= {NETWORKD, "systemd-networkd.socket"}:
        yield from _networkd(facts)


def _there(facts: Facts) -> list[str]:
    """The installed programs, by their units."""
    return [name for name in PROGRAMS if name.endswith(".service") and facts.units.unit(name).path is not None]


def _networkd(facts: Facts) -> Iterator[Gap]:
    tree = facts.tree
    usable = False
    for folder in FOLDERS:
        here = tree.entry(folder)
        if here is not None and not allows(here, NOBODY, READ):
            what = f"whether systemd-networkd can read its files: no permission for {folder}"
            yield Gap("network-setup", STEP, what, f"chmod 755 {folder}", locations=(Location(PurePosixPath(folder)),))
        for name in tree.children(folder):
            path = PurePosixPath(folder) / name
            if not name.endswith((".network", ".netdev", ".link")):
                continue
            entry = tree.entry(path)
            closed = first_barrier(tree, path, NOBODY)
            if entry is not None and entry.is_file and (closed is not None or not allows(entry, NOBODY, READ)):
                what = f"whether systemd-networkd can read {path}: no permission"
                yield Gap("network-setup", STEP, what, f"chmod 644 {path}", locations=(Location(path),))
                continue
            if name.endswith(".network"):
                drop_ins = [
                    path.with_name(f"{name}.d") / each for each in tree.children(f"{path}.d") if each.endswith(".conf")
                ]
                usable = usable or any(_gives(facts, each) for each in (path, *drop_ins))
    if not usable:
        yield Gap(
            "network-setup",
            STEP,
            "which address systemd-networkd sets: none of its files has one",
            f"look at {FOLDERS[0]}",
        )


def _gives(facts: Facts, path: PurePosixPath) -> bool:
    for each in networkd.settings(facts.tree, path):
        if each.key == "Address" and each.text:
            return True
        if each.key == "DHCP" and each.text and not networkd.off(each.text):
            return True
    return False
