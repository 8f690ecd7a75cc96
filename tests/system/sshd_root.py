"""Real servers' sshd for differential tests: a Debian root built once, and `sshd -T` run in it.

The roots are kept in ${RESCUE_CACHE:-~/.cache/rescue} and never written to: each run binds a directory of its own
over /etc/ssh, inside its own mount and network namespaces.
"""

from __future__ import annotations

import os
import subprocess
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from shutil import copy2

import pytest

from tests.machines.built import called, got

CORPORA = Path(os.environ.get("RESCUE_CORPORA", Path(__file__).resolve().parents[3] / "shared" / "corpora"))

USER = "alice"
GROUPS = frozenset({"alice", "sudo", "users"})
VERSIONS = {"bullseye": (8, 4), "bookworm": (9, 2), "trixie": (10, 0)}
SERVICES = "ssh\t22/tcp\nhttp\t80/tcp\twww\n"
"""A minimal root has no services(5), which package netbase brings to a real server."""

HOST_KEY = "ssh_host_ed25519_key"


@dataclass(frozen=True)
class Answer:
    """What sshd said: whether it takes the configuration, its complaints, and every value by keyword."""

    accepted: bool
    complaint: str
    values: Mapping[str, list[str]]


@dataclass(frozen=True)
class SshdRoot:
    """A root with an sshd in it."""

    path: Path
    version: tuple[int, int]

    @property
    def services(self) -> str:
        """The root's services(5); empty if it has none."""
        path = self.path / "etc/services"
        return path.read_text() if path.exists() else ""

    def ask(self, case: Path, **connection: str) -> Answer:
        """`sshd -T` about the files in `case`, which stand for /etc/ssh; with a connection, as `-C` takes it."""
        copy2(self.path / "etc/ssh" / HOST_KEY, case / HOST_KEY)
        (case / HOST_KEY).chmod(0o600)
        spec = ",".join(f"{name}={value}" for name, value in connection.items())
        ran = self._sshd(case, "-T", *(["-C", spec] if spec else []))
        values: dict[str, list[str]] = defaultdict(list)
        for line in ran.stdout.decode("utf-8", "surrogateescape").split("\n"):
            key, _, value = line.partition(" ")
            if key:
                values[key.lower()].append(value)
        return Answer(ran.returncode == 0, ran.stderr.decode("utf-8", "replace"), values)

    def starts(self, case: Path) -> bool:
        """`sshd -t` about the files in `case`, after `ask`."""
        return self._sshd(case, "-t").returncode == 0

    def _sshd(self, case: Path, *words: str) -> subprocess.CompletedProcess[bytes]:
        program = ["/usr/sbin/sshd", *words, "-h", f"/etc/ssh/{HOST_KEY}"]
        script = 'mount --bind "$1" "$2/etc/ssh" && cd / && shift && root=$1 && shift && exec chroot "$root" "$@"'
        return subprocess.run(
            ["unshare", "-n", "-m", "sh", "-c", script, "sh", str(case), str(self.path), *program],
            capture_output=True, timeout=30, check=False,
        )  # fmt: skip


def sshd_root(suite: str) -> SshdRoot:
    """The root of a Debian suite, built the first time."""
    if os.geteuid() != 0:
        pytest.skip("needs root: a chroot and namespaces")
    path = got(f"sshd-{suite}", f"home/{USER}", lambda building: _build(suite, building), "mmdebstrap")
    return SshdRoot(path, VERSIONS[suite])


def _build(suite: str, path: Path) -> None:
    called("mmdebstrap", "--quiet", "--variant=apt", "--include=openssh-server", suite, str(path), alone=True)
    (path / "run/sshd").mkdir(parents=True, exist_ok=True)
    services = path / "etc/services"
    if not services.exists():
        services.write_text(SERVICES)
    called("chroot", str(path), "useradd", "-m", "-U", "-G", "sudo,users", USER)
