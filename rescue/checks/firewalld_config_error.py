"""firewalld can't read its configuration, leaves all of it aside, and what it starts with instead keeps SSH out.

Symptom: "ssh: connect to host SERVER port 2222: No route to host", although the port is in the zone's file; "failed" as
the answer of "firewall-cmd --state".

Cause: one mistake anywhere in /etc/firewalld is enough: an element without its slash, a service that does not exist, an
interface in two zones. firewalld 1.2 and newer then starts with the files that it was installed with, in
/usr/lib/firewalld: port 22 in the zone public, and nothing of your own. firewall-cmd writes no such file; it comes from
an editor, a script, or a file for another version.

Repair: what firewalld does not take is taken out, or the missing slash is put in; nothing else is changed. Where that
takes a person, nothing is done: firewall-offline-cmd --check-config names the place, and firewalld keeps the file as it
was before its own last change beside it, with .old at the end.

See: firewalld(1), firewall-offline-cmd(1) on --check-config.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from rescue.facts import Facts
from rescue.firewall.boot import FIREWALLD, reload
from rescue.firewall.engine.ruleset import Firewall, LoadProblem
from rescue.firewall.firewalld import mend, zones
from rescue.logins import blocking
from rescue.model import Finding, Repair, Safety
from rescue.tree import Tree

STEP = blocking.STEP
READS = blocking.READS

MOST_FAULTS = 50
"""How many mistakes are mended at most: a configuration with more was never one of firewalld's."""

BY_HAND = "Correct that file (firewall-offline-cmd --check-config, in a shell on the server, tells when it is right)."


def find(facts: Facts) -> Iterator[Finding]:
    for block in blocking.blocks_of(facts):
        fault = zones.fell_back(block.firewall) if block.firewall.manager == FIREWALLD else None
        if fault is None:
            continue
        where = blocking.shown(fault.location)
        message = (
            f"firewalld does not take its configuration ({where}: {fault.message}). It starts with the one that it was "
            f"installed with, which {blocking.keeps(block)} {blocking.who(block)} away from port {block.port}."
        )
        repairs = tuple(_repairs(facts.tree, block.firewall, fault))
        yield blocking.finding("firewalld-config-error", block, message, repairs, locations=(fault.location,))


def _repairs(tree: Tree, firewall: Firewall, fault: LoadProblem) -> Iterator[Repair]:
    try:
        _, how = mend.mended(tree, fault)
        mended(tree, firewall)
    except ValueError as problem:
        yield Repair(f"correct {fault.location}", Safety.MANUAL, steps=f"{problem}. {BY_HAND}")
        return
    yield Repair(f"make firewalld take its configuration again: {how}", Safety.SAFE, partial(mended, firewall=firewall))


def mended(tree: Tree, firewall: Firewall) -> Tree:
    """The tree whose configuration firewalld takes. ValueError where that takes a person."""
    for _ in range(MOST_FAULTS):
        now = reload(tree, firewall)
        fault = zones.fell_back(now) if now is not None else None
        if fault is None:
            return tree
        tree, _ = mend.mended(tree, fault)
    raise ValueError("too much of it is wrong")
