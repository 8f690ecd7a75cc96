"""ufw is enabled and has no rule for SSH.

Symptom: "ssh: connect to host SERVER port 22: Connection timed out". With DEFAULT_INPUT_POLICY="REJECT":
"Connection refused".

Cause: ufw was enabled ("ufw enable") before SSH was allowed, its rules were reset ("ufw reset"), or the rule for SSH
was deleted. ufw drops what no rule allows. It is enabled if the last ENABLED= line in /etc/ufw/ufw.conf is ENABLED=yes
and ufw.service starts at boot.

Repair: add one rule for sshd's port, as "ufw allow" itself writes it: the rule and the comment line above it, in
/etc/ufw/user.rules and, if ufw handles IPv6, in user6.rules. With --from, allow only that address, and change only the
file for its IP version. ufw stays enabled, and every other rule and its order stay as they are.

See: ufw(8), ufw-framework(8); src/backend_iptables.py and src/ufw-init-functions in ufw's source.
"""

from __future__ import annotations

from collections.abc import Iterator

from rescue.facts import Facts
from rescue.firewall.diagnosis import Mistake
from rescue.logins import blocking
from rescue.model import Finding

STEP = blocking.STEP
READS = blocking.READS


def find(facts: Facts) -> Iterator[Finding]:
    for block in blocking.blocks_of(facts, Mistake.NO_RULE):
        yield blocking.finding(
            "ufw-no-ssh-rule",
            block,
            "ufw is enabled and has no rule for SSH: it "
            f"{blocking.keeps(block)} port {block.port} for {blocking.who(block)}.",
            (blocking.admit(block),),
        )
