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

from rescue.checks import _firewall
from rescue.facts import Facts
from rescue.firewall.blocked import Mistake
from rescue.firewall.boot import UFW
from rescue.model import Finding

LINK = _firewall.LINK
READS = _firewall.READS


def find(facts: Facts) -> Iterator[Finding]:
    for block in _firewall.blocks_of(facts, Mistake.OTHER_PORT):
        if block.firewall.manager != UFW:
            continue
        other = block.other.location if block.other else None
        yield _firewall.finding(
            "ufw-port-mismatch",
            block,
            f"The SSH server is reached on port {block.port}, but the firewall ufw allows SSH on another port only"
            + (f" ({_firewall.shown(other)})" if other else "")
            + f": it {_firewall.keeps(block)} {_firewall.who(block)} away from port {block.port}.",
            (_firewall.admit(block),),
            locations=(other,) if other else (),
        )
