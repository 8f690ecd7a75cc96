"""Static IP whose gateway is outside its subnet.

Symptom: "Connection timed out" or "No route to host". The provider's console shows a login prompt.

Cause: a wrong digit in an address, prefix length or gateway (Address= and Gateway= of systemd-networkd; address,
netmask and gateway of ifupdown; addresses and routes of netplan). The kernel rejects a gateway that it can't reach, so
the server can't reach anybody outside its own network. ifupdown makes the kernel accept it anyway, which helps only if
the gateway is on the same wire: there the finding is doubtful, and rescue reports nothing for a single address (netmask
/32). An address that is wrong in another way but fits its gateway looks right on the disk: compare it with the one in
your provider's panel.

Repair: if another file configured the same interface before, rescue can set this file aside: it renames it to end in
".disabled", and the static address is not set. This needs your consent. Else correct the digit by hand.

See: systemd.network(5), interfaces(5), ip-route(8).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import PurePosixPath

from rescue.facts import Facts
from rescue.model import Finding, Repair, Safety, Severity, Step, Symptom
from rescue.network import NETWORK_READS, Network, Profile, is_card, read_network
from rescue.text.numbers import listed
from rescue.tree import Tree

STEP = Step.NETWORK
READS = NETWORK_READS

ON_LINK = (
    "ifupdown assumes that such a gateway is on the same wire; a few providers do that: "
    "then their panel shows these values"
)
SET_ASIDE = ".disabled"


def find(facts: Facts) -> Iterator[Finding]:
    network = read_network(facts.tree, facts.units)
    for profile in network.profiles:
        outside = [each for each in profile.gateways if not _reached(profile, each)]
        # No login depends on a file that is only for other things.
        if outside and any(each.version == 4 for each in outside) and _for_a_card(profile):
            yield _finding(profile, network)


def _reached(profile: Profile, gateway: object) -> bool:
    version = getattr(gateway, "version", 0)
    same = [each for each in profile.addresses if each.version == version]
    # A link-local gateway is always on the wire; without an address of that kind the file does not concern it.
    return not same or getattr(gateway, "is_link_local", False) or any(gateway in each.network for each in same)


def _for_a_card(profile: Profile) -> bool:
    return not profile.names or any(is_card(each) or "*" in each for each in profile.names)


def _finding(profile: Profile, network: Network) -> Finding:
    addresses = listed([str(each) for each in profile.addresses])
    routers = listed([str(each) for each in profile.gateways])
    doubt = ON_LINK if profile.on_link else ""
    return Finding(
        check="net-static-wrong",
        step=STEP,
        severity=Severity.DOUBTFUL if doubt else Severity.BROKEN,
        message=(
            f"{profile.location.path} sets the address {addresses} and the gateway {routers}, which is outside its "
            f"subnet: {'most likely ' if doubt else ''}one of them is wrong, and the server can't answer you."
        ),
        symptom=Symptom.UNREACHABLE,
        locations=(profile.location,),
        repairs=tuple(_repairs(profile, network)),
        subject=str(profile.location.path),
        reason=doubt,
    )


def _repairs(profile: Profile, network: Network) -> Iterator[Repair]:
    path = profile.location.path
    after = [each for each in network.profiles if each is not profile and each.names == profile.names]
    if profile.manager == "systemd-networkd" and after and str(path).startswith("/etc/"):
        yield Repair(
            f"set {path} aside, so that {after[0].location.path} applies again",
            Safety.UNSAFE,
            partial(_set_aside, path=path),
            weakens="the static address is not set; the server gets its address from the other file",
        )
    yield Repair(
        f"correct the address or the gateway in {path}",
        Safety.MANUAL,
        steps="Your provider's panel shows both, and the prefix length or netmask.",
    )


def _set_aside(tree: Tree, path: PurePosixPath) -> Tree:
    entry = tree.entry(path)
    if entry is None:
        raise ValueError(f"{path} is gone")
    aside = path.with_name(path.name + SET_ASIDE)
    if tree.lentry(aside) is not None:
        raise ValueError(f"{aside} already exists")
    return tree.with_entries({str(aside): entry, str(path): None})
