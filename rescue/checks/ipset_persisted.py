"""A list of addresses (an ipset) that the firewall asks is saved with your address in it, or without it.

Symptom: "ssh: connect to host SERVER port 22: Connection timed out" (or "Connection refused") from your address, while
it works from others. The rules themselves do not name you.

Cause: a rule asks a list: "-m set --match-set countries src -j DROP". The list was saved with the rules and is loaded
before them at boot: /etc/iptables/ipsets (Debian and Ubuntu, ipset-persistent), /etc/sysconfig/ipset (Fedora and its
kin), /etc/ipset.conf (Arch). A list of whole countries or providers has your network in it; a ban of some minutes was
saved for good; or only addresses of a list are let in, and yours is a new one.

Repair: with --from ADDRESS, one line of the list for your address alone: its own line is taken out; of a network that
is listed it is made an exception ("nomatch"); where only the list is let in, it is added. Or, if you choose that or the
list can't have a single address, a rule before the one that asks. Everybody else's addresses stay as they are.
Whatever makes the list (a download every night) has to be told, too.

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
                f"The firewall {firewall} {blocking.keeps(block)} {blocking.who(block)} away from port {block.port} "
                f"because of the ipset {asked.held.name} in {asked.sets.path}, which a rule asks ({rule})."
            )
            yield blocking.finding(CHECK, block, message, _repairs(block, asked), locations=places)
            continue
        yield blocking.finding(
            CHECK,
            block,
            f"The firewall {firewall} lets in whom the ipset {asked.held.name} in {asked.sets.path} names ({rule}).",
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
        f"let {listed} through in the saved ipsets",
        Safety.SAFE,
        edit,
        weakens=f"{listed} may connect to port {block.port}, and to what else the list guards",
        lets_in=True,
    )
    rule = blocking.admit_client(block)
    sets = tuple(ipset_edit.leaves(asked))
    mine = all(any(ipset_edit.may_name(each, source, block.port) for each in sets) for source in block.sources)
    return (member, rule) if mine else (rule,)
