"""How a lab's machine is reached.

Two ways. `UserNetwork` needs no right at all, but QEMU itself takes the client's connection before it asks the guest:
a firewall that drops shows as a silent server, not as a connection that times out. `PrivateNetwork` puts the machine
and its clients into a network namespace of their own (network_namespaces(7)), joined by a tap device: the client sees
exactly what it would see on the internet, and nothing of it touches this computer's own network. Who is not root is
that in a user namespace of the same life (user_namespaces(7)), where the computer lets people have one.
"""

from __future__ import annotations

import os
import socket
import subprocess
import time
from functools import cache
from pathlib import Path
from typing import Protocol

from rescue.labs.programs import search_path
from rescue.targets.host.closing import Closing
from rescue.targets.host.pdeathsig import tied

ADDRESS = "192.0.2.2"
"""The server's address in a private network (RFC 5737, TEST-NET-1)."""
CLIENT = "192.0.2.1"
"""The client's, as the server sees it."""
PREFIX = 24
ADDRESS6, CLIENT6 = "2001:db8::2", "2001:db8::1"
"""The same two in IPv6 (RFC 3849)."""
PREFIX6 = 64

HARDWARE = "02:00:00:00:02:01"
"""The client's hardware address: a machine that is restored knows its neighbour still."""

AS_ROOT = ("--user", "--map-root-user")
"""Options of unshare(1): root in there, and oneself outside."""

PATIENCE = 5.0
"""Seconds that a namespace may take to be there."""


class Network(Protocol):
    """A way to a machine."""

    host: str
    host6: str
    """Its address in IPv6; empty where it can't be reached by that."""
    port: int

    def command(self, *command: str) -> list[str]:
        """`command` as it has to be called to reach the machine."""

    def arguments(self) -> list[str]:
        """QEMU's options for the network card's other end, which is called net0."""

    def kernel_words(self) -> list[str]:
        """What the machine is told with its boot."""

    def close(self) -> None:
        """Take it down."""


class UserNetwork:
    """QEMU's own network: a free port of 127.0.0.1 leads to the machine's port 22. It sees its client as 10.0.2.2."""

    def __init__(self) -> None:
        self.host, self.host6 = "127.0.0.1", ""
        with socket.socket() as probe:
            probe.bind((self.host, 0))
            self.port: int = probe.getsockname()[1]

    def command(self, *command: str) -> list[str]:
        return list(command)

    def arguments(self) -> list[str]:
        return ["-netdev", f"user,id=net0,hostfwd=tcp:{self.host}:{self.port}-:22"]

    def kernel_words(self) -> list[str]:
        return []

    def close(self) -> None:
        """Nothing to take down."""


class Namespace(Closing):
    """A network namespace, held by a sleeping process that ends with this one."""

    def __init__(self) -> None:
        self._own_user = os.geteuid() != 0
        self._holder = subprocess.Popen(
            tied("unshare", *(AS_ROOT if self._own_user else ()), "--net", "--", "sleep", "infinity"),
            stdin=subprocess.DEVNULL,
        )
        self._wait()
        self.run("ip", "link", "set", "lo", "up")

    @property
    def pid(self) -> int:
        """The holder: /proc/PID/ns/net is the namespace."""
        return self._holder.pid

    def _wait(self) -> None:
        """Until the holder has left our namespace and is asleep in its own."""
        ours = Path("/proc/self/ns/net").readlink()
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if Path(f"/proc/{self.pid}/ns/net").readlink() != ours and self._is_somebody():
                return
            if self._holder.poll() is not None:
                break
            time.sleep(0.005)
        self.close()
        raise OSError("no network namespace could be made: that needs root")

    def _is_somebody(self) -> bool:
        """Whether the holder's users are those of a namespace that is ready: they are named after it is made."""
        return not self._own_user or bool(Path(f"/proc/{self.pid}/uid_map").read_text().strip())

    def command(self, *command: str) -> list[str]:
        """`command` as it has to be called to run in the namespace."""
        place = f"/proc/{self.pid}/ns"
        user = [f"--user={place}/user", "--preserve-credentials"] if self._own_user else []
        return ["nsenter", *user, f"--net={place}/net", "--", *command]

    def run(self, *command: str) -> None:
        """Run a program in the namespace; raises CalledProcessError if it fails."""
        environment = dict(os.environ, PATH=search_path())
        subprocess.run(self.command(*command), check=True, stdin=subprocess.DEVNULL, env=environment)

    def close(self) -> None:
        """End it, and with it every device in it."""
        self._holder.kill()
        self._holder.wait()


class PrivateNetwork:
    """A machine and its clients alone in a namespace. Needs /dev/net/tun; see `private_possible`.

    inside: true where this process is in a namespace of its own already, which is then used.
    """

    def __init__(self, *, inside: bool = False) -> None:
        self.host, self.host6, self.port = ADDRESS, ADDRESS6, 22
        self._namespace = None if inside else Namespace()
        for command in (
            ("ip", "tuntap", "add", "lab0", "mode", "tap"),
            ("ip", "link", "set", "lab0", "address", HARDWARE),
            ("ip", "address", "add", f"{CLIENT}/{PREFIX}", "dev", "lab0"),
            ("ip", "address", "add", f"{CLIENT6}/{PREFIX6}", "dev", "lab0", "nodad"),
            ("ip", "link", "set", "lab0", "up"),
        ):
            environment = dict(os.environ, PATH=search_path())
            subprocess.run(self.command(*command), check=True, stdin=subprocess.DEVNULL, env=environment)

    def command(self, *command: str) -> list[str]:
        return self._namespace.command(*command) if self._namespace else list(command)

    def arguments(self) -> list[str]:
        return ["-netdev", "tap,id=net0,ifname=lab0,script=no,downscript=no"]

    def kernel_words(self) -> list[str]:
        return [f"lab.address={ADDRESS}/{PREFIX}", f"lab.address6={ADDRESS6}/{PREFIX6}"]

    def close(self) -> None:
        if self._namespace:
            self._namespace.close()
        else:
            subprocess.run(["ip", "link", "delete", "lab0"], check=False, stdin=subprocess.DEVNULL)


@cache
def private_possible() -> bool:
    """Whether this process may make a private network here."""
    if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        return False
    if os.geteuid() == 0:
        return True
    # Some systems keep people from it (kernel.unprivileged_userns_clone, AppArmor): only a try tells.
    command = ["unshare", *AS_ROOT, "--net", "--", "ip", "tuntap", "add", "lab0", "mode", "tap"]
    try:
        return subprocess.run(
            command, env=dict(os.environ, PATH=search_path()), stdin=subprocess.DEVNULL, capture_output=True,
            check=False, timeout=30,
        ).returncode == 0  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return False


def best_network() -> Network:
    """The private network where it is possible, else QEMU's own."""
    return PrivateNetwork() if private_possible() else UserNetwork()
