"""Where sshd is served: configured ports, the command line, and sockets; units as a literal stand-in."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import PurePosixPath

import pytest

from rescue.model import Location
from rescue.sshd import Server, listeners
from rescue.tree import Entry, Tree, file
from tests.unit.sshd.configs import MAIN, Build

pytestmark = pytest.mark.unit

SERVICE = "/usr/lib/systemd/system/ssh.service"
SOCKET = "/usr/lib/systemd/system/ssh.socket"
GENERATOR = "/usr/lib/systemd/system-generators/sshd-socket-generator"


@dataclass(frozen=True)
class Line:
    section: str
    key: str
    text: str
    location: Location


@dataclass(frozen=True)
class Unit:
    name: str
    present: bool = False
    started: bool = False
    assignments: tuple[Line, ...] = ()


@dataclass(frozen=True)
class Units:
    known: dict[str, Unit] = field(default_factory=dict)

    def unit(self, name: str) -> Unit:
        return self.known.get(name, Unit(name))


def service(command: str = "/usr/sbin/sshd -D $SSHD_OPTS") -> Unit:
    place = Location(PurePosixPath(SERVICE), 5)
    return Unit("ssh.service", True, True, (
        Line("Service", "EnvironmentFile", "-/etc/default/ssh", place),
        Line("Service", "ExecStart", command, place),
    ))  # fmt: skip


def socket(*streams: str, started: bool = True) -> Unit:
    """Each stream is "value", or "drop-in.conf:value" with the drop-in's name before the first colon of a .conf."""
    lines = []
    for stream in streams:
        name, conf, value = stream.partition(".conf:")
        path = f"/etc/systemd/system/ssh.socket.d/{name}.conf" if conf else SOCKET
        lines.append(Line("Socket", "ListenStream", value if conf else stream, Location(PurePosixPath(path), 2)))
    return Unit("ssh.socket", True, started, tuple(lines))


def served(config: str, *units: Unit, **files: str | Entry) -> list[tuple[str | None, int]]:
    paths = {"default": "/etc/default/ssh", "generator": GENERATOR, "services": "/etc/services"}
    tree = Tree.of({MAIN: config, **{paths[name]: value for name, value in files.items()}})
    found = listeners(tree, Server(tree, Build()), Units({unit.name: unit for unit in units}))
    return [(each.address, each.port) for each in found]


def test_without_a_line_it_is_port_22_on_every_address() -> None:
    assert served("", service()) == [(None, 22)]


def test_every_port_line_counts() -> None:
    assert served("Port 22\nPort 2222\n", service()) == [(None, 22), (None, 2222)]


def test_an_address_without_a_port_takes_all_ports_and_one_with_a_port_only_its_own() -> None:
    config = "ListenAddress 192.0.2.1:99\nListenAddress ::\nPort 22\nPort 23\n"
    assert served(config, service()) == [("192.0.2.1", 99), ("::", 22), ("::", 23)]


def test_a_services_name_is_a_port() -> None:
    assert served("Port ssh\n", service(), services="ssh 22/tcp\n") == [(None, 22)]


def test_a_fatal_problem_leaves_no_listener() -> None:
    assert served("Port 22\nFoo bar\n", service()) == []


def test_a_port_on_the_command_line_silences_port_lines() -> None:
    assert served("Port 22\n", service(), default='# SSHD_OPTS=-p9\nSSHD_OPTS="-4 -p 2222"\n') == [(None, 2222)]
    assert served("Port 22\n", service("/usr/sbin/sshd -Dp2222")) == [(None, 2222)]


def test_an_option_port_comes_beside_port_lines() -> None:
    assert served("Port 22\n", service(), default="SSHD_OPTS=-oPort=2222\n") == [(None, 2222), (None, 22)]


def test_an_option_that_is_no_port_changes_nothing() -> None:
    assert served("", service("/usr/sbin/sshd -D -f /etc/ssh/other -E /p22 -oPermitRootLogin=no")) == [(None, 22)]


def test_another_program_is_not_asked_for_its_options() -> None:
    assert served("", service("/usr/bin/wrapper -p 99")) == [(None, 22)]


def test_a_started_socket_decides_and_the_configuration_does_not() -> None:
    assert served("Port 2222\n", service(), socket("22")) == [(None, 22)]


def test_a_socket_that_is_not_started_says_nothing() -> None:
    assert served("Port 2222\n", service(), socket("22", started=False)) == [(None, 2222)]


def test_a_drop_in_adds_to_the_socket_unless_it_empties_it_first() -> None:
    assert served("", socket("22", "x.conf:2222")) == [(None, 22), (None, 2222)]
    assert served("", socket("22", "x.conf:", "x.conf:2222")) == [(None, 2222)]


def test_a_sockets_addresses_are_read_and_its_other_sockets_skipped() -> None:
    streams = ("0.0.0.0:22", "[::]:23", "/run/ssh.sock", "vsock::22", "x")
    assert served("", socket(*streams)) == [("0.0.0.0", 22), (None, 23)]


def test_ubuntus_generator_takes_the_ports_from_the_configuration() -> None:
    generator = file("ELF", 0o755)
    assert served("Port 2222\n", socket("22"), generator=generator) == [(None, 2222)]
    assert served("", socket("22"), generator=generator) == [(None, 22)]


def test_a_drop_in_that_sorts_behind_the_generated_one_adds_to_it() -> None:
    generator = file("ELF", 0o755)
    assert served("Port 2222\n", socket("22", "a.conf:77"), generator=generator) == [(None, 2222)]
    assert served("Port 2222\n", socket("22", "z.conf:77"), generator=generator) == [(None, 2222), (None, 77)]
    assert served("Port 2222\n", socket("22", "z.conf:", "z.conf:77"), generator=generator) == [(None, 77)]
