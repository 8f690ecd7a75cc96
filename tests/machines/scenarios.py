"""The ways in which people lock themselves out, each done to a real server with its own tools.

One scenario is a cause in one of its forms. The end-to-end tests run all of them on a root directory and a rotating
sample on booted machines.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rescue.labs.network import CLIENT
from tests.machines.broken import BrokenRoot

Break = Callable[[BrokenRoot], None]

STALE = "203.0.113.7"
"""An address that the client had once."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One broken server.

    causes: what has to be found, no more and no less. user, port: who dials what. options: what the person tells
    rescue; KEY stands for the client's public key. image: the recipe. unsafe: the repair lets in others, too, so
    that the person has to agree to it.
    """

    name: str
    cause: str
    break_: Break
    user: str = "root"
    port: int = 22
    options: tuple[str, ...] = ()
    image: str = "debian12"
    unsafe: bool = False

    def words(self, key: Path) -> tuple[str, ...]:
        """`options` with the key's file put in."""
        return tuple(str(key.with_suffix(".pub")) if word == "KEY" else word for word in self.options)


def _ufw_without_ssh(server: BrokenRoot) -> None:
    server.run("sh", "-ec", "ufw allow 80; ufw allow 443; ufw --force enable")


def _ufw_other_port(server: BrokenRoot) -> None:
    server.replace("etc/ssh/sshd_config", "#Port 22", "Port 2222")
    server.run("sh", "-ec", "ufw allow OpenSSH; ufw --force enable")


def _ufw_stale_address(server: BrokenRoot) -> None:
    server.run("sh", "-ec", f"ufw allow from {STALE} to any port 22 proto tcp; ufw allow 443; ufw --force enable")


def _iptables_drop(server: BrokenRoot) -> None:
    server.run(
        "sh",
        "-ec",
        "for tables in iptables ip6tables; do\n"
        "$tables -A INPUT -i lo -j ACCEPT\n"
        "$tables -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n"
        "$tables -A INPUT -p tcp -m multiport --dports 80,443 -j ACCEPT\n"
        "$tables -P INPUT DROP\n"
        "done\n"
        "netfilter-persistent save",
    )


def _append(server: BrokenRoot, line: str) -> None:
    server.write("etc/ssh/sshd_config", server.text("etc/ssh/sshd_config") + line + "\n")


def _unknown_keyword(server: BrokenRoot) -> None:
    server.replace("etc/ssh/sshd_config", "#PermitRootLogin prohibit-password", "PermitRotLogin prohibit-password")


def _bad_value(server: BrokenRoot) -> None:
    server.replace("etc/ssh/sshd_config", "#MaxAuthTries 6", "MaxAuthTries six")


def _bad_dropin(server: BrokenRoot) -> None:
    server.write("etc/ssh/sshd_config.d/99-hardening.conf", "# harden\nPasswordAuthentication none\n")


def _port_moved(server: BrokenRoot) -> None:
    server.replace("etc/ssh/sshd_config", "#Port 22", "Port 2222")


def _no_host_keys(server: BrokenRoot) -> None:
    server.run("sh", "-ec", "rm /etc/ssh/ssh_host_*")


def _open_host_keys(server: BrokenRoot) -> None:
    server.run("chmod", "-R", "a+rX", "/etc/ssh")


def _deploy_only(server: BrokenRoot) -> None:
    server.run("useradd", "--create-home", "deploy")
    _append(server, "AllowUsers deploy")


def _deny_group(server: BrokenRoot) -> None:
    _append(server, "DenyGroups sudo")


def _no_root(server: BrokenRoot) -> None:
    server.replace("etc/ssh/sshd_config", "#PermitRootLogin prohibit-password", "PermitRootLogin no")


def _maintenance(server: BrokenRoot) -> None:
    server.write("etc/nologin", "Down for maintenance until Sunday.\n")


def _running(*command: str) -> Break:
    """The break that is one command of the server's own."""

    def break_(server: BrokenRoot) -> None:
        server.run(*command)

    return break_


SCENARIOS = (
    Scenario("ufw on, only the web allowed", "ufw-no-ssh-rule", _ufw_without_ssh),
    Scenario("ufw allows OpenSSH, sshd is on 2222", "ufw-port-mismatch", _ufw_other_port, port=2222),
    Scenario("saved iptables drop all but the web", "fw-policy-drop", _iptables_drop, image="debian12-iptables"),
    Scenario("ufw allows an old address", "fw-allowlist", _ufw_stale_address, options=("--from", CLIENT)),
    Scenario("systemctl disable ssh", "sshd-disabled", _running("systemctl", "disable", "ssh")),
    Scenario("systemctl mask ssh", "sshd-masked", _running("systemctl", "mask", "ssh")),
    Scenario("a keyword misspelt", "sshd-config-error", _unknown_keyword),
    Scenario("a value that is none", "sshd-config-error", _bad_value),
    Scenario("a bad value in a drop-in", "sshd-config-error", _bad_dropin),
    Scenario("Port 2222, the client dials 22", "sshd-port-moved", _port_moved),
    Scenario("host keys removed", "hostkeys-missing", _no_host_keys),
    Scenario("chmod -R a+rX /etc/ssh", "hostkeys-perms", _open_host_keys),
    Scenario("home writable for everybody", "strictmodes-perms", _running("chmod", "777", "/home/alice"), user="alice"),
    Scenario(
        "home writable for a shared group",
        "strictmodes-perms",
        _running("sh", "-ec", "chgrp users /home/alice; chmod 775 /home/alice"),
        user="alice",
    ),
    Scenario(
        "chmod -R 777 of the home", "strictmodes-perms", _running("chmod", "-R", "777", "/home/alice"), user="alice"
    ),
    Scenario(
        ".ssh belongs to somebody else",
        "strictmodes-perms",
        _running("chown", "-R", "www-data:www-data", "/home/alice/.ssh"),
        user="alice",
    ),
    Scenario(
        "authorized_keys removed",
        "key-missing",
        _running("rm", "/home/alice/.ssh/authorized_keys"),
        user="alice",
        options=("--user", "alice", "--key", "KEY"),
    ),
    Scenario("AllowUsers names somebody else", "sshd-allow-deny", _deploy_only, user="alice"),
    Scenario(
        "DenyGroups of the user's group",
        "sshd-allow-deny",
        _deny_group,
        user="alice",
        options=("--user", "alice"),
        unsafe=True,
    ),
    Scenario("PermitRootLogin no", "sshd-permitrootlogin", _no_root, options=("--user", "root")),
    Scenario("/etc/nologin left behind", "nologin", _maintenance, user="alice"),
)
