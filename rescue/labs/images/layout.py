"""How a server's disk can be laid out, and what booting from it takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from uuid import NAMESPACE_DNS, uuid5

InitrdKind = Literal["small", "debian"]
"""small: our own (`rescue.labs.machines.initramfs`). debian: the initramfs of the server's /boot, which knows LVM."""

VOLUME_GROUP = "server-vg"
"""Debian's installer names the volume group after the host; in /dev/mapper each of its hyphens is doubled."""

ROOT_SUBVOLUME = "@rootfs"
"""Debian's installer puts the root file system into this btrfs subvolume."""


@dataclass(frozen=True, slots=True)
class Layout:
    """One way to lay out a disk.

    filesystem: the root's, as mount(8) names it. root_device: the root's block device, where the disk is the machine's
    first virtio disk. flags: mount options that the root needs. modules: of the kernel, to mount it. programs: what
    making such a disk needs here, beside mke2fs; each with the Debian package that brings it.
    """

    name: str
    filesystem: str
    root_device: str = "/dev/vda"
    flags: str = ""
    modules: tuple[str, ...] = ()
    initrd_kind: InitrdKind = "small"
    programs: tuple[tuple[str, str], ...] = ()

    def kernel_words(self, root_device: str = "") -> tuple[str, ...]:
        """What the kernel's command line has to say of the root (bootparam(7)), which may be on another device."""
        words = (f"root={root_device or self.root_device}", f"rootfstype={self.filesystem}", "ro")
        return (*words, f"rootflags={self.flags}") if self.flags else words

    def fstab(self, uuid: str) -> str:
        """fstab(5) as Debian's installer writes it for this layout; uuid: of the root file system."""
        match self.name:
            case "btrfs":
                return f"UUID={uuid} / btrfs defaults,subvol={ROOT_SUBVOLUME} 0 0\n"
            case "xfs":
                return f"UUID={uuid} / xfs defaults 0 0\n"
            case "lvm":
                var = mapper_name("var")
                return f"{self.root_device} / ext4 errors=remount-ro 0 1\n{var} /var ext4 defaults 0 2\n"
        return f"UUID={uuid} / ext4 errors=remount-ro 0 1\n"


def mapper_name(volume: str) -> str:
    """The device of a logical volume of `VOLUME_GROUP`."""
    return f"/dev/mapper/{VOLUME_GROUP.replace('-', '--')}-{volume}"


def stable_uuid(name: str) -> str:
    """A UUID that is the same for each build of what is called `name`."""
    return str(uuid5(NAMESPACE_DNS, f"{name}.rescue.invalid"))


EXT4 = Layout("ext4", "ext4", modules=("ext4", "crc32c_generic"))

LAYOUTS = {
    each.name: each
    for each in (
        EXT4,
        Layout(
            "btrfs",
            "btrfs",
            flags=f"subvol={ROOT_SUBVOLUME}",
            modules=("crc32c_generic", "btrfs"),
            programs=(("mkfs.btrfs", "btrfs-progs"),),
        ),
        Layout("xfs", "xfs", modules=("crc32c_generic", "xfs"), programs=(("mkfs.xfs", "xfsprogs"),)),
        Layout(
            "lvm",
            "ext4",
            root_device=mapper_name("root"),
            initrd_kind="debian",
            programs=(("lvm", "lvm2"), ("losetup", "mount")),
        ),
    )
}
"""Layouts by name. lvm: a volume group with a separate /var, as the installer's guided partitioning makes it."""
