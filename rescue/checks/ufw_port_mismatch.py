"""ufw allows SSH on another port than the one sshd uses.

Symptom: "ssh: connect to host SERVER port 2222: Connection timed out" on the port that the server listens on; on the
port that the firewall allows: "Connection refused", because nothing listens there.

Cause: sshd was moved to another port, but the firewall was not changed. "ufw allow OpenSSH" and "ufw allow ssh" are
rules for port 22, whatever sshd_config says.

Repair: add one rule for sshd's port, as "ufw allow" itself writes it, in /etc/ufw/user.rules and, if ufw handles IPv6,
in user6.rules; with --from only that address is allowed. The rule for the other port stays, and so does sshd's port.

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
            f"sshd is reached on port {block.port}, but ufw allows SSH only on another port"
            + (f" ({blocking.shown(other)})" if other else "")
            + f": it {blocking.keeps(block)} port {block.port} for {blocking.who(block)}.",
            (blocking.admit(block),),
            locations=(other,) if other else (),
        )
