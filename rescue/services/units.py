"""Which services start at boot: systemd's units, and their counterparts under OpenRC and System V init.

A unit is started when default.target pulls it in, by links or by Wants= and the like; which `systemctl enable` set is
not asked, nor are presets, which count only when a package or a first boot applies them (systemd.preset(5)). The
kernel's command line, which can name another target, is not looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePosixPath

from rescue.model import Location
from rescue.services.conditions import unmet_condition
from rescue.services.other_inits import INIT_READS, openrc_links, openrc_script, sysv_links, sysv_script
from rescue.services.unit_files import UNIT_FILE_READS, Assignment, UnitFiles
from rescue.tree import Read, Tree

DEFAULT_TARGET = "default.target"
FALLBACK_TARGET = "rescue.target"
"""What systemd tries where default.target can't be loaded (main.c, do_queue_default_job)."""

PULLS = ("Wants", "Requires", "BindsTo", "Upholds")
NOT_RESET = frozenset({*PULLS, "Requisite", "PartOf", "Conflicts", "Before", "After", "OnFailure"})
"""Dependencies can't be reset by an empty assignment (systemd.unit(5), Example 2)."""

SHIPPED = {
    "graphical.target": ("multi-user.target",),
    "multi-user.target": ("basic.target",),
    "basic.target": ("sysinit.target", "sockets.target", "timers.target", "paths.target"),
}
"""What systemd's own targets pull in (bootup(7)). Taken for granted: a system without it does not boot at all."""

UNIT_READS: tuple[Read, ...] = (*UNIT_FILE_READS, *INIT_READS)


@dataclass(frozen=True, slots=True)
class Value:
    """One value of a setting and its location."""

    text: str
    location: Location


@dataclass(frozen=True, slots=True)
class Unit:
    """One unit as it is at the next boot.

    name: its own, where it was asked for by an alias. names: all of them. path: its file, masked or not. present: the
    file can be loaded. mask: what masks it: a link to /dev/null, an empty file, or a link to nothing that hides it.
    wanted_by: the links (line 0) and assignments by which what starts at boot pulls it in. unmet: the condition that
    is known to fail. started: pulled in, can be loaded, and no condition is known to fail.
    """

    name: str
    names: tuple[str, ...]
    path: PurePosixPath | None = None
    present: bool = False
    mask: Location | None = None
    wanted_by: tuple[Location, ...] = ()
    unmet: Location | None = None
    assignments: tuple[Assignment, ...] = field(default=(), repr=False)

    @property
    def masked(self) -> bool:
        return self.mask is not None

    @property
    def started(self) -> bool:
        return self.present and not self.masked and bool(self.wanted_by) and self.unmet is None

    def values(self, section: str, key: str) -> tuple[Value, ...]:
        """Every value in force, in order; an empty assignment takes back those before it. The last counts for most."""
        found: list[Value] = []
        for each in self.assignments:
            if each.section == section and each.key == key:
                if each.text or key in NOT_RESET:
                    found.append(Value(each.text, each.location))
                else:
                    found.clear()
        return tuple(found)


