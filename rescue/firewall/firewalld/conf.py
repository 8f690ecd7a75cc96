"""firewalld.conf, read like core/io/firewalld_conf.py of firewalld does: the first definition of a key counts."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import PurePosixPath

from rescue.model import Location

PATH = PurePosixPath("/etc/firewalld/firewalld.conf")

NO = ("no", "false")
BACKENDS = ("nftables", "iptables")
FORWARD_ONLY = ("loose-forward", "strict-forward")


@dataclass(frozen=True, slots=True)
class Conf:
    """The settings that matter here, and the location of each."""

    values: dict[str, tuple[str, Location]] = field(default_factory=dict)

    def get(self, key: str) -> str:
        return self.values[key][0] if key in self.values else ""

    def location(self, key: str) -> Location:
        return self.values[key][1] if key in self.values else Location(PATH)

    @property
    def default_zone(self) -> str:
        return self.get("DefaultZone") or "public"

    @property
    def nftables(self) -> bool:
        """Whether zones become nftables rules; an invalid backend name means the default."""
        return self.get("FirewallBackend").lower() != "iptables"

    @property
    def reverse_path_filter(self) -> bool:
        """Whether the kernel drops IPv6 packets to the server that have no return route."""
        return self.get("IPv6_rpfilter").lower() not in (*NO, *FORWARD_ONLY)

    @property
    def refuses_6to4(self) -> bool:
        return self.get("RFC3964_IPv4").lower() not in NO

    @property
    def drifting(self) -> bool:
        """Whether packets drift from a source's zone into an interface's (firewalld before 1.0)."""
        return self.get("AllowZoneDrifting").lower() in ("yes", "true")


def read_conf(text: str) -> Conf:
    """The settings of the file's text."""
    values: dict[str, tuple[str, Location]] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        stripped = line.strip()
        pair = [part.strip() for part in stripped.split("=")]
        if stripped[:1] in ("", "#", ";") or len(pair) != 2 or not pair[1]:
            continue
        values.setdefault(pair[0], (pair[1], Location(PATH, number, line)))
    return Conf(values)
