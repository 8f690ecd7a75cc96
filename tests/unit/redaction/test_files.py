"""A snapshot holds no secret, and still says of every account and key what the server's own files say."""

from __future__ import annotations

import pytest

from rescue.accounts.database import Accounts, Password
from rescue.keys.ed25519 import new_key_pair
from rescue.keys.host_keys import private_key_type
from rescue.logs.journal_file import JournalFile
from rescue.redaction.files import left_out, without_secrets
from rescue.tree import Tree
from tests.journals import journal

pytestmark = pytest.mark.unit

YESCRYPT = "$y$j9T$Q0hXgfLyGq1cIu3Oa5Wd1.$3nqXc2XSHm0b7wT5oCkJcQm3yS7Yd1m2o0dCwK3vF4B"
SHA512 = "$6$saltsalt$" + "Ab./" * 21 + "xy"
DES = "ab1CdEfGhIjKl"

STATES = {
    YESCRYPT: (Password.HASH, "yescrypt"),
    f"!{YESCRYPT}": (Password.LOCKED, "yescrypt"),
    SHA512: (Password.HASH, "sha512"),
    f"!!{SHA512}": (Password.LOCKED, "sha512"),
    DES: (Password.HASH, "des"),
    f"!{DES}": (Password.LOCKED, "des"),
    "_J9..K0AyUubDrfOgO4s": (Password.HASH, "des"),
    "$weird$more": (Password.HASH, "unknown"),
    "": (Password.NONE, ""),
    "*": (Password.DISABLED, ""),
    "!": (Password.DISABLED, ""),
    "!!": (Password.DISABLED, ""),
    "!*": (Password.DISABLED, ""),
    "*LK*": (Password.DISABLED, ""),
    "hunter2": (Password.DISABLED, ""),
}


@pytest.mark.parametrize("word", STATES, ids=lambda word: word[:8] or "none")
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["lf", "crlf"])
def test_the_state_of_a_password_stays_and_the_hash_goes(word: str, end: str) -> None:
    text = f"root:*:19000:0:99999:7:::{end}alice:{word}:19000:0:99999:7:::{end}"
    tree = Tree.of({"/etc/passwd": "alice:x:1000:1000::/home/alice:/bin/sh\n", "/etc/shadow": text, "/etc/group": ""})
    before, after = (Accounts(each).shadow("alice") for each in (tree, without_secrets(tree)))
    if end == "\n":
        assert after is not None
        assert (after.password, after.scheme) == STATES[word]
    assert (before is None) == (after is None)
    if before is not None and after is not None:
        assert (before.password, before.scheme, before.exclamation) == (after.password, after.scheme, after.exclamation)
    bare = word.lstrip("!*")
    if len(bare) > 3:
        left = without_secrets(tree).text("/etc/shadow")
        assert left is not None
        assert bare not in left


@pytest.mark.parametrize(
    "path", ["/etc/shadow", "/etc/shadow-", "/etc/gshadow", "/etc/passwd", "/etc/security/opasswd", "/etc/shadow.bak"]
)
def test_every_file_of_accounts_and_its_copies_are_cleaned(path: str) -> None:
    hidden = left_out(path, f"alice:{YESCRYPT}:1:{SHA512},{DES}\n{SHA512}\n".encode())
    for secret in (YESCRYPT[10:], SHA512[12:]):
        assert secret.encode() not in hidden
    assert hidden.count(b"\n") == 2


SETTINGS = {
    "PrivateKey = yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=": "yAnz5TF",
    "psk=correcthorse": "correcthorse",
    "wep-key0=correcthorse": "correcthorse",
    "pin=12345678": "12345678",
    "KEY1=correcthorse": "correcthorse",
    "          password: correcthorse": "correcthorse",
    'Environment="DB_PASSWORD=correcthorse"': "correcthorse",
    "ldap_default_authtok = correcthorse": "correcthorse",
    "API_KEY: 'correcthorse'": "correcthorse",
    "https://user:correcthorse@example.org/": "correcthorse",
    "password_pbkdf2 root grub.pbkdf2.sha512.10000.AB12CD34EF.99FF": "AB12CD34EF",
    f"    passwd: {SHA512}": SHA512[12:],
    "hash: $2b$12$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234": "abcdefghijklmnop",
}


@pytest.mark.parametrize("line", SETTINGS)
def test_a_secret_in_a_setting_goes_and_the_lines_beside_it_stay(line: str) -> None:
    hidden = left_out("/etc/any.conf", f"before=1\n{line}\nafter=2\n".encode())
    assert SETTINGS[line].encode() not in hidden
    assert hidden.startswith(b"before=1\n")
    assert hidden.endswith(b"\nafter=2\n")


