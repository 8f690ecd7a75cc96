"""scripts/test: tiers, scenarios and files by name, options for pytest, and what was skipped is reported and judged."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

REPOSITORY = Path(__file__).resolve().parents[2]


class Checkout:
    """The script in a folder of its own, with a Python that notes how pytest is called, and skips."""

    def __init__(self, folder: Path, skipped: str = "") -> None:
        self.folder, self.log = folder, folder / "log"
        for name in ("scripts", ".venv/bin", "tests/unit"):
            (folder / name).mkdir(parents=True)
        shutil.copy(REPOSITORY / "scripts/test", folder / "scripts")
        shutil.copy(REPOSITORY / "tests/skips.py", folder / "tests")
        (folder / "tests/unit/test_one.py").touch()
        for name, text in (
            ("ssh-off", ""),
            ("no-address", "boot = true\n"),
            ("no-disk", 'boot = "whole"\n'),
            ("ssh-masked", "title = 'boot = true'\n"),
        ):
            (folder / "rescue/labs/scenarios" / name).mkdir(parents=True)
            (folder / "rescue/labs/scenarios" / name / "scenario.toml").write_text(text)
        (folder / "allowed").write_text("a good reason\n")
        self.program("scripts/setup", "true")
        self.program("bin/nproc", "echo 1")
        self.program("bin/id", "echo 0")
        self.program("bin/unshare", "true")
        self.program("bin/qemu-system-x86_64", "true")
        self.program(
            ".venv/bin/python",
            f'case $1 in tests/skips.py) exec {sys.executable} "$@";; esac\n'
            f'echo "$@" >> {self.log}\n[ -z "{skipped}" ] || printf "file\\t%s\\n" "{skipped}" >> "$RESCUE_SKIPS"',
        )

    def program(self, path: str, script: str) -> None:
        (self.folder / path).parent.mkdir(exist_ok=True)
        (self.folder / path).write_text(f"#!/bin/sh\n{script}\n")
        (self.folder / path).chmod(0o755)

    def run(self, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        before = {name: value for name, value in os.environ.items() if not name.startswith("RESCUE_")}
        environment = {**before, "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}", **more}
        return subprocess.run(
            [self.folder / "scripts/test", *words], env=environment, capture_output=True, text=True,
            check=False, timeout=60,
        )  # fmt: skip

    def called(self) -> list[str]:
        return self.log.read_text().split("\n")[:-1] if self.log.exists() else []


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "tests/unit"),
        (("--", "-k", "ufw and not drop", "-x"), "-k ufw and not drop -x tests/unit"),
        (("--", "tests/unit/test_one.py::test_x"), "tests/unit/test_one.py::test_x"),
        (("-k", "ufw and not drop", "-x"), "-k ufw and not drop -x tests/unit"),
        (("-x", "tests/unit/test_one.py"), "-x tests/unit/test_one.py"),
        (("tests/unit/test_one.py", "-x"), "-x tests/unit/test_one.py"),
    ],
)
def test_from_the_first_option_on_or_after_two_dashes_the_words_are_for_pytest(
    tmp_path: Path, words: tuple[str, ...], told: str
) -> None:
    checkout = Checkout(tmp_path)
    done = checkout.run("unit", *words)
    assert done.returncode == 0, done.stderr
    assert checkout.called() == [f"-m pytest -q {told}"]


NAMESPACES, MACHINES = "tests/system/test_scenarios.py", "tests/vm/test_rescued_machines.py"


@pytest.mark.parametrize(
    ("words", "called"),
    [
        (("ssh-off",), [f"-k [ssh-off] {NAMESPACES}"]),
        (("no-address",), [f"-k [no-address] {MACHINES}"]),
        (("no-disk",), [f"-k [no-disk] {MACHINES}"]),
        (("ssh-masked",), [f"-k [ssh-masked] {NAMESPACES}"]),
        (("ssh-off", "no-address", "-x"), [f"-k [ssh-off] -x {NAMESPACES}", f"-k [no-address] -x {MACHINES}"]),
        (("vm", "ssh-off", "no-address"), [f"-k [ssh-off] or [no-address] {MACHINES}"]),
        (("vm", "ssh-off"), [f"-k [ssh-off] {MACHINES}"]),
        (("ssh-off", "vm"), [f"-k [ssh-off] {MACHINES}"]),
        (("system", "ssh-off", "--", "-x"), [f"-k [ssh-off] -x {NAMESPACES}"]),
        (("system", "vm", "no-address"), [f"-k [no-address] {MACHINES}"]),
        (("tests/unit/test_one.py",), ["tests/unit/test_one.py"]),
        (("tests/unit/test_one.py::test_x", "-v"), ["-v tests/unit/test_one.py::test_x"]),
        (("ssh-off", "tests/unit/test_one.py"), [f"-k [ssh-off] {NAMESPACES}", "tests/unit/test_one.py"]),
    ],
)  # fmt: skip
def test_scenarios_and_files_are_run_by_name(tmp_path: Path, words: tuple[str, ...], called: list[str]) -> None:
    checkout = Checkout(tmp_path)
    done = checkout.run(*words)
    assert done.returncode == 0, done.stdout + done.stderr
    assert checkout.called() == [f"-m pytest -q {each}" for each in called]


@pytest.mark.parametrize(
    ("words", "shared"),
    [
        (("system",), True),
        (("ssh-off", "ssh-masked"), True),
        (("ssh-off",), False),
        (("tests/unit/test_one.py",), False),
    ],
)
def test_two_processes_share_what_is_more_than_one_file_or_scenario(
    tmp_path: Path, words: tuple[str, ...], shared: bool
) -> None:
    checkout = Checkout(tmp_path)
    checkout.program("bin/nproc", "echo 2")
    assert checkout.run(*words).returncode == 0
    assert ("-n 2" in checkout.called()[0]) is shared


def test_a_scenario_that_was_named_need_not_be_one_of_the_day(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path)
    checkout.program(".venv/bin/python", f"echo sample $RESCUE_VM_SAMPLE >> {checkout.log}")
    assert checkout.run("vm", "ssh-off", RESCUE_VM_SAMPLE="1").returncode == 0
    assert checkout.called()[0] == "sample all"


def test_the_files_and_names_of_the_scenarios_tests_are_those_that_the_script_gives() -> None:
    for path in (NAMESPACES, MACHINES):
        text = (REPOSITORY / path).read_text()
        assert "ids=lambda each: each.id)\ndef test_a_locked_out_person_gets_in" in text


def test_lint_holds_what_is_written_by_a_script(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path)
    for name in ("ruff", "mypy", "lint-imports"):
        checkout.program(f".venv/bin/{name}", "true")
    checkout.program("scripts/update-readme", f'echo update-readme "$@" >> {checkout.log}; exit 1')
    done = checkout.run("lint")
    assert done.returncode == 1
    assert checkout.called() == ["update-readme --check"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("-k", "ufw"), "which tier are these for? scripts/test unit -k ufw"),
        (("--", "-k", "ufw"), "which tier are these for?"),
        (("unti",), "there is no tier 'unti'"),
        (("unti",), "Did you mean 'unit'"),
        (("vm", "ssh-of"), "Did you mean 'ssh-off'"),
        (("qqq",), "rescue lab list"),
        (("",), "there is no tier ''"),
        (("..",), "there is no tier '..'"),
        (("tests/unit/test_two.py",), "there is no tier 'tests/unit/test_two.py'"),
        (("tests/skips.py",), "'tests/skips.py' is of no tier"),
        (("vm", "tests/unit/test_one.py"), "scripts/test tests/unit/test_one.py"),
        (("unit", "ssh-off"), "sudo scripts/test ssh-off"),
        (("system", "no-address"), "sudo scripts/test vm no-address"),
    ],
)
def test_what_can_not_be_meant_is_explained(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    checkout = Checkout(tmp_path)
    done = checkout.run(*words)
    assert done.returncode == 2
    assert said in done.stderr
    assert checkout.called() == []


@pytest.mark.parametrize(
    ("skipped", "status", "strict"),
    [("a good reason", 0, 0), ("no Debian could be built", 0, 1), ("", 0, 0)],
)
def test_what_was_skipped_is_told_and_fails_where_the_reasons_are_listed(
    tmp_path: Path, skipped: str, status: int, strict: int
) -> None:
    checkout = Checkout(tmp_path, skipped)
    done = checkout.run("unit")
    assert done.returncode == status
    assert (f"   1 file: {skipped}\n" in done.stdout) is bool(skipped)
    done = checkout.run("unit", RESCUE_ALLOWED_SKIPS=str(tmp_path / "allowed"))
    assert done.returncode == strict, done.stdout
    assert ("NOT ALLOWED" in done.stdout) is bool(strict)


def test_a_tier_that_can_not_be_run_fails_where_the_reasons_are_listed(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path)
    checkout.program("bin/id", "echo 1000")
    assert checkout.run("unit", "system").returncode == 0
    done = checkout.run("unit", "system", RESCUE_ALLOWED_SKIPS=str(tmp_path / "allowed"))
    assert done.returncode == 1
    assert "NOT RUN    needs root" in done.stdout


def test_another_newest_python_is_taken_by_its_name(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path)
    checkout.program("other", f'echo other "$@" >> {checkout.log}')
    done = checkout.run("unit-newest", "--", "-x", RESCUE_NEWEST=str(tmp_path / "other"))
    assert done.returncode == 0, done.stdout
    assert checkout.called() == ["other -m pytest -q -x tests/unit"]
