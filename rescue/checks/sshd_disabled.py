"""The SSH server is installed, but nothing starts it when the machine boots.

Symptom: "ssh: connect to host SERVER port 22: Connection refused". Where the machine boots into maintenance, nothing
brings up the network either: "No route to host" or "Connection timed out".

Cause: a service is started at boot only if something that boots pulls it in. `systemctl disable ssh` takes the link
away that did so, and on Debian and Ubuntu the alias sshd.service with it, so that `systemctl enable sshd` then says
that there is no such unit. Debian's service and socket also stay off while the file /etc/ssh/sshd_not_to_be_run is
there. And a default target that boots into maintenance (rescue.target) starts no SSH server at all. On Alpine it is
the link in /etc/runlevels, on older systems those in /etc/rc2.d to rc5.d.

Repair: the one link is put back, by the service's real name (ssh.service on Debian and Ubuntu, sshd.service
elsewhere), in the targets that its own [Install] section names. Or /etc/ssh/sshd_not_to_be_run is removed, or the
default target is set to one that starts services. Nothing else is enabled.

See: systemctl(1), systemd.unit(5) on [Install], bootup(7), rc-update(8) of OpenRC.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import PurePosixPath

from rescue.facts import Facts
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
    if serving(facts.units):
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
        message=f"The SSH server ({unit.name}) is installed, but nothing starts it at boot: it was disabled.",
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
        message = f"The file {NOT_TO_BE_RUN} is there, and while it is, the SSH server does not start."
        repair = Repair(f"remove {NOT_TO_BE_RUN}", Safety.SAFE, _let_it_run)
    else:
        message = f"{unit.name} is skipped at boot, as a condition of it does not hold: {condition.text}"
        repair = Repair(f"see to it that the condition in {condition} holds, or take the line out", Safety.MANUAL)
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
    """Whether the link is in place, and only the boot does not come by it."""
    return any(
        tree.lentry(f"/etc/systemd/system/{target}.wants/{unit.name}") is not None for target in wanting_targets(unit)
    )


def _wrong_target(facts: Facts) -> Finding:
    links = facts.tree.lentry(DEFAULT_TARGET)
    shown = f" (it leads to {links.link})" if links is not None and links.is_link else ""
    return Finding(
        check="sshd-disabled",
        step=STEP,
        severity=Severity.BROKEN,
        message=f"The machine boots into a target that starts no services{shown}, so no SSH server either.",
        symptom=_of_maintenance(facts),
        locations=(Location(facts.units.default_target),),
        repairs=(Repair("boot into a target that starts services", Safety.SAFE, _boot_services),),
        subject="default.target",
        hides=(Step.LISTEN, Step.ACCEPT),
    )


def _of_maintenance(facts: Facts) -> Symptom:
    """What the outside sees of rescue.target or emergency.target.

    The network is mostly not up, as what brings it up is a service as well; but for ifupdown's cards that are marked
    allow-hotplug, which udev brings up, and sysinit.target starts that.
    """
    configuring = read_configuring(facts.tree, facts.units)
    up = any(each.starts and each.configures is not False for each in configuring.managers)
    return Symptom.REFUSED if up and SYSTEM_TARGET in facts.units.reached else Symptom.UNREACHABLE


def _boot_services(tree: Tree) -> Tree:
    """The distribution's own default where it starts services, else multi-user.target."""
    without = tree.remove(DEFAULT_TARGET)
    if Units(without).unit(SERVICES_TARGET).started:
        return without
    return tree.make_link(DEFAULT_TARGET, SHIPPED_TARGET)
