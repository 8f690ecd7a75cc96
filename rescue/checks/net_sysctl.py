"""A kernel setting in sysctl.d cuts the server off: no IPv6, no answer to ARP, or no more drivers.

Symptom: "No route to host" or "Connection timed out". The provider's console shows a login prompt. With IPv6 disabled,
the server may still answer to its IPv4 address.

Cause: a hardening guide or a script wrote it to /etc/sysctl.d, and systemd-sysctl applies it at every boot.
net.ipv6.conf.all.disable_ipv6=1 (also for one interface) removes every IPv6 address: rescue reports it if you connect
from an IPv6 address. net.ipv4.conf.all.arp_ignore=8 makes the kernel answer no ARP request, so the gateway can't find
the server. kernel.modules_disabled=1 forbids to load modules once it is set, which is early: the driver of the network
interface, or the firewall's modules, may be missing then.

/etc/sysctl.conf counts only if a file in sysctl.d links to it, as on Debian up to 12.

Repair: comment out the line. For IPv6 and modules it needs your consent, because somebody may have meant it.

See: sysctl.d(5), systemd-sysctl.service(8), ip-sysctl.rst of the kernel.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from rescue.facts import Facts
from rescue.model import Finding, Location, Repair, Safety, Severity, Step, Symptom
from rescue.network import CARD_READS, is_card, seen_cards
from rescue.network.sysctl import READS as SYSCTL_READS
from rescue.network.sysctl import number, sysctl_lines, value_of
from rescue.tree import Read, Tree

STEP = Step.NETWORK
KERNELS = (Read("/usr/lib/modules", depth=1, content=False), Read("/lib/modules", depth=1, content=False))
READS = (*SYSCTL_READS, *CARD_READS, *KERNELS)

ARP, IPV6, MODULES = "arp_ignore", "disable_ipv6", "kernel.modules_disabled"
NOT_YOURS = "it was written for the interface {}, and a disk does not show which one the server has"
BUILT_IN = "all is well if the drivers were loaded before, or are built into the kernel"
CONTAINER = "this system has no kernel, like a container: its host may decide these settings"


def find(facts: Facts) -> Iterator[Finding]:
    lines = sysctl_lines(facts.tree, facts.units)
    if not lines:
        return
    contained = not facts.tree.children("/lib/modules")
    if contained and number(lines.get(MODULES)) == 1:
        del lines[MODULES]
    six = bool(facts.client.sources) and all(each.version == 6 for each in facts.client.sources)
    for each in (*_arp(facts, lines), *(_ipv6(facts, lines) if six else ()), *_modules(lines)):
        yield replace(each, severity=Severity.DOUBTFUL, reason=each.reason or CONTAINER) if contained else each


def _deciding(
    facts: Facts, lines: dict[str, Location], prefix: str, key: str, value: int
) -> tuple[Location, str] | None:
    """The line that gives an interface the value, and a doubt: by "all", or by the interface's own name."""
    place = value_of(lines, f"{prefix}.all.{key}")
    if place is not None and number(place) == value:
        return place, ""
    names = [name.removeprefix(f"{prefix}.").removesuffix(f".{key}") for name in lines if name.startswith(f"{prefix}.")]
    wanted = [name for name in names if is_card(name) and number(value_of(lines, f"{prefix}.{name}.{key}")) == value]
    seen = seen_cards(facts.tree) if wanted else None
    for name in wanted:
        if seen is None or name in seen.found:
            return lines[f"{prefix}.{name}.{key}"], "" if seen is not None and seen.latest else NOT_YOURS.format(name)
    return None


def _arp(facts: Facts, lines: dict[str, Location]) -> Iterator[Finding]:
    found = _deciding(facts, lines, "net.ipv4.conf", ARP, 8)
    sources = facts.client.sources
    if found is None or (sources and all(each.version == 6 for each in sources)):
        return
    place, doubt = found
    yield _finding(
        place,
        "the server answers no ARP request, so neither its gateway nor anybody in its network finds it",
        reason=doubt,
    )


def _ipv6(facts: Facts, lines: dict[str, Location]) -> Iterator[Finding]:
    found = _deciding(facts, lines, "net.ipv6.conf", IPV6, 1)
    if found is None:
        return
    place, doubt = found
    yield _finding(
        place,
        "IPv6 is disabled, and you connect from an IPv6 address",
        "the server gets its IPv6 addresses again: everything that listens on them is open unless a firewall says no",
        doubt,
    )


def _modules(lines: dict[str, Location]) -> Iterator[Finding]:
    place = lines.get(MODULES)
    if place is not None and number(place) == 1:
        yield _finding(
            place,
            "the kernel may load no more modules, perhaps not even the network interface's driver",
            "root can load kernel modules again",
            BUILT_IN,
        )


def _finding(place: Location, effect: str, weakens: str = "", reason: str = "") -> Finding:
    name = place.text.partition("=")[0]
    title, edit = f"comment out {place}", partial(_commented, place=place)
    return Finding(
        check="net-sysctl",
        step=STEP,
        severity=Severity.DOUBTFUL if reason else Severity.BROKEN,
        message=f"{place} sets {place.text}: {effect}.",
        symptom=Symptom.UNREACHABLE,
        locations=(place,),
        repairs=(Repair(title, Safety.UNSAFE, edit, weakens=weakens) if weakens else Repair(title, Safety.SAFE, edit),),
        subject=name,
        reason=reason,
    )


def _commented(tree: Tree, place: Location) -> Tree:
    lines = (tree.text(place.path) or "").split("\n")
    at = place.line - 1
    last = place.text.partition("=")[0].rpartition(".")[2]
    if not 0 <= at < len(lines) or last not in lines[at]:
        raise ValueError(f"{place} has changed since")
    lines[at] = f"#{lines[at]}"
    return tree.write(place.path, "\n".join(lines))
