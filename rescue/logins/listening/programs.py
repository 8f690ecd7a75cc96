"""Where programs say on which TCP ports they listen: a table, one line a program, and readers of the odd ones."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import PurePosixPath
from re import IGNORECASE, Pattern
from re import compile as compile_pattern

from rescue.model import Location
from rescue.sshd.language.patterns import numeric_address
from rescue.tree import Read, ReadError, Tree

MOST_FILES, MOST_LINES = 200, 20_000
SSH = "22"


@dataclass(frozen=True, slots=True)
class Port:
    """A port that a program opens. address: None for every address; a name as written."""

    number: int
    address: str | None
    location: Location


@dataclass(frozen=True, slots=True)
class Known:
    """A program. units: its services; globs: its files; line: what one says, with the address and the port as groups.

    until: what ends the part that counts; only: what the file has to have somewhere; mark: what begins a comment.
    """

    units: tuple[str, ...]
    globs: tuple[str, ...]
    line: Pattern[str]
    until: str = ""
    only: Pattern[str] | None = None
    marks: str = "#"


def _line(text: str) -> Pattern[str]:
    return compile_pattern(text, IGNORECASE)


ADDRESS = r"(?:(\[[0-9a-f:.%]*\]|[\w.*-]*):)?"
KNOWN = (
    Known(
        ("nginx.service",),
        ("/etc/nginx/nginx.conf", "/etc/nginx/*.d/*", "/etc/nginx/*-enabled/*"),
        _line(rf"(?:^|[;{{\s])listen\s+{ADDRESS}(\d+)\b"),
    ),
    Known(
        ("apache2.service", "httpd.service"),
        ("/etc/apache2/*.conf", "/etc/apache2/*-enabled/*", "/etc/httpd/conf/*.conf", "/etc/httpd/conf.d/*.conf"),
        _line(rf"^\s*listen\s+{ADDRESS}(\d+)\b"),
    ),
    Known(
        ("stunnel4.service", "stunnel.service"),
        ("/etc/stunnel/*.conf", "/etc/stunnel/conf.d/*.conf"),
        _line(rf"^\s*accept\s*=\s*{ADDRESS}(\d+|ssh)\s*$"),
        marks="#;",
    ),
    Known(
        ("haproxy.service",),
        ("/etc/haproxy/*.cfg", "/etc/haproxy/conf.d/*.cfg"),
        _line(rf"^\s*bind\s+{ADDRESS}(\d+)\b"),
    ),
    Known(("sslh.service",), ("/etc/default/sslh",), _line(rf"--listen[= ]\s*{ADDRESS}(\d+|ssh)\b")),
    Known(
        ("sslh.service",),
        ("/etc/sslh.cfg", "/etc/sslh/sslh.cfg"),
        _line(r'host:\s*"([^"]*)"\s*;\s*port:\s*"(\d+|ssh)"'),
        until="protocols",
    ),
    Known(("endlessh.service",), ("/etc/endlessh/config",), _line(r"^\s*port()\s+(\d+)")),
    Known(
        ("proftpd.service",),
        ("/etc/proftpd.conf", "/etc/proftpd/*.conf", "/etc/proftpd/conf.d/*.conf"),
        _line(r"^\s*port()\s+(\d+)"),
    ),
    Known(
        ("gitea.service", "forgejo.service", "gogs.service"),
        ("/etc/gitea/app.ini", "/etc/forgejo/app.ini", "/etc/gogs/app.ini"),
        _line(r"^\s*ssh_listen_port()\s*=\s*(\d+)"),
        only=compile_pattern(r"(?im)^\s*start_ssh_server\s*=\s*(?:true|yes|on|1)\b"),
        marks="#;",
    ),
    Known(
        ("inetd.service", "openbsd-inetd.service", "inetutils-inetd.service"),
        ("/etc/inetd.conf", "/etc/inetd.d/*"),
        _line(rf"^{ADDRESS}(\d+|ssh)\s+stream\s"),
    ),
)

UNITS = (*{unit for each in KNOWN for unit in each.units}, "xinetd.service", "docker.service", "docker.socket")
XINETD = "/etc/xinetd.d"
CONTAINERS = "/var/lib/docker/containers"
QUADLETS = "/etc/containers/systemd"
PUBLISHED = _line(rf"^\s*publishport\s*=\s*{ADDRESS}(\d+):\d+(?:/tcp)?\s*$")
RESTARTED = frozenset({"always", "unless-stopped", "on-failure"})


def ports(tree: Tree, unit: str) -> Iterator[Port]:
    """The ports that the files of a started unit's program name."""
    for known in KNOWN:
        if unit in known.units:
            yield from _of_files(tree, known)
    if unit == "xinetd.service":
        yield from xinetd(tree)
    elif unit in ("docker.service", "docker.socket"):
        yield from _containers(tree)


