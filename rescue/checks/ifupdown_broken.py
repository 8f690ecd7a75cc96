"""/etc/network/interfaces can't be read, so no network card is brought up, not even the loopback.

Symptom: nothing answers: "No route to host" or "Connection timed out", and no ping. The provider's console shows a
login prompt, and "Failed to start networking.service".

Cause: ifupdown takes the whole of its settings for void for one wrong line: a method or a kind of address that it does
not know ("inet dhpc"), an option that stands above its iface line or below "auto", an option without a value. A
misspelt option is not such a line: it is passed over; and of a file that is named by "source" only what follows the
wrong line is left out.

Repair: the line that stands in the wrong place, or says nothing, is commented out. What stands for an address has to be
put right by hand.

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
"""Other programs that read this file: they leave out what they don't understand."""
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
    doubt = f"{other.name} configures a network card as well" if other is not None else ""
    if not doubt and configuring.others:
        doubt = f"another program may bring up the network ({configuring.others[0]})"
    yield Finding(
        check="ifupdown-broken",
        step=STEP,
        severity=Severity.DOUBTFUL if doubt else Severity.BROKEN,
        message=f"ifupdown can't read {place}: {said}. It brings up no network card then.",
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
            weakens="what the line was meant to set is not set",
        )
    yield Repair(
        f"put {place} right",
        Safety.MANUAL,
        steps="Most often: iface CARD inet dhcp, or iface CARD inet static with address and gateway below it.",
    )


def _commented(tree: Tree, place: Location) -> Tree:
    lines = (tree.text(place.path) or "").split("\n")
    at = place.line - 1
    if not 0 <= at < len(lines) or lines[at].split()[:1] != place.text.split()[:1]:
        raise ValueError(f"{place} is another line by now")
    lines[at] = f"#{lines[at]}"
    return tree.write(place.path, "\n".join(lines))
