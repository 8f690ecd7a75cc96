"""Records written and read back, forged and damaged."""

from __future__ import annotations

import json
import string
from base64 import b64encode
from contextlib import suppress
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rescue.tree import Change, Entry, file, symlink
from rescue.undo_log import (
    Imprint,
    JournalError,
    decode,
    encode,
    recorded,
)
from rescue.undo_log.encoding import FURTHEST
from tests.unit.undo_log.samples import ID, changes_of, entries, record_of, replaced

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("junk", [b"[],", b"[[", b'{"a":1},'])
def test_a_record_of_nothing_but_brackets_is_refused_unread(junk: bytes) -> None:
    with pytest.raises(JournalError, match="more changes than any fix makes"):
        decode("20260101T000000Z", b'{"schema":1,"titles":[' + junk * 2_000_000 + b"[]]}")


@given(st.lists(changes_of, min_size=1, max_size=6, unique_by=lambda change: change.path))
@example([Change(PurePosixPath("/caf\udce9"), None, symlink("\udcff\x1b[2J"))])
@settings(deadline=None)
def test_what_is_recorded_reads_back_the_same(changes: list[Change]) -> None:
    listed, _ = recorded(changes)
    record = replace(record_of(), changes=listed, titles=("one", "zwei\x1b"), hostname="lab", left=(changes[0].path,))
    record = replace(record, protected=((changes[0].path.parent, 0x10),))
    raw = encode(record)
    assert decode(ID, raw) == record
    assert all(byte == 10 or 32 <= byte < 127 for byte in raw), "it could drive a terminal"


@given(entries)
@settings(deadline=None)
def test_an_entry_is_recognised_and_restored_from_its_imprint(entry: Entry) -> None:
    imprint = Imprint.of(entry)
    assert imprint.fits(entry)
    assert not imprint.fits(None)
    assert imprint.entry(entry.data).same(replace(entry, size=entry.size if entry.is_file else 0))
    assert imprint.entry(entry.data).mtime == entry.mtime
    assert not imprint.fits(replace(entry, mode=entry.mode ^ 0o100))
    assert not imprint.fits(replace(entry, uid=entry.uid ^ 1))
    assert not imprint.fits(replace(entry, xattrs=(*entry.xattrs, ("user.more", b""))))
    if entry.data is not None:
        assert not imprint.fits(replace(entry, data=bytes(each ^ 1 for each in entry.data) + b"x"))
        assert not imprint.fits(replace(entry, data=None))


def test_old_contents_are_kept_only_where_content_is_lost() -> None:
    owner = Change(PurePosixPath("/a"), file("x"), file("x", 0o600))
    log = Change(PurePosixPath("/var/log/syslog"), replace(file(""), data=None, size=9000), None)
    listed, kept = recorded([owner, replaced(), log])
    assert kept == {"before/0002": b"old\n"}
    assert [(each.kept, each.reversible) for each in listed] == [("", True), ("before/0002", True), ("", False)]


def document(**changed: object) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(encode(record_of(replaced())))
    del made["check"]  # of older versions there is none: the rest has to be judged by itself
    return {**made, **changed}


def with_change(**changed: object) -> dict[str, Any]:
    made = document()
    return {**made, "changes": [{**made["changes"][0], **changed}]}


def with_before(**changed: object) -> dict[str, Any]:
    return with_change(before={**document()["changes"][0]["before"], **changed})


FORGED = {
    "a path out of the root": with_change(path="/../etc/shadow"),
    "dots in the middle": with_change(path="/etc/../../shadow"),
    "a relative path": with_change(path="etc/passwd"),
    "an empty part": with_change(path="/etc//passwd"),
    "a single dot": with_change(path="/etc/./passwd"),
    "a null byte": with_change(path="/etc/pass\0wd"),
    "no path": with_change(path=""),
    "the root": with_change(path="/"),
    "a path as bytes that leads out": with_change(path_base64=b64encode(b"/\xff/../../x").decode()),
    "a path that is no base64": with_change(path_base64="#"),
    "a lone surrogate": with_change(path="/etc/\udcff"),
    "a path too long": with_change(path="/a" * 4000),
    "a name too long": with_change(path="/" + "a" * 300),
    "the journal itself": with_change(path="/var/lib/rescue/fixes/x/record.json"),
    "a number for a path": with_change(path=7),
    "a kept name that leads out": with_change(kept="../../../etc/shadow"),
    "a kept name from the root": with_change(kept="/etc/shadow"),
    "nothing kept": with_change(kept=None),
    "an unknown action": with_change(action="execute"),
    "an action that does not fit": with_change(action="create"),
    "reversible as text": with_change(reversible="yes"),
    "a device": with_before(kind="char", rdev=1),
    "a fifo": with_before(kind="fifo"),
    "an unknown kind": with_before(kind="door"),
    "a mode too large": with_before(mode="77777"),
    "a mode in decimal": with_before(mode=420),
    "a negative owner": with_before(uid=-1),
    "an owner beyond 32 bits": with_before(uid=1 << 32),
    "true for an owner": with_before(uid=True),
    "a size beyond 63 bits": with_before(size=1 << 64),
    "a float for a time": with_before(mtime=1.5),
    "a digest that is none": with_before(sha256="00"),
    "an attribute without a name space": with_before(xattrs={"selinux": ""}),
    "an attribute that is no base64": with_before(xattrs={"user.x": "%"}),
    "an attribute that is a number": with_before(xattrs={"user.x": 1}),
    "an attribute too long": with_before(xattrs={"user.x": b64encode(bytes(70_000)).decode()}),
    "attributes as a list": with_before(xattrs=[1]),
    "a change that is a list": document(changes=[[]]),
    "changes that are none": document(changes={}),
    "one path twice": document(changes=document()["changes"] * 2),
    "too many changes": document(changes=document()["changes"] * 50_001),
    "a protected path that leads out": document(protected=[{"path": "/../x", "flags": 16}]),
    "a protected path with other flags": document(protected=[{"path": "/x", "flags": 1}]),
    "a protected path with large flags": document(protected=[{"path": "/x", "flags": 64}]),
    "another fix": document(id="20261122T184501Z"),
    "another schema": document(schema=2),
    "an unknown state": document(state="half"),
    "a state that is not written": document(state="unreadable"),
    "a time that drives a terminal": document(started="\x1b[2J"),
    "a title that is a list": document(titles=[[]]),
}


