"""firewalld's own core, without its daemon: it makes rules of a configuration, in a network namespace.

The core is that of a server's root, entered read-only in a mount namespace of its own; the configuration comes from a
directory of ours. One process serves many configurations. Needs root.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.system.netlab import Lab

DRIVER = """
import json, sys
from firewall import config
from firewall.core.logger import log
log.setDebugLogLevel(0)
log.setInfoLogLevel(log.FATAL)
from firewall.core.fw import Firewall
config.set_default_config_paths("/mnt/usr/lib/firewalld")
config.set_system_config_paths("/mnt/etc/firewalld")
config.IFCFGDIR = "/mnt/etc/sysconfig/network-scripts"
print(json.dumps({"version": config.VERSION}), flush=True)
for line in sys.stdin:
    firewall = Firewall()
    told = {"state": "", "problem": ""}
    try:
        firewall.start()
    except BaseException as problem:
        told["problem"] = f"{type(problem).__name__}: {problem}"
    told["state"] = firewall._state
    for interface, zone in json.loads(line).items():
        try:
            firewall.zone.change_zone_of_interface(zone, interface)
        except Exception as problem:
            told["problem"] = f"{told['problem']} {problem}"
    print("\\n" + json.dumps(told), flush=True)
    sys.stdin.readline()
    try:
        firewall.stop()
    except Exception:
        pass
    print("\\n{}", flush=True)
"""

ENTER = """
set -eu
root=$1 tree=$2 core=$3
mount --make-rprivate /
mount --bind "$root" "$root"
mount -o remount,bind,ro "$root"
mount -t tmpfs run "$root/run"
mount -t tmpfs tmp "$root/tmp"
mount -t proc proc "$root/proc" 2>/dev/null || mount --rbind /proc "$root/proc"
mount --rbind /dev "$root/dev"
mount --bind "$tree" "$root/mnt"
[ -z "$core" ] || mount --bind "$core" "$root/usr/lib/python3/dist-packages/firewall"
exec chroot "$root" env PYTHONDONTWRITEBYTECODE=1 PATH=/usr/sbin:/usr/bin:/sbin:/bin python3 -u -c "$DRIVER"
"""


class Core:
    """The running core. version: firewalld's own, such as "1.3.3"."""

    def __init__(self, net: Lab, root: Path, place: Path, core: Path | None = None) -> None:
        self.net = net
        self.tree = place / "tree"
        self.tree.mkdir()
        self.noise = (place / "noise").open("w+")
        self.process = subprocess.Popen(
            ["nsenter", f"--net=/proc/self/fd/{net.server.handle}", "--", "unshare", "--mount",
             "sh", "-c", ENTER, "sh", str(root), str(self.tree), str(core or "")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.noise, text=True,
            env=dict(os.environ, DRIVER=DRIVER), pass_fds=[net.server.handle],
        )  # fmt: skip
        self.version = self._answer()["version"]

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self.noise.close()

    @contextmanager
    def running(self, files: Mapping[str, str], told: Mapping[str, str] | None = None) -> Iterator[dict[str, str]]:
        """firewalld's rules in force, made of `files`; told: zones of interfaces, as NetworkManager tells them."""
        for each in self.tree.iterdir():
            shutil.rmtree(each)
        for path, text in files.items():
            at = self.tree / path.lstrip("/")
            at.parent.mkdir(parents=True, exist_ok=True)
            at.write_text(text)
        self._say(json.dumps(told or {}))
        try:
            yield self._answer()
        finally:
            self._say("stop")
            self._answer()
            self.net.on_server("nft", "flush", "ruleset")

    def _say(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def _answer(self) -> dict[str, str]:
        assert self.process.stdout is not None
        while line := self.process.stdout.readline():
            if line.startswith("{"):
                found: dict[str, str] = json.loads(line)
                return found
        self.noise.seek(0)
        raise RuntimeError(f"firewalld's core has ended: {self.noise.read()[-2000:]}")
