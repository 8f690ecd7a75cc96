"""What scripts/build-release makes, started as a person would: in roots with next to nothing in them."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import tarfile
from io import BytesIO
from pathlib import Path

import pytest

from rescue.version import __version__
from scripts.developer.release.spoken import verbs
from tests import newest
from tests.machines.built import NotMade, called, got
from tests.system import real_root
from tests.system.other_side import other_side
from tests.trees import server

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(os.geteuid() != 0, reason="chroot needs root"),
    pytest.mark.skipif(os.uname().machine != "x86_64", reason="the files are built on x86-64"),
]

REPOSITORY = Path(__file__).resolve().parents[2]
NAME = f"rescue-{__version__}-x86_64.run"
OTHER = f"rescue-{__version__}-aarch64.run"


def _build(into: Path, *words: str) -> None:
    command = [sys.executable, "-m", "scripts.developer.release.build", "--into", str(into), *words]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "SOURCE_DATE_EPOCH": "1700000000"}
    ended = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr


@pytest.fixture(scope="session")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    into = tmp_path_factory.mktemp("dist")
    key = into / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "release", "-f", str(key)], check=True)
    _build(into, "--key", str(key))
    return into


@pytest.fixture
def bare(tmp_path: Path, dist: Path) -> Path:
    """A root with busybox, a broken server in /srv/server, the file in /media, and nothing else."""
    root = tmp_path / "bare"
    for name in ("bin", "media", "srv/server", "tmp", "run", "dev/shm", "proc"):
        (root / name).mkdir(parents=True)
    (root / "tmp").chmod(0o1777)
    (root / "dev/shm").chmod(0o1777)
    os.mknod(root / "dev/null", 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    (root / "dev/null").chmod(0o666)
    shutil.copy("/bin/busybox", root / "bin/busybox")
    for name in subprocess.run(["/bin/busybox", "--list"], capture_output=True, text=True, check=True).stdout.split():
        if name != "busybox":
            (root / "bin" / name).symlink_to("busybox")
    shutil.copy(dist / NAME, root / "media" / NAME)
    real_root.make(root / "srv/server", server({"/etc/nologin": "closed\n"}))
    return root


def _in(root: Path, script: str, *, user: int = 0) -> subprocess.CompletedProcess[str]:
    """Run a script in the root, with mounts of its own."""
    words = [
        "/usr/bin/unshare",
        "--mount",
        "/usr/sbin/chroot",
        f"--userspec={user}:{user}",
        str(root),
        "/bin/sh",
        "-c",
        script,
    ]
    environment = {"PATH": "/bin", "TERM": "dumb"}
    return subprocess.run(words, env=environment, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)


def _home(root: Path, place: str) -> list[str]:
    return sorted(path.name for path in (root / place).glob("rescue-*"))


def test_it_finds_the_cause_where_nothing_is_installed(bare: Path) -> None:
    ended = _in(bare, f"sh /media/{NAME} inspect --user alice --quiet /srv/server; echo status=$?")
    first = _in(bare, f"sh /media/{NAME} inspect --json /srv/server")
    assert "status=3" in ended.stdout, ended
    assert [each["cause"] for each in json.loads(first.stdout)["findings"]] == ["nologin"], first
    assert len(_home(bare, "run")) == 1
    assert _home(bare, "tmp") == []
    mended = _in(bare, f"sh /media/{NAME} fix --yes /srv/server")
    assert "/etc/nologin" in mended.stdout, mended
    assert not (bare / "srv/server/etc/nologin").exists()


def test_commands_that_it_proposes_name_the_file_as_it_was_started(bare: Path) -> None:
    told = _in(bare, f"cd /media && sh {NAME} inspect /srv/server").stdout
    assert re.search(rf"(sh |\./){re.escape(NAME)} fix", told), told


def test_the_second_start_unpacks_nothing(bare: Path) -> None:
    _in(bare, f"sh /media/{NAME} --version")
    [home] = _home(bare, "run")
    before = (bare / "run" / home).stat().st_ino
    assert _in(bare, f"sh /media/{NAME} --version").stdout == f"rescue {__version__}\n"
    assert (bare / "run" / home).stat().st_ino == before


@pytest.mark.parametrize("keep", [0.2, 0.9, 0.9999], ids=["fifth", "most", "all but the end"])
def test_a_truncated_download_is_told_before_anything_runs(bare: Path, keep: float) -> None:
    path = bare / "media" / NAME
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep)])
    ended = _in(bare, f"sh /media/{NAME} --version")
    assert ended.returncode == 1
    assert "incomplete or damaged" in ended.stderr
    assert _home(bare, "run") == _home(bare, "tmp") == []


def test_the_file_for_another_machine_says_which_one_to_take(bare: Path, dist: Path) -> None:
    shutil.copy(dist / OTHER, bare / "media" / OTHER)
    ended = _in(bare, f"sh /media/{OTHER} --version")
    assert ended.returncode == 1
    assert "for aarch64, and this machine is x86_64" in ended.stderr
    assert f"Take {NAME}." in ended.stderr


def test_where_no_place_has_room_it_says_how_much_and_where_it_looked(bare: Path) -> None:
    small = "; ".join(
        f"mount -t tmpfs -o size=5m,mode=1777 none /{place}" for place in ("run", "tmp", "dev/shm", "media")
    )
    shutil.copy(bare / "media" / NAME, bare / "srv" / NAME)
    ended = _in(bare, f"{small}; sh /srv/{NAME} --version; ls /srv")
    assert ended.stdout.splitlines()[0] == f"rescue {__version__}", "the file's own folder has room"
    read_only = "mount -t proc none /proc; mount --bind /srv /srv; mount -o remount,ro,bind /srv"
    # The folder of the first start stays; take it away first.
    for path in (bare / "srv").glob("rescue-0-*"):
        shutil.rmtree(path)
    ended = _in(bare, f"{read_only}; {small}; sh /srv/{NAME} --version")
    assert ended.returncode == 1, ended
    assert re.search(r"no folder can take the \d+ MB", ended.stderr)
    assert "/run has less than" in ended.stderr
    assert "/srv can't be written" in ended.stderr
    assert "RESCUE_HOME=" in ended.stderr


def test_noexec_is_seen_and_the_next_place_taken(bare: Path) -> None:
    mounts = "mount -t tmpfs -o noexec none /run; mount -t tmpfs -o noexec,mode=1777 none /tmp"
    ended = _in(bare, f"{mounts}; sh /media/{NAME} --version; ls /run /tmp /dev/shm")
    assert ended.stdout.startswith(f"rescue {__version__}\n"), ended
    assert len(_home(bare, "dev/shm")) == 1
    assert "rescue-" not in ended.stdout.partition("/dev/shm:")[0].partition("\n")[2]


def test_a_user_without_rights_takes_a_folder_of_their_own(bare: Path) -> None:
    ended = _in(bare, f"sh /media/{NAME} --version", user=12345)
    assert ended.stdout == f"rescue {__version__}\n", ended
    [home] = _home(bare, "tmp")
    assert (bare / "tmp" / home).stat().st_uid == 12345
    assert (bare / "tmp" / home).stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("kind", ["folder", "link"])
def test_a_folder_that_somebody_else_laid_there_is_not_taken(bare: Path, kind: str) -> None:
    _in(bare, f"sh /media/{NAME} --version")
    [home] = _home(bare, "run")
    shutil.rmtree(bare / "run")
    trap = bare / "srv/trap"
    (trap / "bin").mkdir(parents=True)
    (trap / "complete").touch()
    (trap / "bin/python3").write_text("#!/bin/sh\necho taken over\n")
    (trap / "bin/python3").chmod(0o755)
    if kind == "link":
        (bare / "tmp" / home).symlink_to("/srv/trap")
    else:
        shutil.copytree(trap, bare / "tmp" / home)
        for path in [bare / "tmp" / home, *(bare / "tmp" / home).rglob("*")]:
            os.chown(path, 12345, 12345)
    ended = _in(bare, f"sh /media/{NAME} --version")
    assert ended.stdout == f"rescue {__version__}\n", ended


def test_the_hosts_own_programs_run_without_its_libraries(bare: Path) -> None:
    (bare / "bin/qemu-img").write_text("#!/bin/sh\nenv > /srv/environment\nexit 1\n")
    (bare / "bin/qemu-img").chmod(0o755)
    (bare / "srv/disk.qcow2").write_bytes(b"QFI\xfb\0\0\0\x03" + bytes(1 << 16))
    _in(bare, f"sh /media/{NAME} inspect --backend kernel /srv/disk.qcow2")
    environment = bare / "srv/environment"
    assert not environment.exists() or "LD_LIBRARY_PATH" not in environment.read_text()
    assert "LD_LIBRARY_PATH" not in _in(bare, f"sh /media/{NAME} --version; env").stdout


def test_it_runs_on_debian_11_whose_libraries_are_older(bare: Path) -> None:
    root = got("release-bullseye", "etc/debian_version", _bullseye, "mmdebstrap")
    place = bare / "old"
    for name in ("upper", "work", "root"):
        (place / name).mkdir(parents=True)
    script = (
        'set -e; mount -t overlay -o "lowerdir=$1,upperdir=$2/old/upper,workdir=$2/old/work" none "$2/old/root"\n'
        'cp -a "$2/srv/server" "$2/media/"* "$2/old/root/srv/"\n'
        'exec chroot "$2/old/root" sh -c "cat /etc/debian_version; sh /srv/*.run inspect --json /srv/server"\n'
    )
    words = ["unshare", "--mount", "sh", "-c", script, "sh", str(root), str(bare)]
    ended = subprocess.run(words, capture_output=True, text=True, check=False)
    version, _, document = ended.stdout.partition("\n")
    assert version.startswith("11.")
    assert [each["cause"] for each in json.loads(document)["findings"]] == ["nologin"], ended.stderr


def _bullseye(into: Path) -> None:
    called("mmdebstrap", "--quiet", "--variant=essential", "bullseye", str(into), alone=True)


def test_two_builds_are_the_same(dist: Path, tmp_path: Path) -> None:
    _build(tmp_path)
    for name in (NAME, OTHER, "rescue.pyz", f"rescue_{__version__}_all.deb", f"rescue-{__version__}-py3-none-any.whl",
                 f"rescue-{__version__}.tar.gz", "LICENCES.txt", "rescue.cdx.json", "SHA256SUMS"):  # fmt: skip
        assert hashlib.sha256((tmp_path / name).read_bytes()).digest() == (
            hashlib.sha256((dist / name).read_bytes()).digest()
        ), name


def test_the_checksums_and_their_signature_hold(dist: Path) -> None:
    assert subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=dist, check=False).returncode == 0
    signers = dist / "signers"
    signers.write_text(f"release {(dist / 'key.pub').read_text()}")
    words = ["ssh-keygen", "-Y", "verify", "-f", str(signers), "-I", "release", "-n", "rescue-release"]
    words += ["-s", str(dist / "SHA256SUMS.sig")]
    with (dist / "SHA256SUMS").open() as stream:
        assert subprocess.run(words, stdin=stream, capture_output=True, check=False).returncode == 0


def test_the_sizes_that_are_promised(dist: Path) -> None:
    for name in (NAME, OTHER):
        data = (dist / name).read_bytes()
        assert len(data) <= 14_000_000
        assert sum(member.size for member in _members(data)) <= 35 << 20
    assert (dist / "rescue.pyz").stat().st_size <= 3_000_000


def test_every_file_is_of_something_in_the_list_of_licences(dist: Path) -> None:
    listed = (dist / "LICENCES.txt").read_text().partition(f"{NAME} also holds")[2].partition("\n\n")[0]
    names = {line.split()[0] for line in listed.splitlines()[1:]}
    members = {member.name for member in _members((dist / NAME).read_bytes()) if member.isfile()}
    assert {f"licences/{name}.txt" for name in names} == {each for each in members if each.startswith("licences/")}
    packages = {
        path.split("/")[3].removesuffix(".pyc") for path in members if path.startswith("lib/python3/dist-packages/")
    }
    known = {name.replace("-", "_").partition(".")[0] for name in names} | {"rescue"}
    assert packages - known == set()
    materials = json.loads((dist / "rescue.cdx.json").read_text())
    assert names <= {each["name"] for each in materials["components"]}


def test_what_is_unpacked_imports_every_room_of_ours(bare: Path) -> None:
    _in(bare, f"sh /media/{NAME} --version")
    [home] = _home(bare, "run")
    program = (
        "import importlib, pkgutil, rescue, pyroute2, questionary, rich.console, ruamel.yaml, sh\n"
        "for each in pkgutil.walk_packages(rescue.__path__, 'rescue.'):\n"
        "    if not each.name.endswith('__main__'):\n"
        "        importlib.import_module(each.name)\n"
    )
    (bare / "srv/all.py").write_text(program)
    ended = _in(bare, f"/run/{home}/bin/python3 -I /srv/all.py")
    assert ended.returncode == 0, ended.stderr


def test_the_pyz_runs_by_itself_and_refuses_an_older_python_in_one_sentence(dist: Path, tmp_path: Path) -> None:
    words = [sys.executable, "-I", "-S", str(dist / "rescue.pyz")]
    assert (
        subprocess.run([*words, "--version"], capture_output=True, text=True, check=True).stdout.split()[-1]
        == __version__
    )
    real_root.make(tmp_path / "server", server({"/etc/nologin": "closed\n"}))
    told = subprocess.run(
        [*words, "inspect", "--json", str(tmp_path / "server")], capture_output=True, text=True, check=False
    )
    assert [each["cause"] for each in json.loads(told.stdout)["findings"]] == ["nologin"], told.stderr
    program = (
        "import sys; sys.version_info = (3, 9, 2); sys.version = '3.9.2 (default)'; sys.argv = sys.argv[1:]\n"
        "import runpy; runpy.run_path(sys.argv[0], run_name='__main__')\n"
    )
    old = subprocess.run(
        [sys.executable, "-c", program, str(dist / "rescue.pyz")], capture_output=True, text=True, check=False
    )
    assert old.returncode == 1
    assert "needs Python 3.11 or newer, and this is 3.9.2" in old.stderr
    assert NAME in old.stderr


def test_the_debian_package_installs_without_a_network(dist: Path, tmp_path: Path) -> None:
    try:
        root = newest.root()
    except NotMade as why:
        pytest.skip(f"no root of Debian {newest.SUITE}: {why}")
    for name in ("upper", "work", "root"):
        (tmp_path / name).mkdir()
    script = (
        'set -e; mount -t overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" none "$2/root"\n'
        'mount -t proc none "$2/root/proc"; cp "$3" "$2/root/tmp/rescue.deb"\n'
        'exec chroot "$2/root" sh -ec "dpkg --install /tmp/rescue.deb >&2; rescue --version; rescue explain nologin"\n'
    )
    words = ["unshare", "--net", "--mount", "sh", "-c", script, "sh", str(root), str(tmp_path)]
    ended = subprocess.run(
        [*words, str(dist / f"rescue_{__version__}_all.deb")], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith(f"rescue {__version__}\n")
    assert "/etc/nologin" in ended.stdout


def test_the_debian_package_holds_the_manual_and_the_completions(dist: Path) -> None:
    words = ["dpkg-deb", "--contents", str(dist / f"rescue_{__version__}_all.deb")]
    listed = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    found = {line.split()[-1].removeprefix("./usr/share/"): line.split()[0] for line in listed.splitlines()}
    for name in (
        "man/man1/rescue.1.gz",
        *(f"man/man1/rescue-{each.name}.1.gz" for each in verbs()),
        "bash-completion/completions/rescue",
        "zsh/vendor-completions/_rescue",
        "fish/vendor_completions.d/rescue.fish",
    ):
        assert found[name] == "-rw-r--r--"


def _members(data: bytes) -> list[tarfile.TarInfo]:
    start = int(re.search(rb" start=(\d+)", data).group(1))  # type: ignore[union-attr]
    with tarfile.open(fileobj=BytesIO(data[start - 1 :]), mode="r:gz") as archive:
        return archive.getmembers()


def test_the_file_with_python_inside_runs_over_ssh(dist: Path, tmp_path: Path) -> None:
    """On a Debian without Python, in a terminal's stead a pipe; the second time nothing is sent or unpacked."""
    with other_side(tmp_path) as there:
        real_root.make(there.path / "srv/server", server({"/etc/nologin": "closed\n"}))
        for sent in (True, False):
            ended = there.rescue("inspect", "/srv/server", data=dist / NAME)
            assert ended.returncode == 3, ended.stderr
            assert "BROKEN      nologin" in ended.stdout
            assert ("sending" in ended.stderr) is sent
        assert "--via root@server --via-file" in ended.stdout
