"""What the server's last boot says of a finding: it shows it, or it speaks against it. No check itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from rescue.facts import Facts
from rescue.logins.ssh_units import SERVICES
from rescue.logs.events import Event, moment
from rescue.logs.last_boot import LastBoot
from rescue.logs.sayings import Kind
from rescue.logs.timeline import NOT_EDITED
from rescue.model import Finding, Severity, Step
from rescue.sshd.listen import SOCKETS
from rescue.text.safe import cut
from rescue.tree import ReadError

NETWORK_UNITS = (
    "networking.service", "systemd-networkd.service", "systemd-networkd-wait-online.service", "NetworkManager.service",
    "NetworkManager-wait-online.service", "network.service", "dhcpcd.service", "wicked.service", "ifup@.service",
)  # fmt: skip
FIXES = "/var/lib/rescue/fixes"
"""The undo log: its directories say when rescue changed something, if only a mode."""
DECIDING = (
    "/var/lib/rescue/",
    "/etc/",
    "/boot/",
    "/usr/lib/systemd/",
    "/lib/systemd/",
    "/usr/lib/modules/",
    "/usr/sbin/",
    "/root/.ssh/",
)
"""Where a change since the boot may be why the next one goes otherwise."""
BY_CONTENT = frozenset(
    {"fstab-emergency", "nic-renamed", "netplan-yaml", "net-static-wrong", "mac-mismatch-clone", "sshd-config-error"}
)
"""Causes that are in what files hold. A change of modes or owners leaves no trace in the modification time, so that a
boot before it says nothing against the others."""
BOOT_FAILED, SSHD_FAILED = "last-boot-failed", "last-sshd-failed"
"""Findings that say what the boot did, not why: another one of the step is worth more."""
BEFORE_SSHD = frozenset({Step.BOOT, Step.DISK, Step.SERVICE, Step.LISTEN})
"""Where the reason lies if sshd did not start."""
LONGEST = 160


def held_against_boot(facts: Facts, findings: list[Finding]) -> list[Finding]:
    """The findings with what the last boot says of them; without those of the boot itself, where another says why."""
    made = []
    for each in findings:
        try:
            made.append(_compared(facts, each))
        except ReadError:  # of what the boot is held against: nothing is known of it
            made.append(each)
    broken = {each.step for each in made if each.severity is Severity.BROKEN}
    made = [each for each in made if not (each.check == BOOT_FAILED and Step.BOOT in broken)]
    if any(each.check == BOOT_FAILED for each in made):
        broken.add(Step.BOOT)  # a boot that stopped earlier starts no sshd
    return [each for each in made if not (each.check == SSHD_FAILED and broken & BEFORE_SSHD)]


def _compared(facts: Facts, finding: Finding) -> Finding:
    """The finding with what the last boot says of it.

    A boot that shows it is quoted. Where the last boot went well all the same, and nothing that decides was changed
    since it began, what the settings say is doubtful, and the reason says why: for the causes of `BY_CONTENT` alone.
    """
    if finding.step not in _STEPS:
        return finding
    boot = facts.last_boot
    if boot is None or finding.check in (BOOT_FAILED, SSHD_FAILED):
        return finding
    event = _shown(boot, finding)
    if event is not None:
        return replace(finding, seen=f"{named(boot)} shows it: {cut(event.message.strip(), LONGEST)}")
    sure = finding.severity is Severity.BROKEN and finding.check in BY_CONTENT
    against = _against(boot, facts, finding) if sure else ""
    if against and unchanged_since(facts, boot.at):
        reason = f"{named(boot)} went well: {against}; nothing that was read has been changed since"
        return replace(finding, severity=Severity.DOUBTFUL, reason=reason)
    return finding


_STEPS = frozenset({Step.BOOT, Step.DISK, Step.NETWORK, Step.SERVICE, Step.LISTEN})


def named(boot: LastBoot, *, upper: bool = False) -> str:
    """The boot as the subject of a sentence."""
    the = "The" if upper else "the"
    if boot.at is None:
        return f"{the} boot on the saved console"
    return f"{the} last boot, of {boot.at:%Y-%m-%d %H:%M} UTC,"


def _shown(boot: LastBoot, finding: Finding) -> Event | None:
    """The event of the boot that shows the finding."""
    match finding.step:
        case Step.BOOT:
            about = boot.failure(finding.subject) if len(finding.subject) > 1 else None
            return about or boot.panic or (boot.emergency if not boot.came_up else None)
        case Step.DISK:
            kinds = {Kind.NO_SPACE, Kind.READ_ONLY}
            return next((each for each in boot.troubles if each.kind in kinds), None)
        case Step.NETWORK:
            return boot.failure(*NETWORK_UNITS)
        case _:
            if boot.listening:
                return None
            return next(iter(boot.sshd_errors), None) or boot.failure(*SERVICES, *SOCKETS)


def _against(boot: LastBoot, facts: Facts, finding: Finding) -> str:
    """What of the boot can't be, if the finding is right; "" for nothing."""
    if boot.at is None or finding.step is Step.DISK:
        return ""
    listened = [port for _, port in boot.listening if port == facts.dialled]
    login = next((each for each in boot.logins if each.detail("address")), None)
    if login is not None:
        return f"{login.detail('user')} logged in from {login.detail('address')}"
    if listened and finding.step is not Step.NETWORK and boot.came_up:
        return f"sshd listened on port {listened[0]}"
    return ""


def unchanged_since(facts: Facts, at: datetime | None) -> bool:
    """Whether nothing that decides was changed since: no file and no directory, by their modification times.

    /etc itself is changed by each boot that writes resolv.conf(5).
    """
    if facts.tree.edited:
        return False  # a repair is tried
    for path, entry in facts.tree.captured:
        if entry.is_link or path in NOT_EDITED or path == "/etc" or not f"{path}/".startswith(DECIDING):
            continue
        changed = moment(entry.mtime // 1000) if entry.mtime is not None else None
        if at is None or changed is None or changed > at:
            return False
    return True
