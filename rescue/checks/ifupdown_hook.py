"""A command in /etc/network/interfaces fails before the interface comes up, so it gets no address.

Symptom: nothing answers: "No route to host" or "Connection timed out", and no ping. The provider's console shows a
login prompt, and "Failed to start networking.service".

Cause: ifupdown runs the "pre-up" lines of a stanza first, and leaves the interface down if one of them fails. Most
often it loads firewall rules from a file that is gone (pre-up iptables-restore < /etc/iptables.rules), or calls a
program or script that was removed or is not executable.

rescue reports what the disk proves: a program or an input file, named by its full path, or a known firewall program,
that does not exist. It does not follow conditions ("||", "if", "test").

Repair: add "|| true" to the line, so that the interface comes up whatever the command does. This needs your consent:
the firewall rules that it was to load are not loaded.

See: interfaces(5) on pre-up; execute.c in ifupdown's source.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial

from rescue.checks.ifupdown_broken import SECOND
from rescue.facts import Facts
from rescue.model import Finding, Location, Repair, Safety, Severity, Step, Symptom
from rescue.network import CONFIGURING_READS, ifupdown, read_configuring
from rescue.network.ifupdown import InterfacesLine, Stanza
from rescue.network.managers import IFUPDOWN
from rescue.text.line_edit import line_of, with_line
from rescue.tree import LinkLoop, Read, Tree

STEP = Step.NETWORK
FOLDERS = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
"""The PATH of ifup."""
KNOWN = (
    "iptables-restore",
    "ip6tables-restore",
    "iptables",
    "ip6tables",
    "nft",
    "ipset",
    "ethtool",
    "brctl",
    "vconfig",
)
"""Programs that are looked for: each comes with a package that can be removed."""
READS = (
    *CONFIGURING_READS,
    *(Read(path, depth=0, content=False) for path in SECOND),
    *(Read(f"{folder}/{name}", depth=0, content=False) for folder in FOLDERS for name in KNOWN),
)
MADE = ("/run/", "/var/run/", "/dev/", "/proc/", "/sys/", "/tmp/")  # noqa: S108  only compared with
"""Where files are made while the server boots."""
MOST = 200

_PLAIN = re.compile(r"(?P<program>/?[\w./+-]+)(?P<rest>(?:\s+[\w./:,=+@%-]+)*)(?:\s*<\s*(?P<input>/[\w./+-]+))?\s*")
"""A command without the shell's conditions, variables and patterns."""


def find(facts: Facts) -> Iterator[Finding]:
    tree = facts.tree
    if any(tree.entry(path) is not None for path in SECOND) or ifupdown.problem(tree) is not None:
        return
    configuring = read_configuring(tree, facts.units)
    if not any(each.unit == IFUPDOWN and each.starts for each in configuring.managers):
        return
    other = next(
        (each for each in configuring.managers if each.unit != IFUPDOWN and each.starts and each.configures), None
    )
    doubt = f"{other.name} also configures a network interface" if other is not None else ""
    if not doubt and configuring.others:
        doubt = f"another program may bring up the network ({configuring.others[0]})"
    stanzas = [each for each in ifupdown.stanzas(tree) if each.started and not each.loopback]
    failing = [(each, found) for each in stanzas[:MOST] if (found := _fails(tree, each)) is not None]
    sound = {each.name for each in stanzas} - {each.name for each, _ in failing}
    if sound:
        doubt = doubt or f"{min(sound)} comes up, and you may connect to its address"
    told = set[str]()
    for stanza, (line, why) in failing:
        if stanza.name not in told:
            told.add(stanza.name)
            yield _finding(stanza, line, why, doubt)


def _fails(tree: Tree, stanza: Stanza) -> tuple[InterfacesLine, str] | None:
    """The first pre-up line that certainly fails, and why."""
    for line in stanza.options:
        if line.words[0] == "pre-up" and (match := _PLAIN.fullmatch(" ".join(line.words[1:]))) is not None:
            why = _lacks(tree, match["program"], match["input"])
            if why:
                return line, why
    return None


def _lacks(tree: Tree, program: str, source: str | None) -> str:
    if source is not None and not source.startswith(MADE):
        tree.require(Read(source, depth=0, content=False))
        if not _there(tree, source):
            return f"{source} does not exist"
    if program.startswith("/"):
        # What is made at boot, or mounted later, is not on this disk.
        if program.startswith(("/etc/", "/usr/", "/bin/", "/sbin/")):
            tree.require(Read(program, depth=0, content=False))
            if not _there(tree, program):
                return f"{program} does not exist"
            entry = tree.entry(program)
            if entry is not None and entry.is_file and not entry.mode & 0o111:
                return f"{program} is not executable"
    elif program in KNOWN and not any(_there(tree, f"{folder}/{program}") for folder in FOLDERS):
        return f"{program} is not installed"
    return ""


def _there(tree: Tree, path: str) -> bool:
    """Whether something is at the path; a link that leads nowhere is nothing."""
    try:
        return tree.entry(path) is not None
    except LinkLoop:
        return False


def _finding(stanza: Stanza, line: InterfacesLine, why: str, doubt: str) -> Finding:
    place = Location(line.path, line.number, " ".join(line.words)[:200])
    return Finding(
        check="ifupdown-hook",
        step=STEP,
        severity=Severity.DOUBTFUL if doubt else Severity.BROKEN,
        message=f"The pre-up command in {place} fails, because {why}: {stanza.name} stays down, without an address.",
        symptom=Symptom.UNREACHABLE,
        locations=(place,),
        repairs=(
            Repair(
                f'let {stanza.name} come up even if the command fails: add "|| true" to {place}',
                Safety.UNSAFE,
                partial(_tolerated, place=place),
                weakens="what the command was to do, such as loading firewall rules, is not done",
            ),
            Repair(
                f"restore what is missing: {why}", Safety.MANUAL, steps=f"The command is: {' '.join(line.words[1:])}"
            ),
        ),
        subject=stanza.name,
        reason=doubt,
    )


def _tolerated(tree: Tree, place: Location) -> Tree:
    lines, at = line_of(tree, place)
    return with_line(tree, place, f"{lines[at].rstrip()} || true")
