"""fstab(5): the lines, what they name, and one option added to one line. Pure; the one reader of this format.

Fields are separated by blanks and tabs, with octal escapes for these (getmntent(3)). systemd-fstab-generator(8) makes a
unit of every line of two fields or more: without a type the kernel's own guess counts, without options the defaults.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from rescue.model import Location

FSTAB = "/etc/fstab"

NETWORK_TYPES = frozenset(
    {"afs", "ceph", "cifs", "davfs", "fuse.glusterfs", "fuse.sshfs", "gfs", "gfs2", "glusterfs", "lustre", "ncp",
     "ncpfs", "nfs", "nfs4", "ocfs2", "orangefs", "pvfs2", "smb3", "smbfs", "sshfs"}
)  # fmt: skip
"""Those that systemd orders after the network, and whose failure stops no boot (mount-util.c, fstype_is_network)."""

MOST_LINES = 5_000
"""Lines that are read: servers have some dozens."""

_ESCAPED = re.compile(r"\\(040|011|012|134|\\)")
"""What getmntent(3) of glibc decodes, and so systemd; libmount takes any octal number."""
_DECODED = {"040": " ", "011": "\t", "012": "\n", "134": "\\", "\\": "\\"}
_FIELD = re.compile(r"[^ \t]+")
_COMMENTED = re.compile(r"[ \t]*#[# \t]*([^ \t#]+[ \t]+/[^ \t]*[ \t]+[^ \t]+.*)")


@dataclass(frozen=True, slots=True)
class FstabLine:
    """One mount. number: from 1; source as written; options in their order. active: false where it is a comment."""

    number: int
    text: str
    source: str
    point: str
    type: str
    options: tuple[str, ...]
    active: bool = True

    @property
    def location(self) -> Location:
        return Location(PurePosixPath(FSTAB), self.number, self.text.strip()[:200])

    @property
    def place(self) -> PurePosixPath:
        """The mount point as a path."""
        return PurePosixPath(self.point)

    @property
    def at_boot(self) -> bool:
        """Whether it counts, and is not left for later."""
        return self.active and "noauto" not in self.options

    @property
    def mounts(self) -> bool:
        """Whether systemd makes a mount of it: an absolute path without a step upwards."""
        return self.point.startswith("/") and ".." not in self.point.split("/") and "\0" not in self.point

    def has(self, *names: str) -> bool:
        """Whether one of the options is there, alone or with a value."""
        return any(option.partition("=")[0] in names for option in self.options)

    def values(self, *names: str) -> tuple[str, ...]:
        """What the options of these names are set to."""
        pairs = (option.partition("=") for option in self.options)
        return tuple(value for name, equals, value in pairs if equals and name in names)

    @property
    def required(self) -> bool:
        """Whether the boot stops without it (systemd.mount(5)): local, mounted at boot, and not optional."""
        if self.type == "swap" or self.point in ("none", "/"):
            return False
        if self.has("x-systemd.required-by", "x-systemd.wanted-by"):  # in place of local-fs.target
            named = "local-fs.target" in self.values("x-systemd.required-by")
            return named and self.mounts and not self.has("x-systemd.automount")
        if self.type in NETWORK_TYPES or self.has("_netdev"):
            return False
        optional = self._last("nofail", "fail") == "nofail" or self._last("noauto", "auto") == "noauto"
        return self.mounts and not optional and not self.has("x-systemd.automount")

    def _last(self, *names: str) -> str:
        """The last of these options, which counts (fstab_test_yes_no_option of systemd)."""
        found = [name for each in self.options if (name := each.partition("=")[0]) in names]
        return found[-1] if found else ""

    @property
    def tag(self) -> tuple[str, str]:
        return tag_of(self.source)

    @property
    def names_device(self) -> bool:
        """Whether the source is a disk, a partition or a volume, by whatever name."""
        kind, value = self.tag
        return bool(kind) or value.startswith("/dev/")

    @property
    def made_at_boot(self) -> bool:
        """Whether the device is made while the server boots, or has a name that no disk shows: volumes, arrays,
        containers (/dev/GROUP/VOLUME)."""
        kind, value = self.tag
        later = ("/dev/mapper/", "/dev/md", "/dev/zvol/", "/dev/loop", "/dev/dm-", "/dev/disk/")
        return not kind and value.startswith("/dev/") and (value.startswith(later) or value.count("/") == 3)

    @property
    def stands_on(self) -> tuple[str, ...]:
        """The paths that have to be there first: systemd mounts what is at or above them before, and fails without.

        What is bound, the file of a loop device, the layers of an overlay, what x-systemd.requires= and
        x-systemd.requires-mounts-for= name, and what the mount point itself lies in (mount.c of systemd,
        mount_add_mount_dependencies).
        """
        found = [*self.holds]
        named = self.values("x-systemd.requires", "x-systemd.requires-mounts-for", "x-systemd.after-mounts-for")
        found += [each for each in named if each.startswith("/") and not each.startswith("/dev/")]
        return tuple(dict.fromkeys([*found, str(self.place.parent)]))

    @property
    def holds(self) -> tuple[str, ...]:
        """Of these, the files and directories that are mounted themselves."""
        found: list[str] = []
        if self.type == "overlay":
            layers = self.values("lowerdir", "upperdir", "workdir", "lowerdir+")
            found += [part for each in layers for part in each.replace("::", ":").split(":")]
        elif self.source.startswith("/") and not self.names_device:
            found.append(self.source)
        return tuple(each for each in found if each.startswith("/"))


def tag_of(source: str) -> tuple[str, str]:
    """What a source says: ("UUID", value), ("LABEL", ...), ("PARTUUID", ...), ("PARTLABEL", ...), ("", path)."""
    name, equals, value = source.partition("=")
    if equals and name.upper() in ("UUID", "LABEL", "PARTUUID", "PARTLABEL"):
        return name.upper(), value.strip("\"'")
    found = re.fullmatch(r"/dev/disk/by-(uuid|label|partuuid|partlabel)/(.+)", source)
    return (found[1].upper(), found[2]) if found else ("", source)


def read_fstab(text: str, *, commented: bool = False) -> tuple[FstabLine, ...]:
    """The lines that mean a mount, or a swap; comments that look like a line among them where `commented`."""
    found = []
    for number, line in enumerate(text.split("\n", MOST_LINES)[:MOST_LINES], 1):
        comment = _COMMENTED.fullmatch(line.rstrip("\r"))
        if comment is not None and not commented:
            continue
        said = comment[1] if comment else line.rstrip("\r")
        fields = [_ESCAPED.sub(_decoded, each) for each in _FIELD.findall(said)]
        if len(fields) < 2 or fields[0].startswith("#"):
            continue
        point = fields[1]
        if point.startswith("/"):
            point = "/" + "/".join(part for part in point.split("/") if part not in ("", "."))
        options = fields[3].split(",") if len(fields) > 3 else []
        kind = fields[2] if len(fields) > 2 else ""
        found.append(FstabLine(number, line, fields[0], point, kind, tuple(options), comment is None))
    return tuple(found)


def holding(lines: Iterable[FstabLine], path: PurePosixPath) -> FstabLine | None:
    """The line whose mount point is nearest above `path`, other than /; of two lines the one that counts."""
    fitting = [each for each in lines if each.point.startswith("/") and each.point != "/"]
    fitting = [each for each in fitting if path.is_relative_to(each.place)]
    return max(fitting, key=lambda each: (len(each.place.parts), each.active, -each.number), default=None)


def with_option(text: str, number: int, option: str) -> str:
    """The file with `option` added to line `number`, and nothing else changed. ValueError if there is no such line."""
    lines = text.split("\n")
    if not 0 < number <= len(lines):
        raise ValueError(f"there is no line {number}")
    line = lines[number - 1]
    fields = list(_FIELD.finditer(line.rstrip("\r")))
    if len(fields) < 2 or fields[0][0].startswith("#"):
        raise ValueError(f"line {number} is no mount")
    if len(fields) > 3:
        at, added = fields[3].end(), f",{option}"
    else:
        at, added = fields[-1].end(), f" defaults,{option}" if len(fields) == 3 else f" auto defaults,{option}"
    lines[number - 1] = f"{line[:at]}{added}{line[at:]}"
    return "\n".join(lines)


def with_others(text: str, number: int, changed: Mapping[str, str]) -> str:
    """The file where options of line `number` are others, or gone where that is "". ValueError if one is not there."""
    lines = text.split("\n")
    if not 0 < number <= len(lines):
        raise ValueError(f"there is no line {number}")
    line = lines[number - 1]
    fields = list(_FIELD.finditer(line.rstrip("\r")))
    options = fields[3][0].split(",") if len(fields) > 3 and not fields[0][0].startswith("#") else []
    if not set(changed) <= set(options):
        raise ValueError(f"line {number} has no option {', '.join(changed)}")
    left = [changed.get(each, each) for each in options]
    made = ",".join(each for each in left if each) or "defaults"
    lines[number - 1] = f"{line[: fields[3].start()]}{made}{line[fields[3].end() :]}"
    return "\n".join(lines)


def _decoded(escaped: re.Match[str]) -> str:
    return _DECODED[escaped[1]]
