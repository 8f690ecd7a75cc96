"""The network interface's driver is forbidden in modprobe.d, so the server has no network.

Symptom: nothing answers: "No route to host" or "Connection timed out", and no ping. The provider's console shows a
login prompt, and `ip link` no interface but lo.

Cause: a hardening script, or a change of drivers, wrote "blacklist NAME" or "install NAME /bin/false" for the driver of
this server's interface. A blacklisted module is not loaded for the device that needs it, only by its name
(/etc/modules, modules-load.d).

The driver is the one that the journal shows for the last boot with an interface. rescue reports the line only if its
file was changed after that, and the kernel has the driver as a module; without a log, only if it is one that virtual
machines need (virtio_net, vmxnet3, hv_netvsc, xen_netfront, ena, gve). The finding is doubtful: the initramfs has a
copy of modprobe.d of its own, and may load the driver; or another driver may serve the interface.

Repair: comment out the line. This needs your consent, because somebody wrote it on purpose.

See: modprobe.d(5), modules-load.d(5), update-initramfs(8).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from rescue.boot.loader import READS as LOADER_READS
from rescue.boot.loader import kernel_version, read_menu
from rescue.boot.modules import LOAD_READS, MODPROBE_READS, MODULE_READS, forbidden_module, has_module, kernels
from rescue.facts import Facts
from rescue.model import Finding, Location, Repair, Safety, Severity, Step, Symptom
from rescue.network import CARD_READS, seen_cards
from rescue.tree import Tree

STEP = Step.NETWORK
READS = (*MODPROBE_READS, *LOAD_READS, *MODULE_READS, *LOADER_READS, *CARD_READS)

DOUBT = "the initramfs has a copy of modprobe.d of its own, and another driver may serve the interface"
CALLED = {"vif": "xen_netfront"}
"""Drivers whose module has another name."""
VIRTUAL = {
    "virtio_net": "of most virtual servers",
    "vmxnet3": "in VMware",
    "hv_netvsc": "in Hyper-V and Azure",
    "xen_netfront": "in Xen",
    "ena": "at Amazon",
    "gve": "at Google",
}


def find(facts: Facts) -> Iterator[Finding]:
    facts.tree.require(*MODPROBE_READS, *LOAD_READS)
    if not any(_changed(facts.tree, path) for folder in MODPROBE_READS for path in facts.tree.glob(f"{folder.path}/*")):
        return
    cards = seen_cards(facts.tree)
    if cards is None:
        yield from _of_virtual_machines(facts)
        return
    if not cards.when:
        return
    menu = read_menu(facts.tree)
    chosen = kernel_version(menu.chosen.kernel) if menu is not None and menu.chosen is not None else ""
    there = kernels(facts.tree)
    versions = (chosen,) if chosen in there else there
    for driver in sorted(set(cards.drivers.values())):
        name = CALLED.get(driver, driver)
        place = forbidden_module(facts.tree, name)
        if place is None or _changed(facts.tree, place.path) <= cards.when * 1000:
            continue
        if versions and all(has_module(facts.tree, name, each) for each in versions):
            interfaces = [each for each, of in cards.drivers.items() if of == driver]
            message = (
                f"{place} forbids to load {name}, the driver of {interfaces[0]}, "
                "and was written after the last boot with a network interface."
            )
            yield _finding(place, name, message, DOUBT)


def _of_virtual_machines(facts: Facts) -> Iterator[Finding]:
    """Where no log names the driver: lines for the drivers that virtual machines need."""
    versions = kernels(facts.tree)
    for name, where in VIRTUAL.items():
        place = forbidden_module(facts.tree, name)
        if place is None or not versions or not all(has_module(facts.tree, name, each) for each in versions):
            continue
        message = f"{place} forbids to load {name}, the driver of the network interface {where}."
        yield _finding(place, name, message, f"whether this server has such an interface is not on its disk; {DOUBT}")


def _changed(tree: Tree, path: object) -> int:
    """When the file was changed, in nanoseconds; 0 where there is none."""
    entry = tree.entry(str(path))
    return entry.modified if entry is not None and entry.is_file else 0


def _finding(place: Location, name: str, message: str, reason: str) -> Finding:
    return Finding(
        check="net-driver-forbidden",
        step=STEP,
        severity=Severity.DOUBTFUL,
        message=message,
        symptom=Symptom.UNREACHABLE,
        locations=(place,),
        repairs=(
            Repair(
                f"comment out {place}",
                Safety.UNSAFE,
                partial(_commented, place=place),
                weakens=f"the kernel may load {name} again",
            ),
        ),
        subject=name,
        reason=reason,
    )


def _commented(tree: Tree, place: Location) -> Tree:
    lines = (tree.text(place.path) or "").split("\n")
    at = place.line - 1
    if not 0 <= at < len(lines) or lines[at].strip()[:200] != place.text:
        raise ValueError(f"{place} has changed since")
    lines[at] = f"#{lines[at]}"
    return tree.write(place.path, "\n".join(lines))
