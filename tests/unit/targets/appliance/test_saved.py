"""A saved appliance is used if it is whole and nobody else's; what is not wanted any more goes."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from rescue.targets.appliance import saved
from rescue.targets.appliance.qemu_call import understood
from rescue.targets.appliance.saved import KEPT, NoState
from tests.unit.targets.appliance.test_qemu_call import WORDS

pytestmark = pytest.mark.unit


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RESCUE_CACHE", str(tmp_path))
    return saved.directory()


def whole(place: Path) -> Path:
    """A state, as far as files go."""
    place.mkdir(mode=0o700)
    note = {}
    for name in ("memory", "machine", "root"):
        (place / name).write_text(name)
        told = (place / name).stat()
        note[name] = [told.st_size, told.st_mtime_ns, told.st_ino]
    (place / "disk").write_text("disk")
    note["disk"] = [4, (place / "disk").stat().st_ino]
    (place / "complete.json").write_text(json.dumps(note))
    return place


def test_a_whole_state_is_found(cache: Path) -> None:
    assert cache.stat().st_mode & 0o777 == 0o700
    assert saved.find(whole(cache / "one"))
    assert not saved.find(cache / "two")


def cut_short(place: Path) -> None:
    os.truncate(place / "memory", 3)


def written_to(place: Path) -> None:
    (place / "memory").write_text("MEMORY")


def exchanged(place: Path) -> None:
    told = (place / "root").stat()
    (place / "new").write_text("root")
    os.utime(place / "new", ns=(told.st_atime_ns, told.st_mtime_ns))
    (place / "new").rename(place / "root")


def on_another_disk(place: Path) -> None:
    (place / "new").write_text("disk")
    (place / "new").rename(place / "disk")


def without_its_note(place: Path) -> None:
    (place / "complete.json").unlink()


def with_an_odd_note(place: Path) -> None:
    (place / "complete.json").write_text("[1]")


@pytest.mark.parametrize(
    "damage", [cut_short, written_to, exchanged, on_another_disk, without_its_note, with_an_odd_note]
)
def test_a_damaged_one_is_none(cache: Path, damage: Callable[[Path], None]) -> None:
    place = whole(cache / "one")
    damage(place)
    assert not saved.find(place)


def test_libguestfs_may_touch_the_appliances_disk(cache: Path) -> None:
    place = whole(cache / "one")
    os.utime(place / "disk", (1, 1))
    assert saved.find(place)


def test_an_appliance_that_was_built_anew_of_the_same_parts_has_the_same_state(tmp_path: Path) -> None:
    """It has a UUID of its own, and may lie elsewhere. What it is made of, and what else QEMU is told, counts."""
    for name in ("kernel", "initrd", "qemu"):
        (tmp_path / name).touch()
    call = replace(
        understood(WORDS), program=str(tmp_path / "qemu"),
        rest=("-kernel", str(tmp_path / "kernel"), "-initrd", str(tmp_path / "initrd")),
    )  # fmt: skip
    anew = replace(call, append=call.append.replace("root=UUID=68cd12f6", "root=UUID=21ab30ff"))
    (tmp_path / "elsewhere").touch()
    anew = replace(anew, rest=tuple(word.replace("kernel", "elsewhere") if "/" in word else word for word in anew.rest))
    assert anew.rest != call.rest
    assert anew.append != call.append
    assert saved.key_of(call, "parts") == saved.key_of(anew, "parts")
    others = {saved.key_of(each, told) for each in (call, anew) for told in ("parts", "")}
    others.add(saved.key_of(call, "other parts"))
    others.add(saved.key_of(replace(call, append=call.append.replace("quiet", "loud")), "parts"))
    assert len(others) == 5


@pytest.mark.parametrize("mode", [0o644, 0o666])
def test_the_appliances_disk_stays_when_supermin_takes_its_own_away(cache: Path, tmp_path: Path, mode: int) -> None:
    """By a second name; of one that others may write to there is a copy."""
    root, kept = tmp_path / "root", tmp_path / "kept"
    root.write_text("content")
    root.chmod(mode)
    saved._keep_disk(root, kept)
    assert root.samefile(kept) is (mode == 0o644)
    root.unlink()
    assert kept.read_text() == "content"
    assert not kept.stat().st_mode & 0o022


@pytest.mark.parametrize("name", [".", "memory", "disk"])
def test_what_others_can_write_to_is_not_trusted(cache: Path, name: str) -> None:
    place = whole(cache / "one")
    (place / name).chmod(0o777)
    with pytest.raises(NoState, match="somebody else"):
        saved.find(place)


def test_a_link_is_not_followed(cache: Path, tmp_path: Path) -> None:
    whole(tmp_path / "elsewhere")
    (cache / "one").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(NoState, match="somebody else"):
        saved.find(cache / "one")


def test_a_cache_of_somebody_elses_is_not_used(cache: Path) -> None:
    cache.chmod(0o770)
    with pytest.raises(NoState, match="somebody else"):
        saved.directory()


def test_a_cache_may_be_named_by_a_relative_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RESCUE_CACHE", "here")
    assert saved.directory() == tmp_path / "here" / "appliance"


def test_who_has_no_home_has_no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RESCUE_CACHE", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("os.path.expanduser", lambda path: path)
    with pytest.raises(NoState, match="no cache directory"):
        saved.directory()


def test_where_the_machine_does_not_come_up_nothing_is_left(cache: Path, tmp_path: Path) -> None:
    (tmp_path / "raw").write_bytes(bytes(1 << 20))
    call = replace(understood(WORDS), program="false", root=tmp_path / "raw")
    with saved.held(cache / "one"), pytest.raises(NoState, match="can't be saved"):
        saved.make(cache / "one", call, tmp_path)
    assert [path.name for path in cache.iterdir()] == ["one.lock"]


def test_what_is_of_no_use_is_removed_and_if_it_never_is_not_made_again(cache: Path, tmp_path: Path) -> None:
    for name, for_good in (("once", False), ("always", True)):
        saved.discard(whole(cache / name), for_good=for_good)
        assert not saved.find(cache / name)
        with pytest.raises(NoState, match="does not work here" if for_good else "can't be saved"):
            saved.make(cache / name, replace(understood(WORDS), program="false"), tmp_path)


def test_without_room_none_is_made(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saved, "ROOM", 1 << 62)
    with saved.held(cache / "one"), pytest.raises(NoState, match="GiB free"):
        saved.make(cache / "one", understood(WORDS), tmp_path)


def test_the_ones_used_last_are_kept_and_what_a_killed_run_left_goes(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        os.utime(whole(cache / f"state{number}"), (number, number))
    whole(cache / "state9.building")
    with (cache / "busy.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        whole(cache / "busy.building")
        monkeypatch.setattr(saved, "ROOM", 1 << 62)
        with saved.held(cache / "new"), pytest.raises(NoState):
            saved.make(cache / "new", understood(WORDS), tmp_path)
    kept = {path.name for path in cache.iterdir() if path.is_dir()}
    assert kept == {"busy.building", *(f"state{number}" for number in range(5 - (KEPT - 1), 5))}
