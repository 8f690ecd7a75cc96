"""sshd is installed but disabled: nothing starts it at boot.

Symptom: "ssh: connect to host SERVER port 22: Connection refused". If the machine boots into maintenance mode, nothing
brings up the network either: "No route to host" or "Connection timed out".

Cause: a service starts at boot only if a boot target pulls it in. `systemctl disable ssh` removes the link that did so,
and on Debian and Ubuntu the alias sshd.service with it, so that `systemctl enable sshd` then says that there is no such
unit. Debian's service and socket also stay off while the file /etc/ssh/sshd_not_to_be_run exists. And a default target
that boots into maintenance (rescue.target) starts no SSH server at all. On Alpine the link is in /etc/runlevels, on
older systems in /etc/rc2.d to rc5.d.

Repair: restore the one link, under the service's real name (ssh.service on Debian and Ubuntu, sshd.service elsewhere),
in the targets that its [Install] section names. Or remove /etc/ssh/sshd_not_to_be_run, or set the default target to one
that starts services. Nothing else is enabled.

See: systemctl(1), systemd.unit(5) on [Install], bootup(7), rc-update(8) of OpenRC.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import PurePosixPath

from rescue.facts import Facts
from rescue.logins.listening.taken import by_super_server
from rescue.logins.ssh_units import serving, ssh_service, start_at_boot, wanting_targets
from rescue.model import Finding, Location, Repair, Safety, Severity, Step, Symptom
from rescue.network import CONFIGURING_READS, read_configuring
from rescue.services.units import UNIT_READS, Unit, Units
from rescue.tree import Read, Tree

STEP = Step.SERVICE
READS = (*UNIT_READS, *CONFIGURING_READS, Read("/etc/ssh", depth=2))

NOT_TO_BE_RUN = "/etc/ssh/sshd_not_to_be_run"
DEFAULT_TARGET = "/etc/systemd/system/default.target"
SHIPPED_TARGET = "/usr/lib/systemd/system/multi-user.target"
SYSTEM_TARGET = "sysinit.target"
SERVICES_TARGET = "multi-user.target"


def find(facts: Facts) -> Iterator[Finding]:
    if serving(facts.units) or by_super_server(facts) is not None:
        return
    unit = ssh_service(facts.units)
    if unit is None or unit.masked:
        return
    if unit.unmet is not None:
        yield _held_back(unit, unit.unmet)
    if facts.units.manager == "systemd" and not facts.units.unit(SERVICES_TARGET).started:
        yield _wrong_target(facts)
        if _linked(facts.tree, unit):
            return
    if not unit.wanted_by:
        yield _not_wanted(facts.units, unit)


def _not_wanted(units: Units, unit: Unit) -> Finding:
    where = Location(unit.path) if unit.path is not None else None
    how = {"openrc": "in the runlevel default", "sysv": "in the runlevels 2 to 5"}.get(units.manager)
    how = how or f"by {' and '.join(wanting_targets(unit))}"
    return Finding(
        check="sshd-disabled",
        step=STEP,
        severity=Severity.BROKEN,
        message=f"sshd ({unit.name}) is installed but disabled: nothing starts it at boot.",
        symptom=Symptom.REFUSED,
        locations=(where,) if where is not None else (),
        repairs=(Repair(f"start {unit.name} at boot, {how}", Safety.SAFE, partial(start_at_boot, name=unit.name)),),
        subject=unit.name,
        hides=(Step.LISTEN, Step.ACCEPT),
    )


def _held_back(unit: Unit, condition: Location) -> Finding:
    by_debian = NOT_TO_BE_RUN in condition.text
    locations: tuple[Location, ...] = (condition,)
    if by_debian:
        locations = (Location(PurePosixPath(NOT_TO_BE_RUN)), condition)
        message = f"sshd does not start while the file {NOT_TO_BE_RUN} exists."
        repair = Repair(f"remove {NOT_TO_BE_RUN}", Safety.SAFE, _let_it_run)
    else:
        message = f"{unit.name} is skipped at boot because a condition is not met: {condition.text}"
        repair = Repair(f"meet the condition in {condition}, or remove the line", Safety.MANUAL)
    return Finding(
        check="sshd-disabled",
        step=STEP,
        severity=Severity.BROKEN,
        message=message,
        symptom=Symptom.REFUSED,
        locations=locations,
        repairs=(repair,),
        subject="sshd_not_to_be_run" if by_debian else "condition",
        hides=(Step.LISTEN, Step.ACCEPT),
    )


def _let_it_run(tree: Tree) -> Tree:
    return tree.remove(NOT_TO_BE_RUN)


def _linked(tree: Tree, unit: Unit) -> bool:
    """Whether the link is in place, and only the boot does not reach it."""
    return any(
        tree.lentry(f"/etc/systemd/system/{target}.wants/{unit.name}") is not None for target in wanting_targets(unit)
    )


def _wrong_target(facts: Facts) -> Finding:
    links = facts.tree.lentry(DEFAULT_TARGET)
    shown = f" (it links to {links.link})" if links is not None and links.is_link else ""
    return Finding(
        check="sshd-disabled",
        step=STEP,
        severity=Severity.BROKEN,
        message=f"The machine boots into a target that starts no services{shown}, so no sshd either.",
        symptom=_of_maintenance(facts),
        locations=(Location(facts.units.default_target),),
        repairs=(Repair("boot into a target that starts services", Safety.SAFE, _boot_services),),
        subject="default.target",
        hides=(Step.LISTEN, Step.ACCEPT),
    )


def _of_maintenance(facts: Facts) -> Symptom:
    """What the client sees of rescue.target or emergency.target.

    The network is mostly down, because a service brings it up too; except for ifupdown's interfaces marked
    allow-hotplug, which udev brings up, and sysinit.target starts udev.
    """
    configuring = read_configuring(facts.tree, facts.units)
    up = any(each.starts and each.configures is not False for each in configuring.managers)
    return Symptom.REFUSED if up and SYSTEM_TARGET in facts.units.reached else Symptom.UNREACHABLE


def _boot_services(tree: Tree) -> Tree:
    """The distribution's own default if it starts services, else multi-user.target."""
    without = tree.remove(DEFAULT_TARGET)
    if Units(without).unit(SERVICES_TARGET).started:
        return without
    return tree.make_link(DEFAULT_TARGET, SHIPPED_TARGET)
