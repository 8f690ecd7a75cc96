"""Records: written and read back, forged and damaged, kept in two places, shown without secrets."""

from __future__ import annotations

import json
import string
from base64 import b64encode
from contextlib import suppress
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rescue.journal import (
    Imprint,
    InDirectory,
    InTarget,
    JournalError,
    JournalStore,
    Record,
    RecordedChange,
    Standing,
    State,
    decode,
    encode,
    read_records,
    recorded,
)
from rescue.journal.diff import changes_diff, is_secret
from rescue.journal.encoding import RECORD_LIMIT
from rescue.target.protocol import NoSpace
from rescue.tree import Action, Change, Entry, FileSystem, Kind, directory, file, symlink
from tests.trees import HOST_KEY, server
from tests.unit.memory_target import MemoryTarget

pytestmark = pytest.mark.unit

ID = "20261122T184500Z"
CONFIG = PurePosixPath("/etc/ssh/sshd_config")


def record_of(*changes: Change) -> Record:
    return Record(ID, 1, State.DONE, started="2026-11-22T18:45:00+00:00", changes=recorded(changes)[0])


def replaced(old: Entry | str = "old\n", new: Entry | str = "new\n", path: PurePosixPath = CONFIG) -> Change:
    return Change(path, old if isinstance(old, Entry) else file(old), new if isinstance(new, Entry) else file(new))


# -- there and back ----------------------------------------------------------------------------------------------

names = st.binary(min_size=1, max_size=20).filter(lambda raw: not set(b"/\0") & set(raw) and raw not in (b".", b".."))
paths = st.lists(names, min_size=1, max_size=4).map(
    lambda parts: PurePosixPath("/" + b"/".join(parts).decode("utf-8", "surrogateescape"))
)
modes = st.integers(0, 0o7777)
ids = st.integers(0, (1 << 32) - 1)
times = st.integers(-(1 << 62), 1 << 62)
xattrs = st.dictionaries(
    st.sampled_from(["security.selinux", "system.posix_acl_access", "user.note", "security.capability"]),
    st.binary(max_size=40),
    max_size=3,
).map(lambda found: tuple(sorted(found.items())))
contents = st.builds(
    lambda data, mode, uid, gid, mtime, marks, flags: Entry(
        Kind.FILE, mode, uid, gid, len(data), mtime, data=data, xattrs=marks, flags=flags
    ),
    st.binary(max_size=200), modes, ids, ids, times, xattrs, st.sampled_from([0, 0x10, 0x20, 0x30]),
)  # fmt: skip
links = st.builds(
    lambda raw, mtime: Entry(Kind.LINK, 0o777, mtime=mtime, link=raw.decode("utf-8", "surrogateescape")),
    st.binary(min_size=1, max_size=30).filter(lambda raw: b"\0" not in raw),
    times,
)
directories = st.builds(
    lambda mode, uid, gid, marks: Entry(Kind.DIR, mode, uid, gid, xattrs=marks), modes, ids, ids, xattrs
)
entries = st.one_of(contents, links, directories)
changes_of = st.builds(Change, paths, st.none() | entries, st.none() | entries).filter(
    lambda change: (change.before or change.after) is not None and not change.path.is_relative_to("/var/lib/rescue")
)


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


# -- forged and damaged ------------------------------------------------------------------------------------------


def document(**changed: object) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(encode(record_of(replaced())))
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
        None,
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
def test_junk_is_a_clear_error(raw: bytes | None) -> None:
    with pytest.raises(JournalError):
        decode(ID, raw)


@given(st.integers(0, 2000), st.binary(max_size=6), st.integers(0, 12))
@settings(deadline=None, max_examples=300)
def test_a_damaged_record_reads_or_is_refused(at: int, junk: bytes, cut: int) -> None:
    raw = encode(record_of(replaced(), Change(PurePosixPath("/caf\udce9"), None, symlink("x"))))
    try:
        found = decode(ID, raw[:at] + junk + raw[at + cut :])
    except JournalError:
        return
    for change in found.changes:
        assert change.path.is_absolute()
        assert ".." not in change.path.parts


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


# -- where a path stands -----------------------------------------------------------------------------------------


def standing(before: Entry | None, after: Entry | None, present: Entry | None) -> Standing:
    listed, _ = recorded([Change(CONFIG, before, after)])
    return listed[0].standing(present)


