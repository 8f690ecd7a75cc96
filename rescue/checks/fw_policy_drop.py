"""A firewall rule, or the policy for what no rule allows, keeps SSH out.

Symptom: "ssh: connect to host SERVER port 22: Connection timed out" for DROP. For REJECT: "Connection refused", or "No
route to host" where the refusal says host-prohibited or admin-prohibited. Where only the answers are blocked, the
connection opens and then hangs.

Cause: saved rules of iptables, in /etc/iptables/rules.v4 and rules.v6 (netfilter-persistent) or in
/etc/sysconfig/iptables and ip6tables, end in a policy of DROP or in a rule that rejects everything, and no rule before
it lets the port through; or a rule names the client's address (a ban that was saved with the rest). Or one of ufw's
rules turns the client away before another one would allow it.

Repair: one rule that accepts new connections to the port is put before the rule (or policy) that decides; with --from,
for that address alone. Where the server's answers can't leave, a rule for these is added too. The policy and every
other rule stay.

See: iptables(8), iptables-extensions(8) on REJECT and conntrack, iptables-restore(8), netfilter-persistent(8), ufw(8).
"""

from __future__ import annotations

from collections.abc import Iterator

from rescue.checks import _firewall
from rescue.facts import Facts
from rescue.firewall.blocked import Block, Mistake
from rescue.firewall.boot import UFW
from rescue.firewall.ruleset import Problem
from rescue.model import Finding, Repair, Safety

LINK = _firewall.LINK
READS = _firewall.READS


def find(facts: Facts) -> Iterator[Finding]:
    for block in _firewall.blocks_of(facts, Mistake.RULE):
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
