"""A short hash of what libguestfs' appliance is made of: if it is the same, so is the appliance.

supermin(1) builds the appliance anew as soon as dpkg's record is younger than it, whatever was installed, and, where
that record is of the future, each time. What it takes is told here: the packages that libguestfs names and all that
they depend on, libguestfs' own files, and the available kernels.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path

STATUS = Path("/var/lib/dpkg/status")
KERNELS = (("/boot", "vmlinuz-*"), ("/lib/modules", "*/modules.dep"))

_FIELD = re.compile(r"^(Package|Status|Version|Architecture|Pre-Depends|Depends|Provides): (.*)$", re.MULTILINE)
_NAME = re.compile(r"[a-z0-9][a-z0-9+.-]*")


def parts(places: str, status: Path = STATUS, kernels: Iterable[tuple[str, str]] = KERNELS) -> str:
    """Sixteen hexadecimal digits; "" if unknown (no dpkg, an appliance that was made otherwise).

    places: where libguestfs looks for its parts (LIBGUESTFS_PATH), colons between them.
    """
    try:
        own = next(each for place in places.split(":") if place and (each := Path(place) / "supermin.d").is_dir())
        wanted = (own / "packages").read_text().split()
        files = sorted(own.iterdir())
        for place, pattern in kernels:
            files += sorted(Path(place).glob(pattern))
        told = [[str(path), (found := path.stat()).st_size, found.st_mtime_ns] for path in files]
        packages = sorted(_closure(wanted, status.read_text(errors="replace")))
    except (OSError, StopIteration, UnicodeDecodeError):
        return ""
    return sha256(json.dumps([told, packages]).encode("utf-8", "surrogateescape")).hexdigest()[:16]


def _closure(wanted: Iterable[str], status: str) -> Iterator[tuple[str, str, str]]:
    """The installed packages (name, architecture, version) that are wanted, or that one of them may depend on.

    Takes all installed alternatives: one too many only makes the digits change needlessly.
    """
    installed: dict[str, list[dict[str, str]]] = defaultdict(list)
    for stanza in status.split("\n\n"):
        fields = dict(_FIELD.findall(stanza))
        if fields.get("Status", "").endswith(" installed") and "Package" in fields:
            for name in {fields["Package"], *_names(fields.get("Provides", ""))}:
                installed[name].append(fields)
    left, seen = list(wanted), set()
    while left:
        name = left.pop()
        if name in seen:
            continue
        seen.add(name)
        for fields in installed.get(name, ()):
            yield fields["Package"], fields.get("Architecture", ""), fields.get("Version", "")
            left += [fields["Package"], *_names(fields.get("Depends", "")), *_names(fields.get("Pre-Depends", ""))]


def _names(relations: str) -> Iterator[str]:
    """The names in a list of relations: "a (>= 1) | b:any, c" (deb-control(5))."""
    for each in re.split(r"[,|]", relations):
        if found := _NAME.match(each.strip()):
            yield found[0]
