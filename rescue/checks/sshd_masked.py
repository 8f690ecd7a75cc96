"""sshd is masked: systemd refuses to start it.

Symptom: "ssh: connect to host SERVER port 22: Connection refused".

Cause: `systemctl mask ssh` puts a link to /dev/null where systemd looks first for the unit, in /etc/systemd/system. An
empty file there, as a full disk leaves one, does the same. A dangling link hides the real unit too. A mask overrides
every link that would start the unit, and a masked service also stops the socket that would start it.

Repair: remove the mask, so that the package's unit applies again. If the link that starts it at boot is also gone,
restore it. The unit itself does not change; a mask of the socket stays if the service serves SSH.

See: systemctl(1) on mask, systemd.unit(5), systemd.socket(5).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from rescue.facts import Facts
from rescue.logins.ssh_units import SERVICES, serving, ssh_service, start_at_boot
from rescue.model import Finding, Location, Repair, Safety, Severity, Step, Symptom
from rescue.services.units import UNIT_READS, Unit, Units
from rescue.tree import Tree

STEP = Step.SERVICE
READS = UNIT_READS

MAX_MASKS = 8


def find(facts: Facts) -> Iterator[Finding]:
    if serving(facts.units):
        return
    unit = ssh_service(facts.units)
    if unit is None or unit.mask is None:
        return
    repairs = _repairs(facts.tree, unit)
    yield Finding(
        check="sshd-masked",
        step=STEP,
        severity=Severity.BROKEN,
        message=_message(unit, unit.mask),
        symptom=Symptom.REFUSED,
        locations=(unit.mask,),
        repairs=repairs,
        subject=unit.name,
        hides=(Step.LISTEN, Step.ACCEPT),
    )


def _message(unit: Unit, mask: Location) -> str:
    if mask.text.endswith("/dev/null") or not mask.text.startswith("->"):
        return f"sshd ({unit.name}) is masked: systemd will not start it, neither at boot nor by hand."
    return f"A dangling link ({mask.text}) hides sshd's unit ({unit.name})."


def _repairs(tree: Tree, unit: Unit) -> tuple[Repair, ...]:
    if _unmasked(tree, unit.name) is None:
        return (Repair("reinstall sshd's package: its unit file is gone", Safety.MANUAL),)
    return (Repair(f"remove the mask of {unit.name} ({unit.mask})", Safety.SAFE, partial(unmask, name=unit.name)),)


def _unmasked(tree: Tree, name: str) -> tuple[Tree, str] | None:
    """The tree without the masks that hide the service, and the service's name without them."""
    for _ in range(MAX_MASKS):
        units = Units(tree)
        found = next((unit.name for each in SERVICES if (unit := units.unit(each)).present), None)
        if found is not None and not units.unit(name).masked:
            return tree, found
        mask = units.unit(name).mask
        if mask is None:
            return None
        tree = tree.remove(mask.path)
    return None


def unmask(tree: Tree, name: str) -> Tree:
    """The tree where the service can start and is enabled. ValueError if there is nothing behind the mask."""
    found = _unmasked(tree, name)
    if found is None:
        raise ValueError(f"the mask of {name} hides no unit file")
    tree, real = found
    units = Units(tree)
    return tree if serving(units) or units.unit(real).wanted_by else start_at_boot(tree, real)
