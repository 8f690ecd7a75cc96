"""netplan can't read its settings, so the network interfaces get none.

Symptom: nothing answers: "No route to host" or "Connection timed out", and no ping. The provider's console shows a
login prompt.

Cause: netplan (Ubuntu, some Debian images) generates the network settings at boot from the files in /etc/netplan.
Invalid YAML (a tab, a wrong indentation, a missing colon), an unknown key, or a value of the wrong kind (an address
without /24, "maybe" for true) makes it fail: up to netplan 1.0 no interface gets settings then, not even those of other
files. From 1.1 on only the wrong part is left out; an invalid YAML file is left out entirely.

Repair: replace a tab at the start of a line with spaces, if only one indentation makes sense of the file. Anything else
needs a person: rescue shows the line.

See: netplan.yaml(5), `netplan generate`; src/parse.c of netplan.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import PurePosixPath

from rescue.facts import Facts
from rescue.formats.packages import PACKAGE_READS, package_version
from rescue.formats.yaml_nodes import Node
from rescue.model import Finding, Location, Repair, Safety, Severity, Step, Symptom
from rescue.network import CONFIGURING_READS, netplan, read_configuring
from rescue.network.netplan import NetplanFiles, plan, plans
from rescue.tree import Tree

STEP = Step.NETWORK
READS = (*CONFIGURING_READS, *PACKAGE_READS)

LEAVES_OUT = (1, 1)
"""The first netplan release that skips what is wrong and uses the rest."""
WIDEST = 24
"""The most spaces that a tab may stand for."""

_TAB = re.compile(r"[ ]*\t[ \t]*(?=\S)")


def find(facts: Facts) -> Iterator[Finding]:
    if not netplan.generated(facts.tree):
        return
    every = plans(facts.tree)
    void = [each for each in every if each.problem is not None]
    if void:
        yield _finding(facts, void[0], every)


def _finding(facts: Facts, bad: NetplanFiles, every: tuple[NetplanFiles, ...]) -> Finding:
    assert bad.problem is not None
    lines = (facts.tree.text(bad.path) or "").split("\n")
    text = lines[bad.problem.line - 1] if 0 < bad.problem.line <= len(lines) else ""
    place = Location(bad.path, bad.problem.line, text.strip()[:200])
    doubt = _doubt(facts, bad, every)
    tab = bad.no_yaml and _TAB.match(text) is not None
    what = "a tab where only spaces are allowed" if tab else bad.problem.what
    return Finding(
        check="netplan-yaml",
        step=STEP,
        severity=Severity.DOUBTFUL if doubt else Severity.BROKEN,
        message=(
            f"netplan can't read {bad.path}, line {bad.problem.line}: {what}. "
            f"It generates no settings {'from what it rejects' if doubt else 'for any network interface'}."
        ),
        symptom=Symptom.UNREACHABLE,
        locations=(place,),
        repairs=(*_repairs(bad, lines), _by_hand(place)),
        subject=str(bad.path),
        reason=doubt,
    )


def _doubt(facts: Facts, bad: NetplanFiles, every: tuple[NetplanFiles, ...]) -> str:
    """Why an interface may have settings anyway."""
    assert bad.problem is not None
    configuring = read_configuring(facts.tree, facts.units)
    other = next((each for each in configuring.managers if each.starts and each.configures), None)
    if other is not None:
        return f"{other.name} also configures a network interface"
    if configuring.others:
        return f"another program may bring up the network ({configuring.others[0]})"
    version = package_version(facts.tree, "netplan.io")
    sound = [each for each in every if each.problem is None and each.root is not None]
    several = bool(bad.problem.definition) and _definitions(bad) > 1
    if (version is None or version >= LEAVES_OUT) and (sound or several):
        known = f"netplan {'.'.join(map(str, version[:2]))}" if version else "netplan from 1.1 on"
        return f"{known} skips what is wrong and uses the rest"
    return ""


def _definitions(bad: NetplanFiles) -> int:
    network = bad.root.get("network") if bad.root is not None else None
    groups = [value for _, value in network.pairs if value.kind == "mapping"] if network is not None else []
    return sum(len(each.pairs) for each in groups)


def _repairs(bad: NetplanFiles, lines: list[str]) -> Iterator[Repair]:
    made = without_tabs(bad.path, lines)
    if made is not None:
        yield Repair(
            f"replace the tab with spaces in {bad.path}",
            Safety.SAFE,
            partial(_written, path=bad.path, before="\n".join(lines), after=made),
        )


def without_tabs(path: PurePosixPath, lines: list[str]) -> str | None:
    """The file with spaces for the tabs at the start of its lines, if it can have only one meaning."""
    tabbed = [at for at, line in enumerate(lines) if _TAB.match(line) and not line.lstrip().startswith("#")]
    if not tabbed or any("*" in line for line in lines):
        return None  # what an anchor names may repeat any number of times
    found: dict[str, str] = {}
    for width in range(1, WIDEST + 1):
        made = list(lines)
        for at in tabbed:
            bare = made[at].lstrip(" \t")
            lead = made[at][: len(made[at]) - len(bare)]
            # A single line may have any indentation; with several, all tabs have the same width.
            blanks = " " * width if len(tabbed) == 1 else lead.replace("\t", " " * width)
            made[at] = f"{blanks}{bare}"
        text = "\n".join(made)
        judged = plan(path, text)
        if judged.problem is None and judged.root is not None and not judged.unread:
            found.setdefault(_sense(judged.root), text)
    return next(iter(found.values())) if len(found) == 1 else None


def _sense(node: Node) -> str:
    """What a file means, whatever its indentation."""
    if node.kind == "scalar":
        return repr(node.text)
    if node.kind == "mapping":
        return "{" + ",".join(f"{_sense(key)}:{_sense(value)}" for key, value in node.pairs) + "}"
    return "[" + ",".join(_sense(each) for each in node.items) + "]"


def _written(tree: Tree, path: PurePosixPath, before: str, after: str) -> Tree:
    if tree.text(path) != before:
        raise ValueError(f"{path} has changed since")
    return tree.write(path, after)


def _by_hand(place: Location) -> Repair:
    return Repair(
        f"correct {place}",
        Safety.MANUAL,
        steps=(
            "Indent with two spaces per level, and put the line below the key that it belongs to.\n"
            "`netplan generate` in rescue shell checks the file."
        ),
    )
