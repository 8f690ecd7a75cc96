"""A client, a router and a server in network namespaces, with a real sshd and nft."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
CLIENT, GATEWAY, SERVER = "10.9.1.2", "10.9.1.1", "10.9.2.2"
SERVER6 = "fd09:2::2"
NOBODY_NEAR, NOBODY_FAR = "10.9.1.77", "10.9.2.77"
UNROUTED, BLACKHOLED, PROHIBITED = "10.9.9.1", "10.9.8.1", "10.9.7.1"
NAME = "server.test"
"""In the client's hosts file with both addresses of the server."""


class OutsideLab:
    """Three namespaces. `server` and `router` and `client` run a shell line there; everything ends with the lab."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self._stack = stack
        self.home = folder / "home"
        (self.home / ".ssh").mkdir(parents=True, mode=0o700)
        self._pids = {name: self._namespace(name) for name in ("client", "router", "server")}
        self._wire("client", "router", "c")
        self._wire("server", "router", "s")
        self.router(
            f"ip addr add {GATEWAY}/24 dev rc; ip addr add 10.9.2.1/24 dev rs;"
            "ip -6 addr add fd09:1::1/64 dev rc nodad;"
            "ip -6 addr add fd09:2::1/64 dev rs nodad; sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1;"
            f"ip route add blackhole {BLACKHOLED}/32; ip route add prohibit {PROHIBITED}/32"
        )
        self.client(
            f"ip addr add {CLIENT}/24 dev c0; ip route add default via {GATEWAY};"
            "ip -6 addr add fd09:1::2/64 dev c0 nodad; ip -6 route add default via fd09:1::1;"
            "sysctl -qw 'net.ipv4.ping_group_range=0 2147483647'"
        )
        self.server(
            f"ip addr add {SERVER}/24 dev s0; ip route add default via 10.9.2.1;"
            f"ip -6 addr add {SERVER6}/64 dev s0 nodad; ip -6 route add default via fd09:2::1;"
            "mount -t tmpfs tmpfs /run; mkdir -m 755 /run/sshd"
        )
        hosts = folder / "hosts"
        hosts.write_text(f"127.0.0.1 localhost\n{SERVER} {NAME}\n{SERVER6} {NAME}\n")
        resolv = folder / "resolv.conf"
        resolv.write_text(f"nameserver {BLACKHOLED}\noptions timeout:1 attempts:1\n")
        # ssh looks for its files in the home that passwd(5) names.
        self.client(
            f"mount --bind {self.home} /root; mount --bind {hosts} /etc/hosts; mount --bind {resolv} /etc/resolv.conf"
        )
        for kind in ("ed25519", "rsa"):
            key = folder / f"host_{kind}"
            subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", str(key)], check=True)

    def _namespace(self, name: str) -> int:
        words = [
            "unshare",
            "-n",
            "-m",
            "sh",
            "-c",
            "mount --make-rprivate / && ip link set lo up && echo up && exec sleep 900",
        ]
        running = subprocess.Popen(words, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
        self._stack.callback(self._end, running)
        assert running.stdout is not None
        assert running.stdout.readline() == b"up\n", name
        return running.pid

    @staticmethod
    def _end(running: subprocess.Popen[bytes]) -> None:
        running.kill()
        running.wait()

    def _wire(self, side: str, router: str, letter: str) -> None:
        """A cable from `letter`0 in `side` to r`letter` in the router."""
        self._run(router, f"ip link add r{letter} type veth peer name {letter}0 netns {self._pids[side]}")
        self._run(router, f"ip link set r{letter} up")
        self._run(side, f"ip link set {letter}0 up")

    def _words(self, where: str, words: list[str]) -> list[str]:
        return ["nsenter", "-n", "-m", "-t", str(self._pids[where]), *words]

    def _run(self, where: str, line: str) -> None:
        done = subprocess.run(self._words(where, ["sh", "-ec", line]), capture_output=True, text=True, check=False)
        assert done.returncode == 0, (line, done.stderr)

    def client(self, line: str) -> None:
        self._run("client", line)

    def router(self, line: str) -> None:
        self._run("router", line)

    def server(self, line: str) -> None:
        self._run("server", line)

    def rules(self, where: str, body: str) -> None:
        """nft rules; `body` is what stands in a table inet."""
        body = body.replace("{", "{\n").replace("}", "\n}\n").replace("}\n,", "},")
        path = self.folder / "rules.nft"
        path.write_text(f"flush ruleset\ntable inet t {{\n{body}\n}}\n")
        self._run(where, f"nft -f {path}")

    def started(self, where: str, words: list[str], port: int | None = None) -> subprocess.Popen[bytes]:
        """A program that runs until the lab ends; waits until it listens at `port`."""
        running = subprocess.Popen(
            self._words(where, words), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self._stack.callback(self._end, running)
        for _ in range(300):
            if port is None or self._listens(where, port):
                return running
            assert running.poll() is None, words
            time.sleep(0.02)
        raise AssertionError(f"{words} does not listen at {port}")

    def _listens(self, where: str, port: int) -> bool:
        for name in ("tcp", "tcp6"):
            lines = Path(f"/proc/{self._pids[where]}/net/{name}").read_text().split("\n")[1:-1]
            if any(line.split()[1].endswith(f":{port:04X}") and line.split()[3] == "0A" for line in lines):
                return True
        return False

    def sshd(self, *options: str, port: int = 22) -> subprocess.Popen[bytes]:
        """A real sshd on the server; its first options count before the usual ones."""
        config = self.folder / f"sshd_config_{port}"
        usual = [f"Port {port}", "PidFile none", "UsePAM no", "PermitRootLogin yes"]
        if not any(each.startswith("HostKey ") for each in options):
            usual += [f"HostKey {self.folder}/host_ed25519", f"HostKey {self.folder}/host_rsa"]
        config.write_text("\n".join([*options, *usual, ""]))
        return self.started("server", ["/usr/sbin/sshd", "-D", "-e", "-f", str(config)], port)

    def listener(self, code: str, port: int = 22) -> None:
        """A program on the server that treats each connection, `peer`, as `code` says."""
        script = self.folder / f"listener_{port}.py"
        body = "".join(f"        {line}\n" for line in code.split("\n"))
        script.write_text(
            "import socket, struct, threading, time\n"
            f"listening = socket.create_server(('', {port}), backlog=64)\n"
            f"def treat(peer):\n    try:\n{body}    except OSError:\n        pass\n"
            "while True:\n    peer, _ = listening.accept()\n"
            "    threading.Thread(target=treat, args=(peer,), daemon=True).start()\n"
        )
        self.started("server", [sys.executable, str(script)], port)

    def probe(self, *words: str) -> dict[str, Any]:
        """What ``rescue probe --json`` prints on the client, with "status" and "seconds"."""
        start = time.monotonic()
        done = self.asked(*words, "--json")
        told: dict[str, Any] = json.loads(done.stdout)
        return told | {"status": done.returncode, "seconds": time.monotonic() - start}

    def asked(self, *words: str) -> subprocess.CompletedProcess[str]:
        """``rescue probe`` on the client."""
        return subprocess.run(
            self._words("client", ["env", f"HOME={self.home}", f"XDG_STATE_HOME={self.home}/state",
                                   f"PYTHONPATH={REPOSITORY}", "SSH_AUTH_SOCK=", sys.executable, "-m", "rescue",
                                   "probe", *words]),
            capture_output=True, text=True, timeout=120, check=False, stdin=subprocess.DEVNULL, cwd=self.folder,
            env=os.environ | {"LC_ALL": "C.UTF-8"},
        )  # fmt: skip


@contextmanager
def outside_lab(folder: Path) -> Iterator[OutsideLab]:
    """One lab, with its files in `folder`."""
    with ExitStack() as stack:
        yield OutsideLab(folder, stack)
