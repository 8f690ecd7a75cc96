"""What tests of the firewall share: ufw's files in short, units that start, trees with saved rules."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class _Unit:
    started: bool


class Started:
    """Units of which only some start at boot."""

    def __init__(self, *names: str) -> None:
        self.names = names

    def unit(self, name: str) -> _Unit:
        return _Unit(name in self.names)
