"""Which other units open a port of SSH's at boot."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from re import IGNORECASE
from re import compile as compile_pattern

from rescue.facts import Facts
from rescue.logins.listening import programs
from rescue.logins.listening.programs import Port
from rescue.logins.ssh_units import OTHERS, SERVICES
from rescue.services.units import UNIT_READS, Unit
from rescue.sshd import Server
from rescue.sshd.commandline import command_line
from rescue.sshd.listen import LISTEN_READS, SOCKETS, Listener, clash, configured, listen_stream
from rescue.tree import Read

READS = (
    *UNIT_READS,
    *LISTEN_READS,
    Read("/etc/default", depth=1),
    Read("/usr/lib/systemd/system-generators", depth=1, content=False),
)
MOST_UNITS = 1000

DROPBEAR, DROPBEAR_SETTINGS = "dropbear.service", "/etc/default/dropbear"
CALLERS = frozenset({"ssh", "autossh", "sshuttle", "scp", "sftp", "rsync", "curl", "wget", "nc", "ncat"})
"""Programs whose ports are those of other servers."""

_SPECIAL = "@-:+!|"
_OPENED = compile_pattern(
    r"(?:TCP[46]?-LISTEN:|(?:^|\s)--?(?:(?:listen[-_])?(?:addr|address|port)|listen|bind|publish|p)[= ]\s*)"
    r"(?:(\[[0-9a-f:.]*\]|[\w.*-]*):)?(\d{1,5})(?::\d+(?:/tcp)?)?(?=[\s,\"']|$)",
    IGNORECASE,
)
_DROPBEAR_PORT = compile_pattern(r"(?:^|\s)-p\s*[\"']?(?:(\[[0-9a-f:.]*\]|[\w.*-]*):)?(\d{1,5})\b")
_SETTING = compile_pattern(r"^\s*(?:export\s+)?(DROPBEAR_PORT|DROPBEAR_EXTRA_ARGS)=[\"']?([^\"'#]*)")


@dataclass(frozen=True, slots=True)
class Taker:
    """A unit that opens a port. sure: whether its settings say so in plain words."""

    unit: str
    port: Port
    sure: bool


def takers(facts: Facts) -> Iterator[Taker]:
    """Every other unit that opens a port at boot that SSH listens on, with an address that clashes."""
    for each in others(facts):
        other = Listener(each.port.address, each.port.number)
        if any(mine.port == other.port and clash(mine.address, other.address, only=False) for mine in facts.listeners):
            yield each


def others(facts: Facts) -> Iterator[Taker]:
    """Every port that another unit opens at boot, as far as its settings say."""
    units = facts.units
    if units.manager != "systemd":
        return
    started = [unit for name in units.reached[:MOST_UNITS] if (unit := _other(facts, name)) is not None]
    for unit in started:
        found = [
            Taker(unit.name, port, True) for port in (*programs.ports(facts.tree, unit.name), *_servers(facts, unit))
        ]
        yield from found or (Taker(unit.name, port, False) for port in _commands(unit))
    if any(facts.tree.entry(path) is not None for path in GENERATORS):
        yield from (Taker(_service(port), port, True) for port in programs.quadlets(facts.tree))


GENERATORS = (
    "/usr/lib/systemd/system-generators/podman-system-generator",
    "/lib/systemd/system-generators/podman-system-generator",
)


def _service(port: Port) -> str:
    return f"{port.location.path.stem}.service"


def by_super_server(facts: Facts) -> Taker | None:
    """What starts an sshd for each connection in place of a service of its own: xinetd or inetd, on port 22."""
    for unit in ("xinetd.service", "inetd.service", "openbsd-inetd.service", "inetutils-inetd.service"):
        if facts.units.unit(unit).started:
            for port in programs.ports(facts.tree, unit):
                if port.number == SSH_PORT:
                    return Taker(unit, port, True)
    return None


SSH_PORT = 22


def _other(facts: Facts, name: str) -> Unit | None:
    own = {facts.units.unit(each).name for each in (*SERVICES, *SOCKETS)}
    if not name.endswith((".service", "docker.socket")) or name in own:
        return None
    unit = facts.units.unit(name)
    return unit if unit.started else None


def _servers(facts: Facts, unit: Unit) -> Iterator[Port]:
    """Of another sshd, or of Dropbear."""
    program = _program(unit)
    if program == "sshd":
        given = command_line(facts.tree, unit.assignments)
        server = Server(facts.tree, facts.openssh, given)
        command = unit.values("Service", "ExecStart")[-1].location
        for each in configured(server, given) if not server.fatal else ():
            yield Port(each.port, each.address, each.location or command)
    elif program == "dropbear":
        yield from dropbear_ports(facts, unit)


def dropbear_ports(facts: Facts, unit: Unit) -> Iterator[Port]:
    """The ports of dropbear(8): -p of its command, DROPBEAR_PORT and DROPBEAR_EXTRA_ARGS; else 22."""
    commands = unit.values("Service", "ExecStart")
    place = commands[-1].location
    text = commands[-1].text
    variables = {"DROPBEAR_PORT": "22", "DROPBEAR_EXTRA_ARGS": ""}
    if "$" in text:
        facts.tree.require(Read(DROPBEAR_SETTINGS, depth=0))
        for line in (facts.tree.text_if_read(DROPBEAR_SETTINGS) or "").split("\n"):
            if (match := _SETTING.match(line)) is not None:
                variables[match[1]] = match[2].strip()
    for name, value in variables.items():
        text = text.replace(f"${{{name}}}", value).replace(f"${name}", value)
    found = list(_DROPBEAR_PORT.finditer(text))
    yield from (Port(int(each[2]), each[1] or None, place) for each in found)
    if not found:
        yield Port(22, None, place)


def _program(unit: Unit) -> str:
    commands = unit.values("Service", "ExecStart")
    words = commands[-1].text.split() if commands else []
    return words[0].lstrip(_SPECIAL).strip('"').rpartition("/")[2] if words else ""


def _commands(unit: Unit) -> Iterator[Port]:
    """What a command line of an unknown program names as its own port."""
    if _program(unit) in CALLERS or unit.name in OTHERS:
        return
    for value in unit.values("Service", "ExecStart"):
        for found in _OPENED.finditer(value.text):
            if 1 <= int(found[2]) <= 65535:
                stream = listen_stream(f"{found[1]}:{found[2]}", value.location) if found[1] else None
                yield Port(int(found[2]), stream.address if stream is not None else None, value.location)
