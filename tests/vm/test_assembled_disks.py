"""A rescue system whose kernel knows LVM, RAID and encryption, and has put a server's disks together by itself.

What is active there is looked at and repaired as it is; what is not, from its bytes.
"""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from rescue.labs.images.rescue_system import RECIPE, put_rescue
from rescue.labs.machines.machine import Machine, work_copy
from rescue.targets.appliance import launch
from tests.conftest import LoadImage
from tests.contract import assembled, images

pytestmark = [
    pytest.mark.vm,
    pytest.mark.skipif(not launch.available(), reason="the disks are made with libguestfs, which is not installed"),
]

LIMIT = 900.0
"""Seconds that a run of rescue may take inside an emulated machine."""


def test_what_a_rescue_system_has_made_of_a_servers_disks_is_used(lab_image: LoadImage, place: Path) -> None:
    server, rescue_system = lab_image("debian12-lvm"), lab_image(RECIPE)
    own, lvm = work_copy(rescue_system.disk, place / "own.raw"), work_copy(server.disk, place / "lvm.raw")
    made = assembled.disks(place, ("lvm-a", "lvm-b", "luks", "md-1.2-a"))
    put_rescue(own)
    before = images.digest(lvm)
    with Machine(rescue_system, own, extra_disks=(lvm, *made.values())) as machine:
        machine.start().wait_for_login()

        def asked(command: str) -> str:
            ended = machine.ssh(command, limit=LIMIT)
            assert ended.status == 0, ended
            return str(ended.output).strip()

        def inspected(disk: str) -> dict[str, Any]:
            ended = machine.ssh(f"rescue inspect {disk} --json", limit=LIMIT)
            assert ended.status in (0, 3), ended
            told: dict[str, Any] = json.loads(ended.output)
            return told

        # /dev/vdb: LVM on the whole disk, with a /var of its own, first active and then not.
        asked("vgchange -ay")
        for action in ("-ay", "-an"):
            asked(f"vgchange {action}")
            found = inspected("/dev/vdb")
            assert (found["verdict"], found["target"]["notes"]) == ("incomplete", [])
        # /dev/vdc and /dev/vdd: LVM over both, /var in three pieces. This system has no QEMU: device-mapper joins them.
        asked("vgchange -an; modprobe loop")
        opened, was = asked("dmsetup ls; losetup --list"), asked("sha256sum /dev/vdc /dev/vdd")
        found = inspected("/dev/vdc")
        assert (found["release"]["name"], found["target"]["notes"]) == ("A server", [])
        assert asked("rescue space /dev/vdc --json | grep -c /var/lib") != "0"
        assert (asked("dmsetup ls; losetup --list"), asked("sha256sum /dev/vdc /dev/vdd")) == (opened, was)
        # Nor has it one to replay a journal into: a disk that was copied while it was written to.
        asked("vgchange -ay vg-0; mount /dev/vg-0/root /mnt")
        asked("sed -i 's/A server/A late server/' /mnt/etc/os-release; sync")
        asked("dd if=/dev/vg-0/root of=/root/copy.raw bs=1M")
        asked("sed -i 's/A late server/A server/' /mnt/etc/os-release")
        asked("umount /mnt")
        was = asked("sha256sum /root/copy.raw")
        found = inspected("/root/copy.raw --backend kernel")
        assert found["release"]["name"] == "A late server"
        assert [note for note in found["target"]["notes"] if "journal" in note] == []
        assert asked("sha256sum /root/copy.raw; rm /root/copy.raw") == was
        asked("vgchange -ay")
        found = inspected("/dev/vdc")
        assert (found["release"]["name"], found["target"]["notes"]) == ("A server", [])
        fixed = machine.ssh("rescue fix /dev/vdc --yes", limit=LIMIT)
        assert "/home is on" not in fixed.output
        # /dev/vde: /boot beside an encrypted volume. It is opened where the passphrase is known, and closed again.
        refused = machine.ssh("rescue inspect /dev/vde", limit=LIMIT)
        assert refused.status == 4, refused
        assert "--key-file" in refused.errors
        asked(f"printf '%s\\n' {shlex.quote(assembled.PASSPHRASE)} >/root/key; echo wrong >/root/wrong")
        was, opened = asked("sha256sum /dev/vde"), asked("dmsetup ls; losetup --list")
        wrong = machine.ssh("rescue inspect /dev/vde --key-file /root/wrong", limit=LIMIT)
        assert (wrong.status, "passphrase" in wrong.errors) == (4, True), wrong
        found = inspected("/dev/vde --key-file /root/key")
        assert (found["release"]["name"], found["target"]["notes"]) == ("A server", [])
        assert (asked("sha256sum /dev/vde"), asked("dmsetup ls; losetup --list")) == (was, opened)
        for ending in ("", "kill -9 $(pgrep -of '[r]escue mount'); "):
            asked("rescue mount /dev/vde --key-file /root/key")
            assert "rescue-luks-" in asked("dmsetup ls")
            asked(f"echo by hand >>/mnt/rescue-luks/etc/motd; sync; {ending}rescue umount")
            assert asked("dmsetup ls; losetup --list") == opened
        asked(f"printf %s {shlex.quote(assembled.PASSPHRASE)} | cryptsetup open --key-file - /dev/vde2 server")
        asked("udevadm settle; vgchange -ay vg1")
        found = inspected("/dev/vde")
        assert (found["release"]["name"], found["target"]["notes"]) == ("A server", [])
        # /dev/vdf: a mirror that lost its other disk, as it is and as md has it.
        found = inspected("/dev/vdf")
        assert len(found["target"]["notes"]) <= 1
        asked("cat /proc/mdstat; mdadm --run /dev/md[0-9]* || mdadm --assemble --scan --run; cat /proc/mdstat")
        found = inspected("/dev/vdf")
        assert (found["release"]["name"], found["target"]["notes"]) == ("A server", [])

        assert "by hand\nby hand" in asked("mount -o ro /dev/vg1/root /mnt; cat /mnt/etc/motd; umount /mnt")

        def listed() -> dict[str, Any]:
            return {each["path"]: each for each in json.loads(asked("rescue disks --json"))["disks"]}

        # LVM's own word, of what is active, of what is not, and of a group of which a part is.
        report = "lvs --reportformat json --units b --nosuffix -o vg_name,lv_name,lv_size,lv_dm_path vg-0"
        told = {each["lv_dm_path"]: each for part in json.loads(asked(report))["report"] for each in part["lv"]}
        active = listed()
        assert [path for path, each in active.items() if each["is_own"]] == ["/dev/vda"]
        assert {path: str(each["size"]) for path, each in active.items() if each["volume_group"] == "vg-0"
                and each["type"] == "lvm"} == {path: each["lv_size"] for path, each in told.items()}  # fmt: skip
        assert active["/dev/mapper/vg--0-root"]["is_root"]
        assert {active[path]["volume_group"] for path in ("/dev/vdc1", "/dev/vdd1")} == {"vg-0"}
        asked("vgchange -an vg-0; lvchange -ay vg-0/logs")
        for some in ({"logs"}, set()):
            partly = listed()
            volumes = {each["name"]: str(each["size"]) for disk in partly.values() for each in disk["volumes"]}
            assert {name: length for name, length in volumes.items() if name.startswith("/dev/vg-0/")} == {
                f"/dev/vg-0/{each['lv_name']}": each["lv_size"] for each in told.values() if each["lv_name"] not in some
            }
            assert [path for path in partly if path.startswith("/dev/mapper/vg--0")] == [
                f"/dev/mapper/vg--0-{name}" for name in some
            ]
            asked("vgchange -an vg-0")
        asked("vgchange -an")
        machine.power_off()
    assert images.digest(lvm) == before
