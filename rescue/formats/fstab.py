"""fstab(5): the lines, what they name, and one option added to one line. Pure.

Fields are separated by blanks and tabs, with octal escapes (getmntent(3)). systemd-fstab-generator(8) makes units of
the lines; a third field is enough for it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

FSTAB = "/etc/fstab"

NETWORK_TYPES = frozenset(
    {"9p", "afs", "ceph", "cifs", "coda", "davfs", "fuse.glusterfs", "fuse.sshfs", "gfs", "gfs2", "glusterfs", "lustre",
     "ncp", "ncpfs", "nfs", "nfs4", "ocfs2", "orangefs", "pvfs2", "smb3", "smbfs", "sshfs", "virtiofs"}
)  # fmt: skip
"""Those that systemd orders after the network, and whose failure stops no boot (mount-util.c, fstype_is_network)."""

_OCTAL = re.compile(r"\\([0-7]{3})")
_FIELD = re.compile(r"[^ \t]+")


@dataclass(frozen=True, slots=True)
class Line:
    """One mount. number: from 1; source as written; options in their order."""

    number: int
    text: str
    source: str
    point: str
    type: str
    options: tuple[str, ...]

    def has(self, *names: str) -> bool:
        """Whether one of the options is there, alone or with a value."""
        return any(option.partition("=")[0] in names for option in self.options)

    @property
    def required(self) -> bool:
        """Whether the boot stops without it (systemd.mount(5)): local, mounted at boot, and not optional."""
        if self.type in ("swap", "ignore") or self.point in ("none", "/"):
            return False
        if self.type in NETWORK_TYPES or self.has("_netdev"):
            return False
        return self.point.startswith("/") and not self.has("nofail", "noauto", "x-systemd.automount")

    @property
    def tag(self) -> tuple[str, str]:
        """What the source says: ("UUID", value), ("LABEL", ...), ("PARTUUID", ...), ("PARTLABEL", ...), ("", path)."""
        name, equals, value = self.source.partition("=")
        if equals and name.upper() in ("UUID", "LABEL", "PARTUUID", "PARTLABEL"):
            return name.upper(), value.strip("\"'")
        found = re.fullmatch(r"/dev/disk/by-(uuid|label|partuuid|partlabel)/(.+)", self.source)
        return (found[1].upper(), found[2]) if found else ("", self.source)


def read_fstab(text: str) -> tuple[Line, ...]:
    """The lines that mean a mount; comments, and lines of fewer than three fields, are left out."""
    found = []
    for number, line in enumerate(text.split("\n"), 1):
        fields = [_OCTAL.sub(_decoded, each) for each in _FIELD.findall(line.rstrip("\r"))]
        if len(fields) < 3 or fields[0].startswith("#"):
            continue
        options = fields[3].split(",") if len(fields) > 3 else []
        found.append(Line(number, line, fields[0], fields[1].rstrip("/") or "/", fields[2], tuple(options)))
    return tuple(found)


def with_option(text: str, number: int, option: str) -> str:
    """The file with `option` added to line `number`, and nothing else changed. ValueError if there is no such line."""
    lines = text.split("\n")
    if not 0 < number <= len(lines):
        raise ValueError(f"there is no line {number}")
    line = lines[number - 1]
    fields = list(_FIELD.finditer(line.rstrip("\r")))
    if len(fields) < 3:
        raise ValueError(f"line {number} is no mount")
    if len(fields) == 3:
        lines[number - 1] = f"{line[: fields[2].end()]} defaults,{option}{line[fields[2].end() :]}"
    else:
        at = fields[3].end()
        lines[number - 1] = f"{line[:at]},{option}{line[at:]}"
    return "\n".join(lines)


def _decoded(octal: re.Match[str]) -> str:
    return chr(int(octal[1], 8) & 0xFF)
