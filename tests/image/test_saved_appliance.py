"""libguestfs' appliance goes on from a saved state, and does what it does after a boot; without one it boots."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path, PurePosixPath

import pytest

from rescue.targets.appliance import launch
from rescue.targets.appliance.target import GuestfsTarget
from rescue.targets.open import open_target
from rescue.targets.opening import Opening
from rescue.targets.protocol import TargetBusy, TargetError
from rescue.tree import Read, file
from tests.contract import images

pytestmark = [
    pytest.mark.image,
    pytest.mark.skipif(not launch.available(), reason="the bindings of libguestfs are not installed"),
    pytest.mark.skipif(os.geteuid() != 0, reason="making the sample needs root"),
]

FIRST = "the next time a few"
"""What is said when a state is made."""
BOOTS = "this takes 15 to 40 seconds"


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache that begins empty; its first use makes the state that the tests share."""
    path = tmp_path_factory.mktemp("cache")
    before = os.environ.get("RESCUE_CACHE")
    os.environ["RESCUE_CACHE"] = str(path)
    yield path / "appliance"
    del os.environ["RESCUE_CACHE"]
    if before is not None:
        os.environ["RESCUE_CACHE"] = before


def opened(*paths: Path, write: bool = False, said: list[str] | None = None) -> GuestfsTarget:
    target = open_target(
        str(paths[0]), write=write, backend="guestfs", root=None, opening=Opening(disks=paths[1:]),
        progress=print if said is None else said.append,
    )  # fmt: skip
    assert isinstance(target, GuestfsTarget)
    return target


def states(cache: Path) -> list[Path]:
    return [path for path in cache.iterdir() if path.is_dir()]


def saved(cache: Path) -> Path:
    """The state that is there; made where a test runs alone."""
    if not cache.is_dir() or not states(cache):
        path = images.image_with(cache.parent / "first.img", "ext4")
        opened(path).close()
    (found,) = states(cache)
    return found


def test_it_is_saved_once_and_restored_then(tmp_path: Path, cache: Path) -> None:
    path = images.image_with(tmp_path / "disk.img", "ext4")
    before = images.digest(path)
    told = []
    for _ in range(2):
        said: list[str] = []
        with closing(opened(path, said=said)) as target:
            assert target.capture([Read("/etc", depth=1)]).data("/etc/hostname") is not None
        told.append(" ".join(said))
        (found,) = states(cache)
        assert sorted(each.name for each in found.iterdir()) == ["complete.json", "disk", "machine", "memory", "root"]
        for each in (found, *found.iterdir()):
            assert each.stat().st_uid == os.geteuid()
            assert not each.stat().st_mode & 0o022
    assert FIRST in told[0]
    assert BOOTS not in told[1]
    assert images.digest(path) == before
    assert images.left_behind(path) == []


