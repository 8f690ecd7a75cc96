"""scripts/setup on machines that lack something: what is in the way is said before anything is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

SETUP = Path(__file__).resolve().parents[2] / "scripts/setup"
TOOLS = ("awk", "cat", "cp", "cut", "df", "dirname", "env", "grep", "ln", "mkdir", "paste", "readlink", "rm",
         "sed", "sh", "sha256sum", "sort", "touch", "tr")  # fmt: skip
PLAN = """\
Reading package lists...
The following NEW packages will be installed:
  lvm2
Need to get 30.9 kB/1,234 kB of archives.
After this operation, 1,608 MB of additional disk space will be used.
Do you want to continue? [Y/n] N
Abort.
"""


class Machine:
    """A checkout, a PATH of made-up programs, and a record of what they were called with."""

    def __init__(self, folder: Path) -> None:
        self.checkout, self.bin, self.log = folder / "checkout", folder / "bin", folder / "log"
        (self.checkout / "scripts").mkdir(parents=True)
        script = SETUP.read_text()
        # The kernel that libguestfs boots is looked for below a folder of ours.
        for place in ("/boot/", "/lib/modules/"):
            assert place in script
            script = script.replace(place, f"{folder}{place}")
        (folder / "lib/modules/6.1").mkdir(parents=True)
        (folder / "boot").mkdir()
        (folder / "boot/vmlinuz-6.1").touch()
        (self.checkout / "scripts/setup").write_text(script)
        (self.checkout / "scripts/setup").chmod(0o755)
        (self.checkout / "pyproject.toml").touch()
        self.bin.mkdir()
        self.links = folder / "links"
        self.log.touch()
        for name in TOOLS:
            found = shutil.which(name)
            assert found is not None
            (self.bin / name).symlink_to(found)
        self.program("id", "echo 0")
        self.program("dpkg", "echo amd64")
        self.program("dpkg-query", "echo installed")
        self.program("apt-get", "true")
        self.program("apt-cache", "true")
        self.python("3.11.2")

    def program(self, name: str, script: str) -> None:
        path = self.bin / name
        path.unlink(missing_ok=True)
        path.write_text(f'#!/bin/sh\necho {name} "$@" >> {self.log}\n{script}\n')
        path.chmod(0o755)

    def python(self, version: str) -> None:
        """Its -m venv makes a .venv with the same Python."""
        self.program(
            "python3",
            f"case $2 in *version_info*) echo {version};; venv) for at; do :; done; mkdir -p $at/bin;"
            " cp $0 $at/bin/python; touch $at/bin/rescue;; esac",
        )

    def free(self, mib: int) -> None:
        self.program("df", f'echo Filesystem; echo "/dev/ram0 9 9 {mib * 1024} 9% /"')

    def run(self, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": f"{self.bin}:{self.links}", "HOME": str(self.bin.parent), "RESCUE_BIN": str(self.links),
            "RESCUE_PYTHON": str(self.bin / "python3"), **more,
        }  # fmt: skip
        return subprocess.run(
            [self.checkout / "scripts/setup", *words], env=environment, capture_output=True, text=True, check=False,
            timeout=60,
        )  # fmt: skip

    def called(self) -> str:
        return self.log.read_text()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def installs(machine: Machine) -> bool:
    """Whether something was installed, or would have been: `apt-get install` that may say yes, or pip."""
    lines = machine.called().split("\n")
    return any(" -y install" in line or " pip install" in line or "-m venv" in line for line in lines)


def test_a_python_that_is_too_old_is_said_first(machine: Machine) -> None:
    machine.program("dpkg-query", "echo not-installed")
    machine.python("3.9.2")
    done = machine.run()
    assert done.returncode == 4
    assert "is Python 3.9.2; rescue needs Python 3.11 or newer" in done.stderr
    assert "Nothing was installed" in done.stderr
    assert not installs(machine)


@pytest.mark.parametrize(("candidate", "status"), [("3.10.6-1~22.04", 4), ("3.11.2-1+b1", 1), ("2.7", 4)])
def test_so_is_the_one_that_would_be_installed(machine: Machine, candidate: str, status: int) -> None:
    machine.program("dpkg-query", "echo not-installed")
    machine.program("apt-cache", f"printf 'python3:\\n  Installed: (none)\\n  Candidate: {candidate}\\n'")
    (machine.bin / "python3").unlink()
    machine.free(1)
    done = machine.run(RESCUE_PYTHON="/nonexistent")
    assert done.returncode == status, done.stderr
    assert ("packages is " + candidate in done.stderr) is (status == 4)
    assert not installs(machine)


@pytest.mark.parametrize(("free", "enough"), [(150, False), (1980, False), (2060, True)])
def test_too_little_room_is_said_before_dpkg_is_half_done(machine: Machine, free: int, enough: bool) -> None:
    """1,608 MB of files, an eighth of that and 32, 200 of .venv, the download: they all lie on one file system."""
    machine.program("dpkg-query", "case $* in *lvm2) echo not-installed;; *) echo installed;; esac")
    machine.program("apt-get", f"case $* in *assume-no*) printf '{PLAN}';; esac".replace("\n", "\\n"))
    machine.free(free)
    done = machine.run()
    assert "missing, and will be installed: lvm2" in done.stdout
    assert installs(machine) is enough
    assert done.returncode == (0 if enough else 1), done.stderr
    if not enough:
        assert f"setup: / has {free} MiB free, and " in done.stderr
        assert "Nothing was installed." in done.stderr
    assert ("-q update" in machine.called()) is (free > 300)


def test_the_environment_needs_room_too(machine: Machine) -> None:
    machine.free(100)
    done = machine.run()
    assert done.returncode == 1
    assert "100 MiB free, and 200 MiB are needed" in done.stderr
    assert not installs(machine)
    assert machine.run("--runtime").returncode == 0


def test_the_command_is_linked_and_where_is_said(machine: Machine) -> None:
    program = machine.checkout / ".venv/bin/rescue"
    for _ in range(2):
        done = machine.run()
        assert done.returncode == 0, done.stderr
        assert (machine.links / "rescue").readlink() == program
        assert str(machine.links / "rescue") in done.stdout
    assert "not in your PATH" not in done.stdout
    assert "is not in your PATH" in machine.run(PATH=str(machine.bin)).stdout


def test_who_is_not_root_has_it_in_the_home(machine: Machine) -> None:
    machine.program("id", "echo 1000")
    done = machine.run(RESCUE_BIN="")
    assert done.returncode == 0, done.stderr
    assert (machine.bin.parent / ".local/bin/rescue").is_symlink()
    assert ".local/bin is not in your PATH" in done.stdout


def test_quietly_no_link_is_made(machine: Machine) -> None:
    assert machine.run("--quiet").returncode == 0
    assert not machine.links.exists()


def test_what_somebody_else_has_put_there_stays(machine: Machine, tmp_path: Path) -> None:
    machine.links.mkdir()
    link = machine.links / "rescue"
    stranger = tmp_path / "stranger"
    stranger.write_text("theirs")
    for make in (lambda: link.write_text("theirs"), lambda: link.symlink_to(stranger),
                 lambda: link.symlink_to("/nonexistent/rescue"), link.mkdir):  # fmt: skip
        make()
        before = link.lstat()
        done = machine.run()
        assert done.returncode == 0, done.stderr
        assert "is there already, and is left as it is" in done.stdout
        assert str(machine.checkout / ".venv/bin/rescue") in done.stdout
        assert os.path.samestat(link.lstat(), before)
        if link.is_dir() and not link.is_symlink():
            link.rmdir()
        else:
            link.unlink()
    assert stranger.read_text() == "theirs"


def test_a_link_to_a_checkout_that_is_gone_is_ours(machine: Machine) -> None:
    machine.links.mkdir()
    (machine.links / "rescue").symlink_to("/nonexistent/.venv/bin/rescue")
    assert machine.run().returncode == 0
    assert (machine.links / "rescue").readlink() == machine.checkout / ".venv/bin/rescue"


def test_another_command_of_that_name_is_not_hidden(machine: Machine) -> None:
    machine.program("rescue", "true")
    done = machine.run()
    assert done.returncode == 0
    assert f"another command of that name is {machine.bin / 'rescue'}" in done.stdout
    assert not machine.links.exists()
