"""The firewall ufw lets SSH in on another port than the one that the SSH server uses.

Symptom: "ssh: connect to host SERVER port 2222: Connection timed out" on the port that the server listens on; on the
port that the firewall allows: "Connection refused", as nothing listens there.

Cause: the SSH server was moved to another port and the firewall was not told. "ufw allow OpenSSH" and "ufw allow ssh"
are rules for port 22, whatever sshd_config says.

Repair: one rule is added for the port that is served, as "ufw allow" itself writes it, in /etc/ufw/user.rules and, if
ufw handles IPv6, in user6.rules; with --from only that address is allowed. The rule for the other port stays, and the
SSH server's port is not changed.

See: ufw(8) on application profiles, sshd_config(5) on Port; src/backend_iptables.py in ufw's source.
"""

from __future__ import annotations

from collections.abc import Iterator

from rescue.facts import Facts
from rescue.firewall.boot import UFW
from rescue.firewall.diagnosis import Mistake
from rescue.logins import blocking
from rescue.model import Finding

STEP = blocking.STEP
READS = blocking.READS


def find(facts: Facts) -> Iterator[Finding]:
    for block in blocking.blocks_of(facts, Mistake.OTHER_PORT):
        if block.firewall.manager != UFW:
            continue
        other = block.other.location if block.other else None
        yield blocking.finding(
            "ufw-port-mismatch",
            block,
            f"The SSH server is reached on port {block.port}, but the firewall ufw allows SSH on another port only"
            + (f" ({blocking.shown(other)})" if other else "")
            + f": it {blocking.keeps(block)} {blocking.who(block)} away from port {block.port}.",
            (blocking.admit(block),),
            locations=(other,) if other else (),
        )
