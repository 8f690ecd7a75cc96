"""A disk made to harm whoever looks at it does none."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest

from rescue.targets.files.directory import DirectoryTarget
from rescue.targets.host.openat import Root
from rescue.targets.open import open_target
from rescue.targets.protocol import TargetBusy, TargetError
from rescue.tree import LinkLoop, Read, file
from tests.contract import images

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(os.geteuid() != 0, reason="making devices and mounting needs root"),
]

CONFIG = "/etc/ssh/sshd_config"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = tmp_path / "root"
    (made / "etc" / "ssh").mkdir(parents=True)
    (made / "etc" / "passwd").write_text("root:x:0:0::/root:/bin/sh\n")
    return made


@pytest.fixture
def target(root: Path) -> Iterator[DirectoryTarget]:
    opened = DirectoryTarget(str(root), write=True)
    yield opened
    opened.close()


def test_a_fifo_does_not_block(root: Path, target: DirectoryTarget) -> None:
    os.mkfifo(root / "etc/ssh/sshd_config")
    tree = target.capture([Read("/etc/ssh"), Read(CONFIG)])
    assert tree.data(CONFIG) is None


@pytest.mark.parametrize("number", [(1, 3), (1, 5), (5, 0), (10, 130)], ids=["null", "zero", "tty", "watchdog"])
def test_a_device_is_not_opened(root: Path, number: tuple[int, int]) -> None:
    os.mknod(root / "etc/ssh/sshd_config", 0o020666, os.makedev(*number))
    program = (
        "import sys; from rescue.targets.files.directory import DirectoryTarget; from rescue.tree import Read\n"
        "tree = DirectoryTarget(sys.argv[1]).capture([Read('/etc/ssh'), Read('/etc/ssh/sshd_config')])\n"
        "assert tree.data('/etc/ssh/sshd_config') is None\n"
    )
    log = root.parent / "trace"
    subprocess.run(
        ["strace", "-f", "-o", log, "-e", "trace=openat,openat2,open", sys.executable, "-c", program, root],
        check=True,
        timeout=60,
    )
    opened = [line for line in log.read_text().splitlines() if "sshd_config" in line]
    assert opened == []


def test_a_link_to_the_hosts_files_shows_the_disks_own(root: Path, target: DirectoryTarget, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("the host's")
    for name, link in (("a", str(secret)), ("b", "../" * 60 + str(secret)), ("c", "/proc/self/root" + str(secret))):
        (root / "etc/ssh" / name).symlink_to(link)
    tree = target.capture([Read("/etc/ssh"), Read(str(secret), depth=0)])
    for name in "abc":
        assert tree.data(f"/etc/ssh/{name}") is None
    assert b"the host's" not in [entry.data for path in tree.paths() if (entry := tree.lentry(path))]


def test_a_linked_directory_does_not_lead_out(root: Path, target: DirectoryTarget, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("the host's")
    (root / "etc/lead").symlink_to(outside)
    tree = target.capture([Read("/etc/lead/file"), Read("/etc/lead")])
    assert tree.data("/etc/lead/file") is None
    with pytest.raises(TargetError):
        target.put(PurePosixPath("/etc/lead/file"), file(b"ours"))
    with pytest.raises(TargetError):
        target.remove(PurePosixPath("/etc/lead/file"))
    assert (outside / "file").read_text() == "the host's"


@pytest.mark.parametrize("fast", [True, False], ids=["openat2", "component by component"])
def test_a_link_that_appears_meanwhile_is_refused(root: Path, tmp_path: Path, fast: bool) -> None:
    (root / "etc/lead").symlink_to(tmp_path)
    (tmp_path / "secret").write_text("the host's")
    with Root(os.open(root, os.O_PATH)) as below:
        below._openat2 = fast
        for path in ("/etc/lead/secret", "/etc/lead"):
            with pytest.raises(OSError):
                os.close(below.open(path, os.O_RDONLY))
        for path in ("/../secret", "/etc/../../secret"):
            with pytest.raises(OSError):
                os.close(below.open(path, os.O_RDONLY))
        os.close(below.open("/etc/passwd", os.O_RDONLY))


def test_a_chain_of_ten_thousand_links_is_a_loop(root: Path, target: DirectoryTarget) -> None:
    chain = root / "etc/chain"
    chain.mkdir()
    for number in range(10_000):
        (chain / str(number)).symlink_to(str(number + 1))
    (chain / "10000").write_text("the end")
    tree = target.capture([Read("/etc/chain", depth=1)])
    with pytest.raises(LinkLoop):
        tree.resolve("/etc/chain/0")
    assert tree.data("/etc/chain/9961") == b"the end"


def test_links_that_double_each_round_end(root: Path, target: DirectoryTarget) -> None:
    # Each link's target names the next one twice: 2 ** 60 steps, if nobody counts them.
    for number in range(60):
        (root / "etc" / f"x{number}").symlink_to(f"x{number + 1}/../x{number + 1}")
    (root / "etc/x60").mkdir()
    tree = target.capture([Read("/etc/x0"), Read("/etc", depth=1)])
    with pytest.raises(LinkLoop):
        tree.resolve("/etc/x0")


def test_a_very_deep_directory_is_walked(root: Path, target: DirectoryTarget) -> None:
    depth = 1_500
    here = os.open(root / "etc", os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("deep-name", dir_fd=here)
        below = os.open("deep-name", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    made = os.open("end", os.O_WRONLY | os.O_CREAT, 0o644, dir_fd=here)
    os.write(made, b"the end")
    os.close(made)
    os.close(here)
    tree = target.capture([Read("/etc", depth=10_000)])
    assert tree.data("/etc" + "/deep-name" * depth + "/end") == b"the end"
    shallow = target.capture([Read("/etc", depth=3)])
    assert len(shallow) < 10
    subprocess.run(["rm", "-rf", root / "etc" / "deep-name"], check=True)


def test_names_that_drive_a_terminal_are_kept_as_they_are(root: Path, target: DirectoryTarget) -> None:
    names = ["\x1b[2J\x1b]0;owned\x07", "line\nfeed", "back\bspace", "\u202egnp.exe", " ", "-rf", "*"]
    for name in names:
        (root / "etc/ssh" / name).write_text(name)
    tree = target.capture([Read("/etc/ssh")])
    assert sorted(tree.children("/etc/ssh")) == sorted(names)
    assert all(tree.text(f"/etc/ssh/{name}") == name for name in names)


def test_too_many_files_are_refused_with_a_word(
    root: Path, target: DirectoryTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rescue.targets.files.capture.MAX_ENTRIES", 500)
    for number in range(600):
        (root / "etc/ssh" / str(number)).touch()
    with pytest.raises(TargetError, match="more than 500 files"):
        target.capture([Read("/etc")])


def test_too_much_content_is_refused_with_a_word(
    root: Path, target: DirectoryTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rescue.targets.files.capture.MAX_CONTENT", 4 << 20)
    for number in range(6):
        (root / "etc/ssh" / str(number)).write_bytes(bytes(1 << 20))
    with pytest.raises(TargetError, match="MiB"):
        target.capture([Read("/etc")])


def test_no_descriptor_is_leaked(root: Path, target: DirectoryTarget) -> None:
    for number in range(50):
        (root / "etc" / f"d{number}").mkdir()
        (root / "etc" / f"d{number}" / "link").symlink_to(f"../d{number + 1}/link")
    before = len(list(Path("/proc/self/fd").iterdir()))
    target.capture([Read("/etc")])
    target.put(PurePosixPath("/etc/new"), file(b"new"))
    target.put(PurePosixPath("/etc/new"), file(b"newer"))
    # One is kept for each file system that was written to, until the end.
    assert len(list(Path("/proc/self/fd").iterdir())) <= before + 1


def test_the_running_system_is_seen_without_the_kernels_own(tmp_path: Path) -> None:
    target = open_target("/", write=False, backend=None, root=None, progress=print)
    try:
        tree = target.capture([Read("/", depth=2, content=False), Read("/proc/self/status"), Read("/run")])
        assert target.method == "running system"
        assert tree.children("/proc") == ()
        assert tree.entry("/proc/self/status") is None
        assert tree.children("/etc") != ()
        assert [each.mount for each in tree.filesystems if each.type in ("proc", "sysfs", "cgroup")] == []
    finally:
        target.close()


def test_a_mount_below_the_root_belongs_to_the_snapshot(root: Path, target: DirectoryTarget) -> None:
    (root / "home").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", root / "home"], check=True)
    try:
        (root / "home" / "file").write_text("other file system")
        again = DirectoryTarget(str(root))
        tree = again.capture([Read("/home")])
        assert tree.data("/home/file") == b"other file system"
        found = tree.filesystem("/home/file")
        assert found is not None
        assert found.mount == "/home"
        again.close()
    finally:
        subprocess.run(["umount", root / "home"], check=True)


# -- opening --------------------------------------------------------------------------------------------------------


def opened(path: Path | str, *, write: bool = False, root: str | None = None, backend: str = "kernel") -> object:
    return open_target(str(path), write=write, backend=backend, root=root, progress=print)


@pytest.mark.parametrize("content", [b"", b"not a disk\n" * 100], ids=["empty", "text"])
def test_what_is_no_disk_is_refused_with_a_hint(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "image"
    path.write_bytes(content)
    with pytest.raises(TargetError) as refused:
        opened(path)
    assert refused.value.hint


def test_what_is_not_there_is_refused_with_a_hint(tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path / "none" / "below", "/dev/null", tmp_path):
        with pytest.raises(TargetError) as refused:
            opened(path)
        assert refused.value.hint


def test_an_image_that_leans_on_another_file_is_refused(tmp_path: Path) -> None:
    base = tmp_path / "base.qcow2"
    images.run("qemu-img", "create", "-q", "-f", "qcow2", base, "8M")
    over = tmp_path / "over.qcow2"
    images.run("qemu-img", "create", "-q", "-f", "qcow2", "-b", "/etc/passwd", "-F", "raw", over, "8M")
    data = tmp_path / "data.qcow2"
    images.run("qemu-img", "create", "-q", "-f", "qcow2", "-o", f"data_file={tmp_path / 'data'}", data, "8M")
    flat = tmp_path / "flat.vmdk"
    images.run("qemu-img", "create", "-q", "-f", "vmdk", "-o", "subformat=monolithicFlat", flat, "8M")
    for path in (over, data, flat):
        for backend in ("kernel", "guestfs", "auto"):
            with pytest.raises(TargetError, match="on its own"):
                opened(path, backend=backend)


def _little_root(point: Path, name: str = "one") -> None:
    (point / "etc").mkdir()
    (point / "etc/os-release").write_text(f'PRETTY_NAME="{name}"\n')
    (point / "etc/hostname").write_text(f"{name}\n")


def test_of_two_roots_one_must_be_named(tmp_path: Path) -> None:
    path = tmp_path / "two.img"
    mib = 1 << 20
    with path.open("wb") as stream:
        stream.truncate(64 * mib)
    table = "label: dos\n1: start=1MiB, size=16MiB\n2: size=8MiB, type=82\n3: size=20MiB, type=5\n5: size=16MiB\n"
    subprocess.run(["sfdisk", "-q", path], input=table, text=True, check=True, capture_output=True)
    table = json.loads(images.run("sfdisk", "--json", path))["partitiontable"]["partitions"]
    logical = next(each for each in table if each["node"].endswith("5"))
    for start, name in ((mib, "one"), (logical["start"] * 512, "two")):
        images.run("mkfs.ext4", "-q", "-F", "-E", f"offset={start}", path, "14m")
        with images.mounted(path, "ext4", tmp_path / "mnt", offset=start, size=14 * mib) as point:
            _little_root(point, name)
    with pytest.raises(TargetError, match=r"more than one.*'one'.*'two'") as refused:
        opened(path)
    assert "--root" in refused.value.hint
    for word, content in (("1", b"one\n"), ("5", b"two\n"), ("/dev/sda5", b"two\n")):
        target = open_target(str(path), write=False, backend="kernel", root=word, progress=print)
        try:
            assert target.capture([Read("/etc/hostname")]).data("/etc/hostname") == content
        finally:
            target.close()
    with pytest.raises(TargetError, match="no volume"):
        opened(path, root="7")
    assert images.left_behind(path) == []


def test_a_btrfs_subvolume_is_the_root_and_another_its_home(tmp_path: Path) -> None:
    def write(point: Path) -> None:
        for name in ("@", "@home"):
            images.run("btrfs", "subvolume", "create", point / name)
        _little_root(point / "@")
        (point / "@/home").mkdir()
        (point / "@home/alice").mkdir()
        uuid = images.run("findmnt", "-no", "UUID", point).strip()
        (point / "@/etc/fstab").write_text(
            f"UUID={uuid} / btrfs subvol=@ 0 0\nUUID={uuid} /home btrfs defaults,subvol=@home 0 0\n"
        )

    path = images.image_with(tmp_path / "sub.img", "btrfs", write)
    for writing in (False, True):
        target = open_target(str(path), write=writing, backend="kernel", root=None, progress=print)
        try:
            assert target.notes == ()
            assert target.capture([Read("/home")]).children("/home") == ("alice",)
            if writing:
                target.put(PurePosixPath("/home/alice/new"), file(b"new"))
                target.sync()
        finally:
            target.close()
    assert images.left_behind(path) == []


def test_a_mount_point_that_is_a_link_is_not_mounted_on(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    path = images.disk_with_home(tmp_path / "disk.img")
    mib = 1 << 20
    with images.mounted(path, "ext4", tmp_path / "mnt", offset=17 * mib, size=128 * mib) as point:
        (point / "home").rmdir()
        (point / "home").symlink_to(victim)
    target = open_target(str(path), write=False, backend="kernel", root=None, progress=print)
    try:
        assert [note for note in target.notes if "/home" in note]
        assert not os.path.ismount(victim)
        assert str(victim) not in Path("/proc/self/mountinfo").read_text()
    finally:
        target.close()


def test_an_image_that_a_machine_writes_to_is_not_written(tmp_path: Path) -> None:
    path = images.image_with(tmp_path / "used.img", "ext4", _little_root)
    node = f'{{"driver": "raw", "node-name": "n", "file": {{"driver": "file", "filename": "{path}"}}}}'
    pid = tmp_path / "pid"
    export = f"type=vhost-user-blk,id=e,node-name=n,addr.type=unix,addr.path={tmp_path}/s,writable=on"
    machine = subprocess.Popen(["qemu-storage-daemon", "--blockdev", node, "--export", export, "--pidfile", str(pid)])
    try:
        while not pid.exists():
            time.sleep(0.02)
        for backend in ("kernel", "guestfs"):
            with pytest.raises(TargetBusy):
                opened(path, write=True, backend=backend)
        target = open_target(str(path), write=False, backend="kernel", root=None, progress=print)
        assert [note for note in target.notes if "running machine" in note]
        target.close()
    finally:
        machine.terminate()
        machine.wait()
    target = open_target(str(path), write=True, backend="kernel", root=None, progress=print)
    try:
        started = subprocess.run(
            ["qemu-io", "-f", "raw", "-c", "read 0 512", path], capture_output=True, text=True, check=False
        )
        assert "lock" in started.stderr
        with pytest.raises(TargetBusy):
            opened(path, write=True)
    finally:
        target.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=["INT", "TERM", "HUP"])
@pytest.mark.parametrize("write", [False, True], ids=["looking", "writing"])
def test_an_interrupted_opening_leaves_nothing(tmp_path: Path, number: signal.Signals, write: bool) -> None:
    path = images.dirty_image(tmp_path / "dirty.img", "ext4")
    before = images.digest(path)
    program = (
        "import sys, time; from pathlib import Path; from rescue.targets.kernel import open_kernel\n"
        "from rescue.targets.opening import Opening\n"
        "print('begin', flush=True)\n"
        "target = open_kernel(Path(sys.argv[1]), write=bool(int(sys.argv[2])), opening=Opening(), progress=print)\n"
        "try: time.sleep(30)\n"
        "finally: target.close()\n"
    )
    for wait in (0.0, 0.01, 0.02, 0.03, 0.05, 0.08, 0.12, 0.2, 0.4):
        own = tmp_path / "tmp"
        own.mkdir(exist_ok=True)
        child = subprocess.Popen(
            [sys.executable, "-c", program, path, str(int(write))],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=os.environ | {"TMPDIR": str(own)},
        )  # fmt: skip
        assert child.stdout is not None
        child.stdout.readline()
        time.sleep(wait)
        child.send_signal(number)
        assert child.wait(30) != 0
        child.stdout.close()
        assert images.left_behind(path) == [], wait
        assert list(own.iterdir()) == [], wait
        assert str(own) not in Path("/proc/self/mountinfo").read_text()
    if not write:
        assert images.digest(path) == before
