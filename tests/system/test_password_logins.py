"""A login by password or by one-time code: what inspect says of it, and what a real ssh meets."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rescue.accounts.sha_crypt import sha512_crypt
from tests.system.login import LoginServer, login_server
from tests.system.password_login import CODES, OATH, login_by_password, second_factors
from tests.system.sshd_root import sshd_root

pytestmark = pytest.mark.system

WORD = "correct horse battery"
USER = "alice"
BASE = "UsePAM yes\nPasswordAuthentication yes\n"
KEYBOARD = "KbdInteractiveAuthentication yes\n"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LoginServer]:
    """A server on which alice has a password, no key, and nothing else is asked for."""
    with login_server(sshd_root("bookworm"), tmp_path) as made:
        (made.path / "run/sshd").mkdir(parents=True, exist_ok=True)
        field(made, sha512_crypt(WORD.encode(), "saltsalt"))
        config(made, BASE + "KbdInteractiveAuthentication no\n")
        common = made.path / "etc/pam.d/common-auth"
        common.write_text(common.read_text().replace("pam_unix.so", "pam_unix.so nodelay"))  # two seconds each
        yield made


def field(server: LoginServer, word: str) -> None:
    """Put `word` into the second field of alice's line of shadow."""
    path = server.path / "etc/shadow"
    lines = path.read_text().split("\n")
    path.write_text(
        "\n".join(f"{USER}:{word}:19700:0:99999:7:::" if line.startswith("alice:") else line for line in lines)
    )


def config(server: LoginServer, text: str) -> None:
    (server.path / "etc/ssh/sshd_config").write_text(text)


def auth(server: LoginServer, line: str) -> None:
    path = server.path / "etc/pam.d/sshd"
    path.write_text(path.read_text().replace("@include common-auth\n", f"@include common-auth\n{line}\n"))


def rescue(server: LoginServer, *words: str, stdin: str = "") -> dict[str, object]:
    ran = subprocess.run(
        [sys.executable, "-m", "rescue", words[0], str(server.path), *words[1:], "--json", "--user", USER],
        input=stdin, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert WORD not in ran.stdout + ran.stderr
    found = json.loads(ran.stdout)
    assert isinstance(found, dict)
    return found


def causes(server: LoginServer) -> set[str]:
    """What inspect finds at the key's step, and (in brackets) what it leaves open there."""
    found = rescue(server, "inspect", "--by-password")
    (step,) = [each for each in found["path"] if each["step"] == "key"]  # type: ignore[attr-defined]
    return {*step["findings"], *(f"({each['evidence']})" for each in step["missing"])}


def test_a_password_opens(server: LoginServer) -> None:
    assert causes(server) == set()
    assert login_by_password(server, USER, WORD)[0]
    assert not login_by_password(server, USER, "wrong horse battery")[0]
    config(server, f"UsePAM yes\nPasswordAuthentication no\n{KEYBOARD}")
    assert causes(server) == set()
    assert login_by_password(server, USER, WORD, "keyboard-interactive")[0]


@pytest.mark.parametrize("word", [WORD, "$6$salt$short", "$y$j9T$salt$short", "!" + sha512_crypt(WORD.encode(), "s")])
def test_a_field_that_nothing_matches(server: LoginServer, word: str) -> None:
    field(server, word)
    assert causes(server) & {"password-unusable", "key-missing"}
    assert not login_by_password(server, USER, WORD)[0]


def test_a_password_that_is_set_opens(server: LoginServer) -> None:
    field(server, "!")
    made = rescue(server, "fix", "--yes", "--set-password", USER, "--password-file", "-", stdin=f"{WORD}\n")
    assert made["password"] == {"user": USER, "state": "set", "warnings": []}
    assert login_by_password(server, USER, WORD)[0]
    log = server.path / "var/lib/rescue"
    assert all(WORD.encode() not in path.read_bytes() for path in log.rglob("*") if path.is_file())
    assert all(path.stat().st_mode & 0o077 == 0 for path in log.rglob("*") if path.is_file())


def test_a_code_is_asked_for_only_with_keyboard_interactive(server: LoginServer) -> None:
    second_factors(server)
    auth(server, "auth required pam_google_authenticator.so")
    secret = server.path / "home/alice/.google_authenticator"
    assert causes(server) == {"pam-2fa"}
    assert not login_by_password(server, USER, WORD)[0]
    secret.write_text(CODES)
    subprocess.run(["chroot", server.path, "chown", "alice:", "/home/alice/.google_authenticator"], check=True)
    secret.chmod(0o400)
    assert causes(server) == {"pam-2fa"}
    assert not login_by_password(server, USER, WORD)[0]
    rescue(server, "fix", "--yes", "--only", "pam-2fa")
    assert causes(server) == set()
    inside, told = login_by_password(server, USER, WORD, "keyboard-interactive")
    assert inside, told
    # With a key the stack is not asked, unless AuthenticationMethods says so.
    config(server, f"{BASE}{KEYBOARD}AuthenticationMethods publickey,keyboard-interactive\n")
    keys = server.path / "home/alice/.ssh"
    keys.mkdir(mode=0o700)
    (keys / "authorized_keys").write_text(server.public_key + "\n")
    subprocess.run(["chroot", server.path, "chown", "-R", "alice:", "/home/alice/.ssh"], check=True)
    inside, told = login_by_password(server, USER, WORD, "publickey,keyboard-interactive", key=True)
    assert inside, told


def test_a_users_file_that_does_not_name_her(server: LoginServer) -> None:
    second_factors(server)
    auth(server, "auth required pam_oath.so usersfile=/etc/users.oath")
    config(server, BASE + KEYBOARD)
    users = server.path / "etc/users.oath"
    for text in (None, OATH.replace("alice", "bob")):
        if text is not None:
            users.write_text(text)
        assert causes(server) == {"pam-2fa"}
        assert not login_by_password(server, USER, WORD, "keyboard-interactive")[0]
    users.write_text(OATH)
    assert causes(server) == set()
    inside, told = login_by_password(server, USER, WORD, "keyboard-interactive")
    assert inside, told


@pytest.mark.parametrize(
    ("stack", "opens"),
    [
        ("auth required pam_deny.so\n", False),
        ("", False),
        ("auth [success=1 default=ignore] pam_unix.so nodelay\nauth optional pam_permit.so\n"
         "auth requisite pam_deny.so\nauth required pam_permit.so\n", False),
        ("auth sufficient pam_unix.so nodelay\nauth required pam_deny.so\n", True),
        ("auth required pam_gone.so\nauth required pam_unix.so nodelay\n", False),
        ("auth substack other-auth\nauth required pam_unix.so nodelay\n", False),
    ],
)  # fmt: skip
def test_the_stack_decides(server: LoginServer, stack: str, opens: bool) -> None:
    (server.path / "etc/pam.d/common-auth").write_text(stack)
    assert bool(causes(server)) is not opens
    assert login_by_password(server, USER, WORD)[0] is opens
