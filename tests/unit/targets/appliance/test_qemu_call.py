"""libguestfs' call of QEMU is taken apart, and put together again for a machine that is saved and restored."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from rescue.targets.appliance.qemu_call import MAX_DISKS, UnknownCall, understood

pytestmark = pytest.mark.unit

# As libguestfs 1.48.6 calls QEMU 7.2 for a disk behind an overlay.
BEFORE = (
    "/usr/bin/qemu-system-x86_64", "-global", "virtio-blk-pci.scsi=off", "-no-user-config", "-nodefaults", "-display",
    "none", "-machine", "accel=tcg,graphics=off", "-cpu", "max,la57=off", "-m", "1280", "-no-reboot", "-rtc",
    "driftfix=slew", "-no-hpet", "-global", "kvm-pit.lost_tick_policy=discard", "-kernel", "/var/tmp/.guestfs-0/kernel",
    "-initrd", "/var/tmp/.guestfs-0/initrd", "-object", "rng-random,filename=/dev/urandom,id=rng0", "-device",
    "virtio-rng-pci,rng=rng0", "-device", "virtio-scsi-pci,id=scsi",
)  # fmt: skip
OVERLAY = (
    "file.file.filename=/tmp/libguestfsX/overlay1.qcow2,file.driver=qcow2,file.backing.file.locking=off,cache=unsafe,"
    "id=hd0,if=none"
)
WRITTEN = "file=/srv/a,,b id=hd7.img,cache=writeback,format=raw,id=hd0,if=none"
AFTER = (
    "-drive", "file=/var/tmp/.guestfs-0/ro,,ot,snapshot=on,id=appliance,cache=unsafe,if=none,format=raw", "-device",
    "scsi-hd,drive=appliance", "-device", "virtio-serial-pci", "-serial", "stdio", "-chardev",
    "socket,path=/tmp/libguestfsY/guestfsd.sock,id=channel0", "-device",
    "virtserialport,chardev=channel0,name=org.libguestfs.channel.0", "-append",
    "panic=1 console=ttyS0 lpj=123 root=UUID=68cd12f6 selinux=0 quiet TERM=xterm",
)  # fmt: skip
DISKS = ("-drive", OVERLAY, "-device", "scsi-hd,drive=hd0")
WORDS = (*BEFORE, *DISKS, *AFTER)


def changed(old: str, new: str) -> tuple[str, ...]:
    assert any(old in word for word in WORDS)
    return tuple(word.replace(old, new) for word in WORDS)


def test_the_parts_are_told_apart() -> None:
    call = understood(WORDS)
    assert call.program == "/usr/bin/qemu-system-x86_64"
    assert (call.memory, call.machine) == (1280, "accel=tcg,graphics=off")
    assert call.append == "panic=1 console=ttyS0 root=UUID=68cd12f6 selinux=0 quiet"
    assert call.channel == "/tmp/libguestfsY/guestfsd.sock"
    assert call.root == Path("/var/tmp/.guestfs-0/ro,ot")
    assert call.drives == (OVERLAY,)
    assert understood(changed(OVERLAY, WRITTEN)).drives == (WRITTEN,)
    gone = {"-machine", "-m", "accel=tcg,graphics=off", "1280", "-device", "virtio-scsi-pci,id=scsi"}
    assert call.rest == (*(word for word in BEFORE[1:-4] if word not in gone), "-device", "virtio-rng-pci,rng=rng0")


def test_what_is_saved_and_what_is_restored_are_one_machine() -> None:
    call = understood(WORDS)
    place, monitor = Path("/cache/it"), Path("/tmp/monitor")
    boot, restore = call.boot(place, monitor), call.restore(place, monitor)

    def devices(words: list[str]) -> list[str]:
        return [value for option, value in itertools.pairwise(words) if option == "-device"]

    assert devices(boot)[: len(devices(restore))] == devices(restore)
    assert len(devices(boot)) == len(devices(restore)) + MAX_DISKS
    for words, share in ((boot, "on"), (restore, "off")):
        assert f"memory-backend-file,id=ram,size=1280M,share={share},mem-path=/cache/it/memory" in words
        assert "accel=tcg,graphics=off,memory-backend=ram" in words
    for option in ("-append", "-kernel", "-m", "-cpu"):
        assert boot[boot.index(option) + 1] == restore[restore.index(option) + 1]
    assert "file=/cache/it/root,if=none,id=appliance,cache=unsafe,format=qcow2,snapshot=on" in restore
    assert "socket,path=/tmp/libguestfsY/guestfsd.sock,id=channel0" in restore
    assert not any("hd0" in word for word in (*boot, *restore))
    assert "-incoming" in restore
    assert "-incoming" not in boot


def test_a_state_serves_all_disks_and_terminals_and_no_other_machine() -> None:
    def key(words: tuple[str, ...], *versions: object) -> str:
        return understood(words).key(versions)

    usual = key(WORDS)
    assert key((*BEFORE, *AFTER)) == usual
    for old, new in (("TERM=xterm", "TERM=screen-256color"), ("lpj=123", "lpj=9"), ("libguestfsY", "libguestfsZ")):
        assert key(changed(old, new)) == usual
    for old, new in (("68cd12f6", "11111111"), ("1280", "2048"), ("max,la57=off", "qemu64"), ("quiet", "guestfs_v=1")):
        assert key(changed(old, new)) != usual
    assert key(WORDS, 1) != usual


@pytest.mark.parametrize(
    "words",
    [
        changed("accel=tcg", "accel=kvm:tcg"),
        changed("id=hd0", "id=hd1"),
        changed("id=appliance", "id=other"),
        changed("virtserialport,", "virtserialport,id=it,"),
        changed("virtio-scsi-pci,id=scsi", "virtio-scsi-ccw,id=scsi"),
        changed("1280", "1280M"),
        changed(OVERLAY, WRITTEN.replace("/srv", "/srv/\udcff")),
        (*WORDS, "-netdev", "user,id=usernet"),
        (*WORDS, "-device", "ide-hd,drive=more"),
        (*WORDS, "-append", "more"),
        (*BEFORE, "-drive", "file=/srv/x,id=hd0,if=ide", *AFTER),
        (*BEFORE, *(w.replace("hd0", f"hd{n}") for n in range(MAX_DISKS + 1) for w in DISKS[:4]), *AFTER),
        WORDS[:-1],
        WORDS[:1],
    ],
)
def test_what_is_not_as_usual_is_left_to_libguestfs(words: tuple[str, ...]) -> None:
    with pytest.raises(UnknownCall):
        understood(words)
