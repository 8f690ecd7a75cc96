"""How far the system's own ``ssh`` gets with a server, without any credentials.

ssh connects to a relay in this process, on the loopback address, which passes everything on through a connection that
is open already. So the server sees one connection, the number of bytes is bounded whatever it sends, packets can be
kept small, and zone ids and our own addresses never reach ssh's parser. ssh's log goes to a file (-E), so that a banner
which imitates it is not taken for it. No key, no password and no agent is used: the request is "none" (RFC 4252, 5.2).
"""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import threading
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from rescue.outside.observed import Ended, Handshake, Reached

MOST = 256 << 10
"""Bytes that are taken from a server in one handshake. A real one sends some 5 KiB."""
MOST_LOG = 256 << 10
_ALGORITHMS = ("KexAlgorithms", "HostKeyAlgorithms", "Ciphers", "MACs")
_KEY = re.compile(r"^debug1: Server host key: (\S{1,60} SHA256:[A-Za-z0-9+/]{43})$")
_METHODS = re.compile(r"^debug1: Authentications that can continue: ([a-z0-9@.,-]{1,200})$")
_NO_COMMON = re.compile(r"^Unable to negotiate with .*: (no matching .{1,400})$")
_CLOSED = re.compile(
    r"^(?:Connection (?:closed|reset) by|Received disconnect from|kex_exchange_identification:|ssh_dispatch_run_fatal:"
    r"|Disconnected from|banner exchange:|Connection to .* closed|client_loop:)"
)


def handshake(
    made: socket.socket, sent: bytes, user: str, wait: float, algorithms: tuple[tuple[str, str], ...] = ()
) -> Handshake:
    """Let ssh speak to the server at the other end of `made`, which has sent `sent` already. Closes `made`.

    user: for whom the methods are asked. wait: seconds until what has not ended has hung.
    algorithms: ssh's own options of that kind, as ``ssh -G`` gives them.
    """
    program = shutil.which("ssh")
    if program is None:
        made.close()
        return Handshake(Reached.NO_SSH)
    with TemporaryDirectory(prefix="rescue-probe-") as folder, _Relay(made, sent) as relay:
        log = Path(folder) / "log"
        words = _command(program, log, relay.port, user, algorithms)
        with subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as running:
            until = time.monotonic() + wait
            text, hung = "", False
            while running.poll() is None:
                text = _text(log)
                if relay.full.is_set() or "\nAuthenticated to " in text:
                    break
                if time.monotonic() > until:
                    hung = True
                    break
                time.sleep(0.01)
            running.kill()
        return replace(
            understood(_text(log), hung=hung, full=relay.full.is_set(), closed=relay.closed.is_set()),
            received=relay.received,
        )


def _command(program: str, log: Path, port: int, user: str, algorithms: tuple[tuple[str, str], ...]) -> list[str]:
    options = {
        "BatchMode": "yes", "StrictHostKeyChecking": "no", "UserKnownHostsFile": "/dev/null",
        "GlobalKnownHostsFile": "/dev/null", "PreferredAuthentications": "none", "PubkeyAuthentication": "no",
        "PasswordAuthentication": "no", "KbdInteractiveAuthentication": "no", "GSSAPIAuthentication": "no",
        "HostbasedAuthentication": "no", "IdentityAgent": "none", "ForwardAgent": "no", "ForwardX11": "no",
        "ControlMaster": "no", "ControlPath": "none", "CheckHostIP": "no", "UpdateHostKeys": "no", "LogLevel": "DEBUG1",
        "ConnectTimeout": "10", "VerifyHostKeyDNS": "no",
    }  # fmt: skip
    options |= {name: value for name, value in algorithms if name in _ALGORITHMS}
    words = [program, "-F", "none", "-E", str(log), "-N", "-T", "-p", str(port), "-l", user or "root"]
    return [*words, *(f"-o{name}={value}" for name, value in options.items()), "127.0.0.1"]


def _text(log: Path) -> str:
    try:
        with log.open("rb") as stream:
            return "\n" + stream.read(MOST_LOG).decode("utf-8", "replace")
    except OSError:
        return ""


def understood(log: str, *, hung: bool = False, full: bool = False, closed: bool = False) -> Handshake:
    """What ssh's log of level DEBUG1 says."""
    reached, host_key, methods, text = Reached.GREETED, "", (), ""
    ended: Ended | None = None
    for line in log.split("\n"):
        line = line.rstrip("\r")
        if line == "debug1: SSH2_MSG_KEXINIT received":
            reached = Reached.OFFERED
        elif line == "debug1: SSH2_MSG_NEWKEYS received" and reached is not Reached.METHODS:
            reached = Reached.KEYS
        elif not host_key and (found := _KEY.match(line)):
            host_key = found[1]
        elif not methods and (found := _METHODS.match(line)):
            reached, methods = Reached.METHODS, tuple(found[1].split(","))
        elif line.startswith("Authenticated to "):
            reached = Reached.LET_IN
        elif found := _NO_COMMON.match(line):
            ended, text = Ended.NO_COMMON, found[1]
        elif _CLOSED.match(line) and not text:
            text = line
    if ended is None:
        if reached in (Reached.METHODS, Reached.LET_IN):
            ended = Ended.DONE
        elif full:
            ended = Ended.TOO_LONG
        elif hung:
            ended = Ended.HUNG
        elif closed or text:
            ended = Ended.CLOSED
        else:
            ended = Ended.FAILED
    return Handshake(reached, ended, host_key, methods, _without_relay(text))


def _without_relay(text: str) -> str:
    """ssh's line without the relay's address, which means nothing to anybody."""
    return re.sub(r"127\.0\.0\.1 port \d+", "the server", text)[:400]


class _Relay:
    """Passes bytes between the one ssh that connects to `port` and the server, counting those of the server."""

    def __init__(self, server: socket.socket, sent: bytes) -> None:
        self._server = server
        self._sent = sent
        self._ours: socket.socket | None = None
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=1)
        self.port: int = self._listening.getsockname()[1]
        self.received = len(sent)
        self.full = threading.Event()
        self.closed = threading.Event()
        """The server ended the connection."""
        self._threads = [threading.Thread(target=self._serve, daemon=True)]

    def __enter__(self) -> _Relay:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        for each in (self._listening, self._server, self._ours):
            if each is not None:
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
                each.close()
        for thread in self._threads:
            thread.join(2)

    def _serve(self) -> None:
        try:
            self._listening.settimeout(10)
            ours, _ = self._listening.accept()
            self._listening.close()
            self._ours = ours
            ours.settimeout(None)
            self._server.settimeout(None)
            ours.sendall(self._sent)
            up = threading.Thread(target=self._pass_up, args=(ours,), daemon=True)
            self._threads.append(up)
            up.start()
            while self.received < MOST:
                some = self._server.recv(16384)
                if not some:
                    self.closed.set()
                    break
                self.received += len(some)
                ours.sendall(some)
            else:
                self.full.set()
        except OSError:
            self.closed.set()
        finally:
            if self._ours is not None:
                with suppress(OSError):
                    self._ours.shutdown(socket.SHUT_RDWR)

    def _pass_up(self, ours: socket.socket) -> None:
        with suppress(OSError):
            while some := ours.recv(16384):
                self._server.sendall(some)