@pytest.mark.parametrize(
    "before, after, present, expected",
    [
        (file("a"), file("b"), file("a"), Standing.BEFORE),
        (file("a"), file("b"), file("b"), Standing.AFTER),
        (file("a"), file("b"), file("c"), Standing.OTHER),
        (file("a"), file("b"), None, Standing.OTHER),
        (file("a"), file("b"), symlink("a"), Standing.OTHER),
        (file("a"), file("b", 0o600), file("b"), Standing.BETWEEN),
        (file("a"), file("b", 0o600), file("b", 0o640), Standing.OTHER),
        (None, file("b"), None, Standing.BEFORE),
        (None, file("b"), file("b"), Standing.AFTER),
        (None, file("b"), file("x"), Standing.OTHER),
        (None, directory(0o755, 7, 7), directory(0o700), Standing.BETWEEN),
        (None, directory(0o755, 7, 7), directory(0o700, 8, 8), Standing.OTHER),
        (file("a"), None, None, Standing.AFTER),
        (file("a"), None, file("a"), Standing.BEFORE),
        (file("a"), None, file("b"), Standing.OTHER),
        (directory(), file("b"), None, Standing.BETWEEN),
        (symlink("a"), symlink("b"), symlink("b"), Standing.AFTER),
        (symlink("a"), symlink("b"), symlink("c"), Standing.OTHER),
        (file("a", 0o644), file("a", 0o600, 5, 5), file("a", 0o644, 5, 5), Standing.BETWEEN),
        (file("a", 0o4755), file("a", 0o755, 5, 5), file("a", 0o755, 5, 0), Standing.BETWEEN),
        (file("a", 0o644), file("a", 0o600, 5, 5), file("a", 0o644, 6, 0), Standing.OTHER),
        (replace(file("a"), flags=0x10), replace(file("b"), flags=0x10), file("b"), Standing.BETWEEN),
        (replace(file("a"), flags=0x10), replace(file("b"), flags=0x10), file("a"), Standing.BETWEEN),
        (file("a"), file("b"), replace(file("b"), flags=0x80000), Standing.AFTER),
        (file("a"), file("b"), replace(file("b"), xattrs=(("security.selinux", b"new"),)), Standing.AFTER),
        (file("a"), file("b"), replace(file("b"), xattrs=(("user.x", b"new"),)), Standing.OTHER),
        (file("a"), file("b"), replace(file("b"), mtime=5), Standing.AFTER),
    ],
)
def test_a_path_stands(before: Entry | None, after: Entry | None, present: Entry | None, expected: Standing) -> None:
    assert standing(before, after, present) is expected


def test_an_acl_follows_the_mode_as_chmod_lets_it() -> None:
    entry, mask = b"%c\0%c\0\xff\xff\xff\xff", b"\x02\0\x06\0\xe8\x03\0\0\x10\0%c\0\xff\xff\xff\xff"

    def acl(user: int, group: int, others: int, masked: int | None = None) -> tuple[tuple[str, bytes], ...]:
        middle = mask % masked if masked is not None else b""
        parts = [b"\2\0\0\0", entry % (1, user), entry % (4, group), middle, entry % (0x20, others)]
        return (("system.posix_acl_access", b"".join(parts)),)

    before = replace(file("a", 0o644), xattrs=acl(6, 4, 4, 4))
    after = replace(before, mode=0o750)
    assert standing(before, after, replace(after, xattrs=acl(7, 4, 0, 5))) is Standing.AFTER
    assert standing(before, after, replace(after, xattrs=acl(7, 5, 0, 5))) is Standing.BETWEEN
    unmasked = replace(file("a", 0o644), xattrs=acl(6, 4, 4))
    assert standing(before, unmasked, replace(unmasked, mode=0o600, xattrs=acl(6, 0, 0))) is Standing.OTHER
    assert standing(before, replace(unmasked, mode=0o600), replace(unmasked, mode=0o600, xattrs=acl(6, 0, 0))) is (
        Standing.AFTER
    )


def test_a_lost_log_is_never_in_the_way() -> None:
    log = replace(file(""), data=None, size=9000)
    assert standing(log, None, None) is Standing.AFTER
    assert standing(log, None, log) is Standing.BEFORE
    assert standing(log, None, replace(log, size=10)) is Standing.AFTER
    assert standing(log, replace(log, size=100), replace(log, size=100)) is Standing.AFTER
    assert standing(log, replace(log, size=100), replace(log, size=9500)) is Standing.BEFORE


# -- where records are kept --------------------------------------------------------------------------------------


