"""Sockets that systemd opens, and the port of SSH."""

from __future__ import annotations

import pytest

from rescue.tree import Entry, symlink
from tests.judging import gaps_of

pytestmark = pytest.mark.unit

SYSTEM = "/etc/systemd/system"
BY_SOCKET: dict[str, Entry | str | bytes | None] = {
    f"{SYSTEM}/multi-user.target.wants/ssh.service": None,
    "/usr/lib/systemd/system/sockets.target": "[Unit]\n",
    f"{SYSTEM}/sockets.target.wants/ssh.socket": symlink("/lib/systemd/system/ssh.socket"),
}


def with_lines(*lines: str) -> list[tuple[str, str]]:
    """The gaps of a server whose ssh.socket has a drop-in beside the package's ListenStream=22."""
    return gaps_of({**BY_SOCKET, f"{SYSTEM}/ssh.socket.d/local.conf": "\n".join(["[Socket]", *lines, ""])})


@pytest.mark.parametrize(
    "lines",
    [
        ("ListenStream=22",),
        ("ListenStream=0.0.0.0:22",),
        ("ListenStream=127.0.0.1:22",),
        ("ListenStream=[::]:22",),
        ("ListenStream=192.0.2.5:22",),
        ("ListenStream=", "ListenStream=0.0.0.0:22", "ListenStream=[::]:22"),
        ("ListenStream=", "ListenStream=192.0.2.5:22", "ListenStream=192.0.2.5:22", "FreeBind=yes"),
        ("BindIPv6Only=ipv6-only", "ListenStream=[2001:db8::5]:22"),
        ("ListenStream=", "ListenStream=/run/ssh.sock"),
        ("ListenStream=", "ListenStream=vsock::22"),
        ("ListenStream=",),
    ],
)
def test_what_can_not_be_bound_or_reached(lines: tuple[str, ...]) -> None:
    """Tried with systemd 252, of each kind one: "Address already in use", and the client is refused."""
    assert ("listen", "socket-streams") in with_lines(*lines)


@pytest.mark.parametrize(
    "lines",
    [
        (),
        ("ListenStream=2222",),
        ("ListenStream=", "ListenStream=22"),
        ("BindIPv6Only=ipv6-only", "ListenStream=0.0.0.0:22"),
        ("ListenStream=/run/ssh.sock",),
    ],
)
def test_what_can(lines: tuple[str, ...]) -> None:
    assert with_lines(*lines) == []


def another(stream: str, *, starts: bool = True) -> dict[str, Entry | str | bytes | None]:
    return {
        "/usr/lib/systemd/system/sockets.target": "[Unit]\n",
        f"{SYSTEM}/trap.socket": f"[Socket]\nListenStream={stream}\nAccept=yes\n",
        f"{SYSTEM}/trap@.service": "[Service]\nExecStart=/usr/bin/true\n",
        **({f"{SYSTEM}/sockets.target.wants/trap.socket": symlink("../trap.socket")} if starts else {}),
    }


@pytest.mark.parametrize("stream", ["22", "0.0.0.0:22", "[::]:22"])
def test_another_unit_takes_the_port(stream: str) -> None:
    assert ("listen", "socket-streams") in gaps_of(another(stream))


def test_another_unit_takes_another_port_or_is_not_started() -> None:
    assert ("listen", "socket-streams") not in gaps_of(another("23"))
    assert ("listen", "socket-streams") not in gaps_of(another("22", starts=False))
