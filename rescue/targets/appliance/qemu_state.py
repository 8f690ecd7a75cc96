"""The state of a machine that QEMU runs, in a file: written by a migration, read by another QEMU of the same call."""

from __future__ import annotations

import time
from pathlib import Path

from rescue.targets.appliance.qmp import Monitor, MonitorError

MOVE_LIMIT = 120.0
"""Seconds that writing or reading a machine's state may take."""

_SHARED_STAYS = {"capability": "x-ignore-shared", "state": True}
"""Memory that lies in a file that is shared is not moved (qapi/migration.json)."""


def write_state(monitor: Monitor, path: Path, *, with_memory: bool = True, limit: float = MOVE_LIMIT) -> None:
    """Write the state of a machine that was stopped. Without its memory if that lies in a file (share=on).

    Raises MonitorError, OSError.
    """
    if not with_memory:
        monitor.order("migrate-set-capabilities", capabilities=[_SHARED_STAYS])
    # No bandwidth limit: the machine is stopped.
    monitor.order("migrate-set-parameters", max_bandwidth=1 << 40)
    with path.open("wb") as stream:
        monitor.order("getfd", fd=stream.fileno(), fdname="state")
        monitor.order("migrate", uri="fd:state")
        deadline = time.monotonic() + limit
        while (status := monitor.order("query-migrate").get("status")) != "completed":
            if status in ("failed", "cancelled") or time.monotonic() > deadline:
                raise MonitorError(f"its state can't be saved: {status}", "Is there room in the cache?")
            time.sleep(0.02)


def read_state(monitor: Monitor, path: Path, *, with_memory: bool = True, limit: float = MOVE_LIMIT) -> None:
    """Resume a machine started with ``-incoming defer`` from a state. Raises MonitorError, OSError."""
    if not with_memory:
        monitor.order("migrate-set-capabilities", capabilities=[_SHARED_STAYS])
    with path.open("rb") as stream:
        monitor.order("getfd", fd=stream.fileno(), fdname="state")
        monitor.order("migrate-incoming", uri="fd:state")
        deadline = time.monotonic() + limit
        while monitor.order("query-status")["status"] == "inmigrate":
            if time.monotonic() > deadline:
                raise MonitorError(f"its saved state was not read within {limit:.0f} s")
            time.sleep(0.005)
    monitor.order("cont")
