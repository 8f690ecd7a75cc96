"""Whether a snapshot is that of a server's root, and whose."""

from __future__ import annotations

from dataclasses import dataclass

from rescue.formats.os_release import read_release
from rescue.tree import Read, Tree

READS = (
    Read("/", depth=0),
    Read("/etc", depth=0),
    Read("/etc/os-release", depth=0),
    Read("/usr/lib/os-release", depth=0),
    Read("/etc/debian_version", depth=0),
    Read("/etc/alpine-release", depth=0),
    Read("/etc/redhat-release", depth=0),
    Read("/etc/system-release", depth=0),
    Read("/etc/passwd", depth=0, content=False),
    Read("/etc/ssh", depth=0),
    Read("/etc/fstab", depth=0),
    Read("/etc/hostname", depth=0),
)
"""What `found_root` looks at."""

SUBVOLUMES = ("@", "root", "@rootfs", "@root")
"""Where distributions keep their root in btrfs: Ubuntu and Arch, Fedora, Debian."""


@dataclass(frozen=True, slots=True)
class FoundRoot:
    """A server's root. release: "Debian GNU/Linux 12 (bookworm)"; hostname and fstab as in its files, or empty."""

    release: str
    hostname: str
    fstab: str


def found_root(tree: Tree) -> FoundRoot | None:
    """The root that `tree` (of at least `READS`) is, or None: it needs /etc with os-release, passwd or ssh in it."""
    etc = tree.entry("/etc")
    if etc is None or not etc.is_dir:
        return None
    if not any(tree.entry(path) is not None for path in ("/etc/os-release", "/etc/passwd", "/etc/ssh")):
        return None
    release = read_release(tree)
    hostname = (tree.text_if_read("/etc/hostname") or "").strip().split("\n")[0]
    return FoundRoot(release.name or "Linux", hostname, tree.text_if_read("/etc/fstab") or "")
