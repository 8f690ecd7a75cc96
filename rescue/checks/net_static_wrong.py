"""An address was set by hand, and its router is not in its network, so that no answer finds its way out.

Symptom: "Connection timed out" or "No route to host". The provider's console shows a login prompt.

Cause: a wrong digit in an address, a prefix length or a router (Address= and Gateway= of systemd-networkd; address,
netmask and gateway of ifupdown; addresses and routes of netplan). The kernel refuses a router that it could not reach,
and the server is left without a way to anybody outside its own network. ifupdown makes the kernel take it all the same,
which helps only where the router is on the same wire: so it is a doubt there, and of a single address (netmask /32)
nothing is said. An address that is wrong in another way, but fits its router, can't be told from a right one on the
disk: compare it with the one in your provider's panel.

Repair: where another file would configure the same card, as it did before, the file can be set aside: it gets the end
".disabled", and the fixed address is not set. That is for you to decide. Else the digit has to be put right by hand.

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
    "ifupdown takes such a router to be on the same wire; a few providers have it so: "
    "then the provider's panel shows these very values"
)
SET_ASIDE = ".disabled"


def find(facts: Facts) -> Iterator[Finding]:
    network = read_network(facts.tree, facts.units)
    for profile in network.profiles:
        outside = [each for each in profile.gateways if not _reached(profile, each)]
        # Of a file that is only for other things nobody's login hangs.
        if outside and any(each.version == 4 for each in outside) and _for_a_card(profile):
            yield _finding(profile, network)


def _reached(profile: Profile, gateway: object) -> bool:
    version = getattr(gateway, "version", 0)
    same = [each for each in profile.addresses if each.version == version]
    # A link-local router is on the wire by itself; without an address of the kind the file is not about it.
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
            f"{profile.location.path} sets the address {addresses} and the router {routers}, which is not in that "
            f"network: {'most likely ' if doubt else ''}one of the two is wrong, and the server has no way out."
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
            f"set {path} aside, so that {after[0].location.path} counts again",
            Safety.UNSAFE,
            partial(_set_aside, path=path),
            weakens="the fixed address is not set: the server has the one that the other file gives it",
        )
    yield Repair(
        f"put the address or the router right in {path}",
        Safety.MANUAL,
        steps="Your provider's panel shows both, and the prefix length or netmask.",
    )


def _set_aside(tree: Tree, path: PurePosixPath) -> Tree:
    entry = tree.entry(path)
    if entry is None:
        raise ValueError(f"{path} is gone")
    aside = path.with_name(path.name + SET_ASIDE)
    if tree.lentry(aside) is not None:
        raise ValueError(f"{aside} is there already")
    return tree.with_entries({str(aside): entry, str(path): None})
