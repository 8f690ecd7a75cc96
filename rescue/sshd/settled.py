"""sshd's settings for one connection, as shown on screen and in documents."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from rescue.formats.packages import OpenSSH
from rescue.sshd.language.dialect import Dialect
from rescue.sshd.language.faults import Problem
from rescue.sshd.provenance import Row


@dataclass(frozen=True, slots=True)
class Settled:
    """openssh: None if unknown. address: None for any; exists: whether passwd knows the user."""

    openssh: OpenSSH | None
    dialect: Dialect
    user: str
    exists: bool
    address: IPv4Address | IPv6Address | None
    port: int
    rows: tuple[Row, ...]
    problems: tuple[Problem, ...]

    @property
    def starts(self) -> bool:
        """Whether sshd accepts the configuration."""
        return not any(problem.fatal for problem in self.problems)
