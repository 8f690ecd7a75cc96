"""The target of the last inspection stands in where none is named, with the options of that inspection."""

from __future__ import annotations

import stat
from dataclasses import replace
from pathlib import Path

import pytest

from rescue.cli import parser
from rescue.errors import UsageError
from rescue.targets.host_disks import Content, Disk
from rescue.targets.protocol import TargetError
from rescue.verbs.request import last_target
from rescue.verbs.request.client import ClientOptions
from rescue.verbs.request.door import request_of
from rescue.verbs.request.request import Request
from rescue.verbs.request.session import session_of

pytestmark = pytest.mark.unit


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where it is remembered: not this machine's own place."""
    path = tmp_path / "run" / "last.json"
    monkeypatch.setattr(last_target, "_path", lambda: path)
    return path


def request(*words: str) -> Request:
    return request_of(parser().parse_args(words))


def completed(*words: str) -> tuple[Request, str]:
    return last_target.completed(request(*words), session_of(request(*words)).progress)


def remember(target: str, *options: str) -> None:
    last_target.remember(request("inspect", target, *options))


def found(monkeypatch: pytest.MonkeyPatch, *disks: Disk) -> None:
    """These are the disks of this machine."""
    monkeypatch.setattr(last_target, "find_disks", lambda: disks)


def disk(path: str, *, own: bool = False, server: bool = True) -> Disk:
    return Disk(path, 1 << 30, "disk", Content("ext4", is_root=server), is_own=own)


@pytest.mark.parametrize("verb", ["undo", "fix", "inspect", "history", "mount"])
def test_nothing_remembered_and_nothing_here_is_told_with_the_next_step(
    verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found(monkeypatch, disk("/dev/vda", own=True), disk("/dev/vdb", server=False))
    with pytest.raises(UsageError) as caught:
        completed(verb)
    assert f"rescue {verb} /" in caught.value.hint
    assert "rescue disks" in caught.value.hint
    assert "TARGET" not in caught.value.hint


@pytest.mark.parametrize("words", [["inspect"], ["fix"], ["fix", "--dry-run"], ["firewall"], ["history"], ["space"]])
def test_the_only_server_here_is_taken_where_nothing_is_written_unasked(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found(monkeypatch, disk("/dev/vda", own=True), disk("/dev/vdb"), disk("/dev/vdc", server=False))
    assert completed(*words)[1] == "/dev/vdb"
    assert "the only server found here: /dev/vdb" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["undo"], ["fix", "--yes"], ["mount"], ["shell"]])
def test_a_server_that_nobody_named_is_not_written_to_unasked(
    words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found(monkeypatch, disk("/dev/vdb"))
    with pytest.raises(UsageError, match="which target") as caught:
        completed(*words)
    assert f"rescue {words[0]} /dev/vdb" in caught.value.hint


def test_of_several_servers_each_is_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    found(monkeypatch, disk("/dev/vdb"), disk("/dev/my disk"))
    with pytest.raises(UsageError, match="2 servers are here") as caught:
        completed("inspect")
    assert caught.value.hint == "Type: rescue inspect /dev/vdb, or: rescue inspect '/dev/my disk'"


def test_disks_that_can_not_be_listed_are_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> tuple[Disk, ...]:
        raise TargetError("lsblk is missing")

    monkeypatch.setattr(last_target, "find_disks", fails)
    with pytest.raises(UsageError) as caught:
        completed("inspect")
    assert "lsblk is missing" in caught.value.hint


def test_the_last_one_counts_before_the_only_one(monkeypatch: pytest.MonkeyPatch) -> None:
    found(monkeypatch, disk("/dev/vdb"))
    remember("/dev/vdc")
    assert completed("undo")[1] == "/dev/vdc"


def test_a_named_target_is_taken_as_it_is() -> None:
    remember("/dev/vdb", "--user", "bob")
    made, spec = completed("inspect", "/dev/vda")
    assert (spec, made.client.user) == ("/dev/vda", None)


def test_the_last_target_comes_with_its_options() -> None:
    remember("/dev/vdb", "--user", "bob", "--from", "192.0.2.1", "--port", "2222", "--backend", "kernel", "--root", "x")
    made, spec = completed("fix")
    assert spec == "/dev/vdb"
    assert (made.client.user, [str(each) for each in made.client.sources], made.client.port) == (
        "bob", ["192.0.2.1"], 2222,
    )  # fmt: skip
    assert made.opening.words == ["--backend", "kernel", "--root", "x"]


def test_an_option_given_now_counts_first() -> None:
    remember("/dev/vdb", "--user", "bob", "--port", "2222")
    made, _ = completed("fix", "--user", "alice")
    assert (made.client.user, made.client.port) == ("alice", 2222)


def test_what_a_fix_alone_knows_is_never_remembered(place: Path) -> None:
    last_target.remember(replace(request("fix", "--yes", "--unsafe", "--user", "bob"), spec="/dev/vdb"))
    made, _ = completed("fix")
    assert made.client.user == "bob"
    assert not made.unattended
    assert "unsafe" not in place.read_text()


def test_paths_are_remembered_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "root").mkdir()
    last_target.remember(Request("inspect", "root", ClientOptions(key="id.pub")))
    last = last_target.recall()
    assert last is not None
    assert last.target == str(tmp_path / "root")
    assert last.who.key == str(tmp_path / "id.pub")


def test_a_pasted_key_is_no_path() -> None:
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB4ZW1Wj1bKXcVZkyZPV0LrCj1CvDd0zYdNvTbGGnX1M me@laptop"
    last_target.remember(Request("inspect", "root", ClientOptions(key=key)))
    last = last_target.recall()
    assert last is not None
    assert last.who.key == key


def test_only_the_owner_may_read_it(place: Path) -> None:
    last_target.remember(Request("inspect", "/dev/vdb"))
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert stat.S_IMODE(place.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("junk", [b"", b"[]", b"{}", b"\xff\x00", b'{"target": 1}', b'{"target": "/", "options": 3}'])
def test_junk_is_nothing_remembered(place: Path, junk: bytes) -> None:
    place.parent.mkdir()
    place.write_bytes(junk)
    assert last_target.recall() is None


def test_a_place_that_can_not_be_written_is_no_fault(place: Path) -> None:
    place.parent.write_text("a file in its place")
    last_target.remember(Request("inspect", "/dev/vdb"))
    assert last_target.recall() is None


def test_the_commands_proposed_carry_the_options_word_by_word() -> None:
    made = Request("inspect", "/").known_as(ClientOptions("o neill", ("::1",)))
    assert made.client_words == ["--user", "o neill", "--from", "::1"]
