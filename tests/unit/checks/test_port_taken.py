"""Other services that are set to SSH's port."""

from __future__ import annotations

import pytest

from rescue.model import Client, Safety, Severity
from rescue.tree import Entry, file, symlink
from tests.checking import causes, changed_paths, mended_if_agreed, only_finding
from tests.trees import PROGRAM, server

pytestmark = pytest.mark.unit

ALICE = Client(user="alice")
WANTS = "/etc/systemd/system/multi-user.target.wants"
Changes = dict[str, Entry | str | bytes | None]
BOUND = '"PortBindings": {"22/tcp": [{"HostIp": "", "HostPort": "22"}]}'


def service(name: str, command: str, more: str = "", **files: str) -> Changes:
    """A service that starts at boot, and its program's files."""
    return {
        f"/usr/lib/systemd/system/{name}": f"[Unit]\n{more}\n[Service]\nExecStart={command}\n",
        f"{WANTS}/{name}": symlink(f"/lib/systemd/system/{name}"),
        command.split()[0]: file(PROGRAM, 0o755),
        **files,
    }


STREAM = "stream {\n  server { listen 22; proxy_pass 10.0.0.5:22; }\n}\n"
TAKEN = {
    "nginx": service("nginx.service", "/usr/sbin/nginx", **{"/etc/nginx/nginx.conf": STREAM}),
    "nginx ipv6": service("nginx.service", "/usr/sbin/nginx", **{"/etc/nginx/sites-enabled/x": "listen [::]:22;\n"}),
    "apache": service("apache2.service", "/usr/sbin/apache2", **{"/etc/apache2/ports.conf": "Listen 22\n"}),
    "stunnel": service("stunnel4.service", "/usr/bin/stunnel4", **{"/etc/stunnel/a.conf": "[s]\naccept = 22\n"}),
    "haproxy": service(
        "haproxy.service", "/usr/sbin/haproxy", **{"/etc/haproxy/haproxy.cfg": "listen s\n bind *:22\n"}
    ),
    "sslh": service("sslh.service", "/usr/sbin/sslh", **{"/etc/default/sslh": 'DAEMON_OPTS="--listen 0.0.0.0:ssh"\n'}),
    "endlessh": service("endlessh.service", "/usr/bin/endlessh", **{"/etc/endlessh/config": "Port 22\n"}),
    "gitea": service(
        "gitea.service", "/usr/bin/gitea", **{"/etc/gitea/app.ini": "START_SSH_SERVER = true\nSSH_LISTEN_PORT = 22\n"}
    ),
    "xinetd": service(
        "xinetd.service", "/usr/sbin/xinetd", **{"/etc/xinetd.d/x": "service ssh\n{\n\tdisable = no\n}\n"}
    ),
    "inetd": service("inetd.service", "/usr/sbin/inetd", **{"/etc/inetd.conf": "ssh stream tcp nowait root /x x\n"}),
    "docker": service(
        "docker.service",
        "/usr/bin/dockerd",
        **{"/var/lib/docker/containers/a1/hostconfig.json": f'{{{BOUND}, "RestartPolicy": {{"Name": "always"}}}}'},
    ),
    "dropbear": service("dropbear.service", "/usr/sbin/dropbear -EF"),
    "dropbear's settings": service(
        "dropbear.service",
        '/usr/sbin/dropbear -EF -p "$DROPBEAR_PORT"',
        **{"/etc/default/dropbear": "DROPBEAR_PORT=22\n"},
    ),
    "second sshd": service("sshd-b.service", "/usr/sbin/sshd -D -o PidFile=/run/b"),
}


@pytest.mark.parametrize("which", TAKEN)
def test_who_has_the_port_is_chance(which: str) -> None:
    tree = server(TAKEN[which])
    finding = only_finding(tree, "port-taken", ALICE)
    assert finding.severity is Severity.DOUBTFUL
    assert [each.safety for each in finding.repairs] == [Safety.MANUAL, Safety.UNSAFE]
    plan = mended_if_agreed(tree, ALICE)
    assert changed_paths(plan)[-1:] == [f"/etc/systemd/system/{finding.subject}.d/rescue.conf"]


FREE: dict[str, Changes] = {
    "another port": service(
        "nginx.service", "/usr/sbin/nginx", **{"/etc/nginx/nginx.conf": "listen 80; listen 220;\n"}
    ),
    "a comment": service("nginx.service", "/usr/sbin/nginx", **{"/etc/nginx/nginx.conf": "# listen 22;\n"}),
    "a file that is not enabled": service(
        "nginx.service", "/usr/sbin/nginx", **{"/etc/nginx/sites-available/x": "listen 22;\n"}
    ),
    "a proxy's other side": service(
        "sslh.service",
        "/usr/sbin/sslh",
        **{"/etc/sslh.cfg": 'listen: ({ host: "0.0.0.0"; port: "443"; });\nprotocols: ({ host: "x"; port: "22"; });\n'},
    ),
    "not started": {"/etc/nginx/nginx.conf": STREAM},
    "later than sshd": service(
        "nginx.service", "/usr/sbin/nginx", "After=ssh.service", **{"/etc/nginx/nginx.conf": STREAM}
    ),
    "disabled in xinetd": service(
        "xinetd.service", "/usr/sbin/xinetd", **{"/etc/xinetd.d/x": "service ssh\n{\n\tdisable = yes\n}\n"}
    ),
    "gitea leaves it to sshd": service(
        "gitea.service", "/usr/bin/gitea", **{"/etc/gitea/app.ini": "START_SSH_SERVER = false\nSSH_LISTEN_PORT = 22\n"}
    ),
    "a container that stays off": service(
        "docker.service",
        "/usr/bin/dockerd",
        **{"/var/lib/docker/containers/a1/hostconfig.json": f'{{{BOUND}, "RestartPolicy": {{"Name": "no"}}}}'},
    ),
    "not json": service(
        "docker.service", "/usr/bin/dockerd", **{"/var/lib/docker/containers/a1/hostconfig.json": "[1, {"}
    ),
    "a tunnel to elsewhere": service("tunnel.service", "/usr/bin/autossh -M 0 -p 22 me@example.org"),
    "a second sshd elsewhere": service("sshd-b.service", "/usr/sbin/sshd -D -p 2222"),
    "a socket of systemd's is first": {
        **service("nginx.service", "/usr/sbin/nginx", **{"/etc/nginx/nginx.conf": STREAM}),
        f"{WANTS}/ssh.service": None,
        "/etc/systemd/system/sockets.target.wants/ssh.socket": symlink("/lib/systemd/system/ssh.socket"),
    },
}


@pytest.mark.parametrize("which", FREE)
def test_the_port_is_sshds(which: str) -> None:
    assert causes(server(FREE[which]), ALICE) == []


def test_an_address_of_its_own_is_no_clash() -> None:
    changes = service("nginx.service", "/usr/sbin/nginx", **{"/etc/nginx/nginx.conf": "listen 203.0.113.99:22;\n"})
    changes["/etc/ssh/sshd_config.d/a.conf"] = "ListenAddress 203.0.113.5\n"
    changes["/etc/network/interfaces"] = "auto e\niface e inet static\n address 203.0.113.5/24\n gateway 203.0.113.1\n"
    assert "port-taken" not in causes(server(changes), ALICE)
