"""Private host keys against ssh-keygen: what loads without a passphrase, and the keys that are made here."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from shutil import which

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from rescue.keys.ed25519 import key_pair, new_key_pair
from rescue.keys.host_keys import KeyFormatError, private_key_type

pytestmark = [pytest.mark.system, pytest.mark.skipif(which("ssh-keygen") is None, reason="needs ssh-keygen")]

KINDS = (
    ("ed25519", ()), ("rsa", ("-b", "1024")), ("rsa", ("-b", "1024", "-m", "PEM")), ("ecdsa", ()),
    ("ecdsa", ("-m", "PEM")), ("rsa", ("-b", "1024", "-m", "PKCS8")),
)  # fmt: skip

DAMAGES: dict[str, Callable[[bytes, int], bytes]] = {
    "none": lambda data, at: data,
    "crlf": lambda data, at: data.replace(b"\n", b"\r\n"),
    "no last newline": lambda data, at: data.rstrip(b"\n"),
    "leading line": lambda data, at: b"\n" + data,
    "leading blank": lambda data, at: b" " + data,
    "trailing text": lambda data, at: data + b"more\n",
    "cut": lambda data, at: data[: at % len(data)],
    "zeroed": lambda data, at: bytes(len(data)),
    "a line gone": lambda data, at: b"".join(_without(data.split(b"\n"), at)),
    "byte order mark": lambda data, at: b"\xef\xbb\xbf" + data,
}


def _without(lines: list[bytes], at: int) -> list[bytes]:
    del lines[1 + at % (len(lines) - 3)]
    return [line + b"\n" for line in lines[:-1]]


def loads(path: Path, data: bytes) -> bool:
    path.write_bytes(data)
    path.chmod(0o600)
    told = subprocess.run(["ssh-keygen", "-y", "-P", "", "-f", str(path)], capture_output=True, check=False)
    return told.returncode == 0


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    folder = tmp_path_factory.mktemp("private")
    made = []
    for number, (kind, options) in enumerate(KINDS):
        for secret in ("", "a passphrase"):
            path = folder / f"{number}{bool(secret)}"
            subprocess.run(["ssh-keygen", "-q", "-t", kind, *options, "-N", secret, "-f", str(path)], check=True)
            made.append(path.read_bytes())
    return made


@settings(
    max_examples=120, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@example(number=0, damage="crlf", at=0)
@example(number=4, damage="crlf", at=0)
@example(number=1, damage="none", at=0)
@example(number=5, damage="none", at=0)
@given(number=st.integers(0, 2 * len(KINDS) - 1), damage=st.sampled_from(sorted(DAMAGES)), at=st.integers(0, 3000))
def test_a_key_loads_exactly_where_ssh_keygen_loads_it(
    keys: list[bytes], tmp_path: Path, number: int, damage: str, at: int
) -> None:
    data = DAMAGES[damage](keys[number], at)
    try:
        private_key_type(data)
        ours = True
    except KeyFormatError:
        ours = False
    assert ours == loads(tmp_path / "key", data), data


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.binary(min_size=32, max_size=32))
def test_the_public_half_of_any_seed_is_the_one_that_openssl_computes(tmp_path: Path, seed: bytes) -> None:
    # RFC 8410's PKCS#8 holds the seed alone, so that the reader has to compute the public half itself.
    (tmp_path / "seed.der").write_bytes(bytes.fromhex("302e020100300506032b657004220420") + seed)
    told = subprocess.run(
        ["openssl", "pkey", "-inform", "DER", "-in", str(tmp_path / "seed.der"), "-pubout", "-outform", "DER"],
        capture_output=True, check=True,
    )  # fmt: skip
    assert told.stdout[-32:] == key_pair(seed).public


def test_a_new_key_is_one_that_ssh_keygen_reads_and_signs_with(tmp_path: Path) -> None:
    pair = new_key_pair()
    path = tmp_path / "ssh_host_ed25519_key"
    assert loads(path, pair.private_file("root@lab").encode())
    public = subprocess.run(["ssh-keygen", "-y", "-f", str(path)], capture_output=True, text=True, check=True).stdout
    assert public == pair.public_line("root@lab")
    # Signing uses the seed and the public half together; verifying takes the public line alone.
    (tmp_path / "allowed").write_text(f"host {pair.public_line('root@lab')}")
    sign = ["ssh-keygen", "-Y", "sign", "-q", "-n", "test", "-f", str(path)]
    signature = subprocess.run(sign, input=b"text", capture_output=True, check=True).stdout
    (tmp_path / "text.sig").write_bytes(signature)
    check = [
        "ssh-keygen", "-Y", "verify", "-f", str(tmp_path / "allowed"), "-I", "host", "-n", "test",
        "-s", str(tmp_path / "text.sig"),
    ]  # fmt: skip
    assert subprocess.run(check, input=b"text", capture_output=True, check=False).returncode == 0
