"""The real OpenSSH client, as a lab's person would call it, and what it said."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rescue.model import Symptom

CONNECT_LIMIT = 10
"""Seconds that the client waits for a connection or a banner: a person's patience, not the kernel's two minutes."""

TALKATIVE = ("-o", "LogLevel=INFO")
"""Options that make the client say "Connection closed by ...", too, which is not one of its errors."""

SAYINGS = (
    (r"Connection refused", Symptom.REFUSED),
    (r"connect to host .*timed out", Symptom.TIMED_OUT),
    (r"during banner exchange", Symptom.TIMED_OUT),
    (r"No route to host|Network is unreachable", Symptom.UNREACHABLE),
    (r"Permission denied", Symptom.DENIED),
    (r"Unable to negotiate", Symptom.CLOSED),
    (r"Connection (to \S+ )?(closed|reset)|kex_exchange_identification|client_loop: send disconnect", Symptom.CLOSED),
    (r"channel \d+: open failed", Symptom.CLOSED),
)
"""What the client prints (ssh.c, sshconnect.c, sshconnect2.c, clientloop.c, packet.c) -> what the outside sees."""

ENDED_AT_ONCE = (
    r"This account is currently not available|Password change required but no TTY available|Please login as the user"
)
"""What a server says in place of the session: nologin(8), do_child in session.c of OpenSSH, cloud-init's root."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One call of ssh: its exit status (255 is the client's own), and what was printed."""

    status: int
    output: str
    errors: str

    @property
    def symptom(self) -> Symptom | None:
        """What the outside saw; None where the client said something unknown."""
        if self.status != 255:
            return Symptom.CLOSED if re.search(ENDED_AT_ONCE, self.output + self.errors) else Symptom.OK
        return next((symptom for saying, symptom in SAYINGS if re.search(saying, self.errors)), None)


def write_config(path: Path, host: str, port: int, user: str, key: Path) -> None:
    """Write an ssh_config(5) in which the machine is called "server"."""
    path.write_text(
        "Host server\n"
        f"    HostName {host}\n"
        f"    Port {port}\n"
        f"    User {user}\n"
        f"    IdentityFile {key}\n"
        "    IdentitiesOnly yes\n"
        "    BatchMode yes\n"
        # A lab's server is made anew all the time, and nobody else can be at its address.
        "    StrictHostKeyChecking no\n"
        "    UserKnownHostsFile /dev/null\n"
        # The newest key exchange takes an emulated processor seconds.
        "    KexAlgorithms curve25519-sha256\n"
        "    LogLevel ERROR\n"
        f"    ConnectTimeout {CONNECT_LIMIT}\n"
    )


ANSWER = """\
#!/bin/sh
printf '%s\\n' "$LAB_PASSWORD"
"""
"""What ssh runs for an answer to a question (SSH_ASKPASS)."""


def asked_for_password(config: Path, password: str) -> tuple[tuple[str, ...], dict[str, str]]:
    """Options and environment with which the client answers each question with `password`; none where that is ""."""
    if not password:
        return (), {}
    answer = config.with_name("answer")
    answer.write_text(ANSWER)
    answer.chmod(0o700)
    forced = {"SSH_ASKPASS": str(answer), "SSH_ASKPASS_REQUIRE": "force", "LAB_PASSWORD": password}
    return ("-o", "BatchMode=no", "-o", "NumberOfPasswordPrompts=1"), forced


def attempt(command: Sequence[str], limit: float, more: Mapping[str, str] | None = None) -> Attempt:
    """Run a client; after `limit` seconds without an end it counts as one that hangs (status 255).

    more: environment variables beside this process's own.
    """
    try:
        ended = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=limit,
            check=False,
            env={**os.environ, **(more or {})},
        )
    except subprocess.TimeoutExpired:
        return Attempt(255, "", "(the client was still waiting)")
    return Attempt(ended.returncode, ended.stdout, ended.stderr)
