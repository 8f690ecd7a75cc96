"""netplan's own generator is asked whether it takes a file, and we must say the same.

Where netplan's generator is not on this machine, it is fetched with apt-get and unpacked.
"""

from __future__ import annotations

import random
import shutil
import subprocess
from pathlib import Path, PurePosixPath

import pytest

from rescue.network.netplan import plan
from tests.unit.checks.test_netplan_yaml import BAD, GOOD

pytestmark = pytest.mark.system

GENERATORS = ("/usr/libexec/netplan/generate", "/usr/lib/netplan/generate", "/lib/netplan/generate")
PACKAGES = ("netplan.io", "libnetplan0", "libyaml-0-2", "libglib2.0-0", "libpcre2-8-0")
MADE = 150


@pytest.fixture(scope="module")
def generate(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """How netplan's generator is called."""
    found = next((path for path in GENERATORS if Path(path).exists()), None)
    if found:
        return [found]
    place = tmp_path_factory.mktemp("netplan")
    place.chmod(0o777)  # apt-get fetches as a user of its own
    fetched = subprocess.run(["apt-get", "download", *PACKAGES], cwd=place, capture_output=True, text=True, check=False)
    if fetched.returncode:
        pytest.skip(f"netplan is not installed, and apt-get does not fetch it: {fetched.stderr.strip()[-200:]}")
    for each in place.glob("*.deb"):
        subprocess.run(["dpkg-deb", "-x", str(each), str(place / "root")], check=True)
    libraries = {str(path.parent) for path in (place / "root").rglob("*.so.*")}
    program = next(path for path in (place / "root").rglob("generate") if path.is_file() and not path.is_symlink())
    return ["env", f"LD_LIBRARY_PATH={':'.join(sorted(libraries))}", str(program)]


def taken(generate: list[str], root: Path, text: str) -> bool:
    """Whether netplan takes a file of this text, the only one."""
    shutil.rmtree(root, ignore_errors=True)
    path = root / "etc/netplan/01.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    path.chmod(0o600)
    done = subprocess.run([*generate, "--root-dir", str(root)], capture_output=True, text=True, check=False)
    return done.returncode == 0


def judged(text: str) -> bool:
    return plan(PurePosixPath("/etc/netplan/01.yaml"), text).problem is None


@pytest.mark.parametrize("text", [GOOD, *(text for text, _ in BAD)])
def test_a_file_is_judged_as_netplan_judges_it(generate: list[str], tmp_path: Path, text: str) -> None:
    assert judged(text) == taken(generate, tmp_path / "root", text)


def test_files_with_one_mistake_are_judged_as_netplan_judges_them(generate: list[str], tmp_path: Path) -> None:
    chosen = random.Random(11)
    differ = []
    for _ in range(MADE):
        text = mistaken(chosen)
        if judged(text) != taken(generate, tmp_path / "root", text):
            differ.append(text)
    assert differ == []


def mistaken(chosen: random.Random) -> str:
    """The good file with one line spoiled, as people do it."""
    lines = GOOD.split("\n")
    at = chosen.randrange(len(lines) - 1)
    line = lines[at]
    lines[at] = chosen.choice(
        [
            "\t" + line.lstrip(), " " + line, line[1:], line.replace(":", "", 1), line.replace(": ", ":", 1),
            line.replace("2", "x", 1), line.replace("-", "", 1), line + " # mine", line + "'", "      foo: 1",
            line.replace("false", "nein"), line.replace("/24", ""), "", line[:-1],
        ]
    )  # fmt: skip
    return "\n".join(lines)
