"""Literal configurations for the tests of this room."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address

from rescue.sshd import Effective, Server
from rescue.tree import Entry, Tree

MAIN = "/etc/ssh/sshd_config"


@dataclass(frozen=True)
class Build:
    """An installed OpenSSH, as this room sees it."""

    version: tuple[int, int] = (9, 2)
    distro: str = "debian"


def tree_of(main: str | bytes | None, /, **files: str | Entry) -> Tree:
    """A tree with the main file and others: ``a_conf="..."`` is /etc/ssh/a.conf, ``d_10_x`` is in sshd_config.d."""
    entries: dict[str, Entry | str | bytes] = {} if main is None else {MAIN: main}
    for name, value in files.items():
        path = name.removeprefix("d_")
        folder = "/etc/ssh/sshd_config.d/" if name.startswith("d_") else "/etc/ssh/"
        entries[folder + path.replace("_conf", ".conf")] = value
    return Tree.of(entries)


def reading(main: str | bytes | None, version: tuple[int, int] = (9, 2), /, **files: str | Entry) -> Server:
    return Server(tree_of(main, **files), Build(version))


def for_user(
    server: Server, user: str = "alice", groups: str = "alice", address: str | None = "203.0.113.7", port: int = 22
) -> Effective:
    known = None if address is None else ip_address(address)
    return server.effective(user=user, groups=frozenset(groups.split()), address=known, local_port=port)


def faults(server: Server) -> list[tuple[int, str]]:
    """The fatal problems: line and kind."""
    return [(problem.location.line, problem.fault.name) for problem in server.fatal]
