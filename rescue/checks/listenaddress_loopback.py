"""The SSH server listens for programs on the server itself only, not for the outside.

Symptom: "ssh: connect to host SERVER port 22: Connection refused", while the service runs and "ssh localhost" on the
server works.

Cause: ListenAddress 127.0.0.1, ::1, localhost or "*" (which is this machine alone, not every address) in sshd_config,
most often copied from an example, or made for a tunnel that is gone; or an address of the outside beside it that the
server does not have any more. Where a ListenAddress line is there, sshd listens nowhere else.

Repair: the ListenAddress lines are commented out, so that sshd listens on every address, and the firewall says who may
come. If the server is meant to be reached by a tunnel alone (Tor, Cloudflare and the like), leave it, and mend that.

See: sshd_config(5) on ListenAddress.
"""

from __future__ import annotations

from collections.abc import Iterator

from rescue.facts import Facts
from rescue.logins import listen_addresses
from rescue.logins.listen_addresses import on_all, told
from rescue.model import Finding, Repair, Safety, Severity, Step, Symptom

STEP = Step.LISTEN
READS = listen_addresses.READS


def find(facts: Facts) -> Iterator[Finding]:
    asked = told(facts)
    if asked is None or any(source.is_loopback for source in facts.client.sources):
        return
    bound = [each for each in asked.binds if each.here is not False]
    if not bound or not all(each.address.is_loopback for each in bound):
        return
    places = tuple(dict.fromkeys(each.listener.location for each in asked.binds if each.listener.location is not None))
    named = ", ".join(dict.fromkeys(str(each.address) for each in bound))
    gone = ", ".join(str(each.address) for each in asked.binds if each.here is False)
    also = f", as the server does not have {gone}" if gone else ""
    yield Finding(
        check="listenaddress-loopback",
        step=STEP,
        severity=Severity.BROKEN,
        message=f"The SSH server listens on {named} only{also}: that is for the server itself, and for nobody outside.",
        symptom=Symptom.REFUSED,
        locations=places,
        repairs=(
            *on_all(asked),
            Repair("reach it through the tunnel that it was made for", Safety.MANUAL),
        ),
        subject=named,
    )
