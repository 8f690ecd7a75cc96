"""Whether a snapshot holds a server's Linux system, and which."""

from __future__ import annotations

from dataclasses import dataclass

from rescue.accounts.database import PASSWD
from rescue.boot.fstab import FSTAB
from rescue.formats.hostname import HOSTNAME_READ, read_hostname
from rescue.formats.os_release import OLDER, OS_RELEASE, read_release
from rescue.tree import Read, Tree

READS = (
    Read("/", depth=0),
    Read("/etc", depth=0),
    *(Read(path, depth=0) for path in (*OS_RELEASE, *OLDER, "/etc/system-release")),
    Read(PASSWD, depth=0, content=False),
    Read("/etc/ssh", depth=0),
    Read(FSTAB, depth=0),
    HOSTNAME_READ,
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
    if not any(tree.entry(path) is not None for path in (OS_RELEASE[0], PASSWD, "/etc/ssh")):
        return None
    release = read_release(tree)
    return FoundRoot(release.name or "Linux", read_hostname(tree), tree.text_if_read(FSTAB) or "")
