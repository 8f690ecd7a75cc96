"""A lab's machine boots as a server does: what is left out of its boot is what `machines.left_out` lists."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from rescue.labs.images.image import BuiltImage
from rescue.labs.machines.left_out import DEVICES, UNITS
from rescue.labs.machines.machine import Machine, work_copy
from rescue.model import Symptom
from tests.conftest import LoadImage
from tests.vm.servers import opened
from tests.vm.test_images_boot import sample

pytestmark = pytest.mark.vm

SETTLED = "systemctl is-system-running --wait || true; udevadm settle"

LOADED = """\
systemctl show --no-pager --all '*' \\
    -p Id -p Slice -p SysFSPath -p ConditionTimestampMonotonic -p InactiveExitTimestampMonotonic
"""
"""systemd's own record of every unit: whether a job looked at it, and whether it left its inactive state."""

SUBSYSTEMS = """\
while read -r path; do
    echo "$path $(basename "$(readlink -f "$path/subsystem" || echo none)")"
done << 'END'
{paths}
END
"""

OVERRIDES = """\
for each in /run/systemd/system /run/systemd/system.control /run/systemd/system-generators; do
    [ ! -d $each ] || find $each ! -type d
done
"""


ONCE_MASKED = (
    "systemd-journal-flush.service",
    "systemd-network-generator.service",
    "systemd-random-seed.service",
    "systemd-remount-fs.service",
    "systemd-tmpfiles-setup-dev.service",
    "systemd-update-utmp.service",
)
"""Units that a login can wait for or fail on, and that the lab's machines once did without."""


@dataclass(frozen=True)
class Boot:
    """What there is to see of a boot. started: unit -> its slice. devices: device unit -> its subsystem."""

    started: dict[str, str]
    devices: dict[str, str]
    files: str
    overrides: list[str]


@pytest.mark.parametrize("name", sample())
def test_what_a_boot_of_the_lab_leaves_out_is_what_is_listed(name: str, lab_image: LoadImage, place: Path) -> None:
    image = lab_image(name)
    whole, own = (booted(image, place, whole=whole) for whole in (True, False))
    # The whole boot is a server's: over its units lie the lab's own ones, and nothing else.
    assert [path for path in whole.overrides if not path.rpartition("/")[2].startswith("lab-")] == []
    assert whole.files == own.files
    assert "masked-runtime" not in whole.files
    listed = {each.unit for each in UNITS}
    assert listed & own.started.keys() == set()
    assert {"getty@tty1.service", "serial-getty@ttyS0.service"} <= whole.started.keys()
    slices = {whole.started[unit] for unit in listed & whole.started.keys()} - set(own.started.values())
    missing = whole.started.keys() - own.started.keys()
    assert {unit for unit in missing if whole.devices.get(unit) not in DEVICES} == (listed | slices) & missing
    assert own.started.keys() - whole.started.keys() == set()
    assert "user@0.service" in own.started
    # Debian 13 has no utmp any more.
    assert {unit for unit in ONCE_MASKED if unit not in own.started and f"\n{unit} " in own.files} == set()


def booted(image: BuiltImage, place: Path, *, whole: bool) -> Boot:
    """Boot a fresh copy of the image's disk, log in, and look from there: the login's own units are part of it."""
    disk = work_copy(image.disk, place / "server.raw")
    with Machine(image, disk, whole=whole) as machine:
        machine.start().wait_for_login()
        said(machine, SETTLED)
        shown = machine.ssh(LOADED)
        assert shown.status == 0, shown
        units = [dict(line.partition("=")[::2] for line in unit.split("\n")) for unit in shown.output.split("\n\n")]
        paths = {unit["Id"]: unit["SysFSPath"] for unit in units if unit.get("SysFSPath")}
        lines = said(machine, SUBSYSTEMS.format(paths="\n".join(paths.values()))).split("\n")
        subsystems = dict(line.rpartition(" ")[::2] for line in lines)
        files = said(machine, "systemctl list-unit-files --no-legend --no-pager --plain")
        overrides = said(machine, OVERRIDES).split("\n")
        assert machine.ssh("true", user="alice").symptom is Symptom.OK
        machine.power_off()
    return Boot(
        {unit["Id"]: unit.get("Slice", "") for unit in units if looked_at(unit)},
        {unit: subsystems[path] for unit, path in paths.items()},
        files,
        overrides,
    )


def looked_at(unit: dict[str, str]) -> bool:
    """Whether a job was about it; sessions are counted, and each boot counts as many as there were tries."""
    return not unit["Id"].startswith("session-") and any(
        unit.get(f"{name}TimestampMonotonic", "0") != "0" for name in ("Condition", "InactiveExit")
    )


def said(machine: Machine, script: str) -> str:
    ended = machine.console(script)
    assert ended.status == 0, ended
    return ended.output.strip()


def test_a_root_that_is_read_only_in_fstab_is_read_only_on_the_machine(lab_image: LoadImage, place: Path) -> None:
    image = lab_image("debian12")
    disk = work_copy(image.disk, place / "server.raw")
    with Machine(image, disk) as machine:
        machine.start().wait_for_login()
        assert "rw" in said(machine, "findmnt -n -o OPTIONS /").split(",")
        said(machine, "sed -i 's|/ ext4 errors=|/ ext4 ro,noatime,errors=|' /etc/fstab; grep ro,noatime /etc/fstab")
        machine.power_off()
        machine.start().wait_for_boot()
        assert {"ro", "noatime", "errors=remount-ro"} <= set(said(machine, "findmnt -n -o OPTIONS /").split(","))
        assert machine.ssh("true").symptom is Symptom.OK
        refused = machine.ssh("touch /root/written")
        assert (refused.status, "Read-only file system" in refused.errors) == (1, True), refused
        # Without a line for it, it stays as the boot loader's "ro" has it.
        said(machine, "mount -o remount,rw /; sed -i '/ext4/d' /etc/fstab; mount -o remount,ro /")
        machine.power_off()
        machine.start().wait_for_boot()
        assert "ro" in said(machine, "findmnt -n -o OPTIONS /").split(",")
        machine.power_off()
    with opened(image, disk) as root:
        assert "ext4" not in root.text("etc/fstab")
