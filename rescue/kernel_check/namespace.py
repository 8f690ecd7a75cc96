"""A network namespace without a name: it disappears with its last user, however this program ends.

Nothing needs to be cleaned up, not even after SIGKILL: the kernel removes the namespace, its network interfaces and its
rules with the last handle to it (network_namespaces(7)).
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Sequence
from ctypes import CDLL, get_errno
from threading import Thread
from typing import TypeVar

from rescue.kernel_check.errors import ProofError

T = TypeVar("T")

CLONE_NEWNET = 0x40000000

PATIENCE = 300.0
"""Seconds that a program may take: iptables needs a minute for a file of a million rules."""

ROOT_NEEDED = "Namespaces need root: run it again with sudo."


class Namespace:
    """A separate network with nothing in it but a loopback interface that is down."""

    def __init__(self) -> None:
        self.handle = _in_a_thread(_unshared)

    def close(self) -> None:
        """Release it."""
        if self.handle >= 0:
            os.close(self.handle)
            self.handle = -1

    def inside(self, action: Callable[[], T]) -> T:
        """The result of `action`, run in here; sockets created there stay here. Raises what it raises."""

        def work() -> T:
            _library("setns", self.handle, CLONE_NEWNET)
            return action()

        return _in_a_thread(work)

    def run(
        self, *command: str, given: str | bytes | None = None, check: bool = True, around: Sequence[str] = ()
    ) -> subprocess.CompletedProcess[str]:
        """A program's result, run in here; what it says is its error if it fails. Raises ProofError.

        around: a command that runs another one, given behind it.
        """
        data = given.encode("utf-8", "surrogateescape") if isinstance(given, str) else given
        words = ["nsenter", f"--net=/proc/self/fd/{self.handle}", "--", *around, *command]
        try:
            done = subprocess.run(
                words, input=data if data is not None else b"", capture_output=True, check=False, timeout=PATIENCE,
                pass_fds=[self.handle],
            )  # fmt: skip
        except FileNotFoundError as problem:
            raise ProofError("the program nsenter is not here", "Install the package util-linux.") from problem
        except subprocess.TimeoutExpired as problem:
            raise ProofError(f"{command[0]} takes longer than {PATIENCE:.0f} seconds") from problem
        said = done.stderr.decode("utf-8", "surrogateescape")
        shown = done.stdout.decode("utf-8", "surrogateescape")
        if check and done.returncode:
            raise ProofError(f"{' '.join(command)}: {said.strip() or shown.strip() or f'status {done.returncode}'}")
        return subprocess.CompletedProcess(words, done.returncode, shown, said)


def _unshared() -> int:
    """A handle to a new network namespace; the thread that made it leaves it behind."""
    _library("unshare", CLONE_NEWNET)
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def _library(name: str, *arguments: int) -> None:
    """One call of the C library (Python has these since 3.12)."""
    if getattr(CDLL(None, use_errno=True), name)(*arguments):
        number = get_errno()
        raise ProofError(f"a network of its own can't be made: {os.strerror(number)}", ROOT_NEEDED)


def _in_a_thread(action: Callable[[], T]) -> T:
    box: list[T] = []
    failed: list[BaseException] = []

    def work() -> None:
        try:
            box.append(action())
        except BaseException as problem:  # noqa: BLE001  raised again where it was asked for
            failed.append(problem)

    thread = Thread(target=work, daemon=True)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return box[0]
