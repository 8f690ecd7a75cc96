"""NetworkManager's own settings: what it is told to leave alone (NetworkManager.conf(5)).

Files of the folders count in the order of their names after NetworkManager.conf, a file of /etc hiding one of its name;
the last value of a key counts. Of `unmanaged-devices` the entries are those of "Device List Format": a device is left
alone if one entry is for it, and no "except:" is.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from rescue.model import Location
from rescue.network import ifupdown
from rescue.network.keyfile import settings
from rescue.tree import Read, Tree

MAIN = "/etc/NetworkManager/NetworkManager.conf"
FOLDERS = ("/etc/NetworkManager/conf.d", "/usr/lib/NetworkManager/conf.d")
STATE = "/var/lib/NetworkManager/NetworkManager.state"
READS = (Read(MAIN, depth=0), Read(STATE, depth=0), *(Read(path, depth=1) for path in FOLDERS), *ifupdown.READS)

MOST_FILES = 200
ANY = ("eth0", "ens3", "eno1", "enp1s0")
"""Names of wired cards: what is for all of these is for every one."""
_OFF = ("false", "no", "0", "off")


@dataclass(frozen=True, slots=True)
class Told:
    """A value and where it stands."""

    text: str
    location: Location


class ManagerConf:
    """The settings of a tree. Raises NotCaptured."""

    def __init__(self, tree: Tree) -> None:
        tree.require(*READS)
        self._tree = tree
        self._told: dict[tuple[str, str], Told] = {}
        for path in self._files():
            for each in settings(tree.text(path) or ""):
                place = Location(path, each.line, f"{each.key}={each.value}"[:200])
                key, added = each.key, each.key.endswith(("+", "-"))
                known = self._told.get((each.section, key.rstrip("+-")))
                if added and known is not None and key.endswith("+"):
                    self._told[each.section, key.rstrip("+-")] = Told(f"{known.text};{each.value}", place)
                elif not key.endswith("-"):
                    self._told[each.section, key.rstrip("+-")] = Told(each.value, place)

    def _files(self) -> list[PurePosixPath]:
        named: dict[str, PurePosixPath] = {}
        for folder in FOLDERS:
            for name in self._tree.children(folder)[:MOST_FILES]:
                if name.endswith(".conf"):
                    named.setdefault(name, PurePosixPath(folder) / name)
        etc = [named[name] for name in sorted(named) if named[name].is_relative_to(FOLDERS[0])]
        shipped = [named[name] for name in sorted(named) if not named[name].is_relative_to(FOLDERS[0])]
        # The shipped folder, the main file, then /etc's folder: later ones win.
        return [*shipped, PurePosixPath(MAIN), *etc]

    def get(self, section: str, key: str) -> Told | None:
        return self._told.get((section, key))

    def switched_off(self) -> Location | None:
        """Where ``nmcli networking off`` is remembered."""
        for each in settings(self._tree.text(STATE) or ""):
            if each.key == "NetworkingEnabled" and each.value.lower() in _OFF:
                return Location(PurePosixPath(STATE), each.line, f"{each.key}={each.value}")
        return None

    def all_unmanaged(self) -> Location | None:
        """What makes it leave every wired card alone, whatever its name."""
        found = [self.unmanaged(name) for name in ANY]
        return found[0] if all(found) else None

    def unmanaged(self, name: str) -> Location | None:
        """What makes it leave the wired card of that name alone."""
        told = self.get("keyfile", "unmanaged-devices")
        if told is not None and _listed(told.text, name):
            return told.location
        for (section, key), each in self._told.items():
            if section.startswith("device") and key == "managed" and each.text.lower() in _OFF:
                match = self.get(section, "match-device")
                if match is None or _listed(match.text, name):
                    return each.location
        return self._of_ifupdown(name)

    def _of_ifupdown(self, name: str) -> Location | None:
        """With its plugin for ifupdown, a card that /etc/network/interfaces configures, unless told otherwise."""
        plugins = self.get("main", "plugins")
        managed = self.get("ifupdown", "managed")
        if plugins is None or "ifupdown" not in plugins.text.replace(" ", "").split(","):
            return None
        if managed is not None and managed.text.lower() not in _OFF:
            return None
        return next((each.location for each in ifupdown.stanzas(self._tree) if each.name == name), None)

    def no_default(self) -> Location | None:
        """What keeps it from asking for an address on a card of which nobody has told it anything."""
        told = self.get("main", "no-auto-default")
        return told.location if told is not None and all(_listed(told.text, name) for name in ANY) else None


def _listed(text: str, name: str) -> bool:
    """Whether a device list is for the wired card `name`."""
    entries = [each.strip() for each in text.replace(",", ";").split(";") if each.strip()]
    excepted = [each.removeprefix("except:") for each in entries if each.startswith("except:")]
    named = [each for each in entries if not each.startswith("except:")]
    # A list of exceptions alone is for everything else.
    return any(_fits(each, name, sure=True) for each in (named or ["*"])) and not any(
        _fits(each, name, sure=False) for each in excepted
    )


def _fits(entry: str, name: str, *, sure: bool) -> bool:
    """Whether one entry is for the card; what hangs on its driver or hardware address is not `sure`."""
    kind, colon, value = entry.partition(":")
    if entry in ("*", "type:ethernet"):
        return True
    if colon and kind != "interface-name":
        return not sure and kind != "type"
    return fnmatchcase(name, (value if colon else entry).removeprefix("=").removeprefix("~"))
