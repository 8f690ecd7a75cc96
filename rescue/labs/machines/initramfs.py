"""The smallest initial file system that boots a lab's server: load the disk's driver, mount it, go on.

Debian's own initramfs starts udev and waits for it to settle, which costs an emulated machine many seconds. This one
is busybox, a few modules and some lines of shell. Format: cpio "newc", see the kernel's
Documentation/driver-api/early-userspace/buffer-format.rst.
"""

from __future__ import annotations

import lzma
import re
from pathlib import Path

from rescue.labs.errors import LabError
from rescue.labs.images.layout import EXT4
from rescue.labs.machines import left_out, serial_console

DEVICES = ("virtio_pci", "virtio_blk")
"""The modules that a QEMU machine needs to see its disk. Those built into the kernel are left out."""

CONTROL = "overrides/systemd/system.control"
"""Unit settings for this boot that come before those of /etc (systemd.unit(5), "Unit File Load Path")."""

TRIGGER = "overrides/systemd/system/systemd-udev-trigger.service.d"

NETWORK = """\
[Network]
DHCP=no
LinkLocalAddressing=ipv6
IPv6AcceptRA=no
Address=ADDRESS4

[Address]
Address=ADDRESS6
DuplicateAddressDetection=none
"""
"""systemd.network(5), added to the server's own file for its card: no DHCP server has to answer.

It is a drop-in, so that a server whose own file no longer matches its card has no network, as it would have none.
"""

WHOLE = "lab.whole"
"""Told on the kernel's command line, nothing is left out of the boot."""

PROBE_ANSWER = "lab: this processor works"
"""What the machine says on its serial line when it is booted with the word lab.probe."""

UDEV_TRIGGER = """\
[Service]
ExecStart=
ExecStart=-udevadm trigger --type=all --action=add --prioritized-subsystem=module,block,tpmrm,net,tty,input {options}
"""
"""systemd's own call, without the devices that `rescue.labs.machines.left_out` names."""

BOOTED = "lab: the system is up"

STOPPED = "lab: the boot has stopped"

STOPPED_UNIT = f"""\
[Unit]
DefaultDependencies=no

[Service]
Type=oneshot
ExecStart=/bin/sh -c 'echo "{STOPPED}" > /dev/ttyS0'
"""
"""Says so where a boot ends in the emergency or the rescue shell (systemd.special(7))."""

BOOTED_UNIT = """\
[Unit]
After=multi-user.target

[Service]
Type=oneshot
ExecStart=/bin/sh /run/lab/booted
"""
BOOTED_SCRIPT = f"""\
tries=0
while [ $tries -lt 30 ] && ! grep -qs OPER_STATE=routable /run/systemd/netif/state; do
    sleep 0.3
    tries=$((tries + 1))
done
echo "{BOOTED}" > /dev/ttyS0
"""
"""Says so on the serial line: nobody can ask by ssh whether a server that locks everybody out is up.

systemd-networkd counts as started before its addresses are there; one that gets none is not waited for for long.
"""

PREPARE = f"""\
root=/dev/vda
type=ext4
flags=ro
for word in $(cat /proc/cmdline); do
    case $word in
    root=*) root=${{word#root=}} ;;
    rootfstype=*) type=${{word#rootfstype=}} ;;
    rootflags=*) flags=ro,${{word#rootflags=}} ;;
    lab.address=*) address=${{word#lab.address=}} ;;
    lab.address6=*) address6=${{word#lab.address6=}} ;;
    {WHOLE}) rm -rf /{CONTROL} /{TRIGGER} ;;
    lab.probe) echo "lab: this processor works"; poweroff -f ;;
    esac
done
if [ -n "$address" ]; then
    mkdir -p /overrides/systemd/network/10-wired.network.d
    sed -e "s|ADDRESS4|$address|" -e "s|ADDRESS6|$address6|" /network \
        > /overrides/systemd/network/10-wired.network.d/lab.conf
fi
"""
"""What this boot was told, and the network that follows from it.

The root file system is mounted read-only, as by Debian's GRUB: whether it can be written to is for /etc/fstab to say.
"""

INIT = """\
#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t devtmpfs dev /dev
for module in /modules/*.ko; do insmod "$module"; done
. /prepare
tries=0
while [ ! -b "$root" ] && [ $tries -lt 100 ]; do sleep 0.1; tries=$((tries + 1)); done
mount -t "$type" -o "$flags" "$root" /root || { echo "lab: can't mount $root"; poweroff -f; }
umount /proc
mount -t tmpfs -o mode=755,nosuid,nodev run /root/run
cp -a /overrides/. /root/run/
mount -n -o move /dev /root/dev
exec switch_root /root /sbin/init
"""

DEBIAN_ORDER = """\
/scripts/init-bottom/lab "$@"
/scripts/init-bottom/udev "$@"
[ -e /conf/param.conf ] && . /conf/param.conf
"""
"""Which scripts Debian's initramfs runs last, in its own form (initramfs-tools(7)), with ours in front."""

DEBIAN_SCRIPT = """\
#!/lab/busybox sh
[ "$1" = prereqs ] && exit 0
/lab/busybox --install -s /lab 2> /dev/null
PATH=/lab
. /prepare
cp -a /overrides/. /run/
"""
"""The same overrides as in ours; /run goes on as the server's."""


class BootError(LabError):
    """The root directory has no kernel, module or busybox to boot with."""


