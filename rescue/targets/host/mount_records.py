"""Records of what ``rescue mount`` has mounted: in /run, for root alone."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from rescue.targets.host.ledger import Process
from rescue.targets.host.locking import run_directory


@dataclass(frozen=True, slots=True)
class Mounted:
    """What is mounted. target: as it was named, a real path. pid, started: of the process that holds it."""

    target: str
    point: str
    writable: bool
    release: str
    hostname: str
    sources: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    pid: int
    started: int

    @property
    def holder(self) -> Process:
        return Process(self.pid, self.started)


def all_mounted() -> tuple[Mounted, ...]:
    """What is mounted, the latest last; also what a killed holder has left."""
    found = []
    for path in sorted(directory().glob("*.json"), key=lambda each: each.stat().st_mtime_ns):
        try:
            found.append(as_mounted(json.loads(path.read_text())))
        except (OSError, ValueError, KeyError, TypeError):
            path.unlink(missing_ok=True)
    return tuple(found)


def mounted_from(path: Path) -> Mounted | None:
    """The mount of the disk or image at `path`, if there is one; its holder lives."""
    real = str(path.resolve())
    return next((each for each in all_mounted() if each.target == real and each.holder.lives), None)


def directory() -> Path:
    """Where the records are, one for each holder. Raises TargetError, OSError."""
    path = run_directory() / "mounted"
    path.mkdir(mode=0o700, exist_ok=True)
    return path


def record_of(pid: int) -> Path:
    """The record that the holder `pid` keeps."""
    return directory() / f"{pid}.json"


def as_mounted(document: dict[str, object]) -> Mounted:
    """Parse a record. Raises ValueError, KeyError or TypeError if it is not one."""
    values = {name: document[name] for name in Mounted.__dataclass_fields__}
    pairs = values["sources"]
    notes = values["notes"]
    if not isinstance(pairs, list) or not isinstance(notes, list):
        raise ValueError("no list")
    return Mounted(
        **{**values, "sources": tuple((str(a), str(b)) for a, b in pairs), "notes": tuple(map(str, notes))}  # type: ignore[arg-type]  # it was written by us, for root alone
    )
