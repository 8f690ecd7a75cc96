"""Images of the lab's servers: healthy ones, and every way in which building one can go wrong, done for real.

The builds here take seconds: they are derived from the base that the cache has already, in a cache of their own.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from rescue.labs.images.image import Image, ImageError, allocated, bytes_needed, ensure_image, find_image
from rescue.labs.images.recipe import HOOKS, load_recipe, recipes
from rescue.labs.images.roots import foreign_traces
from rescue.labs.lessons.scenario import all_scenarios
from tests.conftest import RECIPES, LoadImage
from tests.machines.broken import BrokenRoot, layered
from tests.machines.command import REPOSITORY, causes, rescue
from tests.machines.mounts import mounted

pytestmark = pytest.mark.system

MIB = 1 << 20

PATIENCE = 60.0
"""Seconds that a step of a build may take to begin, or its processes to be gone."""

NAMES = tuple(name for name in recipes(RECIPES) if not name.startswith("box-"))
ASKED_FOR = {"debian12", *(each.image for each in all_scenarios())}


# -- what is built ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_found_on_a_healthy_server(name: str, lab_image: LoadImage, tmp_path: Path) -> None:
    if name not in ASKED_FOR and find_image(RECIPES, name) is None:
        pytest.skip(f"it is not built, and no scenario asks for it: scripts/build-images {name}")
    image = lab_image(name)
    assert list(foreign_traces(image.root)) == []
    with layered(image.root) as server:
        document = rescue("inspect", server.path, home=tmp_path)
    assert causes(document) == []
    assert (document["verdict"], document["symptom"]) == ("incomplete", "ok")


# -- a workshop: a cache and recipes of its own ----------------------------------------------------------------


@dataclass(frozen=True)
class Workshop:
    """`recipes` has "small", derived from debian12, which `cache` has already."""

    recipes: Path
    cache: Path

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "scripts.developer.build_images", str(self.recipes), *words]

    def environment(self, **more: str) -> dict[str, str]:
        return dict(os.environ, PYTHONPATH=str(REPOSITORY), RESCUE_CACHE=str(self.cache)) | more

    def build(self, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run build-images to its end. Whatever happens, nobody sees a traceback."""
        ended = subprocess.run(
            self.command(*words),
            env=self.environment(**more),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert "Traceback" not in ended.stderr, ended.stderr
        return ended

    def start(self, *words: str) -> subprocess.Popen[str]:
        """The same, left running."""
        return subprocess.Popen(
            self.command(*words),
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # A shell starts what runs in its background with SIGINT ignored.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )

    def built(self) -> list[str]:
        """What the cache has of the recipe "small", whole or not."""
        return sorted(path.name for path in self.cache.glob("small*") if path.is_dir())

    def processes(self) -> list[str]:
        """The command lines, on this whole computer, that name the cache."""
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                words = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if str(self.cache) in words:
                found.append(words)
        return found

    def mounts(self) -> list[str]:
        return [line for line in Path("/proc/self/mounts").read_text().split("\n") if f" {self.cache}/" in line]

    def must_be_quiet(self) -> None:
        """Nothing runs and nothing is mounted; what was killed may take a moment to be gone."""
        deadline = time.monotonic() + PATIENCE
        while self.processes() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert self.processes() == []
        assert self.mounts() == []


@pytest.fixture(scope="module")
def core(lab_image: LoadImage) -> Iterator[Image]:
    """What of debian12 the builds here call: its shell, ssh-keygen and systemctl. A build on it takes seconds."""
    base = lab_image("debian12")
    with tempfile.TemporaryDirectory(prefix="rescue-images-") as place:
        root = Path(place) / base.directory.name / "root"
        for name in ("proc", "tmp", "dev", "var/cache/apt/archives", "var/lib/apt/lists", "usr/lib"):
            (root / name).mkdir(parents=True)
        for name in CORE:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            subprocess.run(["cp", "-a", str(base.root / name), str(root / name)], check=True)
        for name in ("gconv", "perl", "perl-base"):
            shutil.rmtree(root / "usr/lib/x86_64-linux-gnu" / name, ignore_errors=True)
        yield replace(base, directory=root.parent)


CORE = (
    *("bin", "sbin", "lib", "lib64", "etc", "dev/null", "usr/lib64", "usr/lib/x86_64-linux-gnu"),
    *(f"usr/bin/{name}" for name in ("sh", "dash", "hostname", "ssh-keygen", "systemctl", "unshare")),
)


@pytest.fixture
def workshop(core: Image) -> Iterator[Workshop]:
    with opened(core) as made:
        yield made


@contextmanager
def opened(base: Image) -> Iterator[Workshop]:
    """A workshop whose cache has `base` as its debian12."""
    with tempfile.TemporaryDirectory(prefix="rescue-images-") as place:
        made = Workshop(Path(place) / "recipes", Path(place) / "cache")
        furnish(made, base.directory, base.key)
        yield made


def furnish(made: Workshop, base: Path, key: Path) -> None:
    for directory in (made.recipes, made.cache):
        directory.mkdir(exist_ok=True)
    for name in (*HOOKS, "debian12.toml"):
        shutil.copy(RECIPES / name, made.recipes)
    (made.recipes / "small.toml").write_text('purpose = "a test"\nbase = "debian12"\nsize = "768M"\n')
    (made.cache / base.name).symlink_to(base)
    for half in (key, key.with_suffix(".pub")):
        shutil.copy(half, made.cache)


@contextmanager
def with_room(workshop: Workshop, free: int) -> Iterator[None]:
    """The workshop's cache on a small file system of its own with so many free bytes."""
    base = next(workshop.cache.glob("debian12-*")).readlink()
    key = workshop.cache.parent / "lab_key"
    for suffix in ("", ".pub"):
        shutil.copy(f"{workshop.cache / 'lab_key'}{suffix}", f"{key}{suffix}")
    disk = workshop.cache.parent / "room.raw"
    with disk.open("wb") as stream:
        stream.truncate(3 << 30)
    subprocess.run(["mkfs.ext4", "-q", "-m", "0", str(disk)], check=True)
    with mounted("-o", "loop", str(disk), at=workshop.cache):
        furnish(workshop, base, key)
        leave(workshop.cache, free)
        yield


def leave(directory: Path, free: int) -> None:
    """Fill the file system until so many bytes are free. Blocks are reserved and never written."""
    told = os.statvfs(directory)
    taken = told.f_bavail * told.f_frsize - free
    with (directory / f"filler{time.monotonic_ns()}").open("wb") as stream:
        os.posix_fallocate(stream.fileno(), 0, taken)


def until_said(process: subprocess.Popen[str], words: str) -> None:
    """Read the build's progress until it says this."""
    assert process.stdout is not None
    for line in process.stdout:
        if words in line:
            return
    raise AssertionError(f"the build ended and never said {words!r}: {process.stderr and process.stderr.read()}")


# -- building --------------------------------------------------------------------------------------------------


def test_two_builds_of_a_recipe_differ_in_the_host_keys_alone(lab_image: LoadImage) -> None:
    manifests = []
    with opened(lab_image("debian12")) as workshop:
        (workshop.recipes / "small.toml").write_text('purpose = "a test"\nbase = "debian12"\nremove = ["ufw"]\n')
        for _ in range(2):
            ended = workshop.build("small")
            assert ended.returncode == 0, ended.stderr
            (built,) = workshop.built()
            manifests.append(BrokenRoot(workshop.cache / built / "root").manifest())
            shutil.rmtree(workshop.cache / built)
            # What was made within one second would have one time by chance.
            time.sleep(1.1)
    differ = manifests[0].differences(manifests[1], times=True)
    kinds = ("ecdsa", "ed25519", "rsa")
    assert differ == {f"etc/ssh/ssh_host_{kind}_key{suffix}" for kind in kinds for suffix in ("", ".pub")}
    assert "usr/sbin/ufw" not in manifests[0].facets


@pytest.mark.parametrize("step", ["copying the files", "making the disk"])
def test_after_ctrl_c_nothing_is_left_and_the_next_build_succeeds(workshop: Workshop, step: str) -> None:
    with workshop.start("small") as process:
        until_said(process, step)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, errors
    assert errors == "build-images: cancelled; what was half-built is removed\n"
    workshop.must_be_quiet()
    assert workshop.built() == []
    assert workshop.build("small").returncode == 0


@pytest.mark.parametrize("step", ["copying the files", "making the disk"])
def test_a_half_built_image_is_never_used(workshop: Workshop, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESCUE_CACHE", str(workshop.cache))
    with workshop.start("small") as process:
        until_said(process, step)
        process.kill()
        process.communicate(timeout=PATIENCE)
    workshop.must_be_quiet()
    assert workshop.built() == ["small.building"]
    assert find_image(workshop.recipes, "small") is None
    left = workshop.cache / "small.building/root/left-by-the-killed-build"
    left.parent.mkdir(exist_ok=True)
    left.touch()
    assert workshop.build("small").returncode == 0
    image = find_image(workshop.recipes, "small")
    assert image is not None
    assert workshop.built() == [image.directory.name]
    assert not (image.root / left.name).exists()


def test_two_who_ask_for_one_image_build_it_once(workshop: Workshop) -> None:
    with workshop.start("small") as first, workshop.start("small") as second:
        said = [each.communicate(timeout=300)[0] for each in (first, second)]
    assert (first.returncode, second.returncode) == (0, 0)
    assert sorted(len(re.findall(r"^\.\.\. built small", each, re.M)) for each in said) == [0, 1]
    assert any("waiting for another process that builds small" in each for each in said)
    assert len(workshop.built()) == 1


def test_an_older_image_of_the_same_recipe_is_removed(workshop: Workshop) -> None:
    assert workshop.build("small").returncode == 0
    (older,) = workshop.built()
    with (workshop.recipes / "small.toml").open("a") as stream:
        stream.write('hostname = "newer"\n')
    assert workshop.build("small").returncode == 0
    (newer,) = workshop.built()
    assert newer != older
    assert (workshop.cache / newer / "root/etc/hostname").read_text() == "newer\n"


# -- what can be in the way ------------------------------------------------------------------------------------


def test_too_little_room_is_said_before_anything_is_built(workshop: Workshop) -> None:
    with with_room(workshop, 64 * MIB):
        ended = workshop.build("small")
        assert ended.returncode == 1
        base = next(workshop.cache.glob("debian12-*")) / "root"
        needed = bytes_needed(load_recipe(workshop.recipes, "small"), base)
        assert f"{needed} bytes are needed" in ended.stderr
        assert re.search(r"Free \d+ MiB, or set RESCUE_CACHE", ended.stderr)
        assert workshop.built() == []


def test_what_is_said_to_be_needed_is_enough(workshop: Workshop) -> None:
    base = next(workshop.cache.glob("debian12-*")) / "root"
    needed = bytes_needed(load_recipe(workshop.recipes, "small"), base)
    with with_room(workshop, needed + MIB):
        ended = workshop.build("small")
        assert ended.returncode == 0, ended.stderr
        (built,) = workshop.built()
        assert allocated(workshop.cache / built) <= needed


def test_a_disk_that_gets_full_in_the_middle_is_said_and_nothing_is_left(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESCUE_CACHE", str(workshop.cache))

    def progress(message: str) -> None:
        if message.startswith("making the disk"):
            leave(workshop.cache, 4 * MIB)

    with with_room(workshop, 2 << 30):
        with pytest.raises(ImageError, match=r"got full while the image was built small: \d+ bytes") as caught:
            ensure_image(workshop.recipes, "small", progress)
        assert "MiB, or set RESCUE_CACHE" in caught.value.hint
        assert workshop.built() == []
        workshop.must_be_quiet()


def test_a_cache_that_can_not_be_written_names_the_way_out(workshop: Workshop) -> None:
    blocked = workshop.cache.parent / "file"
    blocked.touch()
    ended = workshop.build("small", RESCUE_CACHE=str(blocked / "cache"))
    assert ended.returncode == 1
    assert f"{blocked / 'cache'}: Not a directory" in ended.stderr
    assert "Set RESCUE_CACHE to a directory in which you may write" in ended.stderr


def test_a_read_only_cache_names_the_way_out(workshop: Workshop) -> None:
    read_only = workshop.cache.parent / "read-only"
    with mounted("-t", "tmpfs", "-o", "ro", "cache", at=read_only):
        ended = workshop.build("small", RESCUE_CACHE=str(read_only))
    assert ended.returncode == 1
    assert "Read-only file system" in ended.stderr
    assert "Set RESCUE_CACHE" in ended.stderr


def test_missing_programs_are_named_by_their_packages(workshop: Workshop) -> None:
    ended = workshop.build("small", PATH="/nonexistent")
    assert ended.returncode == 1
    assert "these packages are missing: mmdebstrap" in ended.stderr
    assert "scripts/setup" in ended.stderr


def test_without_root_a_build_says_how_to_get_it(workshop: Workshop) -> None:
    for path in (workshop.cache.parent, workshop.cache):
        path.chmod(0o755)
    shutil.chown(workshop.cache, "nobody")
    nobody = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "--"]
    probe = subprocess.run([*nobody, sys.executable, "-c", "import rescue"], env=workshop.environment(), check=False)
    if probe.returncode != 0:
        pytest.skip(f"other users can't read {REPOSITORY} or {sys.executable}")
    ended = subprocess.run(
        [*nobody, *workshop.command("small")],
        env=workshop.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1, ended.stderr
    assert ended.stderr == (
        "build-images: building an image needs root: its files belong to several users\nRun it with sudo.\n"
    )


def test_a_misspelt_name_is_guessed_before_anything_is_built(workshop: Workshop) -> None:
    ended = workshop.build("small", "debain12")
    assert ended.returncode == 2
    assert "there is no recipe 'debain12'" in ended.stderr
    assert "Did you mean debian12? There are: debian12, small." in ended.stderr
    assert workshop.built() == []


def test_a_broken_recipe_is_named_with_its_reason(workshop: Workshop) -> None:
    (workshop.recipes / "small.toml").write_text('base = "debian12"\nremoves = ["ufw"]\n')
    ended = workshop.build("small")
    assert ended.returncode == 1
    assert f"{workshop.recipes / 'small.toml'}: 'removes' is unknown here; did you mean 'remove'?" in ended.stderr


def test_a_program_that_fails_shows_its_last_words(workshop: Workshop) -> None:
    (workshop.recipes / "small.toml").write_text(
        'purpose = "a test"\nbase = "debian12"\nenable = ["no-such-unit.service"]\n'
    )
    ended = workshop.build("small")
    assert ended.returncode == 1
    assert "no-such-unit.service" in ended.stderr
    assert workshop.built() == []


def test_the_list_says_what_is_built_and_what_it_is_for(workshop: Workshop) -> None:
    ended = workshop.build("--list")
    assert ended.returncode == 0
    base, small = ended.stdout.splitlines()
    assert re.fullmatch(r"debian12 +built, \d+ MiB +Debian 12 with ufw.*", base)
    assert re.fullmatch(r"small +not built +a test", small)
