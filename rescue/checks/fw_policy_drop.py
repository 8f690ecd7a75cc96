"""A firewall rule, or the policy for what no rule allows, keeps SSH out.

Symptom: "ssh: connect to host SERVER port 22: Connection timed out" for DROP. For REJECT: "Connection refused", or "No
route to host" where the refusal says host-prohibited or admin-prohibited. Where only the answers are blocked, the
connection opens and then hangs.

Cause: saved rules of iptables, in /etc/iptables/rules.v4 and rules.v6 (netfilter-persistent) or in
/etc/sysconfig/iptables and ip6tables, end in a policy of DROP or in a rule that rejects everything, and no rule before
it lets the port through; or a rule names the client's address (a ban that was saved with the rest). Or one of ufw's
rules turns the client away before another one would allow it, or ufw was told IPV6=no: then it drops all of IPv6, the
questions by which neighbours find each other included, and the client sees "No route to host".

Repair: one rule that accepts new connections to the port is put before the rule (or policy) that decides; with --from,
for that address alone. Where the server's answers can't leave, a rule for these is added too. The policy and every
other rule stay. With IPV6=no nothing is changed: what to type is told.

See: iptables(8), iptables-extensions(8) on REJECT and conntrack, iptables-restore(8), netfilter-persistent(8), ufw(8).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from rescue.checks import _firewall
from rescue.facts import Facts
from rescue.firewall import ufw
from rescue.firewall.blocked import Block, Mistake
from rescue.firewall.boot import UFW
from rescue.firewall.ruleset import Problem
from rescue.model import Finding, Repair, Safety, Symptom

LINK = _firewall.LINK
READS = _firewall.READS


def find(facts: Facts) -> Iterator[Finding]:
    for block in _firewall.blocks_of(facts, Mistake.RULE):
        if _without_ipv6(facts, block):
            found = _firewall.finding("fw-policy-drop", block, _message(block), (_switch_ipv6_on(block),))
            yield replace(found, symptom=Symptom.UNREACHABLE)
            continue
        faults = _faults(block)
        yield _firewall.finding(
            "fw-policy-drop",
            block,
            _fault_message(block, faults[0]) if faults else _message(block),
            (_mend_by_hand(faults[0]),) if faults else (_firewall.admit(block),),
            locations=tuple(fault.location for fault in faults),
        )


def _faults(block: Block) -> tuple[Problem, ...]:
    """What of ufw's files does not load: ufw then drops what their rules would have allowed."""
    return block.firewall.ruleset(block.version).problems if block.firewall.manager == UFW else ()


def _without_ipv6(facts: Facts, block: Block) -> bool:
    """Whether ufw drops all of IPv6, so that no rule of its files could let anybody in."""
    if block.firewall.manager != UFW or block.version != 6:
        return False
    settings = ufw.settings(facts.tree)
    return settings is not None and not ufw.ipv6(settings)


def _switch_ipv6_on(block: Block) -> Repair:
    return Repair(
        title="let ufw handle IPv6, or dial over IPv4 (ssh -4)",
        safety=Safety.MANUAL,
        steps=f"With IPV6=no ufw drops all of IPv6. Set IPV6=yes in {ufw.DEFAULTS}, then type: ufw reload, and: "
        f"ufw allow {block.port}/tcp. The second one is needed even if the port is allowed already: the rules for IPv6 "
        "stand in a file of their own.",
    )


def _message(block: Block) -> str:
    decision = block.decision
    who = f"{_firewall.who(block)} away from port {block.port}"
    if decision is None:
        return f"The firewall {_firewall.name(block)} {_firewall.keeps(block)} {who}."
    what = "a rule" if decision.rule else f"the policy of the chain {decision.chain}"
    shown = _firewall.shown(decision.location)
    inner = f" A rule lets it in on another network interface only ({block.inner.location})." if block.inner else ""
    keeps = f"{_firewall.name(block)} {_firewall.keeps(block)} {who}"
    return f"The firewall {keeps}: {what} ({shown}) turns away {decision.stage}.{inner}"


def _fault_message(block: Block, fault: Problem) -> str:
    return (
        f"The firewall ufw can't load all of its rules ({fault.location}: {fault.message}) and drops what they would "
        f"have allowed: it {_firewall.keeps(block)} {_firewall.who(block)} away from port {block.port}."
    )


def _mend_by_hand(fault: Problem) -> Repair:
    return Repair(
        title=f"correct {fault.location}",
        safety=Safety.MANUAL,
        steps=f"{fault.message}. Correct or delete that line, then run this again; /usr/share/ufw/iptables on the "
        "server holds the files as they were when ufw was installed.",
    )
