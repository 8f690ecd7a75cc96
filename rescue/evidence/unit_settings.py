"""What the settings of sshd's unit do to it.

Decides: the unit ssh.service (ssh.socket, ssh@.service), its drop-ins and those for every service: a sandbox that hides
/home or /etc/shadow, a system call filter, a limit, another user, a program that runs first, a required unit, a
condition.

Not judged: every line that is neither from the package nor known to be harmless.

Supply: a login works without them: rename the drop-in so that it does not end in .conf, and find the faulty line once
you are in (systemctl status ssh, journalctl -u ssh).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from re import compile as compile_pattern

from rescue.evidence._settings import STOCK, open_lines, told
from rescue.facts import Facts
from rescue.formats.shipped import SHIPPED_READS
from rescue.logins import pam
from rescue.logins.ssh_units import SERVICES
from rescue.logins.sshd_program import READS as PROGRAM_READS
from rescue.logins.walls.judge import settled
from rescue.logins.walls.needs import units
from rescue.model import Gap, Location, Step
from rescue.services.unit_files import Assignment, UnitFiles
from rescue.services.units import UNIT_READS, Unit
from rescue.sshd.commandline import DEBIAN_OPTIONS
from rescue.tree import Read

STEP = Step.SERVICE
READS = (*UNIT_READS, *SHIPPED_READS, *PROGRAM_READS, *pam.READS, Read(DEBIAN_OPTIONS, depth=0))

SUPPLY = "put a # before the line, reboot, and try"
HIDES = (
    "Inaccessible",
    "ReadOnly",
    "TemporaryFileSystem",
    "Bind",
    "ProtectHome",
    "ProtectSystem",
    "Root",
    "Private",
    "DynamicUser",
    "User",
    "Group",
    "Capability",
    "SystemCall",
    "SecureBits",
    "NoNewPrivileges",
    "Restrict",
)
"""Prefixes of settings that also decide whether keys are found and trusted."""
LASTS = (
    *HIDES,
    "Limit",
    "NoExec",
    "Exec",
    "Memory",
    "Tasks",
    "Device",
    "Environment",
    "PassEnvironment",
    "UnsetEnvironment",
    "AppArmor",
    "SELinux",
    "Smack",
    "PAMName",
    "UMask",
    "Slice",
    "RuntimeMaxSec",
    "Personality",
    "Kill",
)
"""What a session inherits, or what stops it."""

NETS = ("PrivateNetwork", "NetworkNamespace", "IPAddress", "SocketBind", "Restrict", "JoinsNamespace", "Exec", "User")
DECIDES: tuple[tuple[Step, tuple[str, ...], str], ...] = (
    (STEP, ("",), "whether sshd starts"),
    (Step.LISTEN, NETS, "whether sshd can be reached"),
    (Step.FIREWALL, NETS, "whether connections are let in"),
    (Step.ACCEPT, LASTS, "whether sshd answers"),
    (Step.ACCOUNT, HIDES, "whether sshd finds your account"),
    (Step.KEY, HIDES, "whether sshd can read your keys"),
    (Step.SESSION, LASTS, "whether a session works"),
)
"""Each step, the prefixes of settings that also decide it, and its text."""

_SSHD = compile_pattern(
    r"[-@:+!|]*/usr/sbin/sshd(?:\s+(?:-D|-e|-4|-6|-q|-De|-eD|\$SSHD_OPTS|\$OPTIONS|\$\{SSHD_OPTS\}|-p\s*\d+|-o\s*\S+|-f\s*/etc/ssh/\S+))*"
)
_TEST = compile_pattern(
    r"[-@:+!|]*(?:/usr)?/s?bin/(?:sshd -t|ssh-keygen -A|mkdir -p(?: -m ?0?755)? /run/sshd|true)"
    r"|-[^ ]*/bin/(?:true|false)"
)
MOST_LINES = 500
_QUIET = frozenset({"SSHD_OPTS", "OPTIONS", "LANG", "LC_ALL", "TZ", "SSH_USE_STRONG_RNG", "CRYPTO_POLICY"})


def find(facts: Facts) -> Iterator[Gap]:
    if facts.units.manager != "systemd":
        return
    open_ends: dict[str, list[Assignment]] = {}
    for unit in units(facts):
        lines = list(open_lines(facts, unit.assignments))
        # What the check sshd-unit-walls understands is a finding, or harmless.
        known = settled(facts, unit) if lines else frozenset()
        for each in lines:
            if not (each.section == "Service" and each.key in known) and not _judged(facts, unit, each):
                open_ends.setdefault(str(each.location.path), []).append(each)
    yield from _required(facts)
    for path in dict.fromkeys(_environment_files(facts)):
        open_ends.setdefault(path, []).extend(_variables(facts, path))
    for path, lines in open_ends.items():
        if not lines:
            continue
        places = tuple(each.location for each in lines)
        what = f"with {told(lines)} in {path}"
        for link, begins, whether in DECIDES:
            if any(_decides(each, link, begins) for each in lines):
                yield Gap("unit-settings", link, f"{whether} {what}", SUPPLY, locations=places)


def _decides(line: Assignment, link: Step, begins: tuple[str, ...]) -> bool:
    if line.section == "Service":
        return line.key.startswith(begins)
    return link is STEP or (line.section == "Socket" and link is Step.LISTEN)


def _required(facts: Facts) -> Iterator[Gap]:
    """Links in directories NAME.requires: without their targets the unit does not start."""
    files = UnitFiles(facts.tree)
    for unit in units(facts):
        for link in files.dependencies(unit.name) if unit.path is not None else ():
            path = str(link.location.path)
            if ".requires/" in path and not path.startswith(STOCK):
                what = f"whether sshd starts: it needs {link.name} ({path})"
                yield Gap("unit-settings", STEP, what, "remove that link, reboot, and try", locations=(link.location,))


def _environment_files(facts: Facts) -> Iterator[str]:
    for unit in units(facts):
        for value in unit.values("Service", "EnvironmentFile"):
            path = value.text.lstrip("-")
            if path.startswith("/") and not any(mark in path for mark in "*?[%"):
                yield path


def _variables(facts: Facts, path: str) -> Iterator[Assignment]:
    """Variables that sshd gets from a file, with unknown effects (systemd.exec(5), EnvironmentFile=)."""
    facts.tree.require(Read(path, depth=0))
    for number, line in enumerate((facts.tree.text(path) or "").split("\n")[:MOST_LINES], start=1):
        name, equals, value = line.strip().partition("=")
        if equals and not name.startswith(("#", ";")) and name.strip() not in _QUIET:
            place = Location(PurePosixPath(path), number, line)
            yield Assignment("Service", f"Environment={name.strip()}", value.strip(), place)


def _judged(facts: Facts, unit: Unit, line: Assignment) -> bool:
    """Whether the checks understand the line: sshd's own command, and its options."""
    if line.section != "Service":
        return False
    if line.key == "ExecStart":
        commands = unit.values("Service", "ExecStart")
        if not line.text:
            return len(commands) == 1
        return _SSHD.fullmatch(line.text) is not None and len(commands) == 1 and unit.name.startswith(tuple(SERVICES))
    if line.key in ("ExecStartPre", "ExecStartPost", "ExecCondition"):
        return not line.text or (_TEST.fullmatch(line.text) is not None and not line.text.endswith("false"))
    if line.key == "Environment":
        return all(word.strip("\"'").partition("=")[0] in _QUIET for word in line.text.split())
    return False
