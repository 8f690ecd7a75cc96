"""The machine room itself: saved and restored, never left running, clear about what goes wrong."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rescue.labs.machines.accelerate import KVM, TCG, accelerator
from rescue.labs.machines.boot import boot_files
from rescue.labs.machines.machine import Machine, MachineError, work_copy
from rescue.labs.machines.network import UserNetwork
from rescue.labs.machines.saved import start_healthy
from rescue.model import Symptom
from rescue.targets.host.cache import cache_directory
from tests.conftest import LoadImage

pytestmark = pytest.mark.vm

REPOSITORY = Path(__file__).resolve().parents[2]


def saved_states(name: str) -> set[Path]:
    return {path for path in (cache_directory() / "saved").glob(f"{name}-*") if path.is_dir()}


@pytest.fixture
def own_cache(lab_image: LoadImage, place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache that holds the image by a link, and nothing else."""
    image = lab_image("debian12")
    cache = place / "cache"
    cache.mkdir()
    (cache / image.directory.name).symlink_to(image.directory)
    monkeypatch.setenv("RESCUE_CACHE", str(cache))
    return cache


def test_a_saved_machine_goes_on_with_its_memory_its_disk_and_the_present_time(
    lab_image: LoadImage, own_cache: Path, place: Path
) -> None:
    image = lab_image("debian12")
    disk = place / "server.raw"
    with Machine(image, disk) as machine:
        assert not start_healthy(machine)
        first = machine.console("cat /proc/sys/kernel/random/boot_id; echo spoilt > /etc/motd; date +%s")
        assert first.status == 0
    with Machine(image, disk) as machine:
        assert start_healthy(machine)
        second = machine.console("cat /proc/sys/kernel/random/boot_id; cat /etc/motd; date +%s")
        assert second.output.split("\n")[0] == first.output.split("\n")[0]
        assert "spoilt" not in second.output
        assert abs(int(second.output.split()[-1]) - time.time()) < 60
        assert machine.ssh("true", user="alice").symptom is Symptom.OK
        assert machine.ssh("true", family=6).symptom is Symptom.OK
        machine.power_off()


def test_a_saved_state_that_can_not_be_read_is_thrown_away_and_the_machine_booted(
    lab_image: LoadImage, own_cache: Path, place: Path
) -> None:
    image = lab_image("debian12")
    with Machine(image, place / "server.raw") as machine:
        assert not start_healthy(machine)
    [state] = saved_states("debian12")
    whole = (state / "state").stat().st_size
    with (state / "state").open("r+b") as stream:
        stream.truncate(whole // 2)
    said: list[str] = []
    with Machine(image, place / "server.raw") as machine:
        assert not start_healthy(machine, progress=said.append)
        assert machine.ssh("true").symptom is Symptom.OK
    assert "booted anew" in said[0]
    assert (state / "state").stat().st_size > whole // 2


def test_a_half_saved_state_is_never_used(lab_image: LoadImage, own_cache: Path, place: Path) -> None:
    image = lab_image("debian12")
    with Machine(image, place / "server.raw") as machine:
        start_healthy(machine)
    [state] = saved_states("debian12")
    state.rename(state.with_name(f"{state.name}.building"))
    with Machine(image, place / "server.raw") as machine:
        assert not start_healthy(machine)
    assert saved_states("debian12") == {state}


def test_a_machine_in_qemus_own_network_is_saved_and_restored_too(
    lab_image: LoadImage, own_cache: Path, place: Path
) -> None:
    image = lab_image("debian12")
    for restored in (False, True):
        with Machine(image, place / "server.raw", network=UserNetwork()) as machine:
            assert start_healthy(machine) is restored
            assert machine.ssh("true", user="alice").symptom is Symptom.OK


def test_a_script_goes_on_when_it_cuts_the_network(lab_image: LoadImage, place: Path) -> None:
    with Machine(lab_image("debian12"), place / "server.raw") as machine:
        start_healthy(machine)
        done = machine.console("ip link set eth0 down\necho still here\nexit 7")
        assert (done.status, done.output) == (7, "still here\n")
        # Unreachable, or timed out while the client's kernel still believes in its neighbour.
        assert machine.ssh("true").symptom in (Symptom.UNREACHABLE, Symptom.TIMED_OUT)
        assert machine.run_script("ip link set eth0 up") == 0
        machine.wait_for_login()


def test_a_boot_that_stops_in_the_emergency_shell_is_told_and_its_console_works(
    lab_image: LoadImage, place: Path
) -> None:
    with Machine(lab_image("debian12"), place / "server.raw") as machine:
        start_healthy(machine)
        fstab = "echo '/dev/vdz /data ext4 defaults,x-systemd.device-timeout=2s 0 2' >> /etc/fstab"
        assert machine.run_script(fstab) == 0
        machine.power_off()
        with pytest.raises(MachineError, match="emergency shell"):
            machine.start().wait_for_boot()
        assert machine.run_script("sed -i /vdz/d /etc/fstab") == 0
        machine.power_off()
        machine.start().wait_for_boot()


def test_a_rescue_machine_writes_to_a_second_disk_in_qcow2(lab_image: LoadImage, place: Path) -> None:
    image = lab_image("debian12")
    base, patient = work_copy(image.disk, place / "base.raw"), place / "patient.raw"
    disk = place / "server.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-b", str(base), "-F", "raw", str(disk)], check=True)
    work_copy(image.disk, patient)
    with Machine(image, disk, extra_disks=(patient,)) as machine:
        machine.start().wait_for_boot()
        done = machine.console("mount /dev/vdb /mnt; echo rescued > /mnt/etc/motd; umount /mnt")
        assert done.status == 0, done
        machine.power_off()
    told = subprocess.run(["debugfs", "-R", "cat /etc/motd", str(patient)], capture_output=True, text=True, check=True)
    assert told.stdout == "rescued\n"


