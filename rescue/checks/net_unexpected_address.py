"""The server's static address is not the one that your provider gave it.

Symptom: "Connection timed out" or "No route to host", and no ping. The provider's console shows a login prompt.

Cause: a digit was mistyped, the image came from another server, or the provider changed the address. The settings look
right by themselves, and a disk does not show which address the provider routes to the server. So rescue asks you: give
it the address in the provider's panel with --expect-address ADDRESS, once for each.

rescue reports nothing where an address may come from the network (DHCP, router advertisements, cloud-init), and nothing
where all of the server's addresses are private and the expected one is not: the provider may then translate one into
the other. The finding is doubtful if another expected address is set, or if something else may set addresses:
keepalived, a provider's agent, a command in a unit.

Repair: if the settings name exactly one address, and the expected one lies in the same subnet: put it in that line.
This needs your consent. Otherwise address, prefix length and gateway have to be corrected by hand.

See: systemd.network(5), interfaces(5), netplan.yaml(5), nm-settings-keyfile(5).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial

from rescue.boot.commands import READS as COMMAND_READS
from rescue.boot.commands import boot_commands
from rescue.facts import Facts
from rescue.model import Address, Finding, Location, Repair, Safety, Severity, Step, Symptom
from rescue.network import (
    CONFIGURING_READS,
    GIVEN_READS,
    Network,
    given_addresses,
    read_configuring,
    read_network,
)
from rescue.network.expected import translated
from rescue.network.managers import brings_up
from rescue.text.numbers import listed
from rescue.tree import Tree

STEP = Step.NETWORK
READS = (*CONFIGURING_READS, *GIVEN_READS, *COMMAND_READS)
AGENTS = (
    "keepalived", "pacemaker", "corosync", "ucarp", "vrrpd", "bird", "frr", "google-guest-agent", "walinuxagent",
    "policy-routes@", "networkd-dispatcher", "rc-local",
)  # fmt: skip
"""What adds addresses by its own settings, by the beginning of its unit's name."""

ANOTHER = "the server has {}, which you expect too, and may answer to that one"
NOT_SURE = "another program, cloud-init or a file that is not read here may set the address"
ANNOUNCED = "the network may give the server further IPv6 addresses (router advertisements)"


def find(facts: Facts) -> Iterator[Finding]:
    if not facts.client.expected:
        return
    given = given_addresses(facts.tree, facts.units)
    network = read_network(facts.tree, facts.units)
    commands = [each.text for each in boot_commands(facts.tree, facts.units)]
    others = read_configuring(facts.tree, facts.units).others or any(brings_up(each) for each in commands)
    sure = network.certain and not others and not _agents(facts)
    here = [each for each in facts.client.expected if each in given.get(each.version, ())]
    for address in dict.fromkeys(facts.client.expected):
        own = given.get(address.version, ())
        if not own or address in own or translated(address, own):
            continue
        if any(_word(address).search(each) for each in commands):
            continue  # such as "up ip addr add"
        yield _finding(network, address, own, here, sure=sure)


def _agents(facts: Facts) -> bool:
    return any(name.startswith(AGENTS) and facts.units.unit(name).started for name in facts.units.reached)


def _finding(
    network: Network, address: Address, own: tuple[Address, ...], here: list[Address], *, sure: bool
) -> Finding:
    places = [(each, place) for profile in network.profiles for each, place in profile.written if each in own]
    reason = ""
    if here:
        reason = ANOTHER.format(listed([str(each) for each in here[:3]]))
    elif not sure:
        reason = NOT_SURE
    elif address.version == 6:
        reason = ANNOUNCED
    return Finding(
        check="net-unexpected-address",
        step=STEP,
        severity=Severity.DOUBTFUL if reason else Severity.BROKEN,
        message=(
            f"The settings give the server {listed([str(each) for each in own[:3]])}, and not {address}, "
            "the address that you expect."
        ),
        symptom=Symptom.UNREACHABLE,
        locations=tuple(dict.fromkeys(place for _, place in places))[:3],
        repairs=tuple(_repairs(network, address, own, places)),
        subject=str(address),
        reason=reason,
    )


def _repairs(
    network: Network, address: Address, own: tuple[Address, ...], places: list[tuple[Address, Location]]
) -> Iterator[Repair]:
    nets = [each.network for profile in network.profiles for each in profile.addresses if each.ip in own]
    routers = [each for profile in network.profiles for each in profile.gateways]
    inside = bool(nets) and all(address in each for each in nets) and address not in routers
    if len(own) == 1 and len(places) == 1 and inside and _word(own[0]).search(places[0][1].text):
        old, place = places[0]
        yield Repair(
            f"set {address} instead of {old} ({place})",
            Safety.UNSAFE,
            partial(_replaced, place=place, old=old, new=address),
            weakens=f"the server no longer has {old}; if the address that you gave is wrong, nobody reaches it",
        )
    yield Repair(
        f"set {address} by hand",
        Safety.MANUAL,
        steps="The provider's panel shows the address, the prefix length or netmask, and the gateway.",
    )


def _word(address: Address) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w.:]){re.escape(str(address))}(?![\w.:])")


def _replaced(tree: Tree, place: Location, old: Address, new: Address) -> Tree:
    lines = (tree.text(place.path) or "").split("\n")
    at = place.line - 1
    if not 0 <= at < len(lines) or len(_word(old).findall(lines[at])) != 1:
        raise ValueError(f"{place} no longer sets {old}")
    lines[at] = _word(old).sub(str(new), lines[at])
    return tree.write(place.path, "\n".join(lines))
