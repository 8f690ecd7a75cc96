import os
from pathlib import Path, PurePosixPath

import pytest

from rescue.accounts.database import Account, Accounts
from rescue.keys.authorized_keys import KeyLine, expand, key_files, parse_keys
from rescue.tree import Tree, directory
from tests.trees import KEY, server

pytestmark = pytest.mark.unit

PATH = PurePosixPath("/home/alice/.ssh/authorized_keys")
CORPUS = Path(os.environ.get("RESCUE_CORPORA", Path(__file__).resolve().parents[4] / "shared" / "corpora"))


def one(line: str) -> KeyLine:
    (found,) = parse_keys(line, PATH)
    return found


def alice(tree: Tree) -> Account:
    found = Accounts(tree).get("alice")
    assert found is not None
    return found


@pytest.mark.parametrize(
    "line",
    [
        KEY, f"{KEY}\n", f"{KEY}\r\n", f"{KEY} a comment\r\n", f" \t{KEY}", f"{KEY}\0junk", KEY.replace(" ", "\t "),
        f"no-pty,command=\"echo 'a, \\\"b\\\"'\" {KEY}", f"NO-PTY {KEY}", f"restrict,pty {KEY}", f"no-pty, {KEY}",
        f'permitopen="[::1]:80",permitlisten="8080",tunnel="1",environment="A=b" {KEY}',
    ],
)  # fmt: skip
def test_a_line_that_sshd_takes_is_a_key(line: str) -> None:
    key = one(line).key
    assert key is not None
    assert key.public == KEY


@pytest.mark.parametrize(
    "line, word",
    [
        ("\ufeff" + KEY, "byte order mark"),
        ("\0\0\0", "zero bytes"),
        (f'"{KEY}"', "quotation marks"),
        (f"foo {KEY}", "neither an option"),
        (f"no-pty, no-user-rc {KEY}", "no key"),
        (f"command=echo {KEY}", "quotation marks"),
        (f'command="echo {KEY}', "not closed"),
        (f'from="a",from="b" {KEY}', "twice"),
        (f'expiry-time="tomorrow" {KEY}', "expiry-time"),
        (f'permitopen="host" {KEY}', "host:port"),
        (f'environment="A-B=1" {KEY}', "NAME=value"),
        (f'tunnel="x" {KEY}', "tunnel"),
        (KEY[:-6], "base64"),
        (KEY[:-8], "early"),
        (KEY + "ssh-rsa", "base64"),
        (KEY.replace("ssh-ed25519 ", "ssh-rsa "), "another type"),
        (KEY.upper().replace(KEY.split()[1].upper(), KEY.split()[1]), "small letters"),
        (KEY.replace(" ", "\xa0"), "no-break"),
        ("ssh-ed25519", "broken in two"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----", "private key"),
        ("PuTTY-User-Key-File-3: ssh-ed25519", "private key"),
        ("---- BEGIN SSH2 PUBLIC KEY ----", "RFC 4716"),
        ("hello", "no key"),
    ],
)
def test_a_line_that_sshd_passes_over_says_why(line: str, word: str) -> None:
    found = one(line)
    assert found.key is None
    assert word in found.problem


def test_blank_lines_and_comments_are_no_lines() -> None:
    assert parse_keys("\n  \n# c\n\t#d\n\r\n", PATH) == ()


def test_a_certificate_authority_is_no_key_and_no_fault() -> None:
    found = one(f"cert-authority {KEY}")
    assert found.key is None
    assert found.authority
    assert not found.problem


def test_options_and_place_are_kept() -> None:
    (found,) = parse_keys(f'# one\nfrom="10.0.0.0/8",expiry-time="20200101Z",No-PTY {KEY} me', PATH)
    assert found.key is not None
    assert found.key.options == (("from", "10.0.0.0/8"), ("expiry-time", "20200101Z"), ("no-pty", ""))
    assert found.key.option("from") == "10.0.0.0/8"
    assert found.key.option("command") is None
    assert (found.key.comment, str(found.key.location)) == ("me", f"{PATH}:2")


def test_a_file_of_old_mac_line_ends_is_one_line() -> None:
    assert len(parse_keys(f"# my keys\r{KEY}\r", PATH)) == 0


@pytest.mark.parametrize(
    "pattern, path",
    [
        (".ssh/authorized_keys", "/home/alice/.ssh/authorized_keys"),
        ("%h/k", "/home/alice/k"),
        ("/etc/ssh/keys/%u", "/etc/ssh/keys/alice"),
        ("/keys/%U%%", "/keys/1000%"),
        ("~/.ssh/authorized_keys", "/root/.ssh/authorized_keys"),
        ("~alice/k", "/home/alice/k"),
        ("$HOME/k", "/home/alice/$HOME/k"),
        ("none", None),
        ("NONE", None),
        ("%x", None),
        ("keys%", None),
        ("~nobody-here/k", None),
        ("/" + "a" * 5000, None),
    ],
)
def test_patterns_expand_as_sshd_expands_them(pattern: str, path: str | None) -> None:
    tree = server()
    found = expand(tree, alice(tree), pattern)
    assert found == (None if path is None else PurePosixPath(path))


def test_each_named_file_is_given_once_present_or_not() -> None:
    tree = server({"/home/alice/.ssh/authorized_keys2": directory()})
    files = key_files(tree, alice(tree), (".ssh/authorized_keys", ".ssh/authorized_keys2", "%h/.ssh/authorized_keys"))
    assert [(str(each.path), each.present, len(each.keys)) for each in files] == [
        (str(PATH), True, 1),
        (f"{PATH}2", False, 0),
    ]


@pytest.mark.parametrize(
    "text",
    ["\0" * 9999, "a" * 100_000, '"' * 99_999, 'command="' * 9999, ("x" * 50 + " ") * 2000, "\udcff" * 1000,
     "pty," * 50_000, "ssh-rsa " * 20_000],
)  # fmt: skip
def test_junk_gives_a_reason_and_no_traceback(text: str) -> None:
    assert all(line.problem for line in parse_keys(text, PATH))


def _corpus() -> list[Path]:
    return sorted(path for path in (CORPUS / "authorized_keys").rglob("*") if path.is_file())


@pytest.mark.skipif(not _corpus(), reason=f"no corpus of real files in {CORPUS}")
@pytest.mark.parametrize("path", _corpus(), ids=[f"{path.parent.name}-{path.name}" for path in _corpus()])
def test_a_real_file_is_read_line_by_line(path: Path) -> None:
    text = path.read_bytes().decode("utf-8", "surrogateescape")
    for line in parse_keys(text, PATH):
        assert (line.key is not None) + bool(line.problem) + line.authority == 1