@pytest.fixture(params=["on the target", "in a directory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> JournalStore:
    return InTarget(MemoryTarget(server())) if request.param == "on the target" else InDirectory(tmp_path / "a" / "b")


def test_a_store_is_empty_at_first(store: JournalStore) -> None:
    assert store.records() == {}
    assert store.read(ID, ["record.json"], 10) == {}
    store.discard(ID, "record.json")
    store.clear(ID)
    assert read_records(store) == ()


def test_a_store_gives_back_what_was_written(store: JournalStore) -> None:
    store.write(ID, "before/0001", b"old")
    assert store.records() == {ID: b""}
    store.write(ID, "record.json", b"one")
    store.write(ID, "record.json", b"two")
    assert store.records() == {ID: b"two"}
    assert store.read(ID, ["before/0001", "before/0002"], 3) == {"before/0001": b"old"}
    assert store.read(ID, ["before/0001"], 2) == {}
    store.discard(ID, "before/0001")
    assert store.read(ID, ["before/0001"], 3) == {}
    store.write(ID, "before/0001", b"old")
    store.clear(ID)
    assert store.records() == {}
    store.write(ID, "record.json", b"again")
    assert store.records() == {ID: b"again"}


def test_a_store_never_leaves_its_folder(store: JournalStore) -> None:
    for fix_id, name in ((ID, "../record.json"), (ID, "before/../../x"), ("..", "record.json"), ("", "record.json")):
        with pytest.raises(JournalError):
            store.write(fix_id, name, b"")
        with pytest.raises(JournalError):
            store.read(fix_id, [name], 10)


def test_a_record_that_is_too_large_or_no_file_is_unreadable_and_not_absent(store: JournalStore) -> None:
    store.write(ID, "record.json", b" " * (RECORD_LIMIT + 1))
    assert store.records() == {ID: None}
    assert [record.state for record in read_records(store)] == [State.UNREADABLE]


def test_a_link_for_a_record_is_not_followed_on_the_target() -> None:
    folder = f"/var/lib/rescue/fixes/{ID}"
    tree = server({f"{folder}/record.json": symlink("/etc/shadow"), "/var/lib/rescue": directory(0o700)})
    store = InTarget(MemoryTarget(tree))
    assert store.records() == {ID: None}
    assert store.read(ID, ["record.json"], 1 << 20) == {}


def test_a_link_for_a_fix_is_not_followed_on_the_target() -> None:
    tree = server(
        {
            "/home/alice/x/record.json": encode(record_of(replaced())),
            "/var/lib/rescue": directory(0o700),
            f"/var/lib/rescue/fixes/{ID}": symlink("/home/alice/x"),
        }
    )
    target = MemoryTarget(tree)
    assert [record.state for record in read_records(InTarget(target))] == [State.UNREADABLE]
    assert InTarget(target).read(ID, ["record.json"], 1 << 20) == {}
    InTarget(target).clear(ID)
    assert "/home/alice/x/record.json" in target.tree


def test_a_link_for_a_record_is_not_followed_in_a_directory(tmp_path: Path) -> None:
    folder = tmp_path / "fixes" / ID
    folder.mkdir(parents=True)
    (folder / "record.json").symlink_to("/etc/hostname")
    store = InDirectory(tmp_path)
    assert store.records() == {ID: None}


def test_a_directory_holds_records_for_their_owner_alone(tmp_path: Path) -> None:
    InDirectory(tmp_path / "journal").write(ID, "before/0001", b"secret")
    for path in (tmp_path / "journal").rglob("*"):
        assert path.stat().st_mode & 0o7777 == (0o700 if path.is_dir() else 0o600)


def test_any_number_of_huge_records_is_read_within_bounds() -> None:
    planted = {
        f"/var/lib/rescue/fixes/20260101T0000{number:02d}Z/record.json": Entry(Kind.FILE, 0o600, size=1 << 40)
        for number in range(60)
    }
    target = MemoryTarget(server({**planted, "/var/lib/rescue": directory(0o700)}))
    assert set(InTarget(target).records().values()) == {None}


def test_a_full_disk_is_told_as_such() -> None:
    target = MemoryTarget(server(filesystem=FileSystem("/", "ext4", 1 << 30, 0, 0, 1000, 500)))
    with pytest.raises(NoSpace):
        InTarget(target).write(ID, "record.json", b"x")


# -- for people --------------------------------------------------------------------------------------------------


def test_a_diff_shows_lines_owners_and_links() -> None:
    text = changes_diff(
        [
            replaced("a\nb\nc\n", "a\nB\nc\n"),
            Change(PurePosixPath("/home/x"), directory(0o777, 5, 5), directory(0o755, 5, 5)),
            Change(PurePosixPath("/etc/x.service"), symlink("/dev/null"), None),
        ]
    )
    assert "--- a/etc/ssh/sshd_config\n+++ b/etc/ssh/sshd_config\n@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n" in text
    assert "# metadata /home/x\n#- dir 0777 5:5\n#+ dir 0755 5:5\n" in text
    assert "# remove /etc/x.service\n#- link 0777 0:0 -> /dev/null\n" in text


SECRETS = {
    "/etc/shadow": "root:$6$salt$hash:1::::::\n",
    "/etc/shadow-": "root:*:1::::::\n",
    "/etc/gshadow": "sudo:!::alice\n",
    "/etc/security/opasswd": "x",
    "/etc/ssh/ssh_host_ed25519_key": HOST_KEY,
    "/root/.ssh/id_rsa": "junk",
    "/etc/ssl/private/x.pem": "junk",
    "/root/renamed": HOST_KEY,
    "/etc/passwd": "root:$y$j9T$salt$hash:0:0:root:/root:/bin/bash\n",
    "/etc/group": "root:abJnggxhB/yWI:0:\n",
    "/etc/wireguard/wg0.conf": "[Interface]\nPrivateKey = abc=\n",
    "/etc/netplan/50.yaml": "password: hunter2\n",
    "/etc/NetworkManager/system-connections/home.nmconnection": "psk=hunter2\n",
    "/etc/wpa_supplicant.conf": 'network={ psk="hunter2" }\n',
}


@pytest.mark.parametrize("path", SECRETS)
@pytest.mark.parametrize("side", ["before", "after", "created", "removed"])
def test_no_secret_is_in_a_diff(path: str, side: str) -> None:
    secret, plain = file(SECRETS[path]), file("nothing\n")
    change = {
        "before": Change(PurePosixPath(path), secret, plain),
        "after": Change(PurePosixPath(path), plain, secret),
        "created": Change(PurePosixPath(path), None, secret),
        "removed": Change(PurePosixPath(path), secret, None),
    }[side]
    text = changes_diff([change])
    assert "not shown" in text
    for line in SECRETS[path].split("\n"):
        assert not line or line not in text


@pytest.mark.parametrize(
    "path, content",
    [
        ("/etc/ssh/sshd_config", "PasswordAuthentication yes\nPermitEmptyPasswords no\n"),
        ("/etc/ssh/ssh_host_ed25519_key.pub", "ssh-ed25519 AAAA root@lab\n"),
        ("/root/.ssh/authorized_keys", "ssh-ed25519 AAAA me\n"),
        ("/etc/nsswitch.conf", "passwd:         files systemd\nshadow: files\n"),
        ("/etc/pam.d/sshd", "password requisite pam_pwquality.so retry=3\n"),
        ("/etc/passwd", "root:x:0:0:root:/root:/bin/bash\n"),
        ("/etc/default/ufw", "IPV6=yes\n"),
    ],
)
def test_what_is_no_secret_is_shown(path: str, content: str) -> None:
    assert not is_secret(PurePosixPath(path), file(content))
    assert "+" + content.split("\n")[0] + "\n" in changes_diff([Change(PurePosixPath(path), None, file(content))])


@given(paths, contents, contents)
@settings(deadline=None)
def test_a_diff_is_plain_ascii_whatever_is_on_the_disk(path: PurePosixPath, before: Entry, after: Entry) -> None:
    text = changes_diff([Change(path, before, after)])
    assert all(each in "\n\t" or " " <= each <= "~" for each in text)


def test_a_diff_of_something_large_or_binary_is_one_line() -> None:
    assert "# 300000 bytes become 4" in changes_diff([replaced("x\n" * 150_000)])
    assert "# 3 bytes become 4" in changes_diff([replaced("\0\0\0")])
    log = replace(file(""), data=None, size=9000)
    shortened = Change(PurePosixPath("/var/log/syslog"), log, replace(log, size=100))
    assert shortened.action is Action.SHORTEN
    assert "# 9000 bytes become 100: the oldest go, for good" in changes_diff([shortened])
    assert "# 9000 bytes are removed for good" in changes_diff([Change(PurePosixPath("/var/log/a"), log, None)])


def test_a_missing_last_line_end_is_told() -> None:
    assert "# after, the last line does not end in a newline" in changes_diff([replaced("a\n", "a")])


def test_a_recorded_change_is_told_apart_by_what_it_loses() -> None:
    two_steps = RecordedChange(CONFIG, Action.REPLACE, Imprint.of(directory()), Imprint.of(file("x")))
    assert two_steps.in_two_steps
    assert not replace(two_steps, before=Imprint.of(file("y"))).in_two_steps


def test_what_a_kill_left_where_the_journal_begins_is_swept_and_nothing_else() -> None:
    planted = {
        "/var/lib/.rescue-0011": directory(0o700),
        "/var/lib/.rescue-full/file": "somebody's",
        "/var/lib/rescue": directory(0o700),
        "/var/lib/rescue/.rescue-0022": directory(0o700),
        "/var/lib/rescue/fixes/.rescue-0033": "half",
        "/var/lib/other": "x",
    }
    target = MemoryTarget(server(planted))
    InTarget(target).sweep(".rescue-")
    left = {str(path) for path in target.tree.walk("/var/lib") if not path.is_relative_to("/var/lib/dpkg")}
    assert left == {
        "/var/lib/.rescue-full", "/var/lib/.rescue-full/file", "/var/lib/rescue", "/var/lib/rescue/fixes",
        "/var/lib/other",
    }  # fmt: skip