class Units:
    """The units of a tree. Nothing is read before it is needed."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._files = UnitFiles(tree)
        self._units: dict[str, Unit] = {}

    @cached_property
    def manager(self) -> str:
        """Which program starts services: "systemd", "openrc" or "sysv"."""
        self._tree.require(*UNIT_READS)
        # One that leads nowhere does not make another program of /sbin/init.
        if any(self._tree.lentry(f"{each}/{DEFAULT_TARGET}") is not None for each in self._files.directories):
            return "systemd"
        if self._tree.entry("/etc/runlevels") is not None:
            return "openrc"
        return "sysv" if self._tree.entry("/etc/rc3.d") is not None else "systemd"

    def unit(self, name: str) -> Unit:
        """The unit of that name or alias; not present if there is none."""
        if name not in self._units:
            self._units[name] = self._systemd(name) if self.manager == "systemd" else self._script(name)
        return self._units[name]

    def required_links(self, name: str) -> tuple[Value, ...]:
        """The units that links in NAME.requires directories make the unit require, each with its link (line 0)."""
        return tuple(Value(each.name, each.location) for each in self._files.required(name))

    def package_file(self, name: str) -> PurePosixPath | None:
        """The unit's file as its package has it, which one in /etc may hide; None if there is none."""
        for directory in self._files.directories:
            path = PurePosixPath(directory) / name
            if not directory.startswith(("/etc/", "/run/")) and self._tree.entry(path) is not None:
                return path
        return None

    def _systemd(self, name: str) -> Unit:
        path = self._files.path(name)
        if path is None:
            return self._generated(name)
        real, names = self._files.real_name(name), self._files.names(name)
        wanted = tuple(dict.fromkeys(self._reached.get(real, ())))
        if (mask := self._mask(path)) is not None:
            return Unit(real, names, path, mask=mask, wanted_by=wanted)
        assignments = self._files.assignments(name)
        unmet = unmet_condition(self._tree, assignments)
        return Unit(real, names, path, True, None, wanted, unmet, assignments)

    def _mask(self, path: PurePosixPath) -> Location | None:
        entry = self._tree.lentry(path)
        shown = "an empty file" if entry is None or not entry.is_link else f"-> {entry.link}"
        if self._files.null(path) or self._tree.entry(path) is None:
            return Location(path, text=shown)
        return None

    def _generated(self, name: str) -> Unit:
        """A service without a unit file: systemd-sysv-generator(8) makes one of a System V script."""
        script = sysv_script(self._tree, name)
        if script is None:
            return Unit(name, (name,), wanted_by=tuple(self._reached.get(name, ())))
        reached = self._reached
        levels = "234" if "multi-user.target" in reached else ""
        levels += "5" if "graphical.target" in reached else ""
        links = sysv_links(self._tree, script, levels)
        return Unit(name, (name,), script, True, wanted_by=(*links, *reached.get(name, ())))

    def _script(self, name: str) -> Unit:
        """The same question to OpenRC or System V init."""
        if self.manager == "openrc":
            script = openrc_script(self._tree, name)
            links = openrc_links(self._tree, name)
        else:
            script = sysv_script(self._tree, name)
            links = sysv_links(self._tree, script, None) if script is not None else ()
        return Unit(name, (name,), script, script is not None, wanted_by=links if script is not None else ())

    @cached_property
    def _reached(self) -> dict[str, list[Location]]:
        """Every unit that the boot's target pulls in, by its own name, with the links and lines that do it."""
        start = self._files.real_name(DEFAULT_TARGET)
        if not self._loads(start):
            start = FALLBACK_TARGET
        found: dict[str, list[Location]] = {start: [Location(self.default_target)]}
        left = [start]
        while left:
            at = left.pop()
            if not self._loads(at):
                continue
            for name, location in self._pulled(at):
                real = self._files.real_name(name)
                if real not in found:
                    found[real] = []
                    left.append(real)
                found[real].append(location)
        return found

    @property
    def reached(self) -> tuple[str, ...]:
        """The names of all units that the boot pulls in, whether they can be loaded or not; () without systemd."""
        return tuple(self._reached) if self.manager == "systemd" else ()

    @cached_property
    def default_target(self) -> PurePosixPath:
        """Where default.target is defined: usually a link."""
        for directory in self._files.directories:
            if self._tree.lentry(f"{directory}/{DEFAULT_TARGET}") is not None:
                return PurePosixPath(directory) / DEFAULT_TARGET
        return PurePosixPath("/etc/systemd/system") / DEFAULT_TARGET

    def _loads(self, name: str) -> bool:
        path = self._files.path(name)
        if path is None:
            return any(name in pulled for pulled in SHIPPED.values())
        return self._mask(path) is None

    def _pulled(self, name: str) -> Iterator[tuple[str, Location]]:
        for link in self._files.dependencies(name):
            yield link.name, link.location
        for each in self._files.assignments(name):
            if each.section == "Unit" and each.key in PULLS:
                for word in each.text.split():
                    yield word, each.location
        path = self._files.path(name) or PurePosixPath("/usr/lib/systemd/system") / name
        for implied in SHIPPED.get(name, ()):
            yield implied, Location(path)