def kernel_version(root: Path) -> str:
    """The newest kernel's version in a server's root directory."""
    names = (path.name.removeprefix("vmlinuz-") for path in (root / "boot").glob("vmlinuz-*"))
    found = sorted(names, key=lambda name: [(part.isdigit(), part.zfill(9)) for part in re.split(r"(\d+)", name)])
    if not found:
        raise BootError(f"no kernel in {root}/boot")
    return found[-1]


def module_files(root: Path, version: str, names: tuple[str, ...]) -> tuple[Path, ...]:
    """The files of modules and of all that they depend on, in the order in which insmod(8) takes them.

    From modules.dep (depmod(8)): "path: dependencies", each line's dependencies in the reverse order of loading.
    """
    base = root / "lib/modules" / version
    depends: dict[str, list[str]] = {}
    for line in (base / "modules.dep").read_text().split("\n"):
        path, colon, rest = line.partition(":")
        if colon:
            depends[path] = rest.split()
    by_name = {Path(path).name.partition(".")[0].replace("-", "_"): path for path in depends}
    ordered: dict[str, None] = {}
    for name in names:
        if (found := by_name.get(name)) is not None:
            ordered.update(dict.fromkeys([*reversed(depends[found]), found]))
    return tuple(base / path for path in ordered)


def initramfs(root: Path, modules: tuple[str, ...] = EXT4.modules) -> bytes:
    """The archive for the newest kernel in `root`, not compressed: unpacking costs more than reading.

    modules: what mounting the root file system needs.
    """
    made = bytearray()
    for name in ("bin", "dev", "modules", "proc", "root"):
        made += _record(name, 0o040755, b"")
    made += _overrides()
    made += _record("bin/busybox", 0o100755, _busybox(root))
    made += _record("init", 0o100755, INIT.encode())
    for number, path in enumerate(module_files(root, kernel_version(root), (*DEVICES, *modules))):
        name, data = _module(path)
        made += _record(f"modules/{number:02}-{name}", 0o100644, data)
    made += _record("TRAILER!!!", 0, b"")
    return bytes(made)


def debian_initramfs(root: Path) -> bytes:
    """The server's own initial file system, which knows LVM, with the lab's overrides appended as a second archive."""
    own = root / "boot" / f"initrd.img-{kernel_version(root)}"
    if not own.exists():
        raise BootError(f"no initial file system in {root}/boot: its recipe needs the package initramfs-tools")
    made = bytearray(own.read_bytes())
    # An archive that is not compressed begins at a multiple of four bytes.
    made += b"\0" * (-len(made) % 4)
    made += _overrides()
    made += _record("lab", 0o040755, b"")
    made += _record("lab/busybox", 0o100755, _busybox(root))
    made += _record("scripts/init-bottom/lab", 0o100755, DEBIAN_SCRIPT.encode())
    made += _record("scripts/init-bottom/ORDER", 0o100644, DEBIAN_ORDER.encode())
    made += _record("TRAILER!!!", 0, b"")
    return bytes(made)


def _overrides() -> bytes:
    """What lies over the server's units for this boot alone."""
    made = bytearray()
    units = "overrides/systemd/system"
    normal, early = f"{units}/multi-user.target.wants", f"{units}/sysinit.target.wants"
    shells = (f"{units}/emergency.target.wants", f"{units}/rescue.target.wants")
    lab = "overrides/lab"
    targets = sorted({f"{CONTROL}/{each.target}.wants" for each in left_out.UNITS})
    for name in ("overrides", lab, "overrides/systemd", units, TRIGGER, normal, early, *shells, CONTROL, *targets):
        made += _record(name, 0o040755, b"")
    for each in left_out.UNITS:
        made += _record(f"{CONTROL}/{each.target}.wants/{each.unit}", 0o120777, b"/dev/null")
    for name, unit, wanting in (
        ("lab-booted", BOOTED_UNIT, (normal,)),
        ("lab-console", serial_console.UNIT, (early,)),
        ("lab-stopped", STOPPED_UNIT, shells),
    ):
        made += _record(f"{units}/{name}.service", 0o100644, unit.encode())
        for wants in wanting:
            made += _record(f"{wants}/{name}.service", 0o120777, f"../{name}.service".encode())
    made += _record(f"{lab}/booted", 0o100644, BOOTED_SCRIPT.encode())
    made += _record(f"{lab}/console", 0o100644, serial_console.LISTENER.encode())
    unannounced = " ".join(f"--subsystem-nomatch={each}" for each in left_out.DEVICES)
    made += _record(f"{TRIGGER}/lab.conf", 0o100644, UDEV_TRIGGER.format(options=unannounced).encode())
    made += _record("network", 0o100644, NETWORK.encode())
    made += _record("prepare", 0o100644, PREPARE.encode())
    return bytes(made)


def _busybox(root: Path) -> bytes:
    busybox = root / "bin/busybox"
    if not busybox.exists():
        raise BootError(f"no busybox in {root}: its recipe needs the package busybox-static")
    return busybox.read_bytes()


def _module(path: Path) -> tuple[str, bytes]:
    """A module's file name and content, unpacked: later kernels of Debian come with modules packed by xz."""
    if path.suffix == ".xz":
        return path.stem, lzma.decompress(path.read_bytes())
    return path.name, path.read_bytes()


def _record(name: str, mode: int, data: bytes) -> bytes:
    """One entry: a header of thirteen numbers of eight hexadecimal digits, the name, the data, each padded to four."""
    numbers = (0, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
    head = b"070701" + b"".join(b"%08X" % number for number in numbers) + name.encode() + b"\0"
    return head + b"\0" * (-len(head) % 4) + data + b"\0" * (-len(data) % 4)
