"""authorized_keys lines against a real sshd, and public keys against ssh-keygen."""

from __future__ import annotations

import subprocess
from base64 import b64decode, b64encode
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from rescue.keys.authorized_keys import parse_keys
from rescue.keys.public_keys import check_public_key
from rescue.keys.wire import WireError, decode_base64
from tests.system.login import LoginServer, login_server
from tests.system.sshd_root import sshd_root

pytestmark = pytest.mark.system

PATH = PurePosixPath("/root/.ssh/authorized_keys")

options = st.sampled_from(
    ["no-pty", "restrict", "NO-PTY", "no-restrict", "cert-authority", "pty", "ptyx", "no-user-rc", "verify-required",
     'command="echo in"', 'command="echo \\"in\\" | tr -d x"', 'command=echo', 'command="echo in', 'environment="A=1"',
     'environment="A-B=1"', 'environment="A"', 'permitopen="host:22"', 'permitopen="[::1]:22"', 'permitopen="host"',
     'permitopen="host:0"', 'permitopen="host:*"', 'permitlisten="80"', 'permitlisten=":80"', 'tunnel="1"',
     'tunnel="x"', 'tunnel="ANY"', 'expiry-time="20991231"', 'expiry-time="209912312359Z"', 'expiry-time="2099"',
     'expiry-time="20991331"', 'expiry-time="20990229"', 'principals="a"', "x11-forwarding", "foo", 'foo="bar"', "",
     "ssh-ed25519", 'permitopen="host/22"', 'permitlisten="localhost:http"', 'expiry-time="20991231UTC"']
)  # fmt: skip
option_lists = st.one_of(st.just(""), st.lists(options, min_size=1, max_size=3).map(",".join))
blanks = st.sampled_from([" ", " ", " ", "\t", "  \t", "\xa0", ", ", ""])
types = st.sampled_from(
    ["ssh-ed25519"] * 5
    + ["SSH-ED25519", "ssh-rsa", '"ssh-ed25519', "ssh-ed25519-cert-v01@openssh.com", "\u201cssh-ed25519"]
)
damages = st.sampled_from(
    ["whole"] * 5 + ["cut", "unpadded", "broken", "doubled", "quoted", "tail", "formfeed", "equals", "inner CR"]
)
ends = st.sampled_from(["\n", "\n", "\r\n", "", "\r", "\0\n", " comment\n", " a comment\r\n", "\tx\0y\n", "#\n"])
starts = st.sampled_from(["", "", "", " \t", "\ufeff", "\0\0\0\0", "#", "\v", "\r\n", "ssh-rsa AAAA\n", "\r"])


def _blob(blob: str, damage: str) -> str:
    half = len(blob) // 2
    return {
        "whole": blob, "cut": blob[:-4], "unpadded": blob[:-1], "broken": f"{blob[:half]}\n{blob[half:]}",
        "doubled": f"{blob}ssh-ed25519", "quoted": f'{blob}"', "tail": f"{blob}AAAA", "equals": f"{blob}=",
        "formfeed": f"{blob[:half]}\f\v{blob[half:]}", "inner CR": f"{blob[:half]}\r{blob[half:]}",
    }[damage]  # fmt: skip


@pytest.fixture(scope="module", params=["bookworm", "trixie"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoginServer]:
    with login_server(sshd_root(request.param), tmp_path_factory.mktemp("keys")) as made:
        made.configure("")
        (made.path / "root/.ssh").mkdir(exist_ok=True, mode=0o700)
        yield made


@settings(max_examples=30, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(start="", option="", gap=" ", kind="ssh-ed25519", damage="whole", end="\r\n")
@example(start="\ufeff", option="", gap=" ", kind="ssh-ed25519", damage="whole", end="\n")
@example(start="", option='from="*",no-pty', gap=" ", kind="ssh-ed25519", damage="cut", end="\n")
@example(start="", option="no-pty,", gap=" ", kind="ssh-ed25519", damage="whole", end="\n")
@given(start=starts, option=option_lists, gap=blanks, kind=types, damage=damages, end=ends)
def test_a_line_opens_the_account_exactly_where_sshd_lets_it(
    server: LoginServer, start: str, option: str, gap: str, kind: str, damage: str, end: str
) -> None:
    blob = server.public_key.split()[1]
    line = f"{start}{option}{' ' if option else ''}{kind}{gap}{_blob(blob, damage)}{end}"
    raw = line.encode()
    (server.path / PATH.relative_to("/")).write_bytes(raw)
    lines = parse_keys(raw.decode("utf-8", "surrogateescape"), PATH)
    wanted = b64decode(blob)
    ours = any(each.key is not None and decode_base64(each.key.blob) == wanted for each in lines)
    entered, log = server.login("root")
    assert entered == ours, f"{line!r}\n{lines}\n{log}"


KINDS = (("ed25519", ""), ("rsa", "1024"), ("rsa", "2048"), ("ecdsa", "256"), ("ecdsa", "384"), ("ecdsa", "521"))


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, bytes]]:
    folder = tmp_path_factory.mktemp("public")
    made = []
    for kind, bits in KINDS:
        path = folder / (kind + bits)
        size = ["-b", bits] if bits else []
        subprocess.run(["ssh-keygen", "-q", "-t", kind, *size, "-N", "", "-f", str(path)], check=True)
        name, blob = path.with_suffix(".pub").read_text().split()[:2]
        made.append((name, b64decode(blob)))
    return made


@settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    which=st.integers(0, len(KINDS) - 1),
    named=st.integers(0, len(KINDS) - 1),
    rename=st.integers(0, 5),
    change=st.one_of(st.none(), st.tuples(st.integers(0, 400), st.integers(0, 255))),
    cut=st.sampled_from([0, 0, 0, 1, 30]),
    tail=st.sampled_from([b"", b"", b"\0", b"\0\0\0\1x"]),
)
def test_a_public_key_loads_exactly_where_ssh_keygen_loads_it(
    keys: list[tuple[str, bytes]], tmp_path: Path, which: int, named: int, rename: int,
    change: tuple[int, int] | None, cut: int, tail: bytes,
) -> None:  # fmt: skip
    name, blob = keys[which]
    if rename == 0:
        name = keys[named][0]
    if change is not None:
        at = change[0] % len(blob)
        blob = blob[:at] + bytes([change[1]]) + blob[at + 1 :]
    blob = blob[: len(blob) - cut] + tail
    try:
        check_public_key(name, blob)
        ours = True
    except WireError:
        ours = False
    path = tmp_path / "key.pub"
    path.write_text(f"{name} {b64encode(blob).decode()}\n")
    said = subprocess.run(["ssh-keygen", "-lf", str(path)], capture_output=True, text=True, check=False)
    assert ours == (said.returncode == 0), f"{name} {blob.hex()}\n{said.stdout}{said.stderr}"
