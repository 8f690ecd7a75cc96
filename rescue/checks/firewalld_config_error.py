"""firewalld can't read its configuration, and the defaults it uses instead block SSH.

Symptom: "ssh: connect to host SERVER port 2222: No route to host", although the port is in the zone's file;
"firewall-cmd --state" says "failed".

Cause: one mistake anywhere in /etc/firewalld is enough: an unclosed element, a service that does not exist, an
interface in two zones. firewalld 1.2 and newer then starts with its installed defaults in /usr/lib/firewalld: port 22
in the zone public, and none of your own settings. firewall-cmd never writes such a file; an editor, a script, or a file
for another version does.

Repair: remove what firewalld rejects, or add the missing slash; nothing else changes. If only a person can decide,
rescue does nothing: firewall-offline-cmd --check-config names the place, and firewalld keeps the previous version of
each file next to it, ending in .old.

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
"""The most mistakes that are repaired: a file with more was never a firewalld configuration."""

BY_HAND = "Correct that file; firewall-offline-cmd --check-config, in a shell on the server, checks it."


def find(facts: Facts) -> Iterator[Finding]:
    for block in blocking.blocks_of(facts):
        fault = zones.fell_back(block.firewall) if block.firewall.manager == FIREWALLD else None
        if fault is None:
            continue
        where = blocking.shown(fault.location)
        message = (
            f"firewalld rejects its configuration ({where}: {fault.message}). It starts with its installed "
            f"defaults, and they {blocking.keep(block)} port {block.port} for {blocking.who(block)}."
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
    yield Repair(f"make firewalld accept its settings again: {how}", Safety.SAFE, partial(mended, firewall=firewall))


def mended(tree: Tree, firewall: Firewall) -> Tree:
    """The tree with a configuration that firewalld accepts. ValueError if only a person can correct it."""
    for _ in range(MOST_FAULTS):
        now = reload(tree, firewall)
        fault = zones.fell_back(now) if now is not None else None
        if fault is None:
            return tree
        tree, _ = mend.mended(tree, fault)
    raise ValueError("it has too many mistakes")
