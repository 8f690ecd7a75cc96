"""ifcfg files: Red Hat's (ifcfg(5), network-scripts), which NetworkManager reads as well, and SUSE's of wicked.

They are the shell's assignments. What a program makes of them is not followed: what is written there may be set.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from rescue.formats.shell_assignments import Settings, read_settings
from rescue.model import Location
from rescue.network.profile import Profile, written
from rescue.tree import Read, Tree

RED_HAT = "/etc/sysconfig/network-scripts"
DIRECTORIES = (RED_HAT, "/etc/sysconfig/network")
READS = tuple(Read(path, depth=1) for path in DIRECTORIES)
NAMES = tuple(Read(path, depth=1, content=False) for path in DIRECTORIES)

IGNORED = (".bak", ".orig", ".rpmnew", ".rpmorig", ".rpmsave", "-range", "~")
"""Ends of names that are of no interface's file (network-scripts, firewalld's ifcfg.py)."""
LOOPBACK = "ifcfg-lo"
MOST_FILES = 500


def files(tree: Tree, *directories: str) -> Iterator[PurePosixPath]:
    """The files, of these directories or of all."""
    for directory in directories or DIRECTORIES:
        for name in tree.children(directory)[:MOST_FILES]:
            if name.startswith("ifcfg-") and name != LOOPBACK and not name.endswith(IGNORED):
                yield PurePosixPath(directory) / name


def settings(tree: Tree, path: PurePosixPath) -> Settings:
    """What a file sets."""
    return read_settings(iter([(path, tree.text(path) or "")]), stops=False)


def profiles(tree: Tree) -> Iterator[Profile]:
    """One for each file."""
    for path in files(tree):
        said = settings(tree, path)
        own, asks = [], []
        for key, each in said.values.items():
            value, place = each.value.strip().lower(), each.location
            if key.startswith(("IPADDR", "IPV6ADDR")):
                own += [(word, place) for word in value.split()]
            elif key.startswith("BOOTPROTO") and value not in ("none", "static", ""):
                asks += [(4, place), (6, place)]
            elif key in ("DHCPV6C", "IPV6_AUTOCONF") and value == "yes":
                asks.append((6, place))
        if said.stopped is not None:
            asks += [(4, said.stopped), (6, said.stopped)]
        device = said.get("DEVICE", path.name.removeprefix("ifcfg-"))
        yield Profile("ifcfg", Location(path), (device,), written=written(own), asks=tuple(asks))
