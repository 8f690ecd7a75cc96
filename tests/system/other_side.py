"""A machine to reach by `rescue --via`: a real sshd in namespaces, with a network address of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.system.login import login_server
from tests.system.sshd_root import sshd_root

REPOSITORY = Path(__file__).resolve().parents[2]
ADDRESS = "198.51.100.1"


@dataclass
class OtherSide:
    """A machine of its own, with the sshd of Debian 12. path: its root; environment: has ssh reach it."""

    path: Path
    environment: dict[str, str]
    log: Path

    def rescue(self, *words: str, data: Path | None = None, **more: str) -> subprocess.CompletedProcess[str]:
        """`rescue --via` there, without a terminal."""
        file = ["--via-file", str(data)] if data is not None else []
        return subprocess.run(
            [sys.executable, "-m", "rescue", "--via", "root@server", *file, *words],
            capture_output=True, text=True, timeout=120, check=False, stdin=subprocess.DEVNULL,
            env=self.environment | more,
        )  # fmt: skip

    def kept(self) -> list[Path]:
        """The files in the private folder there."""
        return sorted(self.path.glob("run/rescue-via-0/*"))


@contextmanager
def other_side(tmp_path: Path) -> Iterator[OtherSide]:
    """One with the client's files in `tmp_path`."""
    with login_server(sshd_root("bookworm"), tmp_path) as machine:
        home = machine.path / "root/.ssh"
        home.mkdir(mode=0o700, exist_ok=True)
        (home / "authorized_keys").write_text(machine.public_key + "\n")
        (machine.path / "root").chmod(0o700)
        machine.configure("PermitRootLogin yes\nPidFile none\nLogLevel INFO\n")
        for place in ("run", "tmp", "dev/shm"):
            (machine.path / place).mkdir(exist_ok=True, parents=True)
        (machine.path / "tmp").chmod(0o1777)
        (machine.path / "run/sshd").mkdir(exist_ok=True)
        log = tmp_path / "sshd.log"
        root = machine.path
        inside = (
            f"ip link set lo up && ip addr add {ADDRESS}/24 dev lo && mount --make-rprivate / && "
            f"mount -t proc proc {root}/proc && mount -t tmpfs tmpfs {root}/run && mkdir -m 755 {root}/run/sshd && "
            f"mount --rbind /dev {root}/dev && exec chroot {root} /usr/sbin/sshd -D -e"
        )
        with log.open("w") as stream:
            running = subprocess.Popen(["unshare", "-n", "-m", "sh", "-ec", inside], stderr=stream)
        try:
            while "Server listening" not in log.read_text():
                assert running.poll() is None, log.read_text()
                time.sleep(0.02)
            config = tmp_path / "ssh_config"
            config.write_text(
                f"Host server\n HostName {ADDRESS}\n IdentityFile {machine.key}\n IdentitiesOnly yes\n"
                f" IdentityAgent none\n UserKnownHostsFile {tmp_path}/known\n StrictHostKeyChecking accept-new\n"
                " LogLevel ERROR\n"
            )
            environment = os.environ | {
                "RESCUE_SSH": f"nsenter -n -t {running.pid} ssh -F {config}",
                "PYTHONPATH": str(REPOSITORY),
                "HOME": str(tmp_path),
            }
            # Seen from its own mount namespace.
            yield OtherSide(Path(f"/proc/{running.pid}/root"), environment, log)
        finally:
            running.terminate()
            running.wait()
