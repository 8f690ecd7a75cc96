"""A saved ipset that the firewall uses has your address, or lacks it.

Symptom: "ssh: connect to host SERVER port 22: Connection timed out" (or "Connection refused") from your address; other
addresses get in. The rules themselves do not name you.

Cause: a rule looks up a list: "-m set --match-set countries src -j DROP". The list was saved with the rules and is
loaded before them at boot: /etc/iptables/ipsets (Debian and Ubuntu, ipset-persistent), /etc/sysconfig/ipset (Fedora and
relatives), /etc/ipset.conf (Arch). A list of whole countries or providers includes your network; a ban of a few minutes
was saved for good; or only listed addresses are allowed, and yours is new.

Repair: with --from ADDRESS, change one line of the list for your address alone: remove its own line; if a network is
listed, add an exception ("nomatch"); if only the list is allowed in, add the address. Or, if you choose that or the
list can't hold a single address, add a rule before the one that uses the list. All other addresses stay as they are.
Whatever generates the list (a nightly download) has to be changed too.

See: ipset(8), iptables-extensions(8) on "set", netfilter-persistent(8).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from rescue.facts import Facts
from rescue.firewall import ipset_edit
from rescue.firewall.diagnosis import Blockage, Mistake, asks_set
from rescue.firewall.ipset.match import InSet
from rescue.logins import blocking
from rescue.model import Finding, Location, Repair, Safety, Severity

STEP = blocking.STEP
READS = blocking.READS

CHECK = "ipset-persisted"


def find(facts: Facts) -> Iterator[Finding]:
    for block in blocking.blocks_of(facts, Mistake.SET):
        if block.other is None or block.firewall.sets is None:
            continue
        asked = asks_set(block.other)
        if asked is None:
            continue
        rule = blocking.shown(block.other.location)
        places = tuple(
            Location(asked.sets.path, held.line, f"the set {held.name} with {len(held.members)} entries")
            for held in ipset_edit.leaves(asked)
        )
        firewall = blocking.name(block)
        if block.sources:
            message = (
                f"The firewall {firewall} {blocking.keeps(block)} port {block.port} for {blocking.who(block)} "
                f"because of the ipset {asked.held.name} in {asked.sets.path}, which a rule uses ({rule})."
            )
            yield blocking.finding(CHECK, block, message, _repairs(block, asked), locations=places)
            continue
        yield blocking.finding(
            CHECK,
            block,
            f"The firewall {firewall} lets in only addresses in the ipset {asked.held.name}: "
            f"{asked.sets.path} ({rule}).",
            (blocking.ask_for_address(), blocking.admit_everybody(block, Safety.UNSAFE)),
            severity=Severity.DOUBTFUL,
            reason="your address is not known: run again with --from ADDRESS",
            locations=places,
        )


def _repairs(block: Blockage, asked: InSet) -> tuple[Repair, ...]:
    listed = ", ".join(str(source) for source in block.sources)
    assert block.other is not None
    edit = partial(ipset_edit.let_in, firewall=block.firewall, port=block.port, sources=block.sources, rule=block.other)
    member = Repair(
        f"allow {listed} in the saved ipsets",
        Safety.SAFE,
        edit,
        weakens=f"{listed} can connect to port {block.port}, and to whatever else the list protects",
        lets_in=True,
    )
    rule = blocking.admit_client(block)
    sets = tuple(ipset_edit.leaves(asked))
    mine = all(any(ipset_edit.may_name(each, source, block.port) for each in sets) for source in block.sources)
    return (member, rule) if mine else (rule,)
