"""Two ways to a booted server's disk beside the usual one: through libguestfs, and with a partition table."""

from __future__ import annotations

from pathlib import Path

import pytest

from rescue.labs.machines.machine import Machine, work_copy
from rescue.labs.machines.saved import start_healthy
from rescue.model import Symptom
from rescue.targets.appliance import target as guestfs
from tests.conftest import LoadImage
from tests.machines.command import causes, rescue
from tests.vm.servers import digest

pytestmark = pytest.mark.vm

BACKENDS = ("kernel", "guestfs") if guestfs.available() else ("kernel",)


def test_ufw_enabled_over_ssh_locks_out_and_the_disk_gets_the_door_open(lab_image: LoadImage, place: Path) -> None:
    image = lab_image("debian12")
    disk = place / "server.raw"
    with Machine(image, disk) as machine:
        start_healthy(machine)
        done = machine.ssh("ufw allow 80; ufw allow 443; ufw --force enable")
        assert done.status == 0, done
        seen = machine.ssh("true")
        assert seen.symptom is Symptom.TIMED_OUT, seen
        machine.power_off()

        before = digest(disk)
        for backend in BACKENDS:
            inspected = rescue("inspect", disk, "--backend", backend, home=place, status=3)
            assert causes(inspected) == ["ufw-no-ssh-rule"]
            assert inspected["symptom"] == "timed out"
            assert digest(disk) == before
        fixed = rescue("fix", disk, "--yes", "--backend", BACKENDS[-1], home=place, status=3)
        assert {change["path"] for change in fixed["changes"]} == {"/etc/ufw/user.rules", "/etc/ufw/user6.rules"}

        machine.start().wait_for_login("alice")
        rules = machine.ssh("ufw status")
        assert "Status: active" in rules.output
        assert {"22/tcp", "80", "443"} <= set(rules.output.split())
        machine.power_off()
    rescue("undo", disk, "--yes", "--backend", "kernel", home=place, status=0)
    again = rescue("inspect", disk, "--backend", "kernel", home=place, status=3)
    assert causes(again) == ["ufw-no-ssh-rule"]


def test_a_masked_ssh_on_a_partitioned_disk_is_refused_until_it_is_repaired(lab_image: LoadImage, place: Path) -> None:
    image = lab_image("debian12")
    disk = place / "server.raw"
    with Machine(image, disk, root="/dev/vda1") as machine:
        start_healthy(machine, variant="gpt", make_disk=lambda path: work_copy(image.gpt, path))
        assert machine.run_script("systemctl mask ssh") == 0
        machine.reboot_soft().wait_for_boot()
        seen = machine.ssh("true")
        assert seen.symptom is Symptom.REFUSED, seen
        machine.power_off()

        before = digest(disk)
        inspected = rescue("inspect", disk, "--backend", "kernel", home=place, status=3)
        assert causes(inspected) == ["sshd-masked"]
        assert inspected["symptom"] == "refused"
        assert digest(disk) == before
        rescue("fix", disk, "--yes", "--backend", "kernel", home=place, status=3)

        machine.start().wait_for_login()
        assert machine.ssh("systemctl is-enabled ssh").output == "enabled\n"
        machine.power_off()
