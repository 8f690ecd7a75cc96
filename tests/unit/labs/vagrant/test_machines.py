"""Vagrant: what is said where it can't be used, and what its complaints are turned into."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from rescue.labs.errors import LabError
from rescue.labs.lessons.scenario import scenario
from rescue.labs.vagrant.call import COMPLAINTS, Said
from rescue.labs.vagrant.machines import AT_REST, VagrantLab

pytestmark = pytest.mark.unit

SCENARIO = "ufw-enable-without-ssh"


def complaint(said: str) -> str:
    """What a failed call that printed `said` is turned into: the message and the hint."""
    with pytest.raises(LabError) as raised:
        VagrantLab(Path("/nonexistent"))._must("", Said(1, said))
    return f"{raised.value} {raised.value.hint}"


def test_without_a_vagrantfile_it_says_to_run_from_a_checkout(tmp_path: Path) -> None:
    assert "checkout" in VagrantLab(tmp_path, checkout=tmp_path).available()


def test_without_vagrant_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    problem = VagrantLab(tmp_path).available()
    assert "Vagrant is not installed" in problem
    assert "apt-get install" in problem


def test_a_lab_that_can_not_be_had_is_not_started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LabError, match="Vagrant is not installed"):
        VagrantLab(tmp_path).start(scenario(SCENARIO))


@pytest.mark.parametrize(
    "said, told",
    [
        ("Failed to connect socket to '/var/run/libvirt/libvirt-sock': No such file", "systemctl start libvirtd"),
        ("qemu-img: error while writing: No space left on device", "Make room"),
        ("Could not set up host forwarding: Address already in use", "LAB_NET"),
        ("Network 192.168.56.0 is already in use by interface vboxnet0", "LAB_NET"),
        ("The box 'rescue-lab-debian12' could not be found", "scripts/build-box"),
        ("The provider 'libvirt' could not be found, but was requested", "vagrant-libvirt"),
        ("An action 'up' was attempted on the machine 'server', but another process is already executing", "Wait"),
        ('Failed to get "write" lock', "vagrant halt -f rescue"),
        ("Timed out while waiting for the machine to boot. This means that", "LAB_BOOT_TIMEOUT"),
    ],
)
def test_vagrant_s_complaint_says_what_to_do(said: str, told: str) -> None:
    assert told in complaint(said)


def test_a_complaint_that_nobody_knows_is_shown_as_it_is() -> None:
    assert "The moon is in the wrong phase" in complaint("The moon is in the wrong phase")
    assert all(re.compile(pattern) for pattern, _, _ in COMPLAINTS)


def test_a_machine_that_does_not_boot_shows_its_serial_line(tmp_path: Path) -> None:
    (tmp_path / "serial-server.log").write_text("Kernel panic - not syncing\n")
    with pytest.raises(LabError, match="Kernel panic"):
        VagrantLab(tmp_path)._must("server", Said(1, "Timed out while waiting for the machine to boot."))


def test_a_user_whose_name_is_a_command_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="user's name"):
        VagrantLab(tmp_path).attempt("root; reboot")


def test_a_server_for_which_no_box_is_made_is_said_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("LAB_BOX", raising=False)
    lab = VagrantLab(tmp_path)
    monkeypatch.setattr(lab, "_libvirt_plugin", lambda: True)
    with pytest.raises(LabError) as raised:
        lab._ensure_boxes(replace(scenario(SCENARIO), image="debian12-btrfs"))
    assert "debian12-btrfs" in str(raised.value)
    assert "without Vagrant" in raised.value.hint


def test_a_boot_is_at_its_end_with_a_prompt_or_in_emergency_mode() -> None:
    assert AT_REST.search("\r\nserver login: ")
    assert AT_REST.search("You are in emergency mode. After logging in")
    assert not AT_REST.search("Starting ssh.service - OpenBSD Secure Shell server...")
