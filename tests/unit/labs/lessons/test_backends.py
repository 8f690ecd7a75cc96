"""Which way to bring up a server is taken, and what is said of the others."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from rescue import cli
from rescue.labs.errors import LabError
from rescue.labs.lessons.backends import WAYS, LockOut, Typed, Watcher, backend, choose, must_end
from rescue.labs.lessons.scenario import Scenario, SmallDisk, scenario
from rescue.labs.machines.network import CLIENT
from rescue.labs.machines.ssh import Attempt
from rescue.labs.vagrant.lab import VagrantWay

pytestmark = pytest.mark.unit


@dataclass
class Way:
    """A way that says whether it can be used, and is never used here."""

    name: str
    why: str = ""
    about: str = "no server at all"

    def hindrance(self, scenario: Scenario) -> str:
        return self.why

    def steps(self) -> int:
        return 0

    def lock_out(self, scenario: Scenario, disk: Path, watcher: Watcher) -> LockOut:
        raise NotImplementedError

    def attempt(self, scenario: Scenario, disk: Path, watcher: Watcher) -> Attempt:
        raise NotImplementedError

    def type_in(self, scenario: Scenario, disk: Path, script: str, watcher: Watcher) -> Typed:
        raise NotImplementedError

    def remove(self) -> None:
        raise NotImplementedError


LAB = scenario("sshd-disabled")


def test_the_first_that_works_is_taken() -> None:
    choice = choose(LAB, ways={"a": Way("a"), "b": Way("b")})
    assert (choice.backend.name, choice.passed_over) == ("a", ())


def test_what_does_not_work_is_passed_over_with_the_reason() -> None:
    choice = choose(LAB, ways={"a": Way("a", "no QEMU"), "b": Way("b")})
    assert (choice.backend.name, choice.passed_over) == ("b", (("a", "no QEMU"),))


def test_the_one_that_is_asked_for_is_taken() -> None:
    assert choose(LAB, "b", ways={"a": Way("a"), "b": Way("b")}).backend.name == "b"


def test_the_one_that_is_asked_for_is_not_replaced_in_silence() -> None:
    with pytest.raises(LabError, match="no QEMU"):
        choose(LAB, "a", ways={"a": Way("a", "no QEMU"), "b": Way("b")})


def test_where_none_works_each_says_why() -> None:
    with pytest.raises(LabError, match=r"a: no QEMU; b: no programs") as caught:
        choose(LAB, ways={"a": Way("a", "no QEMU"), "b": Way("b", "no programs")})
    assert "scripts/setup" in caught.value.hint


def test_where_only_root_is_missing_sudo_is_the_hint() -> None:
    with pytest.raises(LabError) as caught:
        choose(LAB, ways={"a": Way("a", "it needs root"), "b": Way("b", "it needs root")})
    assert "sudo" in caught.value.hint


@pytest.mark.parametrize("name", sorted(WAYS))
def test_each_way_bears_its_name(name: str) -> None:
    assert backend(name).name == name


def test_a_lab_that_needs_a_boot_is_not_for_namespaces() -> None:
    assert "boots" in backend("namespaces").hindrance(replace(LAB, boot=True))


def test_only_where_root_would_help_sudo_is_the_hint() -> None:
    with pytest.raises(LabError) as caught:
        choose(LAB, ways={"a": Way("a", "it is not installed"), "b": Way("b", "it needs root")})
    assert "sudo" in caught.value.hint
    with pytest.raises(LabError) as caught:
        choose(LAB, ways={"a": Way("a", "it is not installed")})
    assert "sudo" not in caught.value.hint


def test_the_command_line_knows_all_ways_and_no_other() -> None:
    assert tuple(WAYS) == cli.WAYS


def test_a_cause_that_nobody_finds_is_not_judged_by_an_examination() -> None:
    unknown = replace(LAB, causes=("moon-in-the-wrong-phase",))
    assert "cause" in backend("image").hindrance(unknown)
    assert "cause" not in backend("image").hindrance(LAB)


def test_vagrant_is_passed_over_where_it_is_not_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert backend("vagrant").hindrance(LAB) == "it is not installed"


def test_vagrant_without_boxes_says_how_to_build_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "vagrant"
    program.write_text("#!/bin/sh\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("RESCUE_CACHE", str(tmp_path))
    monkeypatch.delenv("LAB_BOX", raising=False)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert backend("vagrant").hindrance(LAB) == "its boxes are not built: sudo scripts/build-box debian12"
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert "root" in backend("vagrant").hindrance(LAB)


@pytest.mark.parametrize(
    "changes, told",
    [
        ({"image": "debian12-lvm"}, "debian12-lvm"),
        ({"family": 6}, "IPv6"),
        ({"disk": SmallDisk("512M")}, "small disk"),
        ({"options": ("--from", CLIENT)}, "addresses"),
        ({}, ""),
    ],
    ids=["image", "family", "disk", "address", "suitable"],
)
def test_vagrant_is_passed_over_for_what_its_machines_do_not_have(changes: dict[str, Any], told: str) -> None:
    why = VagrantWay()._unsuitable(replace(LAB, **changes))
    assert told in why
    assert bool(why) is bool(told)


def test_a_break_that_fails_is_the_labs_fault() -> None:
    must_end(Typed(0, ""))
    with pytest.raises(LabError, match=r"status 2\nno such file"):
        must_end(Typed(2, "no such file\n"))
