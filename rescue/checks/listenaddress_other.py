"""sshd listens on another address of the server than the one that you connect to.

Symptom: "ssh: connect to host SERVER port 22: Connection refused", while the service runs; from inside the private
network, or over the VPN, it works.

Cause: ListenAddress in sshd_config (or ListenStream= of ssh.socket) names some of the server's addresses only, often a
private one, and you connect to one that is not among them. --expect-address says which one you connect to; without it,
a server that listens on private addresses alone although it has a public one is in doubt.

Repair: comment out the ListenAddress lines, so that sshd listens on every address, and the firewall decides who gets
in. If the server should be reached over a VPN only, connect over that.

See: sshd_config(5) on ListenAddress.
"""

from __future__ import annotations

from collections.abc import Iterator

from rescue.facts import Facts
from rescue.logins import listen_addresses
from rescue.logins.listen_addresses import Told, on_all, told
from rescue.model import Address, Finding, Repair, Safety, Severity, Step, Symptom

STEP = Step.LISTEN
READS = listen_addresses.READS


def find(facts: Facts) -> Iterator[Finding]:
    asked = told(facts)
    if asked is None or any(source.is_loopback for source in facts.client.sources):
        return
    bound = [each.address for each in asked.binds]
    own = [each for each in asked.own.written if not each.is_loopback and not each.is_link_local]
    if not any(each in own for each in bound):
        return  # another check says whether sshd gets any
    left = _left(facts, own, bound)
    if not left:
        return
    sure = bool(facts.client.expected)
    named = ", ".join(map(str, bound))
    places = tuple(dict.fromkeys(each.listener.location for each in asked.binds if each.listener.location is not None))
    yield Finding(
        check="listenaddress-other",
        step=STEP,
        severity=Severity.BROKEN if sure else Severity.DOUBTFUL,
        message=f"sshd listens on {named} only ({places[0]}), not on {', '.join(map(str, left[:3]))}.",
        symptom=Symptom.REFUSED,
        locations=(*places, *(asked.own.written[each] for each in left[:3])),
        repairs=(*_repairs(asked), Repair(f"connect to {bound[0]} instead", Safety.MANUAL)),
        subject=named,
        reason="" if sure else "which of its addresses you connect to is not known (--expect-address)",
    )


def _left(facts: Facts, own: list[Address], bound: list[Address]) -> list[Address]:
    """The server's addresses that the client may connect to in vain."""
    expected = [each for each in facts.client.expected if each in own]
    if facts.client.expected:
        return expected if not any(each in bound for each in facts.client.expected) else []
    private = all(each.is_private for each in bound)
    inside = bool(facts.client.sources) and all(each.is_private for each in facts.client.sources)
    return [each for each in own if each.is_global and each not in bound] if private and not inside else []


def _repairs(asked: Told) -> Iterator[Repair]:
    yield from on_all(asked)
