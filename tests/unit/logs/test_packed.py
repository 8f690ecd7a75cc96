"""LZ4 blocks and Zstandard frames, unpacked as the programs' own unpacker would."""

from __future__ import annotations

from base64 import b64decode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rescue.logs.lz4 import Lz4Error, lz4_block
from rescue.logs.zstd import MAGIC, ZstdError, zstd_frame

pytestmark = pytest.mark.unit

NUMBERS = " ".join(str(number * number % 9973) for number in range(600)).encode()
"""Compressible, with literals that are worth a tree and sequences of all kinds."""
WHOLE = 1 << 20
FRAMES = {
    "nothing": (
        "KLUv/SQAAQAAmenYUQ==",
        b"",
    ),
    "a run": (
        "KLUv/QRYTQAAEHp6AQCD0wMs+MbdyA==",
        b"z" * 5000,
    ),
    "random": (
        "KLUv/QRIVQgABBAAAQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAhIiMkJSYnKCkqKywtLi8wMTIzNDU2Nzg5Ojs8PT4/"
        "QEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXWFlaW1xdXl9gYWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXp7fH1+f4CBgoOEhYaHiImK"
        "i4yNjo+QkZKTlJWWl5iZmpucnZ6foKGio6SlpqeoqaqrrK2ur7CxsrO0tba3uLm6u7y9vr/AwcLDxMXGx8jJysvMzc7P0NHS09TV"
        "1tfY2drb3N3e3+Dh4uPk5ebn6Onq6+zt7u/w8fLz9PX29/j5+vv8/f7/AQAA/QFqTQHAijTA",
        bytes(range(256)) * 2,
    ),
    "numbers": (
        "KLUv/QRYdSgAaqpwEgmw64SiiXHOmEUfASQBJwFEMVHERsel5VDCr4DD1QK03RW9beRmwd0rW4LsoLDFri6rJk1txrriurWdnF5i"
        "Fzg6qLTA0CXS5M3WzhUzm3EmnVyWLDZyUMhyFbMotpG4grHBcV55a7g0eBBwGbvSKbNFbPdA74O5y7gp4K6YfVN7OjYtbADajKtn"
        "qr5S3ZOaIuoS1GfWJ6qz1AGmc6KPQb84ulU0RenW0BdCj5HmAA1wM1vzROezmUsyU8Tcg/l68ozJjJIBKtNGnop8E3KFMgXI5cUH"
        "Fg9UTGgMQDFh4gGJDyIuGVNAXDl+Y3xanFYOUM4gPjP8KrwXnCJ4ifwM+ARw9ga4OfZYfVG3OkVv0Rf02MyZAWZWnpDP4lJMEff4"
        "lc9wBgfgtKffXJni8nvmEAe1U6GDDV1nc1kylDIZxUGIOcOjbAJZWDcQ7zOyQcCWmtp4nSp9aDQ1aGPNUpxBKp+BDESxEGKr4TT3"
        "cDaymyJ3wWyxsKNVy0TdqE5GtytdRtqqM4tzW1lKOdpYyrhFbtXLOKv3GO+72mXYJFWXor6qPmA0VGiezRMz341MAnKL4iPjaTlb"
        "k3KJ3XFy35xtQPYV7JDWdayn1UWkDxxdNXQQ0BedDWI+KzlK5KKLZygWYTxRvCg8eB/QBjysN1nccGbXjV2gXawaRGqa61HqNPYA"
        "oymGBgK6qnNB5pKToUgmCDnGYtrEEYypxYHDi4AX6iIZuElvuriHzibWtgpb5mpg66uoga5LtNtFpzp6qDSJ0EagBWqGk/kKZqiS"
        "pSMbUSayeAIXc5uQfdM6Wr3K6LmbhZxHQi6SOGz4QSfrjjGbinVN9JrQFTRDVSZaHD1OkkdjM7llyAao+sg6BHQZmYkkjzUmMm4B"
        "nOQOIVtYdc86Dbo16KKZbSpzLK5ALBI8ZK7ZQ7AZUYOUHrL5CnMtZAKKG8Vv7ik+JbdA7RGrq1AHSD8h2qrmI8zRkAsoHiouAHwo"
        "BpubpOy4q0lRB6lTFQ0DdIHMLZJrLIYTHtUn7iaI22xsqaqhUN9IhyktcjMFyRMWUwwXqWGOkFukdudqNmor6nVG29DcmixHOYJi"
        "IeM1TrEbijdJ9pDVd6w71OmM7gR9R/PQyaTIUI0pEM8JP6ob3Dr3idnBsMuonl6XEbqAdNzMVyZbQz5qHARxzfAZWyaugJti7BCr"
        "OVEBnbpvpGbZoW6mlTxH8cHwRmyEOtpeNvRQZhnKU8cLbOLYvKhDOEOYXG1cEq/eNmATXJ/OZiMLSQwR/GyRswtW09qNiC6Z2Qx4"
        "524SsxtVH9uHRJMikxEPyY/fmW1g9bF6SOkamqcjiwmviCl4B4FNux48msZmsJKLFZfKhXQbjU0w9ZB0AqGNYhaGDMX4ghzuBty8"
        "q42uVxxtZzPL5I7FEsYD7FLdJ2VPVE1WByia13ms8lXjVjlVv+kdVLuo9bRdqvRY57rKwYovitvUMXVTy4arumi9Y3SVzcCTaS4O"
        "O84AHt0KbgnaUKyP0aGClpDZSmSSieeGE9E8uku1JaqOqy41unIzCbMZyFXGNsEp8pncrbGJ2m+KnpNhQOYwngl+IwchICDCEDHG"
        "3AEribwIxfcuNx9/EibSqxyXTMGfFTlpTjiEQJtlX1nGpsJoiNkAGuIitAjIydj63YEz9WIgD/mwpjdTvijxK5cNr5+RaCy8EpNu"
        "GlmgCwqVt096s8UgOOUDcWdhNCOZBA8anrdzCjAv0gE=",
        NUMBERS,
    ),
    "numbers, hard": (
        "KLUv/QRoPScA6rSIEwmw64SiiXHOmEUxATUBOAFXMEOVLB3ZiDKRxUMUE0VsdFxaDiX8CjhcLUAbY4O7K3rbyM2Cu1e2BNlBYYtd"
        "XVZNmtqMdcV1azs5vcQucHRQaYGhS6TJm62dK2Y240w6uSxZbOSgkCVA7lXMothG4grGBsd55a3h0uBBwGXsSqfMFnHFBLsHeh/M"
        "XcZNAXfF7Jva07FpYQPQZlw9U/WV6p7UFFGXoD6zPlGdpQ4wnRN9DPrF0a2iKUq3hr4Qeow0B2iAm9maJzqfzVySmSLmHszXk2dM"
        "ZpQMUJk28lTkm5ArlClALi8+sHigYkJjAIoJEw9IfBBxyZgC4srxG+PT4rRygHIG8ZnhV+G94BTBS+RnwCeAszfAzbHH6ou61Sl6"
        "i76gx2bODDCz8oR8FpdiirjHr3yGMzgApz395soUl98zhwdBXDN8xpaJi70h4KYYO8RqTtRB7VToYEPX2VzKXFIylDIZxUGIOcOj"
        "bAJZWDcQ7zOyQcCWmtp4nSp9aDQ1aGPNUpxBKp+BDESxEGKr4TT3cDaymyJ3wWyxsKNVy0TdqE5GtytdRtqqM4tzW1lKOdpYyrgt"
        "Z5Fb9TLO6j3G+652GTZJ1aWor6oPSKcYDRWaZ/PEzEcn90YmAblF8ZHxtJwMDq1JucTuOLlvzjYg+wp2SOs61tPqItIHjq4aOgjo"
        "i84GMZ+VHCVy0cUzFIswniheFB68D2gDHtabLG44s+vGLtAuVg0iNc31KHUae4DRFEMDAV3VuSBzyclQJBOEHGMxbeIIxtTiwOFF"
        "wAt1kQzcpDdd3ENnE2tbhS1zNbD1VdRA1yXa7aJTHT1UmkRoI9ACNcPJHJyTYUDmMJ4JfiNfzG1C9k3raPUqo+duFnIeCblI4rDh"
        "B52sO8ZsqquBrGui14SuoBmqMtHi6HGSPBqbyS1DNkDVR9YhoIuRtpGZSPJYYyLjFsAFYiG5Q8gWVt2zToNuDbpoZpvKHIsrEIsE"
        "D5kLvQ/MHoLNiBpkOqf0kM1XmGshE1DcKH5zT/EpuQVqj1hdhTpA+gnRVjUfYY6GXEDxUHEB4EMx2NwkZcddTYo6SJ2qaBigC2Ru"
        "kVxjMQRjOuFRfeJugrjNxpaqGgr1jXSY0iI3W8RMQfKExRSMLYaL1DBHyC1Su3M1G7UV9TqjjUFzaG5NlqMcQbGQ8Ro5g6bYDcWb"
        "JHvI6jvWHep0RneCvqN56GRSZKjGFIjnhB/VDW6d+8TsYNhlVE+vy0ifKLqAdNzMVyZbQz5qBJ26b8gekpplh7qZVvIcxQfDG7ER"
        "7hOro+1lQw9llqE8dbzAJvYOGpsXdQg71c0QJlcbl8SrshxvG7AJrk+LpuhsNrKQxBDBzxY5u2A1rd2I6JKZjSITIq4B79xNYnaj"
        "6mP7kGhyZqDIZMRD8uN3ZhtYfaweUrqG5unIYhIPCK+IKXgHgU27HjyaxmawkosVl8rraCHdRmMTTD0knUBoo5iFIUMxviCHuwE3"
        "72qj6xVH29nMMrljsYTxALtU90nZE1WT1QGK5nUeq3zVuFVO1W96B9Uuaj1tlyo91rmucrDii+I2dUzd1LLhqi5a7xhdZTPwZJqL"
        "w44zgEe3gluCNhTrY3SooCVkthKZZOK54UQ0j+5SbYmq46pLja7cTMJsBnKVsU1winwmd2tsKtWl9puiZ2wOADAv0gE=",
        NUMBERS,
    ),
    "words": (
        "KLUv/QRgBQEAyHRoZSBxdWljayBicm93biBmb3gganVtcHMBABJeNZnKNRGL",
        b"the quick brown fox " * 40 + b"jumps",
    ),
}
"""By zstd 1.5: what each holds, at which level."""


