"""The file of a bundle: the same tree comes out; damaged, hostile and newer ones are refused with one clear error."""

from __future__ import annotations

import gzip
import io
import json
import random
import tarfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import pytest

from rescue.space.usage import DirectoryUse, FileUse, Usage
from rescue.targets.bundle import file as bundle_file
from rescue.targets.bundle.file import Bundle, is_bundle, read_bundle, write_bundle
from rescue.targets.bundle.target import BundleTarget
from rescue.targets.open import open_target
from rescue.targets.protocol import TargetError
from rescue.tree import Device, Devices, Entry, FileSystem, Kind, NotCaptured, Read, Tree, directory, file, symlink

pytestmark = pytest.mark.unit

ODD = "/etc/" + "x" * 200 + "/caf\udce9 \u202e"

DEVICES = Devices((Device("/dev/vda1", "ext4", "0e5b", "caf\udce9", "4d-01", "root", 1), Device()), complete=True)


def sample() -> Bundle:
    deep = "/etc/" + "x" * 200
    entries = {
        "/": directory(),
        "/etc": directory(),
        deep: directory(0o700, 5, 6),
        ODD: Entry(
            Kind.FILE, 0o4755, 1, 2, 7, 1_700_000_000_123_456_789, 2, b"\0\xff\n", "",
            (("security.selinux", b"a\0"), ("user.caf\udce9", b"")), (1, 2), 4096, 0x30,
        ),
        "/etc/big": Entry(Kind.FILE, 0o644, size=1 << 40, data=None),
        "/etc/link": symlink("/caf\udce9"),
        "/etc/null": Entry(Kind.CHAR, 0o666, rdev=259),
        "/etc/empty": file(b""),
        "/etc/old": Entry(Kind.FILE, 0o600, mtime=-5, data=b"x", size=1),
        "/etc/future": Entry(Kind.FILE, 0o600, mtime=1 << 66, data=b"x", size=1),
        "/etc/first": Entry(Kind.FILE, 0o600, mtime=0, data=b"x", size=1),
    }  # fmt: skip
    reads = (Read("/etc", 64), Read("/var/log", 3, content=False, limit=12))
    filesystems = (FileSystem("/", "ext4", 100, 50, 40, 10, 5, source="/dev/vda1"),)
    usage = Usage(
        "/", (DirectoryUse(PurePosixPath("/var"), 10, 2),), (FileUse(PurePosixPath("/var/caf\udce9"), 9),), 20, 3
    )
    return Bundle(
        Tree(entries, reads, filesystems, DEVICES), "/dev/vda", "kernel mount", "2026-11-25 18:00 UTC", ("a note",),
        ("--user", "alice"), (usage,),
    )  # fmt: skip


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "web1.bundle"
    with path.open("wb") as stream:
        write_bundle(stream, sample())
    return path


def test_the_same_bundle_comes_out(saved: Path) -> None:
    put, got = sample(), read_bundle(saved)
    assert got.tree.paths() == put.tree.paths()
    for path in put.tree.paths():
        assert got.tree.lentry(path) == put.tree.lentry(path)
    assert got.tree.reads == put.tree.reads
    assert got.tree.filesystems == put.tree.filesystems
    assert got.tree.devices == put.tree.devices
    assert (got.name, got.method, got.created, got.notes, got.client, got.usages) == (
        put.name, put.method, put.created, put.notes, put.client, put.usages,
    )  # fmt: skip


def test_absent_is_not_what_was_not_looked_at(saved: Path) -> None:
    tree = read_bundle(saved).tree
    assert tree.entry("/etc/nothing") is None
    assert tree.entry("/var/log/a/b/c/nothing") is None
    with pytest.raises(NotCaptured):
        tree.entry("/srv/secret")


def test_the_usual_tools_can_list_and_read_it(saved: Path) -> None:
    with tarfile.open(saved, errors="surrogateescape") as told:
        assert told.getnames()[:3] == ["bundle.json", "reads.jsonl", "entries.jsonl"]
        member = told.extractfile("files" + ODD)
        assert member is not None
        assert member.read() == b"\0\xff\n"


def test_it_is_told_by_its_content(saved: Path, tmp_path: Path) -> None:
    assert is_bundle(saved)
    target = open_target(str(saved), write=False, backend=None, root=None, progress=print)
    assert isinstance(target, BundleTarget)
    assert target.capture([Read("/etc")]).entry("/etc/empty") is not None
    other = tmp_path / "disk.img.gz"
    other.write_bytes(gzip.compress(b"an image"))
    with pytest.raises(TargetError, match="gzip file, but not a support bundle") as told:
        open_target(str(other), write=False, backend=None, root=None, progress=print)
    assert "gunzip" in told.value.hint


def test_nothing_can_be_written_to_it(saved: Path) -> None:
    with pytest.raises(TargetError, match="be repaired") as told:
        open_target(str(saved), write=True, backend=None, root=None, progress=print)
    assert "--dry-run" in told.value.hint
    target = BundleTarget(saved)
    for change in (
        lambda: target.put(PurePosixPath("/etc/a"), file(b"")),
        lambda: target.remove(PurePosixPath("/etc/a")),
        lambda: target.shorten(PurePosixPath("/etc/a"), 1),
        lambda: target.set_metadata(PurePosixPath("/etc/a"), file(b"")),
        target.lock,
    ):
        with pytest.raises(TargetError, match="be repaired"):
            change()


