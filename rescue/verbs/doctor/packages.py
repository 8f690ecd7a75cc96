"""The one command that installs a program, in the words of this system's distribution."""

from __future__ import annotations

from rescue.formats.os_release import Release

_FAMILIES = (
    ("debian", {"debian", "ubuntu"}, "apt-get update && apt-get install --no-install-recommends -y"),
    ("redhat", {"rhel", "fedora", "centos", "rocky", "almalinux", "ol", "amzn"}, "dnf install -y"),
    ("suse", {"suse", "opensuse", "sles", "opensuse-leap", "opensuse-tumbleweed"}, "zypper install -y"),
    ("arch", {"arch", "archarm"}, "pacman -Sy --needed"),
    ("alpine", {"alpine"}, "apk add"),
)

_PACKAGES = {
    "libguestfs": {
        "debian": "python3-guestfs libguestfs-tools linux-image-amd64",
        "redhat": "python3-libguestfs guestfs-tools",
        "suse": "python3-libguestfs libguestfs",
    },
    "qemu": {
        "debian": "qemu-system-x86 qemu-utils",
        "redhat": "qemu-kvm qemu-img",
        "suse": "qemu-x86 qemu-tools",
        "arch": "qemu-base",
        "alpine": "qemu-system-x86_64 qemu-img",
    },
    "dmsetup": {
        "debian": "dmsetup", "redhat": "device-mapper", "suse": "device-mapper", "arch": "device-mapper",
        "alpine": "device-mapper",
    },
    "lvm": dict.fromkeys(("debian", "redhat", "suse", "arch", "alpine"), "lvm2"),
    "cryptsetup": dict.fromkeys(("debian", "redhat", "suse", "arch", "alpine"), "cryptsetup"),
    "mdadm": dict.fromkeys(("debian", "redhat", "suse", "arch", "alpine"), "mdadm"),
    "btrfs": {
        "debian": "btrfs-progs", "suse": "btrfsprogs", "arch": "btrfs-progs", "alpine": "btrfs-progs",
    },
    "nft": dict.fromkeys(("debian", "redhat", "suse", "arch", "alpine"), "nftables"),
    "ssh": {
        "debian": "openssh-client", "redhat": "openssh-clients", "suse": "openssh-clients", "arch": "openssh",
        "alpine": "openssh-client",
    },
}  # fmt: skip


def install(release: Release, what: str, machine: str) -> str:
    """The command that installs `what`; "" where this distribution is not known, or does not have it.

    machine: the architecture, as uname(2) names it: some packages are named after it.
    """
    for name, ids, command in _FAMILIES:
        if release.family & ids:
            packages = _PACKAGES[what].get(name, "")
            return f"{command} {_named_for(packages, release, machine)}" if packages else ""
    return ""


def _named_for(packages: str, release: Release, machine: str) -> str:
    if release.id == "ubuntu" or "ubuntu" in release.like:
        packages = packages.replace("linux-image-amd64", "linux-image-generic")
    if machine == "aarch64":
        for usual, arm in (
            ("linux-image-amd64", "linux-image-arm64"),
            ("qemu-system-x86_64", "qemu-system-aarch64"),
            ("qemu-system-x86", "qemu-system-arm"),
            ("qemu-x86", "qemu-arm"),
            ("qemu-base", "qemu-system-aarch64"),
        ):
            packages = packages.replace(usual, arm)
    return packages
