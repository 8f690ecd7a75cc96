"""Keys that were pasted or saved wrongly: made whole where that is sure, and left alone else."""

from __future__ import annotations

from base64 import b64decode

import pytest

from rescue.keys.mending import mended
from tests.trees import HOST_KEY, KEY

pytestmark = pytest.mark.unit

TYPE, BLOB = KEY.split()
LINE = f"{KEY} me@laptop"
RFC4716 = f"""\
---- BEGIN SSH2 PUBLIC KEY ----
Comment: "me@laptop"
Subject: me \\
 and mine
{BLOB[:40]}
{BLOB[40:]}
---- END SSH2 PUBLIC KEY ----
"""


@pytest.mark.parametrize(
    "before, after",
    [
        (f"\ufeff{LINE}\n", f"{LINE}\n"),
        (f"{TYPE} {BLOB[:30]}\n{BLOB[30:]} me@laptop\n", f"{LINE}\n"),
        (f"{TYPE} {BLOB[:20]}\n  {BLOB[20:40]}\n{BLOB[40:]}\n# end\n", f"{KEY}\n# end\n"),
        (f"{TYPE}\n{BLOB} me@laptop\n", f"{LINE}\n"),
        (f"no-pty {TYPE} {BLOB[:30]}\r\n{BLOB[30:]}\r\n", f"no-pty {KEY}\n"),
        (f'"{LINE}"\n', f"{LINE}\n"),
        (f"\u201c{LINE}\u201d", LINE),
        (f"{TYPE}\xa0{BLOB}\n", f"{KEY}\n"),
        (f"{TYPE.upper()} {BLOB}\n", f"{KEY}\n"),
        (RFC4716, f"{LINE}\n"),
        (f"# mine\n{RFC4716}\njunk\n", f"# mine\n{LINE}\n\njunk\n"),
        (f"# mine\r{LINE}\r", f"# mine\n{LINE}\n"),
    ],
)
def test_what_is_a_key_but_for_its_form_becomes_one(before: str, after: str) -> None:
    made = mended(before.encode())
    assert made is not None
    assert made.decode() == after
    assert mended(made) is None


@pytest.mark.parametrize("encoding, mark", [("utf-16-le", b"\xff\xfe"), ("utf-16-be", b"\xfe\xff")])
def test_a_file_of_wide_characters_becomes_one_of_bytes(encoding: str, mark: bytes) -> None:
    assert mended(mark + f"{LINE}\r\n".encode(encoding)) == f"{LINE}\n".encode()


@pytest.mark.parametrize(
    "text",
    [
        "", f"{LINE}\n", f"{LINE}\r\n", f"{TYPE} {BLOB[:30]}\n", f"{TYPE} {BLOB[:30]}\n\n{BLOB[30:]}\n",
        HOST_KEY, RFC4716.replace(BLOB[:40], BLOB[:39]), RFC4716.replace("END", "EMD"), "junk\n" * 500,
        f"no-such-option {LINE}\n", BLOB,
    ],
)  # fmt: skip
def test_what_is_none_stays_as_it_is(text: str) -> None:
    assert mended(text.encode()) is None


def test_keys_that_count_already_keep_every_byte() -> None:
    other = f"{TYPE} {BLOB[:-4]}AAAA \udcff"
    before = f"{other}\n\t# c\n{TYPE} {BLOB[:30]}\n{BLOB[30:]}\n{other}".encode("utf-8", "surrogateescape")
    assert mended(before) == f"{other}\n\t# c\n{KEY}\n{other}".encode("utf-8", "surrogateescape")


def test_no_bytes_make_it_fail() -> None:
    for junk in (bytes(range(256)) * 20, b"\xff\xfe\x00", RFC4716.encode()[:60] * 40, b64decode(BLOB) * 50):
        mended(junk)
