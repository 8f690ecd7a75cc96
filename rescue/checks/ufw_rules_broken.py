"""A ufw rules file fails to load, so ufw drops what it would have allowed.

Symptom: "ssh: connect to host SERVER port 22: Connection timed out", although "ufw allow 22" was typed; at boot
"iptables-restore: line 41 failed".

Cause: ufw sets its policy (drop) even if a rules file fails to load. One line with a mistake in /etc/ufw/user.rules,
before.rules or after.rules is enough: then all rules of that file are missing, including those for SSH. The mistake may
come from a line typed by hand, a Windows editor (CR LF), an interrupted upload, or a file left empty by a crash.

Repair: comment out a line that can't be loaded, convert Windows line endings to Linux ones, add a missing COMMIT.
Restore a missing or empty file from ufw's template, if the server still has it.

See: ufw-framework(8), iptables-restore(8); ufw_start in src/ufw-init-functions of ufw's source.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import PurePosixPath

from rescue.facts import Facts
from rescue.firewall.boot import reload
from rescue.firewall.diagnosis import Blockage, Mistake
from rescue.firewall.engine.ruleset import Firewall, LoadProblem
from rescue.firewall.iptables.load import NO_COMMIT
from rescue.formats.append_line import ended
from rescue.logins import blocking
from rescue.model import Finding, Repair, Safety
from rescue.tree import Read, Tree

STEP = blocking.STEP
TEMPLATES = "/usr/share/ufw/iptables"
READS = (*blocking.READS, Read(TEMPLATES, depth=1))

SHOWN = 5
"""How many line numbers a title shows."""

MOST_FAULTS = 100
"""The most lines that are commented out: a file with more was never a ufw file."""

RULES_MODE = 0o640
BY_HAND = f"Correct that file, then run this again; {TEMPLATES} has the files as they were when ufw was installed."


def find(facts: Facts) -> Iterator[Finding]:
    for block in blocking.blocks_of(facts, Mistake.RULE):
        faults = blocking.faults(block)
        if not faults or blocking.without_ipv6(facts, block):
            continue
        fault = faults[0]
        yield blocking.finding(
            "ufw-rules-broken",
            block,
            f"ufw can't load all of its rules ({fault.location}: {fault.message}) and drops what they "
            f"would have allowed: it {blocking.keeps(block)} port {block.port} for {blocking.who(block)}.",
            tuple(_repairs(facts.tree, block, fault)),
            locations=tuple(each.location for each in faults),
        )


def _repairs(tree: Tree, block: Blockage, fault: LoadProblem) -> Iterator[Repair]:
    try:
        after = mended(tree, block.firewall, block.version)
    except ValueError as problem:
        yield Repair(f"correct {fault.location}", Safety.MANUAL, steps=f"{problem}. {BY_HAND}")
        return
    yield Repair(
        f"make {fault.location.path} load again ({_how(tree, after, fault)})",
        Safety.SAFE,
        partial(mended, firewall=block.firewall, version=block.version),
    )


def _how(tree: Tree, after: Tree, fault: LoadProblem) -> str:
    text = tree.text(fault.location.path)
    if not text:
        return "from ufw's own template"
    if "\r\n" in text:
        return "with Linux line endings"
    if fault.message == NO_COMMIT:
        return "with the missing COMMIT"
    pairs = zip(text.split("\n"), (after.text(fault.location.path) or "").split("\n"), strict=False)
    numbers = [number for number, (old, new) in enumerate(pairs, start=1) if old != new]
    shown = ", ".join(map(str, numbers[:SHOWN])) + (" and others" if len(numbers) > SHOWN else "")
    return f"comment out line{'s' if len(numbers) > 1 else ''} {shown}"


def mended(tree: Tree, firewall: Firewall, version: int) -> Tree:
    """The tree where every rules file for that IP version loads. ValueError if only a person can correct it."""
    for _ in range(MOST_FAULTS):
        now = reload(tree, firewall)
        problems = now.ruleset(version).problems if now is not None else ()
        if not problems:
            return tree
        tree = _without(tree, problems[0])
    raise ValueError("it has too many mistakes")


def _without(tree: Tree, fault: LoadProblem) -> Tree:
    path, number = fault.location.path, fault.location.line
    text = tree.text(path)
    if not text:
        return _anew(tree, path)
    if "\r\n" in text:
        return tree.write(path, text.replace("\r\n", "\n"))
    if fault.message == NO_COMMIT:
        return tree.write(path, f"{ended(text)}COMMIT\n")
    lines = text.split("\n")
    if not path.is_relative_to("/etc/ufw") or not 0 < number <= len(lines) or lines[number - 1].startswith("#"):
        raise ValueError(f"{fault.message} ({fault.location})")
    lines[number - 1] = f"#{lines[number - 1]}"
    return tree.write(path, "\n".join(lines))


def _anew(tree: Tree, path: PurePosixPath) -> Tree:
    tree.require(*READS)
    template = tree.text(f"{TEMPLATES}/{path.name}")
    if not template:
        raise ValueError(f"{path} is missing or empty, and so is ufw's template")
    return tree.write(path, template, mode=RULES_MODE, uid=0, gid=0)
