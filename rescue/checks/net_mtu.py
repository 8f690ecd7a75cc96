"""The MTU of the network interface is too small.

Symptom: "No route to host" or "Connection timed out"; or the connection opens and then hangs, very slow at best.

Cause: an mtu line in /etc/network/interfaces with a digit missing, such as 150 for 1500. Below 1280 the kernel drops
IPv6 on the interface: rescue reports that if you connect from an IPv6 address. Below 68 the kernel refuses the value,
ifup stops, and the interface does not come up. Below 576 the finding is doubtful, because a few programs get along.

rescue looks at ifupdown only: systemd-networkd raises the MTU to 1280 where an interface has IPv6, and NetworkManager
goes on without a value that the kernel refuses. An MTU that is too large for the provider's network can't be told from
a disk.

Repair: comment out the line, so that the interface has its driver's MTU (1500).

See: interfaces(5), ip-link(8), ipv6 in the kernel (addrconf.c, IPV6_MIN_MTU).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from rescue.facts import Facts
from rescue.model import Finding, Location, Repair, Safety, Severity, Step, Symptom
from rescue.network import CONFIGURING_READS, ifupdown, is_card
from rescue.network.ifupdown import InterfacesLine
from rescue.network.managers import IFUPDOWN
from rescue.tree import Tree

STEP = Step.NETWORK
READS = CONFIGURING_READS

LEAST_ANY, LEAST_USUAL, LEAST_IPV6 = 68, 576, 1280
METHODS = ("static", "manual")
"""Those whose mtu line ifupdown obeys in both families."""
SLOW = "a connection with packets that small may still work, slowly"


def find(facts: Facts) -> Iterator[Finding]:
    if not facts.units.unit(IFUPDOWN).started or ifupdown.problem(facts.tree) is not None:
        return
    sources = facts.client.sources
    six = bool(sources) and all(each.version == 6 for each in sources)
    seen = set[tuple[str, int]]()
    for stanza in ifupdown.stanzas(facts.tree):
        line = stanza.get("mtu")
        if line is None or not stanza.started or stanza.method not in METHODS or not is_card(stanza.name):
            continue
        text = line.words[1]
        value = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else LEAST_IPV6
        if value < (LEAST_IPV6 if six else LEAST_USUAL) and (str(line.path), line.number) not in seen:
            seen.add((str(line.path), line.number))
            yield _finding(facts.tree, stanza.name, line, value, six=six)


def _finding(tree: Tree, name: str, line: InterfacesLine, value: int, *, six: bool) -> Finding:
    place = Location(line.path, line.number, " ".join(line.words)[:200])
    if value < LEAST_ANY:
        effect, reason = "the kernel refuses that, and the interface does not come up", ""
    elif six:
        effect, reason = "the kernel drops IPv6 on the interface, and you connect from IPv6", ""
    else:
        effect, reason = "every network expects 576 at least", SLOW
    return Finding(
        check="net-mtu",
        step=STEP,
        severity=Severity.DOUBTFUL if reason else Severity.BROKEN,
        message=f"{place} gives {name} an MTU of {value}: {effect}.",
        symptom=Symptom.TIMED_OUT if reason else Symptom.UNREACHABLE,
        locations=(place,),
        repairs=tuple(_repairs(tree, line, place)),
        subject=name,
        reason=reason,
    )


def _repairs(tree: Tree, line: InterfacesLine, place: Location) -> Iterator[Repair]:
    if _whole(tree, line):
        yield Repair(f"comment out {place}", Safety.SAFE, partial(_commented, line=line))
    else:
        yield Repair(f"correct the MTU in {place}", Safety.MANUAL, steps="Usually it is 1500.")


def _whole(tree: Tree, line: InterfacesLine) -> bool:
    """Whether the line is one of its own, not continued from another."""
    lines = (tree.text(line.path) or "").split("\n")
    return 0 < line.number <= len(lines) and lines[line.number - 1].split() == list(line.words)


def _commented(tree: Tree, line: InterfacesLine) -> Tree:
    if not _whole(tree, line):
        raise ValueError(f"{line.path}:{line.number} has changed since")
    lines = (tree.text(line.path) or "").split("\n")
    lines[line.number - 1] = f"#{lines[line.number - 1]}"
    return tree.write(line.path, "\n".join(lines))
