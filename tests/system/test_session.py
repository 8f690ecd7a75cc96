"""The session as the user, and becoming root: a server is damaged, a real login fails, is mended, and works.

What is mended is proven by a real sshd in a chroot, and by the server's own sudo.
"""

from __future__ import annotations

import io
import subprocess
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path

import pytest

from rescue.cli import main as rescue
from tests.system.fuzz_clear import places
from tests.system.login import LoginServer, login_server
from tests.system.sshd_root import SshdRoot

pytestmark = pytest.mark.system

BECOMES_ROOT = "sudo -n echo in"
JAIL = "mkdir -p jail/bin && cp usr/bin/bash jail/bin/ && echo 'ChrootDirectory /jail' >> etc/ssh/sshd_config"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LoginServer]:
    with login_server(SshdRoot(places("debian12")[0], (9, 2)), tmp_path) as made:
        (made.path / "home/alice/.ssh/authorized_keys").write_text(f"{made.public_key}\n")
        (made.path / "run/sshd").mkdir(parents=True, exist_ok=True)
        yield made


def fixed(server: LoginServer) -> str:
    out = io.StringIO()
    words = ["fix", str(server.path), "--yes", "--unsafe", "--user", "alice", "--key", f"{server.key}.pub"]
    with redirect_stdout(out):
        rescue(words)
    return out.getvalue()


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("chmod -R 777 etc home usr/bin usr/libexec/sudo; chmod 777 usr usr/lib", "mass-chmod"),
        ("find etc usr -maxdepth 2 ! -type l -exec chmod go-rwx {} +", "mass-chmod"),
        (JAIL, "sshd-chroot-perms"),
    ],
)
def test_what_is_damaged_is_named_and_after_the_repair_a_real_login_and_sudo_work(
    server: LoginServer, damage: str, said: str
) -> None:
    subprocess.run(["bash", "-ec", damage], cwd=server.path, check=False, stderr=subprocess.DEVNULL)
    assert not server.login("alice")[0], "the damage harms nobody: the test tests nothing"
    told = fixed(server)
    assert said in told
    assert server.login("alice")[0], told
    assert server.login("alice", BECOMES_ROOT)[0], told
