"""Logins by password and by one-time code, for real: a Debian root's own sshd and PAM, answered as a person would.

ssh asks a program of ours for each answer (SSH_ASKPASS), with the question as its argument: no terminal is needed.
"""

from __future__ import annotations

import hmac
import os
import subprocess
from base64 import b32decode
from pathlib import Path
from time import time

from tests.machines.built import called, got
from tests.system.login import SECONDS, LoginServer

PACKAGES = ("libpam-google-authenticator", "libpam-oath", "liboath0")
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
"""Of nobody: a text in base32."""
CODES = f'{SECRET}\n" TOTP_AUTH\n" WINDOW_SIZE 17\n'
OATH = f"HOTP/T30/6 alice - {b32decode(SECRET).hex()}\n"

ASKED = """\
#!/bin/sh
case $1 in
*[Vv]erification*|*OATH*) cat "$CODE_FILE" ;;
*) cat "$PASSWORD_FILE" ;;
esac
"""


def second_factors(server: LoginServer) -> None:
    """Install the modules of Debian's packages in the server."""
    packages = got("pam-second-factors", "root/usr", _fetch, "apt-get", "dpkg")
    called("cp", "-a", f"{packages}/root/.", str(server.path))


def _fetch(building: Path) -> None:
    building.mkdir()
    ran = subprocess.run(["apt-get", "-q", "download", *PACKAGES], cwd=building, capture_output=True, check=False)
    assert ran.returncode == 0, ran.stderr.decode()
    for package in building.glob("*.deb"):
        # Debian 12's own folders are links; what goes below /lib goes below /usr/lib.
        called("dpkg-deb", "-x", str(package), str(building / "unpacked"))
    (building / "root").mkdir()
    called("sh", "-c", 'cd "$1/unpacked" && mkdir -p ../root/usr && { [ ! -d lib ] || cp -a lib ../root/usr/; } && '
           "cp -a usr/lib ../root/usr/", "sh", str(building))  # fmt: skip


def code_now(at: float | None = None) -> str:
    """The one-time code of RFC 6238."""
    step = int((time() if at is None else at) // 30)
    digest = hmac.new(b32decode(SECRET), step.to_bytes(8, "big"), "sha1").digest()
    offset = digest[-1] & 15
    return f"{(int.from_bytes(digest[offset : offset + 4], 'big') & 0x7FFFFFFF) % 1_000_000:06d}"


def login_by_password(
    server: LoginServer, user: str, password: str, methods: str = "password", key: bool = False
) -> tuple[bool, str]:
    """Whether `user` gets in by answering all questions, and what sshd and ssh said. methods: in the client's order."""
    folder = server.key.parent
    ask, log = folder / "ask", folder / "sshd.log"
    ask.write_text(ASKED)
    ask.chmod(0o700)
    words = {"PASSWORD_FILE": f"{password}\n", "CODE_FILE": f"{code_now()}\n"}
    for name, text in words.items():
        (folder / name).write_text(text)
    environment = {
        **os.environ, **{name: str(folder / name) for name in words}, "SSH_ASKPASS": str(ask),
        "SSH_ASKPASS_REQUIRE": "force", "DISPLAY": ":none",
    }  # fmt: skip
    identity = ["-i", str(server.key), "-o", "IdentitiesOnly=yes"] if key else ["-o", "PubkeyAuthentication=no"]
    sshd = f"chroot {server.path} /usr/sbin/sshd -i -e -o LogLevel=DEBUG1 2>{log}"
    client = [
        "ssh", "-F", "none", *identity, "-o", "IdentityAgent=none", "-o", "StrictHostKeyChecking=no",
        "-o", "UserKnownHostsFile=/dev/null", "-o", f"PreferredAuthentications={methods}",
        "-o", "NumberOfPasswordPrompts=1", "-o", f"ProxyCommand={sshd}", f"{user}@server", "echo in",
    ]  # fmt: skip
    ran = subprocess.run(client, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False)
    return ran.stdout == "in\n", log.read_text(errors="replace") + ran.stderr
