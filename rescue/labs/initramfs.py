"""The smallest initial file system that boots a lab's server: load the disk's driver, mount it, go on.

Debian's own initramfs starts udev and waits for it to settle, which costs an emulated machine many seconds. This one
is busybox, six modules and a dozen lines of shell. Format: cpio "newc", see the kernel's
Documentation/driver-api/early-userspace/buffer-format.rst.
"""

from __future__ import annotations

from pathlib import Path

MODULES = ("virtio_pci", "virtio_blk", "crc32c_generic", "ext4")
"""What a QEMU machine needs to mount its root. Those built into the kernel are left out."""

INIT = """\
#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t devtmpfs dev /dev
for module in /modules/*.ko; do /bin/busybox insmod "$module"; done
root=/dev/vda
for word in $(/bin/busybox cat /proc/cmdline); do
    case $word in root=*) root=${word#root=} ;; esac
done
tries=0
while [ ! -b "$root" ] && [ $tries -lt 100 ]; do /bin/busybox sleep 0.1; tries=$((tries + 1)); done
/bin/busybox mount -t ext4 -o rw "$root" /root || { echo "lab: can't mount $root"; /bin/busybox poweroff -f; }
/bin/busybox umount /proc
/bin/busybox mount -n -o move /dev /root/dev
exec /bin/busybox switch_root /root /sbin/init
"""


class BootError(Exception):
    """The root directory has no kernel, module or busybox to boot with."""


def kernel_version(root: Path) -> str:
    """The newest kernel's version in a server's root directory."""
    found = sorted(path.name.removeprefix("vmlinuz-") for path in (root / "boot").glob("vmlinuz-*"))
    if not found:
        raise BootError(f"no kernel in {root}/boot")
    return found[-1]


def module_files(root: Path, version: str, names: tuple[str, ...] = MODULES) -> tuple[Path, ...]:
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
        if (path := by_name.get(name)) is not None:
            ordered.update(dict.fromkeys([*reversed(depends[path]), path]))
    return tuple(base / path for path in ordered)


def initramfs(root: Path) -> bytes:
    """The archive for the newest kernel in `root`, not compressed: unpacking costs more than reading."""
    busybox = root / "bin/busybox"
    if not busybox.exists():
        raise BootError(f"no busybox in {root}: its recipe needs the package busybox-static")
    made = bytearray()
    for name in ("bin", "dev", "modules", "proc", "root"):
        made += _record(name, 0o040755, b"")
    made += _record("bin/busybox", 0o100755, busybox.read_bytes())
    made += _record("init", 0o100755, INIT.encode())
    for number, path in enumerate(module_files(root, kernel_version(root))):
        made += _record(f"modules/{number:02}-{path.name}", 0o100644, path.read_bytes())
    made += _record("TRAILER!!!", 0, b"")
    return bytes(made)


def _record(name: str, mode: int, data: bytes) -> bytes:
    """One entry: a header of thirteen numbers of eight hexadecimal digits, the name, the data, each padded to four."""
    numbers = (0, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
    head = b"070701" + b"".join(b"%08X" % number for number in numbers) + name.encode() + b"\0"
    return head + b"\0" * (-len(head) % 4) + data + b"\0" * (-len(data) % 4)