@pytest.mark.parametrize("name", FRAMES)
def test_a_frame_of_the_real_program_is_unpacked(name: str) -> None:
    packed, plain = FRAMES[name]
    assert zstd_frame(b64decode(packed), WHOLE) == plain


def test_a_frame_is_not_unpacked_beyond_what_is_asked_for() -> None:
    packed, plain = FRAMES["a run"]
    with pytest.raises(ZstdError, match="too long"):
        zstd_frame(b64decode(packed), len(plain) - 1)


@given(st.data())
def test_a_damaged_frame_is_said(data: st.DataObject) -> None:
    made = bytearray(b64decode(FRAMES[data.draw(st.sampled_from(sorted(FRAMES)))][0]))
    for _ in range(data.draw(st.integers(1, 4))):
        made[data.draw(st.integers(4, len(made) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(made[: data.draw(st.integers(0, len(made)))])
    try:
        assert len(zstd_frame(cut, WHOLE)) <= WHOLE
    except ZstdError:
        assert True


@given(st.binary(max_size=80))
def test_junk_is_no_frame(junk: bytes) -> None:
    for packed in (junk, MAGIC + junk):
        try:
            assert len(zstd_frame(packed, 5000)) <= 5000
        except ZstdError:
            assert True


@pytest.mark.parametrize(
    "packed, plain",
    [
        (b"", b""),
        (b"\x50hello", b"hello"),
        (b"\x14a\x01\x00\x50tail!", b"aaaaaaaaatail!"),
        (b"\x3fabc\x03\x00\x01\x00", b"abc" + b"abc" * 6 + b"ab"),
        (b"\xf0\x01" + b"x" * 16, b"x" * 16),
    ],
)
def test_a_block_is_unpacked(packed: bytes, plain: bytes) -> None:
    assert lz4_block(packed, len(plain)) == plain


@pytest.mark.parametrize(
    "packed", [b"\x50hell", b"\x10", b"\x1fa\x02\x00", b"\x1fa\x00\x00\x10", b"\x1fa\x01\x00" + b"\xff" * 9]
)
def test_a_damaged_block_is_said(packed: bytes) -> None:
    with pytest.raises(Lz4Error):
        lz4_block(packed, 100)
