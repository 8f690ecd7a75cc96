"""Wait for an appliance so that a signal ends the wait.

A call of libguestfs returns when the appliance has answered, and Python acts on a signal only then. A disk that makes
it compute for hours (the iterations of a LUKS header) would block even Ctrl-C.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from rescue.targets.appliance.launch import Handle
from rescue.targets.appliance.raw_calls import quiet

_LOOK = 0.2
_PATIENCE = 10.0

Result = TypeVar("Result")


def waited(handle: Handle, call: Callable[[], Result]) -> Result:
    """The result of `call`, which asks the appliance. Whatever ends the wait early also ends the virtual machine.

    Raises what `call` raises, and KeyboardInterrupt; after that the handle can't be used.
    """
    try:
        machine: int = handle.get_pid()
    except RuntimeError:
        # Its machine is not ours to end.
        return call()
    results: list[Result] = []
    failed: list[BaseException] = []

    def work() -> None:
        quiet(handle)
        try:
            results.append(call())
        except BaseException as problem:  # noqa: BLE001 - handed to the thread that waits
            failed.append(problem)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        while thread.is_alive():
            thread.join(_LOOK)
    except BaseException:
        with suppress(ProcessLookupError):
            os.kill(machine, signal.SIGKILL)
        thread.join(_PATIENCE)
        raise
    if failed:
        raise failed[0]
    return results[0]
