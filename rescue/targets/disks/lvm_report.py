"""LVM's own report on the volume groups that this machine can see, from the JSON of its programs.

Source: lvmreport(7), lvs(8), pvs(8). ``--readonly`` reads the metadata alone: no lock, no repair, and no question to
the kernel about what is active; the existing devices show that.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rescue.targets.host.resources import ProgramError, run

_WORDS = (
    "--readonly", "--reportformat", "json", "--units", "b", "--nosuffix",
    # On RHEL 9 only what the rescue system's own list names would be looked at (lvmdevices(8)).
    "--config", "devices/use_devicesfile=0",
)  # fmt: skip
_PHYSICAL = "pv_name,pv_uuid,vg_name,vg_uuid,vg_missing_pv_count"
_LOGICAL = "lv_name,lv_dm_path,lv_size,vg_name,vg_uuid"
_MAX_ROWS = 4096


@dataclass(frozen=True, slots=True)
class Physical:
    """A physical volume. group: the name of its volume group, or empty. missing: disks that this group lacks here."""

    group: str
    group_uuid: str
    missing: int


@dataclass(frozen=True, slots=True)
class Logical:
    """A logical volume that a machine may use. size: bytes. path: the device that it has when it is active."""

    name: str
    group: str
    group_uuid: str
    size: int
    path: str


@dataclass(frozen=True, slots=True)
class LvmReport:
    """physicals: by their devices. logicals: those of all groups."""

    physicals: Mapping[str, Physical]
    logicals: tuple[Logical, ...]

    def logical(self, path: str) -> Logical | None:
        """The logical volume that has this device."""
        return next((each for each in self.logicals if each.path == path), None)

    def is_partly_active(self, physical: Physical, devices: Iterable[str]) -> bool:
        """Whether the group has volumes without a device beside some with one."""
        paths = {each.path for each in self.logicals if each.group_uuid == physical.group_uuid}
        return bool(paths & set(devices)) and not paths <= set(devices)


def report() -> LvmReport | None:
    """LVM's report; None if it is not installed, needs root, or gives none."""
    try:
        physical, logical = run("pvs", *_WORDS, "-o", _PHYSICAL), run("lvs", *_WORDS, "-o", _LOGICAL)
        return parse_report(physical, logical)
    except (ProgramError, ValueError):
        return None


def parse_report(physical: str, logical: str) -> LvmReport:
    """Parse the output of pvs(8) and lvs(8). Raises ValueError."""
    physicals = {
        _word(row, "pv_name"): Physical(
            _word(row, "vg_name"), _word(row, "vg_uuid"), int(_word(row, "vg_missing_pv_count") or 0)
        )
        for row in _rows(physical, "pv")
    }
    logicals = tuple(
        Logical(
            _word(row, "lv_name"), _word(row, "vg_name"), _word(row, "vg_uuid"), int(_word(row, "lv_size") or 0),
            _word(row, "lv_dm_path"),
        )
        for row in _rows(logical, "lv")
    )  # fmt: skip
    return LvmReport(physicals, logicals)


def _rows(text: str, kind: str) -> Iterator[dict[str, Any]]:
    told = json.loads(text)
    try:
        rows = [row for part in told["report"] for row in part[kind]]
    except (KeyError, TypeError) as problem:
        raise ValueError(f"LVM gave no report: {problem}") from problem
    yield from (row for row in rows[:_MAX_ROWS] if isinstance(row, dict))


def _word(row: Mapping[str, Any], name: str) -> str:
    """A field; all of them are text, numbers too."""
    return str(row.get(name, ""))