def test_it_is_restored_when_supermin_has_built_the_appliance_anew(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it does whenever a package was installed, here because it is to lie elsewhere."""
    place = saved(cache)
    monkeypatch.setenv("LIBGUESTFS_CACHEDIR", str(tmp_path))
    said: list[str] = []
    with closing(opened(images.image_with(tmp_path / "disk.img", "ext4"), said=said)) as target:
        assert target.capture([Read("/etc", depth=1)]).data("/etc/hostname") is not None
    assert list(tmp_path.glob(".guestfs-*/appliance.d/root"))
    assert BOOTS not in " ".join(said)
    assert states(cache) == [place]


def test_libguestfs_complains_to_us_alone(tmp_path: Path) -> None:
    """What it prints of a QEMU that ends, as one with a KVM that does not work: some 25 lines, none of them of use."""
    program = (
        "from rescue.targets.appliance import launch\n"
        "handle = launch.bindings().GuestFS(python_return_dict=True)\n"
        "handle.set_backend('direct'); handle.set_hv('/bin/false'); handle.add_drive_scratch(1 << 20)\n"
        "try:\n    launch._launch(handle, None)\nexcept RuntimeError:\n    print('refused')\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=300)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "refused\n", "")


def test_its_clock_is_right_and_what_is_random_is_new(tmp_path: Path, cache: Path) -> None:
    saved(cache)
    root = images.image_with(tmp_path / 'root, a "b\\c.img', "ext4")
    said: list[str] = []
    with closing(opened(root, write=True, said=said)) as target:
        handle = target.handle
        assert handle.list_devices() == ["/dev/sda"]
        target.put(PurePosixPath("/etc/new"), file(b"new\n"))
        entry = target.capture([Read("/etc/new")]).lentry("/etc/new")
        assert entry is not None
        assert entry.mtime is not None
        assert abs(entry.mtime / 1e9 - time.time()) < 60
        assert abs(float(handle.debug("sh", ["date +%s.%N"])) - time.time()) < 60
        first = handle.debug("sh", ["head -c 16 /dev/urandom | od -x"])
    with closing(opened(root, said=said)) as target:
        assert target.capture([Read("/etc/new")]).data("/etc/new") == b"new\n"
        assert target.handle.debug("sh", ["head -c 16 /dev/urandom | od -x"]) != first
    assert BOOTS not in " ".join(said)


def test_several_disks_are_found_in_their_order_by_a_boot(tmp_path: Path, cache: Path) -> None:
    saved(cache)
    root = images.image_with(tmp_path / "root.img", "ext4")
    sizes = (3, 5)
    others = [tmp_path / f"{size}.img" for size in sizes]
    for size, path in zip(sizes, others, strict=True):
        path.touch()
        os.truncate(path, size << 20)
    said: list[str] = []
    with closing(opened(root, *others, said=said)) as target:
        handle = target.handle
        assert [handle.blockdev_getsize64(f"/dev/sd{letter}") >> 20 for letter in "bc"] == list(sizes)
    assert BOOTS in " ".join(said)


def test_what_a_running_machine_has_is_refused(tmp_path: Path, cache: Path) -> None:
    place = saved(cache)
    path = images.image_with(tmp_path / "disk.img", "ext4")
    daemon = subprocess.Popen(
        ["qemu-storage-daemon", "--blockdev", f"driver=file,node-name=it,filename={path}", "--export",
         f"type=vhost-user-blk,id=e,node-name=it,writable=on,addr.type=unix,addr.path={tmp_path / 'socket'}"],
    )  # fmt: skip
    try:
        while not (tmp_path / "socket").exists():
            time.sleep(0.05)
            assert daemon.poll() is None
        with pytest.raises(TargetBusy):
            opened(path, write=True)
        with closing(opened(path)) as target:
            assert any("running machine" in note for note in target.notes)
    finally:
        daemon.terminate()
        daemon.wait()
    # It is no fault of the state's.
    assert place.is_dir()


def test_an_image_that_qemu_cannot_open_is_no_fault_of_the_states(tmp_path: Path, cache: Path) -> None:
    place = saved(cache)
    path = tmp_path / "disk.qcow2"
    images.run("qemu-img", "create", "-q", "-f", "qcow2", path, "64M")
    with path.open("r+b") as stream:
        # cluster_bits: clusters of a terabyte.
        stream.seek(20)
        stream.write((40).to_bytes(4, "big"))
    with pytest.raises(TargetError, match=r"[Cc]luster size"):
        opened(path, write=True)
    assert place.is_dir()


def test_the_environment_switches_it_off(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = saved(cache)
    os.utime(place, (1, 1))
    monkeypatch.setenv("RESCUE_APPLIANCE", "launch")
    said: list[str] = []
    with closing(opened(images.image_with(tmp_path / "disk.img", "ext4"), said=said)):
        assert BOOTS in " ".join(said)
    assert place.stat().st_mtime == 1


def test_a_state_that_can_not_be_restored_is_thrown_away(tmp_path: Path, cache: Path) -> None:
    place = saved(cache)
    path = images.image_with(tmp_path / "disk.img", "ext4")
    note = json.loads((place / "complete.json").read_text())
    machine = place / "machine"
    content = machine.read_bytes()
    machine.write_bytes(content[: len(content) // 2] + bytes(len(content) - len(content) // 2))
    told = machine.stat()
    (place / "complete.json").write_text(json.dumps({**note, "machine": [told.st_size, told.st_mtime_ns, told.st_ino]}))
    said: list[str] = []
    with closing(opened(path, said=said)) as target:
        assert target.capture([Read("/etc", depth=1)]).data("/etc/hostname") is not None
    assert "is of no use" in " ".join(said)
    assert BOOTS in " ".join(said)
    assert states(cache) == []
    assert images.left_behind(path) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=["INT", "TERM", "KILL"])
def test_who_is_killed_while_it_runs_leaves_no_machine(tmp_path: Path, cache: Path, number: signal.Signals) -> None:
    place = saved(cache)
    path = images.image_with(tmp_path / "disk.img", "ext4")
    program = (
        "import sys, time; from rescue.targets.open import open_target\n"
        "target = open_target(sys.argv[1], write=True, backend='guestfs', root=None, progress=str)\n"
        "print('open', flush=True); time.sleep(600)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", program, path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert child.stdout is not None
    assert child.stdout.readline() == b"open\n"
    assert using(place)
    child.send_signal(number)
    child.communicate(timeout=60)
    until = time.monotonic() + 60
    while holding := using(place):
        assert time.monotonic() < until, holding
        time.sleep(0.1)
    assert images.left_behind(path) == []
    with closing(opened(path)) as target:
        assert target.notes == ()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["TERM", "KILL"])
def test_who_is_killed_while_it_is_saved_leaves_no_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    monkeypatch.setenv("RESCUE_CACHE", str(tmp_path))
    path = images.image_with(tmp_path / "disk.img", "ext4")
    program = (
        "import sys; from rescue.targets.open import open_target\n"
        "open_target(sys.argv[1], write=False, backend='guestfs', root=None, progress=print)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", program, path], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    while not list(tmp_path.glob("appliance/*.building/channel")):
        time.sleep(0.05)
        assert child.poll() is None
    child.send_signal(number)
    child.communicate(timeout=60)
    until = time.monotonic() + 60
    while holding := using(tmp_path / "appliance"):
        assert time.monotonic() < until, holding
        time.sleep(0.1)
    # What a kill -9 leaves of it is no state, and goes when the next one is made.
    left = [each.suffix for each in states(tmp_path / "appliance")]
    assert left == ([] if number is signal.SIGTERM else [".building"])


def using(place: Path) -> list[str]:
    """The processes in whose call or memory the directory is named."""
    found = []
    for told in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if os.fsencode(place) in told.read_bytes():
                found.append(told.parent.name)
        except OSError:
            continue
    return found
