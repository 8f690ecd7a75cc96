"""The network settings are bound to the hardware address of another card, as on a clone of the server.

Symptom: nothing answers: "No route to host" or "Connection timed out", and no ping. The provider's console shows a
login prompt. The original of the clone, or the server before it was moved, is or was reachable.

Cause: the settings name a card by its hardware address (MAC): MACAddress= or PermanentMACAddress= in a file of
systemd-networkd, match and macaddress in netplan, mac-address in NetworkManager. A clone, a restored image or a server
with new virtual hardware has a card with another address, which nobody configures then.

The address of the card that is there can't be told from a disk, if no log names it; then this is a doubt. It is found
where the last boot in the journal switched on no card at all, and the settings are for a hardware address.

Repair: for systemd-networkd, where one file waits for one address: the file is for every wired card (en*, eth*) then.
Addresses and everything else stay. Elsewhere you have to put in the address that `ip link` shows on the console.

See: systemd.network(5), netplan.yaml(5), nm-settings-keyfile(5).
"""

from __future__ import annotations

from collections.abc import Iterator

from rescue.facts import Facts
from rescue.model import Finding, Repair, Safety, Severity, Step, Symptom
from rescue.network import CARD_READS, NETWORK_READS, Cards, Network, Profile, read_network, seen_cards
from rescue.text.numbers import listed

STEP = Step.NETWORK
READS = (*NETWORK_READS, *CARD_READS)

UNKNOWN = "the disk does not tell the hardware address of the card; but in the last boot none was switched on"
OTHERS = "cloud-init or another program may configure the card without these files"


def find(facts: Facts) -> Iterator[Finding]:
    network = read_network(facts.tree, facts.units)
    bound = [profile for profile in network.profiles if profile.macs and not profile.unclear]
    if not bound or any(profile.exact or profile.unclear for profile in network.profiles):
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
            f"{first.manager} is told to configure the card with the hardware address {listed(addresses)} and no "
            "other, and in the last boot no card was switched on."
        ),
        symptom=Symptom.UNREACHABLE,
        locations=tuple(profile.location for profile in bound),
        repairs=(_repair(bound),),
        subject=", ".join(addresses),
        reason=reason,
    )


def _repair(bound: list[Profile]) -> Repair:
    first = bound[0]
    if len(bound) == 1 and first.unbind is not None:
        return Repair(
            f"make {first.location.path} hold for every wired card",
            Safety.SAFE,
            first.unbind,
            steps="A second card would get these settings as well.",
        )
    return Repair(
        f"put the card's own hardware address into {first.location.path}",
        Safety.MANUAL,
        steps="On the provider's console `ip link` shows it, behind link/ether.",
    )
