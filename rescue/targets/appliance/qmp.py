"""QEMU's monitor: one command, one answer (QEMU's docs/interop/qmp-spec.rst)."""

from __future__ import annotations

import json
import socket
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rescue.targets.host.closing import Closing
from rescue.targets.protocol import TargetError

_EVENTS = 1000
"""Events that are remembered: nobody waits for one that is older."""

ANSWER_LIMIT = 120.0
"""Seconds that an answer may take: QEMU is busy for long on a computer that has much else to do."""


class MonitorError(TargetError):
    """QEMU refused a command, or no longer answers."""


class Monitor(Closing):
    """A conversation with one QEMU. Use it in a `with` statement, or close it."""

    def __init__(self, path: Path, waiting: Callable[[], None] = lambda: None, limit: float = ANSWER_LIMIT) -> None:
        """Connect to the socket at `path` as soon as it exists. `waiting` is called meanwhile and may raise."""
        self._socket = socket.socket(socket.AF_UNIX)
        self._events: deque[dict[str, Any]] = deque(maxlen=_EVENTS)
        try:
            self._connect(path, waiting, limit)
            self._socket.settimeout(limit)
            self._stream = self._socket.makefile("r", encoding="utf-8")
            self._read()
            self.order("qmp_capabilities")
        except BaseException:
            self._socket.close()
            raise

    def _connect(self, path: Path, waiting: Callable[[], None], limit: float) -> None:
        deadline = time.monotonic() + limit
        while True:
            try:
                self._socket.connect(str(path))
            except (FileNotFoundError, ConnectionRefusedError):
                waiting()
                if time.monotonic() > deadline:
                    raise MonitorError(f"QEMU's monitor did not appear within {limit:.0f} s") from None
                time.sleep(0.02)
            else:
                return

    def order(self, name: str, *, fd: int | None = None, **arguments: object) -> Any:
        """Send a command and return the answer. fd: a file descriptor to send with it (command getfd)."""
        said = json.dumps({"execute": name, "arguments": {key.replace("_", "-"): arguments[key] for key in arguments}})
        try:
            if fd is None:
                self._socket.sendall(said.encode())
            else:
                socket.send_fds(self._socket, [said.encode()], [fd])
            while True:
                heard = self._read()
                if "error" in heard:
                    raise MonitorError(f"{name}: {heard['error']['desc']}")
                if "return" in heard:
                    return heard["return"]
                self._events.append(heard)
        except OSError as problem:
            raise MonitorError(f"{name}: QEMU does not answer: {problem}") from problem

    def wait_for(self, event: str, limit: float = ANSWER_LIMIT, **data: object) -> None:
        """Return when QEMU reports this event with this data, or has done so since the last wait for it.

        Raises MonitorError after `limit` seconds, or when QEMU ends; then the connection can't be used any more.
        """
        deadline = time.monotonic() + limit
        usual = self._socket.gettimeout()
        while True:
            while self._events:
                told = self._events.popleft()
                if told.get("event") == event and data.items() <= told.get("data", {}).items():
                    self._socket.settimeout(usual)
                    return
            self._socket.settimeout(max(deadline - time.monotonic(), 0.001))
            self._events.append(self._read())

    def _read(self) -> dict[str, Any]:
        try:
            line = self._stream.readline()
        except OSError as problem:
            raise MonitorError(f"QEMU does not answer: {problem}") from problem
        if not line:
            raise MonitorError("QEMU has closed its monitor")
        heard = json.loads(line)
        assert isinstance(heard, dict)
        return heard

    def close(self) -> None:
        """Close the connection; QEMU keeps running."""
        self._socket.close()
