"""The real ufw, of Debian's package, below a folder of its own."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from rescue.firewall import Firewall, active_firewalls
from rescue.tree import Tree, file
from tests.system.firewall_rules import net, stock_ufw
from tests.system.netlab import PacketLab
from tests.unit.firewall.files import Started

__all__ = ["Ufw", "net", "ufw", "ufw_package"]


@pytest.fixture(scope="session")
def ufw_package() -> Path:
    """The package ufw, unpacked. Downloaded once."""
    return stock_ufw()


class Ufw:
    """A ufw of its own, below a folder, that works on the lab's server."""

    def __init__(self, package: Path, root: Path, net: PacketLab) -> None:
        shutil.copytree(package, root, symlinks=True)
        self.root = root
        self.net = net
        for name in ("before", "after", "user"):
            for kind in ("", "6"):
                shutil.copy(root / f"usr/share/ufw/iptables/{name}{kind}.rules", root / "etc/ufw")
        self.put("etc/ufw/ufw.conf", "ENABLED=yes\nLOGLEVEL=low\n")

    def put(self, path: str, text: str) -> None:
        (self.root / path).write_text(text)

    def run(self, *words: str) -> str:
        """The command ``ufw``."""
        library = self.root / "usr/lib/python3/dist-packages"
        return self.net.on_server(
            "env", f"PYTHONPATH={library}", "LC_ALL=C", "/usr/bin/python3", str(self.root / "usr/sbin/ufw"),
            f"--rootdir={self.root}", f"--datadir={self.root}", *words,
        ).stdout  # fmt: skip

    def boot(self) -> None:
        """What ufw.service does; its exit status tells whether all files were loaded."""
        script = str(self.root / "lib/ufw/ufw-init")
        self.net.on_server(script, "--rootdir", str(self.root), "--datadir", str(self.root), "start", check=False)

    def stop(self) -> None:
        for program in ("iptables", "ip6tables"):
            self.net.on_server(f"{program}-nft-restore", given="*filter\nCOMMIT\n")

    def tree(self) -> Tree:
        rules = [path.name for path in (self.root / "etc/ufw").iterdir() if path.suffix in (".rules", ".conf")]
        names = ["etc/default/ufw", *(f"etc/ufw/{name}" for name in rules)]
        return Tree.of({f"/{name}": file((self.root / name).read_bytes(), 0o640) for name in names})

    def write(self, tree: Tree) -> None:
        for name in ("user.rules", "user6.rules", "before.rules", "before6.rules"):
            self.put(f"etc/ufw/{name}", tree.text(f"/etc/ufw/{name}") or "")

    def firewall(self) -> Firewall:
        return active_firewalls(self.tree(), Started("ufw.service"))[0]


@pytest.fixture
def ufw(ufw_package: Path, tmp_path: Path, net: PacketLab) -> Iterator[Ufw]:
    made = Ufw(ufw_package, tmp_path / "ufw", net)
    yield made
    made.stop()
