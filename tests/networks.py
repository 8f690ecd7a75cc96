"""Servers for tests whose network is configured by files, and whose journal tells of their cards."""

from __future__ import annotations

from collections.abc import Mapping

from rescue.tree import Entry, Tree, file, symlink
from tests.journals import journal
from tests.trees import DHCPCD_STARTS, server

LIB, WANTS = "/usr/lib/systemd/system", "/etc/systemd/system/multi-user.target.wants"
ID = "3d1219c7c4c5404aaa1f6d2a48adfda4"
WIRED = "/etc/systemd/network/10-wired.network"
UNIT = "[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n"
OLD, NEW = b"a" * 16, b"b" * 16
CAME_UP = ("eth0: Gained carrier", NEW)


def networked(
    files: Mapping[str, str | Entry | None],
    *said: tuple[str, bytes],
    manager: str = "systemd-networkd.service",
    last: bytes = NEW,
) -> Tree:
    """A server with these network files, whose journal tells this of its boots, the last one being `last`."""
    changes: dict[str, Entry | str | bytes | None] = {
        DHCPCD_STARTS: None, "/usr/sbin/dhclient": file("ELF", 0o755),
        "/usr/lib/systemd/system-generators/netplan": file("ELF", 0o755),
        f"{LIB}/{manager}": UNIT, f"{WANTS}/{manager}": symlink(f"{LIB}/{manager}"), "/etc/machine-id": f"{ID}\n",
        f"/var/log/journal/{ID}/system.journal": journal([*said, ("the end", last)]), **files,
    }  # fmt: skip
    return server(changes)


def networkd(match: str, network: str = "DHCP=yes") -> dict[str, str | Entry]:
    """The one file of systemd-networkd."""
    return {WIRED: f"[Match]\n{match}\n\n[Network]\n{network}\n"}
