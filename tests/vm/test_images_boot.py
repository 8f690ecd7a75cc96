"""Images of the lab's servers as machines: each recipe boots to a login, and the rescue system rescues."""

from __future__ import annotations

import json
import os
import shlex
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rescue.labs.images.image import BuiltImage
from rescue.labs.images.recipe import load_recipe, recipes
from rescue.labs.images.rescue_system import RECIPE, put_rescue
from rescue.labs.machines.machine import Machine, work_copy
from tests.conftest import RECIPES, LoadImage
from tests.machines.mounts import mounted

pytestmark = pytest.mark.vm

NAMES = tuple(name for name in recipes(RECIPES) if not name.startswith("box-"))

ACTIVE = {
    "debian12-socket": ("ssh.socket",),
    "debian13-socket": ("ssh.socket",),
    "debian12-nftables": ("ssh.service", "nftables.service"),
    "debian13-nftables": ("ssh.service", "nftables.service"),
    "debian12-iptables": ("ssh.service", "netfilter-persistent.service"),
    "debian13-iptables": ("ssh.service", "netfilter-persistent.service"),
    "debian12-ipset": ("ssh.service", "netfilter-persistent.service"),
    "debian12-firewalld": ("ssh.service", "firewalld.service"),
    "debian12-fail2ban": ("ssh.service", "fail2ban.service"),
}
"""Recipe -> the units that have to be up; ssh.service alone where nothing is said."""

LIMIT = 900.0
"""Seconds that a run of rescue may take inside an emulated machine."""


def sample() -> tuple[str, ...]:
    """RESCUE_VM_IMAGES of the recipes (default 1, "all" for all): others each day, all of them in turn."""
    told = os.environ.get("RESCUE_VM_IMAGES", "1")
    count = len(NAMES) if told == "all" else int(told)
    first = datetime.now(UTC).date().toordinal() * count
    return tuple(NAMES[(first + number) % len(NAMES)] for number in range(min(count, len(NAMES))))


@pytest.mark.parametrize("name", sample())
def test_the_image_of_the_day_boots_to_a_login(name: str, lab_image: LoadImage, place: Path) -> None:
    image = lab_image(name)
    recipe = load_recipe(RECIPES, name)
    with Machine(image, copied(image, place)) as machine:
        machine.start().wait_for_login()
        assert machine.ssh("true", user="alice").status == 0
        assert asked(machine, "findmnt -n -o FSTYPE /") == image.layout.filesystem
        assert asked(machine, "hostname") == recipe.hostname
        assert asked(machine, "findmnt -n -o SOURCE /").partition("[")[0] == image.root_device
        if image.layout.name == "btrfs":
            assert "subvol=/@rootfs" in asked(machine, "findmnt -n -o OPTIONS /")
        if image.layout.name == "lvm":
            assert asked(machine, "findmnt -n -o SOURCE /var").endswith("-var")
        for unit in ACTIVE.get(name, ("ssh.service",)):
            assert asked(machine, f"systemctl is-active {shlex.quote(unit)}") == "active"
        machine.power_off()


def test_the_rescue_system_repairs_a_servers_disk_that_is_attached_to_it(lab_image: LoadImage, place: Path) -> None:
    server, rescue_system = lab_image("debian12"), lab_image(RECIPE)
    disk, own = copied(server, place), copied(rescue_system, place)
    with mounted("-o", "loop", str(disk), at=place / "mnt") as root:
        # What `systemctl mask ssh` does.
        (root / "etc/systemd/system/ssh.service").symlink_to("/dev/null")
    put_rescue(own)
    with Machine(rescue_system, own, extra_disks=(disk,)) as machine:
        machine.start().wait_for_login()
        assert asked(machine, "hostname") == "rescue"
        inspected = machine.ssh("rescue inspect /dev/vdb --json", limit=LIMIT)
        assert inspected.status == 3, inspected
        assert [each["cause"] for each in json.loads(inspected.output)["findings"]] == ["sshd-masked"]
        fixed = machine.ssh("rescue fix /dev/vdb --yes", limit=LIMIT)
        assert fixed.status == 3, fixed
        assert "Nothing wrong is left that could be found." in fixed.output
        assert asked(machine, "findmnt -n /dev/vdb || echo free") == "free"
        machine.power_off()
    with Machine(server, disk) as machine:
        machine.start().wait_for_login()
        machine.power_off()


def copied(image: BuiltImage, place: Path) -> Path:
    """A copy of the image's disk to write to."""
    return work_copy(image.disk, place / f"{image.name}.raw")


def asked(machine: Machine, command: str) -> str:
    """What the command prints on the machine, without its line's end."""
    ended = machine.ssh(command)
    assert ended.status == 0, ended
    return ended.output.strip()
