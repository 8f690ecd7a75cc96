"""A rule names the network interface so that its settings no longer match.

Symptom: nothing answers: "No route to host" or "Connection timed out", and no ping. The provider's console shows a
login prompt, and `ip address` an interface with the new name, and without an address.

Cause: a .link file in /etc/systemd/network ([Link] Name=lan0), or a udev rule in /etc/udev/rules.d (NAME="wan0"), gives
an interface its name when it appears, for every interface or for the first. The network settings (systemd-networkd,
netplan, ifupdown) still wait for the old name.

rescue reports it where the rule takes any interface of the usual names, and no settings are for the new one. It is
doubtful where another program may configure the interface.

Repair: comment out the line that names it, if the settings are for the name that it then has; else the new name has to
be put into the settings by hand.

See: systemd.link(5), Name= and NamePolicy=; udev(7), NAME; systemd.net-naming-scheme(7).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import partial
from pathlib import PurePosixPath

from rescue.facts import Facts
from rescue.model import Finding, Location, Repair, Safety, Severity, Step, Symptom
from rescue.network import NETWORK_READS, Network, read_network
from rescue.network.managers import UDEV_RULES
from rescue.network.networkd import SHIPPED, files, settings
from rescue.network.profile import USUAL
from rescue.text.line_edit import commented
from rescue.tree import Read

STEP = Step.NETWORK
READS = (*NETWORK_READS, Read(UDEV_RULES, depth=1))

_NAME = re.compile(r'(?:^|,)\s*NAME\s*:?=\s*"(?P<name>[A-Za-z][\w.-]{0,14})"')
_CHOOSES = re.compile(r'(?:^|,)\s*(?P<key>[A-Z]+)(?:\{(?P<of>[^}]*)\})?\s*==\s*"(?P<value>[^"]*)"')
ANY_OF = {"SUBSYSTEM": ("net",), "ACTION": ("add", "add|change"), "KERNEL": ("eth*", "en*", "eth0", "*", "e*", "eth?")}
ATTRIBUTES = {"type": ("1",), "dev_id": ("0x0",), "address": ("?*", "*")}
MOST = 2000
OTHERS = "cloud-init or another program may configure the interface without these files"


def find(facts: Facts) -> Iterator[Finding]:
    network = read_network(facts.tree, facts.units)
    waiting = [each for each in network.profiles if not each.unclear]
    if not waiting:
        return
    for place, name in (*_of_links(facts), *_of_rules(facts)):
        if all(each.takes(name) is False for each in network.profiles):
            yield _finding(place, name, network)
            return


def _of_links(facts: Facts) -> Iterator[tuple[Location, str]]:
    """The name that the first .link file for a usual interface gives."""
    for path in files(facts.tree, ".link"):
        if str(path).startswith(SHIPPED):
            continue
        said = settings(facts.tree, path)
        matched = [each for each in said if each.section == "Match" and each.text]
        if not matched or not all(_takes_any(each.key, each.text) for each in matched):
            continue
        for each in said:
            if each.section == "Link" and each.key == "Name" and each.text:
                yield each.location, each.text
        return


def _takes_any(key: str, value: str) -> bool:
    """Whether a condition holds for a server's first interface, whichever that is."""
    if key == "Type":
        return "ether" in value.split()
    kernels = ("eth0", "eth1")  # what the kernel calls them before udev does
    return key == "OriginalName" and any(fnmatchcase(kernel, each) for kernel in kernels for each in value.split())


def _of_rules(facts: Facts) -> Iterator[tuple[Location, str]]:
    """The name that a udev rule of the server's own gives to any interface."""
    for path in facts.tree.glob(f"{UDEV_RULES}/*.rules"):
        for number, line in enumerate((facts.tree.text(path) or "").split("\n")[:MOST], start=1):
            named = _NAME.search(line)
            if line.lstrip().startswith("#") or named is None:
                continue
            chosen = [(each["key"], each["of"], each["value"]) for each in _CHOOSES.finditer(line)]
            if ("SUBSYSTEM", None, "net") in chosen and all(_any_interface(*each) for each in chosen):
                yield Location(PurePosixPath(path), number, line.strip()[:200]), named["name"]


def _any_interface(key: str, of: str | None, value: str) -> bool:
    if of is not None:
        return key in ("ATTR", "ATTRS") and value in ATTRIBUTES.get(of, ())
    return value in ANY_OF.get(key, ())


def _finding(place: Location, name: str, network: Network) -> Finding:
    wanted = next((word for each in network.profiles for word in each.names), "another interface")
    reason = "" if network.certain else OTHERS
    return Finding(
        check="nic-named-by-rule",
        step=STEP,
        severity=Severity.DOUBTFUL if reason else Severity.BROKEN,
        message=f"{place} names the network interface {name}, and the network settings are for {wanted}.",
        symptom=Symptom.UNREACHABLE,
        locations=(place,),
        repairs=tuple(_repairs(place, name, network)),
        subject=name,
        reason=reason,
    )


def _repairs(place: Location, name: str, network: Network) -> Iterator[Repair]:
    if all(any(each.takes(usual) for each in network.profiles) for usual in USUAL):
        yield Repair(
            f"comment out {place}",
            Safety.UNSAFE,
            partial(commented, location=place),
            weakens=f"firewall rules and other settings may be for {name}",
        )
    where = ", ".join(sorted({str(each.location.path) for each in network.profiles})[:3])
    yield Repair(
        f"put {name} into the network settings by hand",
        Safety.MANUAL,
        steps=f"In {where}: the name {name} in place of the old one.",
    )