def quadlets(tree: Tree) -> Iterator[Port]:
    """The ports of containers that podman's generator makes units of (podman-systemd.unit(5))."""
    tree.require(Read(QUADLETS, depth=1))
    for name in [each for each in tree.children(QUADLETS) if each.endswith(".container")][:MOST_FILES]:
        text = _text(tree, f"{QUADLETS}/{name}")
        if "WantedBy=" in text:
            yield from _of_text(text, PurePosixPath(QUADLETS) / name, PUBLISHED, "#;")


def _of_files(tree: Tree, known: Known) -> Iterator[Port]:
    tree.require(
        *(Read(_fixed(pattern), depth=pattern.count("/") - _fixed(pattern).count("/")) for pattern in known.globs)
    )
    paths = dict.fromkeys(path for pattern in known.globs for path in tree.glob(pattern))
    for path in islice(paths, MOST_FILES):
        text = _text(tree, str(path))
        if known.until and (at := text.find(known.until)) >= 0:
            text = text[:at]
        if known.only is None or known.only.search(text):
            yield from _of_text(text, PurePosixPath(path), known.line, known.marks)


def _fixed(pattern: str) -> str:
    """The part of a glob before its first wildcard's folder."""
    if "*" not in pattern:
        return pattern
    return pattern[: pattern.index("*")].rpartition("/")[0]


def _of_text(text: str, path: PurePosixPath, line: Pattern[str], marks: str) -> Iterator[Port]:
    for number, each in enumerate(islice(text.split("\n"), MOST_LINES), 1):
        bare = each[:500]
        for mark in marks:
            if bare.lstrip().startswith(mark) or mark == "#":
                bare = bare.partition(mark)[0]
        for found in line.finditer(bare):
            port = _port(found[2])
            if port is not None:
                yield Port(port, _address(found[1]), Location(path, number, each.strip()[:200]))


def _port(word: str) -> int | None:
    word = SSH if word.lower() == "ssh" else word
    number = int(word[:6]) if word.isascii() and word.isdigit() else 0
    return number if 1 <= number <= 65535 else None


def _address(word: str | None) -> str | None:
    bare = (word or "").strip("[]")
    if bare in ("", "*", "0.0.0.0"):  # noqa: S104  read, not bound
        return None
    address = numeric_address(bare)
    return None if address is not None and address.is_unspecified else str(address) if address is not None else bare


def xinetd(tree: Tree) -> Iterator[Port]:
    """The ports of xinetd's services that are not disabled (xinetd.conf(5))."""
    tree.require(Read(XINETD, depth=1))
    for name in tree.children(XINETD)[:MOST_FILES]:
        service, port, off, place = "", "", False, None
        path = PurePosixPath(XINETD) / name
        for number, each in enumerate(islice(_text(tree, str(path)).split("\n"), MOST_LINES), 1):
            words = each.partition("#")[0].replace("=", " ").split()
            if words[:1] == ["service"] and len(words) > 1:
                service, port, off, place = words[1], "", False, Location(path, number, each.strip()[:200])
            elif words[:1] == ["port"] and len(words) > 1:
                port = words[1]
            elif words[:2] == ["disable", "yes"]:
                off = True
            elif words[:1] == ["}"] and place is not None:
                found = _port(port or service)
                if found is not None and not off:
                    yield Port(found, None, place)
                place = None


def _containers(tree: Tree) -> Iterator[Port]:
    tree.require(Read(CONTAINERS, depth=1, content=False))
    paths = [f"{CONTAINERS}/{name}/hostconfig.json" for name in tree.children(CONTAINERS)[:MOST_FILES]]
    tree.require(*(Read(path, depth=0) for path in paths))
    for path in paths:
        try:
            made = json.loads(_text(tree, path) or "{}")
            if made["RestartPolicy"]["Name"] not in RESTARTED:
                continue
            bound = [(each, host) for each, hosts in (made["PortBindings"] or {}).items() for host in hosts or ()]
            for inner, host in bound[:MOST_FILES]:
                number = _port(str(host["HostPort"]))
                if number is not None and not str(inner).endswith("/udp"):
                    yield Port(
                        number, _address(str(host["HostIp"])), Location(PurePosixPath(path), 0, f"HostPort {number}")
                    )
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            continue


def _text(tree: Tree, path: str) -> str:
    try:
        entry = tree.entry(path)
        return (tree.text(path) or "") if entry is not None and entry.is_file else ""
    except ReadError:
        return ""
