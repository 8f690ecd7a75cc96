"""Real logins for differential tests: a Debian root's own sshd, started for one connection over a pipe.

The root from `sshd_root` is the lower layer of an overlay, so that a test may change any file of it; the client is
this machine's. No network is used: ssh talks to `sshd -i` through ProxyCommand.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.system.sshd_root import SshdRoot

SECONDS = 30


@dataclass(frozen=True)
class LoginServer:
    """A server at `path` on which anything may be changed, and the client's key pair."""

    path: Path
    key: Path

    @property
    def public_key(self) -> str:
        """The client's key as "type base64"."""
        return " ".join(self.key.with_suffix(".pub").read_text().split()[:2])

    def configure(self, text: str) -> None:
        """Write sshd_config. PAM is off unless `text` says otherwise, which saves time."""
        (self.path / "etc/ssh/sshd_config").write_text(text + "\nUsePAM no\n")

    def login(self, user: str, command: str = "echo in") -> tuple[bool, str]:
        """Whether `user` gets in with the key and `command` says "in", and what sshd logged."""
        log = self.key.with_name("sshd.log")
        server = f"chroot {self.path} /usr/sbin/sshd -i -e -o LogLevel=DEBUG1 2>{log}"
        client = [
            "ssh", "-F", "none", "-i", str(self.key), "-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none",
            "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
            "-o", "PreferredAuthentications=publickey", "-o", f"ProxyCommand={server}", f"{user}@server", command,
        ]  # fmt: skip
        ran = subprocess.run(client, capture_output=True, text=True, timeout=SECONDS, check=False)
        return ran.stdout == "in\n", log.read_text(errors="replace") + ran.stderr


@contextmanager
def login_server(root: SshdRoot, folder: Path) -> Iterator[LoginServer]:
    """A server on top of `root`, with its layer and the client's key in `folder`."""
    upper, work, merged, key = (folder / name for name in ("upper", "work", "merged", "id_ed25519"))
    for made in (upper, work, merged):
        made.mkdir()
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    layers = f"lowerdir={root.path},upperdir={upper},workdir={work}"
    subprocess.run(["mount", "-t", "overlay", "-o", layers, "overlay", str(merged)], check=True)
    try:
        yield LoginServer(merged, key)
    finally:
        subprocess.run(["umount", "-l", str(merged)], check=True)
