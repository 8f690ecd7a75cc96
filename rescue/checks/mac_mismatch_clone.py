"""The network settings are bound to another hardware address (MAC), as on a clone.

Symptom: nothing answers: "No route to host" or "Connection timed out", and no ping. The provider's console shows a
login prompt. The original server, or this one before it was moved, is or was reachable.

Cause: the settings name a network interface by its hardware address (MAC): MACAddress= or PermanentMACAddress= in a
systemd-networkd file, match and macaddress in netplan, mac-address in NetworkManager. On a clone, a restored image or a
server with new virtual hardware the interface has another address, so nothing configures it.

A disk does not show the hardware address of the interface unless a log does; without one the finding is doubtful.
rescue reports it if the last boot in the journal enabled no interface at all, and the settings name a hardware address.
With --expect-mac MAC (the one in the provider's panel, once for each interface) it needs no log: it compares.

Repair: if one file waits for one address and you gave one: put yours there. Without one, for systemd-networkd: apply
that file to every wired interface (en*, eth*).
Addresses and everything else stay. Otherwise, enter the hardware address that `ip link` shows on the console.

See: systemd.network(5), netplan.yaml(5), nm-settings-keyfile(5).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial

from rescue.facts import Facts
from rescue.model import Finding, Location, Repair, Safety, Severity, Step, Symptom
from rescue.network import CARD_READS, NETWORK_READS, Cards, Network, Profile, read_network, seen_cards
from rescue.text.numbers import listed
from rescue.tree import Tree

STEP = Step.NETWORK
READS = (*NETWORK_READS, *CARD_READS)

UNKNOWN = "the disk does not show the interface's hardware address; but the last boot enabled no interface"
OTHERS = "cloud-init or another program may configure the interface without these files"


def find(facts: Facts) -> Iterator[Finding]:
    network = read_network(facts.tree, facts.units)
    bound = [profile for profile in network.profiles if profile.macs and not profile.unclear]
    if not bound or any(profile.exact or profile.unclear for profile in network.profiles):
        return
    expected = facts.client.macs
    if expected and all(_spelt(mac) for profile in bound for mac in profile.macs):
        # An interface that is not bound to an address, or bound to one of yours, is enough.
        if all(not {_spelt(mac) for mac in profile.macs} & set(expected) for profile in bound) and len(bound) == len(
            network.profiles
        ):
            yield _unexpected(bound, network, expected)
        return
    cards = seen_cards(facts.tree)
    if cards is not None and not cards.up and not _one_is_taken(network, cards):
        yield _finding(bound, network, cards)


def _one_is_taken(network: Network, cards: Cards) -> bool:
    return any(profile.takes(name, mac) for profile in network.profiles for name, mac in cards.found.items())


def _finding(bound: list[Profile], network: Network, cards: Cards) -> Finding:
    first = bound[0]
    known = cards.latest and all(cards.found.values())
    reason = (UNKNOWN if not known else "") or ("" if network.certain else OTHERS)
    addresses = sorted({mac for profile in bound for mac in profile.macs})
    return Finding(
        check="mac-mismatch-clone",
        step=STEP,
        severity=Severity.DOUBTFUL if reason else Severity.BROKEN,
        message=(
            f"{first.manager} configures only the network interface with the hardware address {listed(addresses)}, "
            "and the last boot enabled no interface."
        ),
        symptom=Symptom.UNREACHABLE,
        locations=tuple(profile.location for profile in bound),
        repairs=(_repair(bound),),
        subject=", ".join(addresses),
        reason=reason,
    )


def _unexpected(bound: list[Profile], network: Network, expected: tuple[str, ...]) -> Finding:
    reason = "" if network.certain else OTHERS
    addresses = sorted({mac for profile in bound for mac in profile.macs})
    return Finding(
        check="mac-mismatch-clone",
        step=STEP,
        severity=Severity.DOUBTFUL if reason else Severity.BROKEN,
        message=(
            f"{bound[0].manager} configures only the network interface with the hardware address {listed(addresses)}, "
            f"and you expect {listed(list(expected))}."
        ),
        symptom=Symptom.UNREACHABLE,
        locations=tuple(profile.location for profile in bound),
        repairs=(_repair(bound, expected),),
        subject=", ".join(addresses),
        reason=reason,
    )


def _repair(bound: list[Profile], expected: tuple[str, ...] = ()) -> Repair:
    first = bound[0]
    if (
        len(bound) == len(expected) == len(first.macs) == 1
        and len(_mac(first.macs[0]).findall(first.location.text)) == 1
    ):
        return Repair(
            f"put {expected[0]} in place of {first.macs[0]} ({first.location})",
            Safety.SAFE,
            partial(_rebound, place=first.location, old=first.macs[0], new=expected[0]),
        )
    if len(bound) == 1 and first.unbind is not None:
        return Repair(
            f"apply {first.location.path} to every wired network interface",
            Safety.SAFE,
            first.unbind,
            steps="A second interface would also get these settings.",
        )
    return Repair(
        f"put the interface's real hardware address into {first.location.path}",
        Safety.MANUAL,
        steps="`ip link` on the provider's console shows it, after link/ether.",
    )


def _spelt(mac: str) -> str:
    """A hardware address as it is compared; "" for what is not one."""
    found = mac.lower().replace("-", ":")
    return found if re.fullmatch(r"[0-9a-f]{2}(?::[0-9a-f]{2}){5}", found) else ""


def _mac(mac: str) -> re.Pattern[str]:
    return re.compile(re.escape(mac), re.IGNORECASE)


def _rebound(tree: Tree, place: Location, old: str, new: str) -> Tree:
    lines = (tree.text(place.path) or "").split("\n")
    at = place.line - 1
    if not 0 <= at < len(lines) or len(_mac(old).findall(lines[at])) != 1:
        raise ValueError(f"{place} has changed since")
    lines[at] = _mac(old).sub(new, lines[at])
    return tree.write(place.path, "\n".join(lines))
