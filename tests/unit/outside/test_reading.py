"""What is read of others: greetings, ssh's log, known_hosts; hostile ones too."""

from __future__ import annotations

import base64
import hashlib
import hmac
import socket
from pathlib import Path

import pytest

from rescue.errors import UsageError
from rescue.outside.greeting import MOST, judged, read_greeting
from rescue.outside.handshake import understood
from rescue.outside.known_hosts import known_keys, known_ports
from rescue.outside.observed import Ended, Reached, Said
from rescue.text.safe import safe
from rescue.verbs.probe import named

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("data", "end", "said"),
    [
        (b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", None, Said.SSH),
        (b"some banner\r\nmore\nSSH-2.0-x\n", None, Said.SSH),
        (b"", None, Said.NOTHING),
        (b"", Said.CLOSED, Said.CLOSED),
        (b"", Said.RESET, Said.RESET),
        (b"SS", None, Said.NOTHING),
        (b"SSH-2.0-no end of line", None, Said.NOTHING),
        (b"Exceeded MaxStartups\r\n", Said.CLOSED, Said.TOO_MANY),
        (b"Not allowed at this time\r\n", Said.CLOSED, Said.PENALTY),
        (b"HTTP/1.1 400 Bad Request\r\n", None, Said.HTTP),
        (b"\x15\x03\x01\x00\x02\x02\x46", None, Said.TLS),
        (b"220 mail\r\n", None, Said.OTHER),
        (b"\xff\x00\x1b[2J", None, Said.OTHER),
        (b"xSSH-2.0-\n", None, Said.OTHER),
    ],
)
def test_the_first_bytes_say_what_it_is(data: bytes, end: Said | None, said: Said) -> None:
    assert judged(data, end).said is said


def test_a_hostile_greeting_can_be_shown_and_is_short() -> None:
    greeting = judged(b"\x1b]0;owned\x07" * 1000 + b"\n", None)
    assert len(greeting.text) <= 255
    assert "\x1b" not in safe(greeting.text)


def test_no_more_than_so_many_bytes_are_read() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(b"x" * (MOST + 5000))
        greeting, data = read_greeting(ours, 5)
    assert len(data) == MOST
    assert greeting.said is Said.OTHER


KEX = "debug1: SSH2_MSG_KEXINIT sent\ndebug1: SSH2_MSG_KEXINIT received\n"
KEY = "ssh-ed25519 SHA256:" + "x" * 43
NEW = f"debug1: Server host key: {KEY}\ndebug1: SSH2_MSG_NEWKEYS received\n"


def test_the_methods_and_the_key_are_taken_from_the_log() -> None:
    hand = understood(KEX + NEW + "debug1: Authentications that can continue: publickey,password\n"
                      "root@127.0.0.1: Permission denied (publickey,password).\n")  # fmt: skip
    assert (hand.reached, hand.ended, hand.host_key) == (Reached.METHODS, Ended.DONE, KEY)
    assert hand.methods == ("publickey", "password")


@pytest.mark.parametrize(
    ("log", "hung", "closed", "reached", "ended"),
    [
        ("", True, False, Reached.GREETED, Ended.HUNG),
        (KEX, True, False, Reached.OFFERED, Ended.HUNG),
        (KEX + NEW, True, False, Reached.KEYS, Ended.HUNG),
        ("Connection closed by 127.0.0.1 port 4711\n", False, True, Reached.GREETED, Ended.CLOSED),
        (KEX + NEW + "Authenticated to 127.0.0.1 ([127.0.0.1]:1) using \"none\".\n", False, False, Reached.LET_IN,
         Ended.DONE),
        ("Unable to negotiate with 127.0.0.1 port 1: no matching cipher found. Their offer: aes128-cbc\n", False, True,
         Reached.GREETED, Ended.NO_COMMON),
        ("nonsense\n", False, False, Reached.GREETED, Ended.FAILED),
    ],
)  # fmt: skip
def test_how_far_ssh_got(log: str, hung: bool, closed: bool, reached: Reached, ended: Ended) -> None:
    hand = understood(log, hung=hung, closed=closed)
    assert (hand.reached, hand.ended) == (reached, ended)
    assert "127.0.0.1" not in hand.text


BLOB = base64.b64encode(b"\0\0\0\x0bssh-ed25519" + b"k" * 36).decode()


def hashed(name: str) -> str:
    digest = hmac.digest(b"salt" * 5, name.encode(), "sha1")
    return f"|1|{base64.b64encode(b'salt' * 5).decode()}|{base64.b64encode(digest).decode()}"


@pytest.mark.parametrize(
    ("names", "port", "found"),
    [
        ("example.org", 22, True),
        ("EXAMPLE.org,203.0.113.1", 22, True),
        ("*.org", 22, True),
        ("*.org,!example.org", 22, False),
        ("[example.org]:2222", 2222, True),
        ("[example.org]:2222", 22, False),
        ("example.org", 2222, False),
        (hashed("example.org"), 22, True),
        (hashed("[example.org]:2222"), 2222, True),
        (hashed("other.org"), 22, False),
        ("|1|x|y", 22, False),
        ("|1|", 22, False),
        ("[e-z]xample.org", 22, False),
    ],
)
def test_which_lines_are_about_the_host(tmp_path: Path, names: str, port: int, found: bool) -> None:
    path = tmp_path / "known_hosts"
    path.write_text(f"# c\n\n{names} ssh-ed25519 {BLOB} me\nbroken\n@cert-authority * ssh-ed25519 {BLOB}\n")
    keys = known_keys([path, tmp_path / "none"], ["Example.org"], [port])
    assert bool(keys) is found
    if keys:
        digest = base64.b64encode(hashlib.sha256(base64.b64decode(BLOB)).digest()).decode().rstrip("=")
        assert keys[0].key == f"ssh-ed25519 SHA256:{digest}"


def test_a_forgotten_port_is_found_in_a_hashed_name(tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"
    names = [hashed("[example.org]:48022"), "[example.org]:2200", "[example.org]:99999999", "[other.org]:7", "|1|x|y"]
    path.write_text("".join(f"{name} ssh-ed25519 {BLOB}\n" for name in names))
    assert known_ports([path], ["example.org"]) == (2200, 48022)


@pytest.mark.parametrize(
    ("words", "host", "user", "port"),
    [
        ("203.0.113.10", "203.0.113.10", None, None),
        ("me@web1", "web1", "me", None),
        ("web1:2222", "web1", None, 2222),
        ("ssh://me@web1:2222/", "web1", "me", 2222),
        ("2001:db8::1", "2001:db8::1", None, None),
        ("[2001:db8::1]:2222", "[2001:db8::1]", None, 2222),
        ("fe80::1%eth0", "fe80::1%eth0", None, None),
        ("bücher.example", "bücher.example", None, None),
    ],
)
def test_what_is_typed_for_a_host(words: str, host: str, user: str | None, port: int | None) -> None:
    found = named(words)
    assert (found.host, found.user, found.port) == (host, user, port)


@pytest.mark.parametrize(
    "words", [None, "", "me@", "a b", "-oProxyCommand=x", "x\ny", "x" * 300, "h:0", "h:99999999", "\x1b"]
)
def test_what_can_be_no_host_is_a_usage_error(words: str | None) -> None:
    with pytest.raises(UsageError):
        named(words)
