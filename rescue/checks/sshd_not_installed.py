"""No SSH server is installed on this disk, or no unit starts it.

Symptom: "ssh: connect to host SERVER port 22: Connection refused".

Cause: the package was removed, by hand or by an "autoremove" after another package went; it was never installed on this
image; or its systemd unit was deleted. Or this is not the server's system disk.

Repair: no change to a file can help: install the package openssh-server in rescue shell, or on the provider's console.

See: dpkg(1), apt-get(8), dnf(8), apk(8).
"""

from __future__ import annotations

from collections.abc import Iterator

from rescue.facts import Facts
from rescue.formats.packages import package_state
from rescue.logins import sshd_program
from rescue.logins.ssh_units import OTHERS, serving, ssh_service
from rescue.logins.sshd_program import installed
from rescue.model import Finding, Repair, Safety, Severity, Step, Symptom

STEP = Step.SERVICE
READS = sshd_program.READS

TARGET = "multi-user.target"


def find(facts: Facts) -> Iterator[Finding]:
    if serving(facts.units) or any(facts.units.unit(name).present for name in OTHERS):
        return
    if not installed(facts):
        state = package_state(facts.tree, "openssh-server")
        removed = " It was removed, but its configuration is left." if state and state[2] == "config-files" else ""
        yield _finding(facts, f"No SSH server is installed on this disk.{removed}")
    elif ssh_service(facts.units) is None and facts.units.manager == "systemd" and facts.units.unit(TARGET).present:
        yield _finding(facts, "sshd is installed, but has no unit for systemd to start.")


def _finding(facts: Facts, message: str) -> Finding:
    command = "apt-get install --reinstall openssh-server"
    if facts.release.is_red_hat:
        command = "dnf install openssh-server"
    elif facts.release.id == "alpine":
        command = "apk add openssh-server"
    return Finding(
        check="sshd-not-installed",
        step=STEP,
        severity=Severity.BROKEN,
        message=message,
        symptom=Symptom.REFUSED,
        repairs=(
            Repair(
                "install the package openssh-server in rescue shell",
                Safety.MANUAL,
                steps=f"rescue shell\n{command}",
            ),
        ),
        hides=(Step.LISTEN, Step.ACCEPT),
    )