@pytest.mark.parametrize("forged", FORGED.values(), ids=FORGED.keys())
def test_a_forged_record_is_refused(forged: dict[str, Any]) -> None:
    with pytest.raises(JournalError, match=f"the record of fix {ID} is damaged") as caught:
        decode(ID, json.dumps(forged).encode())
    assert caught.value.hint


def test_the_sample_that_forgeries_are_made_of_is_sound() -> None:
    assert decode(ID, json.dumps(document()).encode()) == record_of(replaced())


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\n",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"\0" * 100,
        b"[" * 100_000,
        b'{"schema":' * 50_000,
        b'{"schema": 1' + b"0" * 10_000 + b"}",
        b'{"schema": NaN}',
        b"{}" * 2,
    ],
)
def test_junk_is_a_clear_error(raw: bytes) -> None:
    with pytest.raises(JournalError):
        decode(ID, raw)


@given(st.integers(0, 2000), st.binary(max_size=6), st.integers(0, 12))
@settings(deadline=None, max_examples=300)
def test_a_damaged_record_is_refused_or_says_the_same(at: int, junk: bytes, cut: int) -> None:
    record = record_of(replaced(), Change(PurePosixPath("/caf\udce9"), None, symlink("x")))
    raw = encode(record)
    try:
        found = decode(ID, raw[:at] + junk + raw[at + cut :])
    except JournalError:
        return
    assert found == record


def test_a_record_cut_off_anywhere_or_with_one_bit_turned_is_refused_or_says_the_same() -> None:
    record = record_of(replaced())
    raw = encode(record)
    for at in range(len(raw) - 1):
        for damaged in (raw[:at], raw[:at] + bytes(len(raw) - at)):
            with pytest.raises(JournalError):
                decode(ID, damaged)
        for bit in range(8):
            with suppress(JournalError):
                assert decode(ID, raw[:at] + bytes([raw[at] ^ 1 << bit]) + raw[at + 1 :]) == record


@pytest.mark.parametrize("time", [0, -1, 13_569_465_600 * 10**9, -(1 << 64), FURTHEST - 1, -FURTHEST, None])
def test_any_time_that_a_file_can_have_is_kept(time: int | None) -> None:
    record = record_of(replaced(replace(file("old\n"), mtime=time)))
    read = decode(ID, encode(record))
    assert read == record
    assert read.changes[0].before is not None
    assert read.changes[0].before.mtime == time


@pytest.mark.parametrize("time", [FURTHEST, -FURTHEST - 1, True, "0", 0.0])
def test_a_time_that_no_file_can_have_is_refused(time: object) -> None:
    with pytest.raises(JournalError, match="not a possible file time"):
        decode(ID, json.dumps(with_before(mtime=time)).encode())


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(string.printable, max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(sorted(document())), inner, max_size=4),
    max_leaves=8,
)


@given(st.sampled_from(sorted(document())), json_values)
@settings(deadline=None, max_examples=300)
def test_any_json_in_any_field_reads_or_is_refused(field: str, value: object) -> None:
    with suppress(JournalError):
        decode(ID, json.dumps(document(**{field: value})).encode())


@given(st.sampled_from(sorted(document()["changes"][0])), json_values)
@settings(deadline=None, max_examples=300)
def test_any_json_in_a_change_reads_or_is_refused(field: str, value: object) -> None:
    with suppress(JournalError):
        decode(ID, json.dumps(with_change(**{field: value})).encode())


def test_an_attribute_whose_name_cannot_be_written_is_refused() -> None:
    before = document()["changes"][0]["before"]
    decode(ID, json.dumps(with_change(before={**before, "xattrs": {"user.note": ""}})).encode())
    with pytest.raises(JournalError, match="surrogates"):
        decode(ID, json.dumps(with_change(before={**before, "xattrs": {"user.\ud800": ""}})).encode())