def test_a_disk_that_another_machine_uses_is_refused_with_what_to_do(lab_image: LoadImage, place: Path) -> None:
    image = lab_image("debian12")
    disk = work_copy(image.disk, place / "server.raw")
    with Machine(image, disk) as first, Machine(image, disk) as second:
        first.start()
        with pytest.raises(MachineError, match="in use by another QEMU") as refused:
            second.start()
        assert "Power that machine off" in refused.value.hint


def test_a_port_in_use_is_told(lab_image: LoadImage, place: Path) -> None:
    image = lab_image("debian12")
    disk = work_copy(image.disk, place / "server.raw")
    one = UserNetwork()
    with Machine(image, disk, network=one) as first:
        first.start()
        other = work_copy(image.disk, place / "other.raw")
        with Machine(image, other, network=one) as second, pytest.raises(MachineError, match=r"port .* is in use"):
            second.start()


def test_more_memory_than_there_is_is_told(lab_image: LoadImage, place: Path) -> None:
    image = lab_image("debian12")
    disk = work_copy(image.disk, place / "server.raw")
    with Machine(image, disk, memory=1 << 27) as machine, pytest.raises(MachineError, match="memory"):
        machine.start()


def test_a_disk_without_a_server_ends_with_the_serial_lines_last_words(lab_image: LoadImage, place: Path) -> None:
    disk = place / "server.raw"
    with disk.open("wb") as stream:
        stream.truncate(64 << 20)
    with Machine(lab_image("debian12"), disk) as machine:
        machine.start()
        with pytest.raises(MachineError, match="lab: can't mount /dev/vda"):
            machine.wait_for_boot()


def test_without_qemu_it_is_said_what_to_run(
    lab_image: LoadImage, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = lab_image("debian12")
    disk = work_copy(image.disk, place / "server.raw")
    monkeypatch.setattr("rescue.labs.machines.qemu.QEMU", "qemu-that-is-not-installed")
    with Machine(image, disk) as machine, pytest.raises(MachineError) as refused:
        machine.start()
    assert refused.value.hint == "Run scripts/setup."


CHILD = """
import sys, time
from pathlib import Path
from rescue.labs.images.image import BuiltImage
from rescue.labs.machines.machine import Machine
with Machine(BuiltImage("debian12", Path(sys.argv[1]), Path(sys.argv[2])), Path(sys.argv[3])) as machine:
    machine.start()
    print(machine.pid, flush=True)
    time.sleep(600)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_no_machine_outlives_the_program_that_started_it(
    how: signal.Signals, lab_image: LoadImage, place: Path
) -> None:
    image = lab_image("debian12")
    disk = work_copy(image.disk, place / "server.raw")
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(image.directory), str(image.key), str(disk)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=dict(os.environ, PYTHONPATH=str(REPOSITORY)),
    )
    assert child.stdout is not None
    qemu = int(child.stdout.readline())
    assert Path(f"/proc/{qemu}").exists()
    child.send_signal(how)
    child.wait(60)
    deadline = time.monotonic() + 60
    while running(qemu) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not running(qemu)


def running(pid: int) -> bool:
    """Whether the process is there and no corpse."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_an_accelerator_is_chosen_by_trying_it_and_the_answer_is_kept(lab_image: LoadImage, own_cache: Path) -> None:
    files = boot_files(lab_image("debian12"))
    kind = accelerator(files)
    assert kind in (KVM, TCG)
    assert accelerator(files) == kind
    # Where there is no /dev/kvm at all nothing has to be remembered.
    if os.access("/dev/kvm", os.R_OK | os.W_OK):
        assert (own_cache / "kvm-probe").read_text().endswith(f" {kind}")
