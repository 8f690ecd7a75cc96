"""The commands that a boot obeys because a person wrote them down: in rc.local, in units and init scripts of one's own,
in ifupdown's settings and folders, in those of NetworkManager and networkd-dispatcher, as cron's @reboot.

What packages start by their own units is left out: it is known by name elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from re import compile as compile_pattern

from rescue.formats.shell_script import script_lines
from rescue.model import Location
from rescue.network import ifupdown
from rescue.services.other_inits import INIT_READS, INIT_SCRIPTS
from rescue.services.units import UNIT_READS, Unit, Units
from rescue.tree import LinkLoop, Read, Tree

RC_LOCAL = ("/etc/rc.local", "/etc/rc.d/rc.local")
IFUP = ("/sbin/ifup", "/usr/sbin/ifup")
IFUP_FOLDERS = ("/etc/network/if-pre-up.d", "/etc/network/if-up.d")
DISPATCHERS = (
    "/etc/NetworkManager/dispatcher.d",
    "/etc/NetworkManager/dispatcher.d/pre-up.d",
    *(f"/etc/networkd-dispatcher/{state}.d" for state in ("configured", "configuring", "carrier", "routable")),
)
CRON_TABLES, CRON_FOLDER = ("/etc/crontab",), "/etc/cron.d"
OWN_CRON_TABLES = ("/var/spool/cron/crontabs/root", "/var/spool/cron/root")
OPENRC_LOCAL = "/etc/local.d"
UFW_SCRIPTS = ("/etc/ufw/before.init", "/etc/ufw/after.init")
"""What ufw-init runs with "start", where it is executable."""
PLUGINS = "/usr/share/netfilter-persistent/plugins.d"

READS = (
    *UNIT_READS,
    *INIT_READS,
    *ifupdown.READS,
    *(Read(path, depth=0) for path in (*RC_LOCAL, *UFW_SCRIPTS, *CRON_TABLES, *OWN_CRON_TABLES)),
    *(Read(path, depth=0, content=False) for path in IFUP),
    *(Read(path, depth=1) for path in (*DISPATCHERS, CRON_FOLDER, OPENRC_LOCAL, PLUGINS)),
)

LARGEST = 1 << 18
"""Bytes of a script that is followed."""
DEEPEST, MOST_SCRIPTS = 3, 100
"""How deep scripts are followed that name other scripts, and how many at most."""

PACKAGED = ("/usr/lib/systemd/", "/lib/systemd/")
"""Where packages have their units."""
KNOWN = frozenset(
    ["apparmor", "arno-iptables-firewall", "containerd", "cron", "crowdsec", "csf", "dbus", "docker", "fail2ban",
     "ferm", "firehol", "firewalld", "ip6tables", "ipset", "iptables", "iptables-persistent", "lfd",
     "netfilter-persistent", "nftables", "rsyslog", "shorewall", "shorewall6", "ssh", "sshd", "sshguard", "udev", "ufw"]
)  # fmt: skip
"""Init scripts of packages, whose work is known by name."""
SHIPPED_PLUGINS = compile_pattern(r"\d+-(?:ip4tables|ip6tables|ipset)")

_RUN_PARTS = compile_pattern(r"[A-Za-z0-9_-]+")
_REBOOT = compile_pattern(r"@reboot\s+(.+)")
_REBOOT_AS = compile_pattern(r"@reboot\s+\S+\s+(.+)")
_SHELL_WITH = compile_pattern(r"(?:\S*/)?(?:ba|da|a)?sh\s+-[a-z]*c\s+(['\"])(.*)\1")
_PROGRAM = compile_pattern(
    r"(?:(?:exec|nohup|sudo|\.|source|(?:\S*/)?(?:ba|da|a)?sh(?:\s+-[a-z]+)?)\s+)*\"?(/[^\s\"';&|<>]+)"
)
_SYSTEM = ("/bin/", "/sbin/", "/usr/bin/", "/usr/sbin/", "/usr/lib/", "/lib/")
"""Where programs are; scripts of one's own may be there, too, but are named by the boot alone."""


@dataclass(frozen=True, slots=True)
class BootCommand:
    """One command line. certain: it is surely run at boot, not under a condition only."""

    text: str
    location: Location
    certain: bool = True


def boot_commands(tree: Tree, units: Units) -> tuple[BootCommand, ...]:
    """Every such command, with those of the scripts that they start. Raises NotCaptured."""
    tree.require(*READS)
    found: list[BootCommand] = []
    seen: set[str] = set()
    left = list(_first(tree, units, found))
    for _ in range(DEEPEST):
        scripts = _readable(tree, [each for each in left if each not in seen])
        seen.update(left)
        begun = len(found)
        for path in scripts[:MOST_SCRIPTS]:
            found += _of_script(tree, path)
        left = [path for each in found[begun:] for path in _named(each.text) if not path.startswith(_SYSTEM)]
        if not left:
            break
    return tuple(found)


