"""What the settings of the SSH server's unit do to it.

Decides: the unit ssh.service (ssh.socket, ssh@.service), its drop-ins and those of every service: a sandbox that hides
/home or /etc/shadow, a system call filter, a limit, another user, a program that is run before it, a unit that it
requires, a condition.

Not judged: every line that neither the package shipped nor is known to be harmless.

Supply: a login is possible without them: give the drop-in another ending than .conf, and look for the line that does it
when you are in (systemctl status ssh, journalctl -u ssh).
"""

from __future__ import annotations

from collections.abc import Iterator
from re import compile as compile_pattern

from rescue.checks._ssh_units import SERVICES, accepting, serving, triggered
from rescue.evidence._settings import open_lines, told
from rescue.facts import Facts
from rescue.formats.shipped import SHIPPED_READS
from rescue.formats.unit_files import Assignment
from rescue.formats.units import UNIT_READS, Unit
from rescue.model import Gap, Link
from rescue.sshd.listen import SOCKETS
from rescue.tree import Read

LINK = Link.SERVICE
READS = (*UNIT_READS, *SHIPPED_READS, Read("/etc/default/ssh", depth=0))

SUPPLY = "give the drop-in another ending than .conf, reboot, and try"
HIDES = ("Inaccessible", "ReadOnly", "TemporaryFileSystem", "Bind", "ProtectHome", "ProtectSystem", "Root", "Private",
         "DynamicUser", "User", "Group", "Capability", "SystemCall", "SecureBits", "NoNewPrivileges", "Restrict")  # fmt: skip
"""What such settings begin with that also decide whether keys are found and trusted."""
LASTS = (*HIDES, "Limit", "NoExec", "Exec", "Memory", "Tasks", "Device", "Environment", "PassEnvironment", "UnsetEnvironment",
         "AppArmor", "SELinux", "Smack", "PAMName", "UMask", "Slice", "RuntimeMaxSec", "Personality", "Kill")  # fmt: skip
"""What a session inherits, or what ends it."""

_SSHD = compile_pattern(
    r"[-@:+!|]*/usr/sbin/sshd(?:\s+(?:-D|-e|-4|-6|-q|-De|-eD|\$SSHD_OPTS|\$OPTIONS|\$\{SSHD_OPTS\}|-p\s*\d+|-o\s*\S+|-f\s*/etc/ssh/\S+))*"
)
_TEST = compile_pattern(r"[-@:+!|]*(?:/usr)?/s?bin/(?:sshd -t|ssh-keygen -A|mkdir -p(?: -m ?0?755)? /run/sshd|true)|-[^ ]*/bin/(?:true|false)")
_QUIET = frozenset({"SSHD_OPTS", "OPTIONS", "LANG", "LC_ALL", "TZ"})


def find(facts: Facts) -> Iterator[Gap]:
    if facts.units.manager != "systemd":
        return
    open_ends: dict[str, list[Assignment]] = {}
    for unit in _units(facts):
        for each in open_lines(facts, unit.assignments):
            if not _judged(facts, unit, each):
                open_ends.setdefault(str(each.location.path), []).append(each)
    for path, lines in open_ends.items():
        places = tuple(each.location for each in lines)
        what = f"what {told(lines)} does ({path})"
        yield Gap("unit-settings", LINK, f"whether the SSH server starts: {what}", SUPPLY, locations=places)
        if any(each.key.startswith(HIDES) for each in lines):
            yield Gap("unit-settings", Link.ACCOUNT, f"whether it finds the accounts: {what}", SUPPLY, locations=places)
            yield Gap("unit-settings", Link.KEY, f"whether it can read the keys: {what}", SUPPLY, locations=places)
        if any(each.key.startswith(LASTS) for each in lines):
            yield Gap("unit-settings", Link.ACCEPT, f"whether it takes connections: {what}", SUPPLY, locations=places)
            yield Gap("unit-settings", Link.SESSION, f"what the session inherits: {what}", SUPPLY, locations=places)


def _units(facts: Facts) -> Iterator[Unit]:
    """The units that serve, and the service behind a socket."""
    for unit in serving(facts.units):
        yield unit
        if unit.name in SOCKETS:
            behind = triggered(facts.units, unit)
            yield facts.units.unit("ssh@.service") if accepting(unit) and behind.path is None else behind


def _judged(facts: Facts, unit: Unit, line: Assignment) -> bool:
    """Whether the checks know what the line means: sshd's own command, and its options."""
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
