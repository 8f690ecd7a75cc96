"""docs/library.md: every example is run as it stands, on a broken server, and prints what the page says."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.schemas import held
from tests.system.test_bad_input import plant

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(os.geteuid() != 0, reason="the files of a server need their owners"),
]

REPOSITORY = Path(__file__).resolve().parents[2]
PAGE = (REPOSITORY / "docs" / "library.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```\n\n```text\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
BROKEN = "# made by hand\nUsePAM yes\nPermitRotLogin no\n"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where the examples are run: a broken server, and a folder with that server, its bundle, and what is none."""
    for name in ("server", "servers", "servers/empty", "servers/web1", "servers/web2"):
        (tmp_path / name).mkdir()
    plant(tmp_path / "server", {"/etc/ssh/sshd_config": BROKEN})
    # Nobody but alice is concerned.
    (tmp_path / "server/home/alice").chmod(0o777)
    plant(tmp_path / "servers/web1")
    plant(tmp_path / "servers/web2", {"/etc/nologin": "closed\n"})
    python(tmp_path, "-m", "rescue", "capture", "server", "-o", "servers/db1.bundle", "--quick")
    return tmp_path


def python(place: Path, *words: str) -> str:
    """What Python prints, run at `place`."""
    done = subprocess.run(
        [sys.executable, *words], cwd=place, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
        env=dict(os.environ, PYTHONPATH=str(REPOSITORY), HOME=str(place)),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def content(place: Path) -> dict[str, bytes | int]:
    """Every file's content and every directory's mode, without the undo log."""
    return {
        str(path): path.read_bytes() if path.is_file() else path.lstat().st_mode
        for path in sorted(place.rglob("*"))
        if "var/lib/rescue" not in str(path) and path.name != "rescue"
    }


def test_every_example_has_its_output() -> None:
    assert len(EXAMPLES) == PAGE.count("```python") == 3


@pytest.mark.parametrize("number", range(3))
def test_an_example_prints_what_the_page_says(place: Path, number: int) -> None:
    code, output = EXAMPLES[number]
    before = content(place / "server")
    assert python(place, "-c", code) == output
    # The first looks only, the second takes its fix back, the third has no business there.
    assert content(place / "server") == before


def test_the_examples_documents_keep_to_the_schema(place: Path) -> None:
    python(place, "-c", EXAMPLES[2][0])
    made = {path.name: json.loads(path.read_text()) for path in place.glob("*.json")}
    assert sorted(made) == ["db1.bundle.json", "web1.json", "web2.json"]
    assert [held(made[name], "inspect")["verdict"] for name in sorted(made)] == ["broken", "incomplete", "broken"]


def test_type_checkers_see_the_library(tmp_path: Path) -> None:
    for number, (code, _) in enumerate(EXAMPLES, 1):
        (tmp_path / f"example{number}.py").write_text(code)
    (tmp_path / "wrong.py").write_text("import rescue\n\nrescue.inspekt\nrescue.plan(1, choose=2)\n")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", *map(str, sorted(tmp_path.glob("*.py")))],
        cwd=REPOSITORY, capture_output=True, text=True, check=False,
    )  # fmt: skip
    said = [line.partition(": error: ") for line in done.stdout.split("\n") if ": error: " in line]
    assert {Path(where.partition(":")[0]).name for where, _, _ in said} == {"wrong.py"}, done.stdout
    assert 'Module has no attribute "inspekt"' in done.stdout
