"""The firewall ufw is on, and no rule of it lets SSH in.

Symptom: "ssh: connect to host SERVER port 22: Connection timed out". With DEFAULT_INPUT_POLICY="REJECT":
"Connection refused".

Cause: ufw was switched on ("ufw enable") before SSH was allowed, or its rules were reset ("ufw reset") or the rule for
SSH was deleted. What no rule allows is dropped. ufw is on if the line ENABLED=yes stands in /etc/ufw/ufw.conf (the
last such line counts) and ufw.service starts at boot.

Repair: one rule is added for the port that is served, as "ufw allow" itself writes it: the rule and the comment line
above it, in /etc/ufw/user.rules and, if ufw handles IPv6, in user6.rules. With --from only that address is allowed,
and only the file of its kind is changed. ufw stays on, and every other rule and its order stay as they are.

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
            "The firewall ufw is on and has no rule that lets SSH in: it "
            f"{blocking.keeps(block)} {blocking.who(block)} away from port {block.port}.",
            (blocking.admit(block),),
        )
