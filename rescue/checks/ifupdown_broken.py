"""ifupdown can't read /etc/network/interfaces, so no network interface comes up.

Symptom: nothing answers: "No route to host" or "Connection timed out", and no ping. The provider's console shows a
login prompt, and "Failed to start networking.service".

Cause: one wrong line makes ifupdown reject all of its settings: a method or address family that it does not know ("inet
dhpc"), an option above its iface line or below "auto", an option without a value. A misspelt option does no harm:
ifupdown ignores it. In a file included by "source", only what follows the wrong line is left out. Not even the loopback
comes up then.

Repair: comment out a line that is in the wrong place or says nothing. A line that sets an address has to be corrected
by hand.

See: interfaces(5), `ifquery --list -a`; config.c in ifupdown's source.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from rescue.facts import Facts
from rescue.model import Finding, Location, Repair, Safety, Severity, Step, Symptom
from rescue.network import CONFIGURING_READS, ifupdown, read_configuring
from rescue.network.managers import IFUPDOWN
from rescue.tree import Read, Tree

STEP = Step.NETWORK
SECOND = ("/usr/share/ifupdown2", "/usr/lib/ifupdown2", "/usr/libexec/ifupdown-ng")
"""Other programs that read this file: they ignore what they don't understand."""
READS = (*CONFIGURING_READS, *(Read(path, depth=0, content=False) for path in SECOND))


def find(facts: Facts) -> Iterator[Finding]:
    if any(facts.tree.entry(path) is not None for path in SECOND):
        return
    configuring = read_configuring(facts.tree, facts.units)
    if not any(each.unit == IFUPDOWN and each.starts for each in configuring.managers):
        return
    problem = ifupdown.problem(facts.tree)
    if problem is None:
        return
    place, said = problem
    other = next(
        (each for each in configuring.managers if each.unit != IFUPDOWN and each.starts and each.configures), None
    )
    doubt = f"{other.name} also configures a network interface" if other is not None else ""
    if not doubt and configuring.others:
        doubt = f"another program may bring up the network ({configuring.others[0]})"
    yield Finding(
        check="ifupdown-broken",
        step=STEP,
        severity=Severity.DOUBTFUL if doubt else Severity.BROKEN,
        message=f"ifupdown can't read {place}: {said}. It brings up no network interface.",
        symptom=Symptom.UNREACHABLE,
        locations=(place,),
        repairs=tuple(_repairs(place, said)),
        subject=str(place.path),
        reason=doubt,
    )


def _repairs(place: Location, said: str) -> Iterator[Repair]:
    if not place.text.startswith("iface"):
        yield Repair(
            f"comment out line {place.line} of {place.path}",
            Safety.UNSAFE,
            partial(_commented, place=place),
            weakens="what the line was meant to set stays unset",
        )
    yield Repair(
        f"correct {place}",
        Safety.MANUAL,
        steps="Most often: iface NAME inet dhcp, or iface NAME inet static with address and gateway below it.",
    )


def _commented(tree: Tree, place: Location) -> Tree:
    lines = (tree.text(place.path) or "").split("\n")
    at = place.line - 1
    if not 0 <= at < len(lines) or lines[at].split()[:1] != place.text.split()[:1]:
        raise ValueError(f"{place} has changed since")
    lines[at] = f"#{lines[at]}"
    return tree.write(place.path, "\n".join(lines))