@pytest.mark.parametrize(
    "path, text",
    [
        ("/etc/ssh/sshd_config", "PasswordAuthentication no\nHostKey=/etc/ssh/key\nPasswordAuthentication=yes\n"),
        ("/etc/nsswitch.conf", "passwd: files systemd\nshadow: files\n"),
        ("/etc/pam.d/common-password", "password [success=1 default=ignore] pam_unix.so obscure use_authtok\n"),
        ("/etc/systemd/system/ssh.service", "ExecStart=/usr/sbin/sshd -D -oPasswordAuthentication=no -oPort=2222\n"),
        ("/etc/ufw/user.rules", "-A ufw-user-input -p tcp --dport 22 -j ACCEPT\n"),
        ("/root/.ssh/authorized_keys", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ7Yc0gD1gYPvX5b3b2jP7mMZyoNqm me\n"),
    ],
)
def test_what_decides_about_a_login_stays_to_the_byte(path: str, text: str) -> None:
    assert left_out(path, text.encode()) == text.encode()


def test_a_host_key_still_loads_and_has_nothing_secret_in_it() -> None:
    pair = new_key_pair()
    data = pair.private_file("root@web1").encode()
    hidden = left_out("/etc/ssh/ssh_host_ed25519_key", data)
    assert private_key_type(hidden) == "ssh-ed25519"
    blob = _decoded(hidden)
    assert pair.public in blob
    assert pair.seed not in blob
    assert pair.seed in _decoded(data)


@pytest.mark.parametrize("quote", ["", "    ", "> "])
def test_a_private_key_pasted_among_public_ones_is_masked_alone(quote: str) -> None:
    private = new_key_pair().private_file("me").rstrip("\n")
    pasted = "\n".join(quote + line for line in private.split("\n"))
    public = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ7Yc0gD1gYPvX5b3b2jP7mMZyoNqmOP1cFzO3jJw8cA me"
    hidden = left_out("/root/.ssh/authorized_keys", f"{public}\n{pasted}\n{public}\n".encode()).decode()
    assert hidden.count(public) == 2
    assert hidden.count("PRIVATE KEY-----") == 2
    assert not [line for line in private.split("\n")[1:-1] if line in hidden]


def test_a_key_that_never_ends_hides_no_public_key_behind_it() -> None:
    private = "\n".join(new_key_pair().private_file("me").split("\n")[:-2])
    public = 'from="192.0.2.1" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ7Yc0gD1gYPvX5b3b2jP7mMZyoNqmOP1cFzO3jJw8cA me'
    hidden = left_out("/root/.ssh/authorized_keys", f"{private}\n{public}\n".encode()).decode()
    assert public in hidden
    assert private.split("\n")[2] not in hidden


def test_a_key_on_one_line_is_masked() -> None:
    body = "".join(new_key_pair().private_file("me").split("\n")[1:-2])
    for text in (
        f"-----BEGIN OPENSSH PRIVATE KEY----- {body} -----END OPENSSH PRIVATE KEY-----",
        f'key: "-----BEGIN OPENSSH PRIVATE KEY-----\\n{body}\\n-----END OPENSSH PRIVATE KEY-----"',
    ):
        hidden = left_out("/etc/any", text.encode()).decode()
        assert body[100:120] not in hidden


def test_a_database_keeps_its_length() -> None:
    data = b"SQLite format 3\0" + f"machine{SHA512}\0".encode() + bytes(100)
    hidden = left_out("/var/lib/crowdsec/data/crowdsec.db", data)
    assert len(hidden) == len(data)
    assert SHA512[12:].encode() not in hidden


@pytest.mark.parametrize("path", ["/etc/ssl/private/web.pem", "/etc/krb5.keytab", "/root/.ssh/id_rsa", "/etc/a.p12"])
def test_a_file_that_is_one_secret_is_left_out_as_a_whole(path: str) -> None:
    assert b"topsecret" not in left_out(path, b"\x05\x02topsecret\x00\x01")


def _decoded(data: bytes) -> bytes:
    from base64 import b64decode

    return b64decode(b"".join(data.split(b"\n")[1:-2]))


def test_of_a_journal_only_what_it_says_of_network_cards_leaves() -> None:
    boot = b"b" * 16
    data = journal([("eth0: Gained carrier", boot), ("password hunter2 for eth0", boot), ("the end", boot)])
    shown = left_out("/var/log/journal/0123/system.journal", data)
    assert b"hunter2" not in shown
    told = JournalFile(shown)
    assert told.last_boot == boot
    assert [(each.text, each.boot) for each in told.messages(b".", 10)] == [("eth0: Gained carrier", boot)]
    assert left_out("/var/log/journal/0123/system.journal", b"no journal") == b""
