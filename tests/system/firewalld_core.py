"""firewalld's own core (`rescue.kernel_check.firewalld`) in a server's root, entered read-only in its own mount
namespace: so it is that server's release, whatever this system has. One process serves many configurations. Needs root.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from rescue.kernel_check import firewalld
from tests.system.netlab import PacketLab

ENTER = """
root=$1 tree=$2 core=$3
shift 3
mount --make-rprivate /
mount --bind "$root" "$root"
mount -o remount,bind,ro "$root"
mount -t tmpfs run "$root/run"
mount -t tmpfs tmp "$root/tmp"
mount -t proc proc "$root/proc" 2>/dev/null || mount --rbind /proc "$root/proc"
mount --rbind /dev "$root/dev"
mount --bind "$tree" "$root/mnt"
[ -z "$core" ] || mount --bind "$core" "$root/usr/lib/python3/dist-packages/firewall"
exec chroot "$root" env PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"
"""


class Core:
    """The running core. version: firewalld's own, such as "1.3.3"."""

    def __init__(self, net: PacketLab, root: Path, place: Path, core: Path | None = None) -> None:
        self.net = net
        self.tree = place / "tree"
        self.tree.mkdir()
        words = ("sh", "-eu", "-c", ENTER, "sh", str(root), str(self.tree), str(core or ""))
        self.process = firewalld.Core(net.server, "/mnt", words)
        self.version = self.process.version

    def close(self) -> None:
        self.process.close()

    @contextmanager
    def running(self, files: Mapping[str, str], told: Mapping[str, str] | None = None) -> Iterator[dict[str, str]]:
        """firewalld's rules in force, made of `files`; told: zones of interfaces, as NetworkManager tells them."""
        for each in self.tree.iterdir():
            shutil.rmtree(each)
        for path, text in files.items():
            at = self.tree / path.lstrip("/")
            at.parent.mkdir(parents=True, exist_ok=True)
            at.write_text(text)
        try:
            yield self.process.start(told or {})
        finally:
            self.process.stop()
            self.net.on_server("nft", "flush", "ruleset")
