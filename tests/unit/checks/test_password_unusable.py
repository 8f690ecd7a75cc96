"""Passwords that can't match, on servers where nobody has a key."""

import pytest

from rescue.model import Client, Safety, Severity
from rescue.tree import Entry, file, symlink
from tests.checking import causes, only_finding, told
from tests.trees import PASSWORD_HASH, SSHD_CONFIG, server

pytestmark = pytest.mark.unit

CHECK = "password-unusable"
ALICE = Client(user="alice")
KEYS = ("/root/.ssh/authorized_keys", "/home/alice/.ssh/authorized_keys")
CONFIG = "/etc/ssh/sshd_config"
LIBRARY = "/usr/lib/x86_64-linux-gnu"
SHA512 = "$6$saltsalt$" + "Ab./" * 21 + "xy"
Changes = dict[str, Entry | str | bytes | None]


def password(alice: str, root: str = "*", more: Changes | None = None) -> Changes:
    shadow = f"root:{root}:19700:0:99999:7:::\nsshd:!:19700::::::\nalice:{alice}:19700:0:99999:7:::\n"
    return {"/etc/shadow": file(shadow, 0o640, 0, 42), **dict.fromkeys(KEYS), **(more or {})}


@pytest.mark.parametrize(
    ("word", "why"),
    [
        ("hunter2", "holds no hash"),
        ("correct horse battery", "holds no hash"),
        ("./Ab0", "holds no hash"),
        ("$6$saltsalt$short", "sha512 hash of the password is incomplete"),
        (SHA512[:-1], "sha512 hash of the password is incomplete"),
        (PASSWORD_HASH + "x", "yescrypt hash of the password is incomplete"),
        ("$9$salt$hash", "a scheme that crypt(5) does not know"),
        ("", "the password is empty, and sshd takes no empty one: PermitEmptyPasswords no (the default)"),
    ],
)
def test_a_field_that_no_password_matches(word: str, why: str) -> None:
    tree = server(password(word))
    finding = only_finding(tree, CHECK, ALICE)
    assert (finding.severity, why in finding.message) == (Severity.BROKEN, True)
    assert [each.safety for each in finding.repairs] == [Safety.MANUAL, Safety.MANUAL]
    assert "/etc/shadow:3" in finding.message
    shown = str(told(tree, ALICE))
    assert not word or word not in shown


@pytest.mark.parametrize(
    ("word", "link", "content"),
    [
        (PASSWORD_HASH, "libcrypt-2.28.so", b"ELF"),  # Debian 10, Ubuntu 18.04, RHEL 7: glibc's own
        ("$7$CU..../....salt$" + "a" * 43, "libcrypt-2.28.so", b"ELF"),
        (PASSWORD_HASH, "libcrypt.so.1.1.0", b"ELF libxcrypt 4.1.1"),  # RHEL 8
    ],
)
def test_a_hash_of_a_newer_system(word: str, link: str, content: bytes) -> None:
    library: Changes = {f"{LIBRARY}/libcrypt.so.1": symlink(link), f"{LIBRARY}/{link}": file(content)}
    assert (
        "too new for this server's libcrypt" in only_finding(server(password(word, more=library)), CHECK, ALICE).message
    )
    assert causes(server(password(SHA512, more=library)), ALICE) == []


def test_a_library_that_knows_it_and_one_that_is_patched() -> None:
    new: Changes = {f"{LIBRARY}/libcrypt.so.1": file(b"\x7fELF yescrypt-ROMhash")}
    assert causes(server(password(PASSWORD_HASH, more=new)), ALICE) == []
    old: Changes = {
        f"{LIBRARY}/libcrypt.so.1": symlink("libcrypt-2.22.so"),
        f"{LIBRARY}/libcrypt-2.22.so": file(b"ELF"),
    }
    bcrypt = "$2y$10$" + "a" * 53
    assert causes(server(password(bcrypt, more=old)), ALICE) == []
    alpine: Changes = {"/usr/lib/os-release": "ID=alpine\nVERSION_ID=3.20\n"}
    assert causes(server(password(bcrypt, more=alpine)), ALICE) == []
    assert CHECK in causes(server(password(PASSWORD_HASH, more=alpine)), ALICE)


@pytest.mark.parametrize(
    "word",
    [
        PASSWORD_HASH, SHA512, "$1$abcdefgh$" + "a" * 22, "$5$rounds=5000$salt$" + "a" * 43, "ab0123456789.",
        "$2b$12$" + "a" * 53, "_J9..rasmBYk8r9AiWNc", "ab0123456789." + "a" * 11,
    ],
)  # fmt: skip
def test_whole_hashes(word: str) -> None:
    assert causes(server(password(word)), ALICE) == []


@pytest.mark.parametrize("word", ["*", "!", "!!", "*LK*", "x", f"!{PASSWORD_HASH}", "!hunter2"])
def test_a_lock_that_somebody_meant_leaves_the_key_missing(word: str) -> None:
    assert causes(server(password(word)), ALICE) == ["key-missing"]


def test_who_has_a_key_names_one_or_is_not_asked_for_a_password_is_left_alone() -> None:
    assert causes(server({"/etc/shadow": password("hunter2")["/etc/shadow"]}), ALICE) == []
    client = Client(user="alice", key="ssh-ed25519 AAAA")
    assert causes(server(password("hunter2")), client) == ["key-missing"]
    off: Changes = {CONFIG: f"PasswordAuthentication no\n{SSHD_CONFIG}"}
    assert causes(server(password("hunter2", more=off)), ALICE) == ["key-missing"]
    # Root's password works, and nobody was named.
    allowed: Changes = {CONFIG: f"PermitRootLogin yes\n{SSHD_CONFIG}"}
    assert causes(server(password("hunter2", PASSWORD_HASH, allowed))) == []
    assert causes(server(password("", more={CONFIG: f"PermitEmptyPasswords yes\n{SSHD_CONFIG}"})), ALICE) == []


def test_who_says_that_a_password_is_used_is_judged_by_it() -> None:
    tree = server({"/etc/shadow": password("hunter2")["/etc/shadow"]})
    assert causes(tree, Client(user="alice", by_password=True)) == [CHECK]
