"""Servers whose SSH port may be another program's."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rescue.tree import file, symlink
from tests.checking import causes
from tests.judging import ME, Changes, gaps_of
from tests.trees import PROGRAM, server

pytestmark = pytest.mark.unit

WANTS = "/etc/systemd/system/multi-user.target.wants"
NO_SSHD: Changes = {f"{WANTS}/ssh.service": None}


def started(name: str, command: str, **files: str) -> Changes:
    return {
        f"/usr/lib/systemd/system/{name}": f"[Service]\nExecStart={command}\n",
        f"{WANTS}/{name}": symlink(f"/lib/systemd/system/{name}"),
        command.split()[0]: file(PROGRAM, 0o755),
        **files,
    }


@pytest.mark.parametrize(
    "command",
    [
        "/usr/bin/socat TCP-LISTEN:22,fork TCP:10.0.0.1:22",
        "/usr/local/bin/proxy --listen :22",
        "/usr/local/bin/proxy --port=22",
        "/usr/local/bin/proxy -bind 0.0.0.0:22",
        "/usr/bin/podman run --name x -p 22:22 image",
    ],
)
def test_a_command_that_names_the_port(command: str) -> None:
    assert gaps_of(started("x.service", command)) == [("listen", "other-listeners")]


@pytest.mark.parametrize(
    "command",
    [
        "/usr/bin/socat TCP-LISTEN:2222,fork TCP:10.0.0.1:22",
        "/usr/local/bin/proxy --listen :8022",
        "/usr/bin/ssh -N -p 22 -R 8022:localhost:22 me@example.org",
        "/usr/local/bin/proxy --upstream 10.0.0.1:22",
    ],
)
def test_a_command_that_does_not(command: str) -> None:
    assert gaps_of(started("x.service", command)) == []


@pytest.mark.parametrize("unit", ["dropbear.service", "tinysshd.socket"])
def test_another_server_is_not_judged(unit: str) -> None:
    name = unit.partition(".")[0]
    only = started(f"{name}.service", f"/usr/sbin/{name}")
    if unit.endswith(".socket"):
        only = {
            "/usr/lib/systemd/system/tinysshd.socket": "[Socket]\nListenStream=22\nAccept=yes\n",
            f"{WANTS}/tinysshd.socket": symlink("/lib/systemd/system/tinysshd.socket"),
            "/usr/lib/systemd/system/tinysshd@.service": "[Service]\nExecStart=/usr/sbin/tinysshd\n",
        }
    steps = {step for step, check in gaps_of({**NO_SSHD, **only}) if check == "other-listeners"}
    assert steps == {"listen", "accept", "account", "key"}


def test_xinetd_may_start_sshd() -> None:
    files = {"/etc/xinetd.d/ssh": "service ssh\n{\n\tserver = /usr/sbin/sshd\n\tserver_args = -i\n}\n"}
    changes = {**NO_SSHD, **started("xinetd.service", "/usr/sbin/xinetd", **files)}
    assert causes(server(changes), ME) == []
    assert ("service", "other-listeners") in gaps_of(changes)


def test_a_second_sshd_that_alone_has_the_clients_port() -> None:
    changes = started("sshd-b.service", "/usr/sbin/sshd -D -p 2222")
    client = replace(ME, port=2222)
    assert causes(server(changes), client) == []
    assert ("key", "other-listeners") in gaps_of(changes, client)
    assert gaps_of(changes) == []