def test_what_it_does_not_hold_is_said(saved: Path) -> None:
    target = BundleTarget(saved)
    target.capture([Read("/etc"), Read("/srv")])
    with pytest.raises(TargetError, match="does not hold '/srv'") as told:
        target.capture([Read("/srv")])
    assert "rescue capture" in told.value.hint
    assert target.usage("/").inodes == 3
    with pytest.raises(TargetError, match="does not record what fills /var"):
        target.usage("/var")


# -- hostile ones -----------------------------------------------------------------------------------------------


def members(saved: Path) -> list[tuple[str, bytes]]:
    found = []
    with tarfile.open(saved, errors="surrogateescape") as told:
        for each in told.getmembers():
            content = told.extractfile(each)
            assert content is not None
            found.append((each.name, content.read()))
    return found


def rewritten(
    path: Path, parts: list[tuple[str, bytes]], change: Callable[[tarfile.TarInfo], None] | None = None
) -> Path:
    with tarfile.open(path, "w:gz", format=tarfile.GNU_FORMAT, errors="surrogateescape") as made:
        for name, data in parts:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            if change is not None:
                change(member)
            made.addfile(member, io.BytesIO(data))
    return path


def entry_line(**changed: object) -> bytes:
    base = {
        "path": "/evil", "kind": "file", "mode": 0o644, "uid": 0, "gid": 0, "size": 0, "mtime": 0, "nlink": 1,
        "link": "", "xattrs": {}, "ident": [0, 0], "allocated": 0, "flags": 0, "rdev": 0, "content": False,
    }  # fmt: skip
    return json.dumps({**base, **changed}).encode() + b"\n"


EVIL: dict[str, bytes] = {
    "a path out of the root": entry_line(path="/etc/../../evil"),
    "a relative path": entry_line(path="evil"),
    "a path with a null": entry_line(path="/e\0vil"),
    "a path twice": entry_line(path="/etc"),
    "a path below a file": entry_line(path="/etc/empty/evil"),
    "a path below a link": entry_line(path="/etc/link/evil"),
    "a path below nothing": entry_line(path="/no/evil"),
    "a lone surrogate": entry_line(path="/\ud800"),
    "a mode that is none": entry_line(mode=1 << 20),
    "a mode that is true": entry_line(mode=True),
    "a size below zero": entry_line(size=-1),
    "a huge number": entry_line(size=10**4000),
    "a kind that is none": entry_line(kind="portal"),
    "a content of a device": entry_line(kind="char", content=True),
    "a content that is missing": entry_line(content=True),
    "an attribute that is none": entry_line(xattrs={"a": "###"}),
    "attributes that are a list": entry_line(xattrs=[1]),
    "three numbers of an inode": entry_line(ident=[1, 2, 3]),
    "a list": b"[1, 2]\n",
    "no JSON": b"{\n",
    "deep JSON": b"[" * 100_000 + b"\n",
    "a line without an end": b"x" * (2 << 20),
}


@pytest.mark.parametrize("what", EVIL)
def test_an_entry_that_no_capture_makes_is_refused(what: str, saved: Path) -> None:
    parts = [(name, data + EVIL[what] if name == "entries.jsonl" else data) for name, data in members(saved)]
    with pytest.raises(TargetError, match="is damaged"):
        read_bundle(rewritten(saved, parts))


def test_links_devices_and_strange_members_are_refused(saved: Path) -> None:
    parts = members(saved)
    for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE):

        def change(member: tarfile.TarInfo, kind: bytes = kind) -> None:
            if member.name.startswith("files"):
                member.type, member.linkname = kind, "/etc/passwd"

        with pytest.raises(TargetError, match="is damaged"):
            read_bundle(rewritten(saved, parts, change))
    for more in (("files/../../etc/cron.d/evil", b""), ("/etc/evil", b"x"), ("files/etc/empty", b"")):
        with pytest.raises(TargetError, match="is damaged"):
            read_bundle(rewritten(saved, [*parts, more]))


def test_a_bomb_is_not_unpacked_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle_file, "_UNPACKED_LIMIT", 8 << 20)
    path = rewritten(tmp_path / "bomb", [("bundle.json", b"{}"), ("reads.jsonl", bytes(16 << 20))])
    assert path.stat().st_size < 64 << 10
    with pytest.raises(TargetError, match="is damaged"):
        read_bundle(path)


def test_a_newer_one_is_refused_with_what_to_do(saved: Path) -> None:
    (name, head), *rest = members(saved)
    newer = json.dumps({**json.loads(head), "rescue_bundle": 2, "rescue": "9.0"}).encode()
    with pytest.raises(TargetError, match=r"newer rescue \(9\.0\)") as told:
        read_bundle(rewritten(saved, [(name, newer), *rest]))
    assert "Update rescue" in told.value.hint


def test_no_damage_gets_past_or_raises_anything_else(saved: Path) -> None:
    whole, chance = saved.read_bytes(), random.Random(1)
    unpacked = gzip.decompress(whole)
    for _ in range(300):
        bad = bytearray(unpacked)
        for _ in range(chance.randint(1, 4)):
            bad[chance.randrange(len(bad))] = chance.randrange(256)
        saved.write_bytes(gzip.compress(bytes(bad), 1))
        try:
            read_bundle(saved)
        except TargetError:
            continue
    for _ in range(200):
        saved.write_bytes(whole[: chance.randrange(len(whole))])
        with pytest.raises(TargetError, match="is damaged"):
            read_bundle(saved)
    for _ in range(200):
        bad = bytearray(whole)
        bad[chance.randrange(10, len(bad))] ^= 1 << chance.randrange(8)
        saved.write_bytes(bytes(bad))
        try:
            # Some bits of a packed file mean nothing.
            assert read_bundle(saved).tree.since(sample().tree) == ()
        except TargetError:
            continue
