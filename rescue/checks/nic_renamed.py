"""The network interface was renamed, so its settings no longer apply.

Symptom: nothing answers: "No route to host" or "Connection timed out", and no ping. The provider's console shows a
login prompt, so the server runs.

Cause: names such as ens3 or enp1s0 describe where an interface is plugged in. They change when a server moves to
another machine or provider, when its virtual hardware changes, and with some upgrades (systemd's naming scheme,
net.ifnames on the kernel command line, biosdevname). Settings for the old name then match nothing: systemd-networkd,
ifupdown and netplan ignore an interface that no file names.

A disk can't show which interfaces the machine has. Logs of its last boots can: they name the interfaces that came up.
So rescue finds this only with a journal (/var/log/journal), or the kernel's messages as text (kern.log, syslog,
messages, dmesg, cloud-init.log, also rotated ones), if the settings name an interface that is not in them. An interface
named in an old DHCP lease is used too, but makes the finding doubtful.

Repair: replace the one name with that of the interface in the logs. Addresses and everything else stay.

See: systemd.net-naming-scheme(7), systemd.network(5), interfaces(5), netplan.yaml(5).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from rescue.facts import Facts
from rescue.model import Finding, Repair, Safety, Severity, Step, Symptom
from rescue.network import (
    CARD_READS,
    NETWORK_READS,
    Cards,
    Network,
    Profile,
    is_card,
    read_network,
    seen_cards,
)
from rescue.text.numbers import listed
from rescue.tree import Tree

STEP = Step.NETWORK
READS = (*NETWORK_READS, *CARD_READS)

OLDER = "no interface came up in the last logged boot, and logs of earlier boots may be outdated"
OTHERS = "cloud-init or another program may configure the interface without these files"


def find(facts: Facts) -> Iterator[Finding]:
    network = read_network(facts.tree, facts.units)
    waiting = [profile for profile in network.profiles if is_card(profile.exact)]
    if not waiting:
        return
    cards = seen_cards(facts.tree)
    if cards is None or not _none_is_taken(network, cards):
        return
    yield _finding(waiting, network, cards)


def _none_is_taken(network: Network, cards: Cards) -> bool:
    """Whether certainly no settings match any of the interfaces."""
    return all(profile.takes(name, mac) is False for profile in network.profiles for name, mac in cards.found.items())


def _finding(waiting: list[Profile], network: Network, cards: Cards) -> Finding:
    there = sorted(cards.found)
    first = waiting[0]
    wanted = sorted({profile.exact for profile in waiting})
    reason = "" if cards.latest else OLDER
    return Finding(
        check="nic-renamed",
        step=STEP,
        severity=Severity.DOUBTFUL if reason or not network.certain else Severity.BROKEN,
        message=(
            f"{first.manager} is set to configure {listed(wanted)}, but at the last boot the network "
            f"{'interface was' if len(there) == 1 else 'interfaces were'} {listed(there)}: none gets an address."
        ),
        symptom=Symptom.UNREACHABLE,
        locations=tuple(profile.location for profile in waiting),
        repairs=(_repair(waiting, there),),
        subject=", ".join(wanted),
        reason=reason or ("" if network.certain else OTHERS),
    )


def _repair(waiting: list[Profile], there: list[str]) -> Repair:
    first = waiting[0]
    if len({profile.exact for profile in waiting}) == 1 and len(there) == 1 and first.rename is not None:
        return Repair(
            f"configure {there[0]} instead of {first.exact} in {first.location.path}",
            Safety.SAFE,
            partial(_configured, profile=first, name=there[0]),
        )
    return Repair(
        f"put the names of the present interfaces into {first.location.path}",
        Safety.MANUAL,
        steps=f"The server's interfaces were {listed(there)}. `ip link` on its console shows them and their addresses.",
    )


def _configured(tree: Tree, profile: Profile, name: str) -> Tree:
    assert profile.rename is not None
    return profile.rename(tree, name)
