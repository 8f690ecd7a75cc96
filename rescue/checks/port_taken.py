"""Another service is set to listen on SSH's port, and may be there first.

Symptom: ssh reaches something else: "kex_exchange_identification: banner line contains invalid characters", "Connection
closed by remote host", another host key, or nothing at all (endlessh); the server's log says "Bind to port 22 ...
failed: Address already in use".

Cause: a proxy or web server (nginx, Apache, stunnel, HAProxy, sslh), xinetd or inetd, a container with a published
port, a tarpit (endlessh), Gitea's own SSH server, Dropbear or a second sshd is started at boot and set to the port.
Whoever opens it first has it; sshd exits if it gets no address at all. If systemd listens for sshd (ssh.socket), it is
first, and this check says nothing.

Repair: let the other service use another port, or none; that is for you to decide. Or add a drop-in that starts it
after sshd: then sshd has the port, and the other does not get it.

See: sshd_config(5) on Port; bind(2) on EADDRINUSE; the other program's manual.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from rescue.facts import Facts
from rescue.formats.append_line import ended
from rescue.logins.listening import taken
from rescue.logins.listening.taken import Taker, takers
from rescue.logins.ssh_units import SERVICES, SYSTEM, serving, ssh_service
from rescue.model import Finding, Repair, Safety, Severity, Step, Symptom
from rescue.sshd.listen import started_socket
from rescue.tree import Tree

STEP = Step.LISTEN
READS = taken.READS

DROP_IN = "rescue.conf"


def find(facts: Facts) -> Iterator[Finding]:
    if facts.sshd.fatal or not serving(facts.units) or started_socket(facts.units) is not None:
        return
    told: set[str] = set()
    for each in takers(facts):
        if each.sure and each.unit not in told and not _later(facts, each.unit):
            told.add(each.unit)
            yield _finding(facts, each)


def _finding(facts: Facts, taker: Taker) -> Finding:
    own, place = ssh_service(facts.units), taker.port.location
    return Finding(
        check="port-taken",
        step=STEP,
        severity=Severity.DOUBTFUL,
        message=f"{taker.unit} also listens on port {taker.port.number} ({place}): sshd gets it only if it is first.",
        symptom=Symptom.CLOSED,
        locations=(place,),
        repairs=(
            Repair(f"let {taker.unit} use another port ({place})", Safety.MANUAL),
            Repair(
                f"add a drop-in: {taker.unit} starts after sshd, which then has the port",
                Safety.UNSAFE,
                partial(_dropped_in, unit=taker.unit, after=own.name if own is not None else SERVICES[0]),
                weakens=f"{taker.unit} may fail to start, as its port is taken",
            ),
        ),
        subject=taker.unit,
        reason="which of the two starts first differs at each boot",
    )


def _later(facts: Facts, name: str) -> bool:
    """Whether systemd starts it after sshd."""
    words = {word for value in facts.units.unit(name).values("Unit", "After") for word in value.text.split()}
    return bool(words & {*SERVICES})


def _dropped_in(tree: Tree, unit: str, after: str) -> Tree:
    path = f"{SYSTEM}/{unit}.d/{DROP_IN}"
    before = tree.text(path) or ""
    return tree.write(path, f"{ended(before)}[Unit]\nAfter={after}\n")
