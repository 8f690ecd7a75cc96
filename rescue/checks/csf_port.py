"""CSF does not open the port that you connect to: TCP_IN lacks it.

Symptom: "ssh: connect to host SERVER port 22: Connection timed out" (or "Connection refused" if DROP is REJECT).

Cause: /etc/csf/csf.conf lists the open ports in TCP_IN, and for IPv6 in TCP6_IN. Somebody removed the port, or moved
sshd to a port that is not listed. Addresses in /etc/csf/csf.allow get in anyway.

Repair: add the port to TCP_IN, and to TCP6_IN if CSF handles IPv6. If only addresses in csf.allow were let in, and
--from gives yours, add a line there for your address alone. TESTING stays as it is: when enabled, it flushes the
firewall every few minutes.

See: CSF's readme.txt and csf.conf. CSF is in no package archive, so this check could not be tested against the real
program.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from rescue.bans import csf
from rescue.facts import Facts
from rescue.logins.blocking import ask_for_address
from rescue.model import Address, Finding, Location, Repair, Safety, Severity, Step
from rescue.services.units import UNIT_READS

STEP = Step.FIREWALL
READS = (*UNIT_READS, *csf.READS)


def find(facts: Facts) -> Iterator[Finding]:
    this = csf.csf(facts.tree, facts.units)
    if this is None:
        return
    tree, port = facts.tree, facts.dialled
    sources = facts.client.sources
    out = tuple(each for each in sources if not this.open_to(port, each.version) and not csf.allowed(tree, each, port))
    if not (out if sources else not this.open_to(port, 4)):
        return
    name = "TCP6_IN" if out and all(each.version == 6 for each in out) else "TCP_IN"
    setting = this.settings.get(name)
    others = csf.lets_others_in(tree, port)
    asking = others and not sources
    doubt = this.healing or ("csf.allow lets some addresses in, and yours is not known" if asking else "")
    yield Finding(
        check="csf-port",
        step=STEP,
        severity=Severity.DOUBTFUL if doubt else Severity.BROKEN,
        message=f"CSF blocks port {port}: it is not in {name} of {csf.CONF}"
        + (", and csf.allow does not list your address." if sources else "."),
        symptom=this.symptom,
        locations=(setting.location if setting else Location(csf.CONF),),
        repairs=tuple(_repairs(this, port, out, others=others)),
        subject=f"port {port}",
        reason=doubt,
    )


def _repairs(this: csf.Csf, port: int, out: tuple[Address, ...], *, others: bool) -> Iterator[Repair]:
    listed = ", ".join(str(each) for each in out)
    versions = (4, 6) if this.on("IPV6") else (4,)
    everybody = Repair(
        f"add port {port} to {' and '.join('TCP_IN' if each == 4 else 'TCP6_IN' for each in versions)} of CSF",
        Safety.UNSAFE if others else Safety.SAFE,
        partial(csf.opened, port=port, versions=versions),
        weakens=f"port {port} will be open to the internet; only SSH logins protect it",
        lets_in=True,
    )
    if out:
        alone = Repair(
            f"allow {listed} to reach port {port}, in csf.allow",
            Safety.SAFE,
            partial(csf.admitted, addresses=out, port=port),
            weakens=f"{listed} can connect to port {port}",
            lets_in=True,
        )
        yield from (alone, everybody) if others else (everybody, alone)
    else:
        yield from (ask_for_address(), everybody) if others else (everybody,)
