"""What each ability's state says is lost, and the command that brings it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rescue.cli import main
from rescue.formats.os_release import Release
from rescue.verbs.doctor import as_document
from rescue.verbs.doctor.abilities import (
    Ability,
    State,
    _found,
    appliance_problem,
    device_mapper,
    kvm,
    memory,
    program,
    room,
    root,
    terminal,
)
from rescue.verbs.doctor.kvm import Kvm
from rescue.verbs.doctor.packages import _FAMILIES, _PACKAGES, install
from tests.schemas import faults, held

pytestmark = pytest.mark.unit

DEBIAN = Release("debian", "12")
MINT = Release("linuxmint", "21", like=("ubuntu", "debian"))
ALMA = Release("almalinux", "9", like=("rhel", "centos", "fedora"))
ALL_CAPABILITIES = 0x1FFFFFFFFFF


@pytest.mark.parametrize(
    ("release", "what", "machine", "command"),
    [
        (DEBIAN, "cryptsetup", "x86_64", "apt-get update && apt-get install --no-install-recommends -y cryptsetup"),
        (ALMA, "ssh", "x86_64", "dnf install -y openssh-clients"),
        (Release("arch"), "btrfs", "x86_64", "pacman -Sy --needed btrfs-progs"),
        (Release("alpine"), "qemu", "aarch64", "apk add qemu-system-aarch64 qemu-img"),
        (ALMA, "btrfs", "x86_64", ""),  # Red Hat ships none
        (Release("slackware"), "lvm", "x86_64", ""),
        (Release(), "lvm", "x86_64", ""),
    ],
)
def test_the_command_is_that_of_the_distribution(release: Release, what: str, machine: str, command: str) -> None:
    assert install(release, what, machine) == command


def test_the_kernel_of_the_appliance_is_named_after_distribution_and_machine() -> None:
    assert "linux-image-amd64" in install(DEBIAN, "libguestfs", "x86_64")
    assert "linux-image-arm64" in install(DEBIAN, "libguestfs", "aarch64")
    assert install(MINT, "libguestfs", "x86_64").endswith("linux-image-generic")
    assert install(DEBIAN, "qemu", "aarch64").endswith("qemu-system-arm qemu-utils")


def test_every_package_is_of_a_family_that_has_a_command() -> None:
    assert {name for each in _PACKAGES.values() for name in each} <= {name for name, _, _ in _FAMILIES}


def test_root_in_a_container_is_not_enough() -> None:
    assert root(0, ALL_CAPABILITIES).state is State.OK
    assert root(0, 0xA80425FB).state is State.MISSING  # what Docker leaves to root
    assert root(1000, 0).command == "sudo -i"


@pytest.mark.parametrize("found", list(Kvm))
def test_kvm_is_ok_only_where_a_kernel_booted(found: Kvm) -> None:
    assert (kvm(found).state is State.OK) == (found is Kvm.WORKS)
    assert kvm(found).state is not State.MISSING


def test_a_program_that_is_missing_says_what_is_lost() -> None:
    assert program("nft", "/usr/sbin/nft", "x", "y") == Ability("nft", State.OK, "/usr/sbin/nft")
    assert program("nft", None, "x", "y") == Ability("nft", State.MISSING, "not installed", "x", "y")


def test_device_mapper_needs_tool_and_kernel() -> None:
    assert device_mapper(tool=True, kernel=True, snapshots=True, command="").state is State.OK
    assert device_mapper(tool=True, kernel=True, snapshots=False, command="").state is State.LIMITED
    assert device_mapper(tool=True, kernel=False, snapshots=False, command="i").command == "modprobe dm_mod"
    assert device_mapper(tool=False, kernel=False, snapshots=False, command="i").command == "i"


def test_memory_and_room() -> None:
    assert memory(2 << 30).state is State.OK
    assert memory(100 << 20).state is State.LIMITED
    assert memory(None).state is State.UNKNOWN
    assert room("/run", 1 << 30).state is State.OK
    assert room("/run", 1 << 20).state is State.LIMITED


@pytest.mark.parametrize(
    ("interactive", "kind", "encoding", "state"),
    [
        (True, "linux", "UTF-8", State.OK),
        (True, "xterm-256color", "utf8", State.OK),
        (True, "linux", "ANSI_X3.4-1968", State.LIMITED),
        (True, "linux", None, State.LIMITED),
        (True, "dumb", "utf-8", State.LIMITED),
        (False, "xterm", "utf-8", State.LIMITED),
    ],
)
def test_terminals(interactive: bool, kind: str, encoding: str | None, state: State) -> None:
    assert terminal(interactive, kind, encoding).state is state


def test_a_fixed_appliance_needs_no_supermin(tmp_path: Path) -> None:
    assert appliance_problem(str(tmp_path)) == "its appliance is not installed"
    for name in ("kernel", "initrd", "root"):
        (tmp_path / name).touch()
    assert appliance_problem(f"/nowhere:{tmp_path}") == ""


def _hide_programs(monkeypatch: pytest.MonkeyPatch, empty: Path) -> None:
    monkeypatch.setenv("PATH", str(empty))
    monkeypatch.setattr("rescue.verbs.doctor.abilities.PATH", str(empty))


def test_a_program_outside_the_path_of_a_user_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _hide_programs(monkeypatch, tmp_path / "empty")
    assert _found("nft") is None
    (tmp_path / "nft").touch(0o755)
    monkeypatch.setattr("rescue.verbs.doctor.abilities.PATH", str(tmp_path))
    assert _found("nft") == str(tmp_path / "nft")


def test_no_supermin_no_appliance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "supermin.d").mkdir()
    _hide_programs(monkeypatch, tmp_path)
    assert "supermin" in appliance_problem(str(tmp_path))


def test_the_document_keeps_to_its_schema() -> None:
    found = (root(1000, 0), kvm(Kvm.UNTRIED), memory(1 << 30))
    assert faults(as_document(found), "doctor-2") == []


def test_on_this_system(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever it has. QEMU is hidden, so that no machine is booted."""
    monkeypatch.setenv("RESCUE_CACHE", str(tmp_path))
    _hide_programs(monkeypatch, tmp_path)
    assert main(["doctor", "--json"]) == 3
    told = held(json.loads(capsys.readouterr().out), "doctor")
    states = {each["name"]: each["state"] for each in told["abilities"]}
    assert states["QEMU"] == states["nft"] == "missing"
    assert states["KVM"] != "ok"
    assert main(["doctor"]) == 3
    shown = capsys.readouterr().out
    assert "missing  nft " in shown
    assert "Without nft: " in shown


@pytest.mark.parametrize("words", [["version", "--verbose"], ["--version", "--verbose"]])
def test_versions_for_bug_reports(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 0
    first, *others = capsys.readouterr().out.split("\n")
    assert first.startswith("rescue ")
    assert {"system", "kernel", "Python", "rich", "ssh"} <= {line.partition(": ")[0] for line in others}
    assert main([*words, "--json"]) == 0
    assert "kernel" in json.loads(capsys.readouterr().out)["system"]
