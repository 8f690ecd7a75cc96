"""crypttab(5): the encrypted volumes that systemd opens at boot. Pure; the one reader of this format."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from rescue.model import Location

CRYPTTAB = "/etc/crypttab"
MOST_LINES = 1_000

_FIELD = re.compile(r"[^ \t]+")
IN_INITRAMFS = ("x-initrd.attach", "initramfs")


@dataclass(frozen=True, slots=True)
class CryptLine:
    """One volume, /dev/mapper/NAME. key: "" where the line names none."""

    number: int
    text: str
    name: str
    source: str
    key: str
    options: tuple[str, ...]

    @property
    def location(self) -> Location:
        return Location(PurePosixPath(CRYPTTAB), self.number, self.text.strip()[:200])

    @property
    def device(self) -> str:
        return f"/dev/mapper/{self.name}"

    def has(self, *names: str) -> bool:
        return any(option.partition("=")[0] in names for option in self.options)


def read_crypttab(text: str) -> tuple[CryptLine, ...]:
    """The lines of two fields or more."""
    found = []
    for number, line in enumerate(text.split("\n", MOST_LINES)[:MOST_LINES], 1):
        fields = _FIELD.findall(line.rstrip("\r"))
        if len(fields) < 2 or fields[0].startswith("#"):
            continue
        key = fields[2] if len(fields) > 2 else ""
        options = fields[3].split(",") if len(fields) > 3 else []
        key = "" if key in ("none", "-") else key
        found.append(CryptLine(number, line, fields[0], fields[1], key, tuple(options)))
    return tuple(found)


def with_nofail(text: str, number: int) -> str:
    """The file with nofail on line `number`. ValueError if there is no such line."""
    lines = text.split("\n")
    fields = list(_FIELD.finditer(lines[number - 1].rstrip("\r"))) if 0 < number <= len(lines) else []
    if len(fields) < 2 or fields[0][0].startswith("#"):
        raise ValueError(f"line {number} is no volume")
    at = fields[min(len(fields), 4) - 1].end()
    added = {2: " none nofail", 3: " nofail"}.get(len(fields), ",nofail")
    lines[number - 1] = f"{lines[number - 1][:at]}{added}{lines[number - 1][at:]}"
    return "\n".join(lines)
