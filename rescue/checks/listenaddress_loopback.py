"""sshd listens only on the server itself (loopback), not for the outside.

Symptom: "ssh: connect to host SERVER port 22: Connection refused", while the service runs and "ssh localhost" on the
server works.

Cause: ListenAddress 127.0.0.1, ::1, localhost or "*" (which means this machine only, not every address) in sshd_config,
most often copied from an example, or set for a tunnel that is gone; or next to it an outside address that the server no
longer has. If there is a ListenAddress line, sshd listens nowhere else.

Repair: comment out the ListenAddress lines, so that sshd listens on every address, and the firewall decides who gets
in. If the server should be reached only through a tunnel (Tor, Cloudflare and the like), leave it, and repair the
tunnel.

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
    if asked is None or asked.free or any(source.is_loopback for source in facts.client.sources):
        return
    bound = [each for each in asked.binds if each.here is not False]
    if not bound or not all(each.address.is_loopback for each in bound):
        return
    places = tuple(dict.fromkeys(each.listener.location for each in asked.binds if each.listener.location is not None))
    named = ", ".join(dict.fromkeys(str(each.address) for each in bound))
    gone = ", ".join(str(each.address) for each in asked.binds if each.here is False)
    also = f", because the server does not have {gone}" if gone else ""
    yield Finding(
        check="listenaddress-loopback",
        step=STEP,
        severity=Severity.BROKEN,
        message=f"sshd listens on {named} only{also}: nobody outside can reach that.",
        symptom=Symptom.REFUSED,
        locations=places,
        repairs=(
            *on_all(asked),
            Repair("connect through the tunnel that it was set up for", Safety.MANUAL),
        ),
        subject=named,
    )