def _first(tree: Tree, units: Units, found: list[BootCommand]) -> Iterator[str]:
    """The scripts that the boot itself starts; single commands go into `found`, and their scripts are given, too."""
    if not units.unit("rc-local.service").masked:
        yield from (path for path in RC_LOCAL if _executable(tree, path))
    single = [*_of_units(units), *_of_ifupdown(tree), *_of_cron(tree, units)]
    found += single
    yield from (path for each in single for path in _named(each.text))
    if units.unit("ufw.service").started:
        yield from (path for path in UFW_SCRIPTS if _executable(tree, path))
    yield from (path for path in _in_folders(tree) if _executable(tree, path))
    for name in tree.children(INIT_SCRIPTS):
        unit = units.unit(f"{name}.service") if name not in KNOWN else None
        if unit is not None and unit.started and str(unit.path).startswith(INIT_SCRIPTS):
            yield str(unit.path)


def _of_units(units: Units) -> Iterator[BootCommand]:
    for name in units.reached:
        unit = units.unit(name)
        if name.endswith(".service") and unit.started:
            yield from _of_unit(unit)


def _of_unit(unit: Unit) -> Iterator[BootCommand]:
    """What a unit runs by lines that a person wrote, not a package."""
    for key in ("ExecStartPre", "ExecStart", "ExecStartPost"):
        for value in unit.values("Service", key):
            if not str(value.location.path).startswith(PACKAGED):
                yield from _unwrapped(value.text.lstrip("-@:+!| "), value.location)


def _unwrapped(text: str, location: Location) -> Iterator[BootCommand]:
    """A command line, or the commands in it where a shell is started with them."""
    inner = _SHELL_WITH.fullmatch(text.strip())
    for part in (inner[2] if inner else text).replace("&&", ";").split(";"):
        if part.strip():
            yield BootCommand(part.strip(), location)


def _of_ifupdown(tree: Tree) -> Iterator[BootCommand]:
    if not _ifupdown(tree):
        return
    for line in ifupdown.lines(tree):
        if line.words[0] in ("pre-up", "up", "post-up") and len(line.words) > 1:
            text = " ".join(line.words[1:])
            yield from _unwrapped(text, Location(line.path, line.number, " ".join(line.words)))


def _ifupdown(tree: Tree) -> bool:
    return any(tree.entry(path) is not None for path in IFUP)


def _of_cron(tree: Tree, units: Units) -> Iterator[BootCommand]:
    if not any(units.unit(f"{name}.service").started for name in ("cron", "crond", "cronie")):
        return
    shared = (*CRON_TABLES, *(f"{CRON_FOLDER}/{name}" for name in tree.children(CRON_FOLDER)))
    for path, pattern in (*((each, _REBOOT_AS) for each in shared), *((each, _REBOOT) for each in OWN_CRON_TABLES)):
        for number, line in enumerate((tree.text(path) or "").split("\n"), start=1):
            match = pattern.fullmatch(line.strip())
            if match is not None:
                yield from _unwrapped(match[1], Location(PurePosixPath(path), number, line))


def _in_folders(tree: Tree) -> Iterator[str]:
    folders = (*(IFUP_FOLDERS if _ifupdown(tree) else ()), *DISPATCHERS)
    for folder in folders:
        for name in tree.children(folder):
            if _RUN_PARTS.fullmatch(name) or folder in DISPATCHERS:
                yield f"{folder}/{name}"
    yield from (f"{OPENRC_LOCAL}/{name}" for name in tree.children(OPENRC_LOCAL) if name.endswith(".start"))
    for name in tree.children(PLUGINS):
        if not SHIPPED_PLUGINS.fullmatch(name):
            yield f"{PLUGINS}/{name}"


def _executable(tree: Tree, path: str) -> bool:
    entry = tree.entry(path)
    return entry is not None and entry.is_file and bool(entry.mode & 0o111)


def _named(text: str) -> Iterator[str]:
    """The script that a command starts, where it may be one of a person's own."""
    match = _PROGRAM.match(text)
    if match is not None:
        yield match[1]


def _readable(tree: Tree, paths: list[str]) -> list[str]:
    """Those of `paths` that are scripts, captured."""
    paths = list(dict.fromkeys(paths))
    tree.require(*(Read(path, depth=0, content=False) for path in paths))
    small = []
    for path in paths:
        try:
            entry = tree.entry(path)
        except LinkLoop:
            continue
        if entry is not None and entry.is_file and entry.size <= LARGEST:
            small.append(path)
    tree.require(*(Read(path, depth=0, limit=LARGEST) for path in small))
    return [path for path in small if (tree.data(path) or b"")[:4] != b"\x7fELF"]


def _of_script(tree: Tree, path: str) -> Iterator[BootCommand]:
    text = tree.text(path) or ""
    where, all_lines = tree.resolve(path), text.split("\n")
    for line in script_lines(tree, text):
        yield BootCommand(line.text, Location(where, line.number, all_lines[line.number - 1]), line.certain)
