"""systemd-networkd is told to leave the network interface down.

Symptom: nothing answers: "No route to host" or "Connection timed out", and no ping. The provider's console shows a
login prompt, `networkctl` "unmanaged" or "off" for the interface.

Cause: of the files in /etc/systemd/network, in the order of their names, the first that matches an interface counts for
it, alone. Where that one says Unmanaged=yes, systemd-networkd does not touch the interface; with ActivationPolicy=down,
always-down or manual it does not switch it on at boot. The line came from instructions for another program
(NetworkManager, Docker), or for an interface that is only used at times.

rescue reports it where systemd-networkd alone configures the network and the file chooses by names that the server's
other settings wait for, too; not where it chooses by a hardware address, as it may be for a second interface.

Repair: comment out ActivationPolicy=. For Unmanaged=yes the file is removed, with your consent, if a later one has
settings for the interface; else it has to be written by hand.

See: systemd.network(5), Unmanaged= and ActivationPolicy=.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from rescue.facts import Facts
from rescue.model import Finding, Repair, Safety, Severity, Step, Symptom
from rescue.network import CONFIGURING_READS, read_configuring
from rescue.network.managers import NETWORKD
from rescue.network.networkd import all_profiles, of_dropins, on, settings
from rescue.network.profile import USUAL, Profile, covers
from rescue.services.unit_files import Assignment
from rescue.text.line_edit import commented
from rescue.tree import Tree

STEP = Step.NETWORK
READS = CONFIGURING_READS

DOWN = ("down", "always-down", "manual")
CLOUD = "cloud-init has written settings before, and may do so again at boot"


def find(facts: Facts) -> Iterator[Finding]:
    configuring = read_configuring(facts.tree, facts.units)
    starts = [each.unit for each in configuring.managers if each.starts and each.configures is not False]
    if starts != [NETWORKD] or configuring.others or configuring.cloud:
        return
    profiles = [each for each in all_profiles(facts.tree) if each.location.path.is_relative_to("/etc")]
    for at, profile in enumerate(profiles):
        line = _leaves_down(facts.tree, profile)
        if line is None:
            continue
        later = [each for each in profiles[at + 1 :] if each.wired and not each.unclear]
        earlier = [each for each in profiles[:at] if each.wired]
        if not earlier and all(covers(profile, each) for each in later):
            yield _finding(line, later, CLOUD if configuring.cloud is None else "")
        return


def _leaves_down(tree: Tree, profile: Profile) -> Assignment | None:
    """The line by which a file for a server's own network interface leaves it down."""
    if profile.macs or profile.unclear or not any(profile.takes(name) for name in USUAL):
        return None
    path = profile.location.path
    found = None
    for line in (*settings(tree, path), *of_dropins(tree, path.name)):
        if line.section == "Link" and line.key == "ActivationPolicy":
            found = line if line.text in DOWN else None
    for line in (*settings(tree, path), *of_dropins(tree, path.name)):
        if line.section == "Link" and line.key == "Unmanaged" and on(line.text):
            return line
    return found


def _finding(line: Assignment, later: list[Profile], reason: str) -> Finding:
    place = line.location
    return Finding(
        check="networkd-left-down",
        step=STEP,
        severity=Severity.DOUBTFUL if reason else Severity.BROKEN,
        message=f"systemd-networkd leaves the network interface down: {place}.",
        symptom=Symptom.UNREACHABLE,
        locations=(place,),
        repairs=tuple(_repairs(line, later)),
        subject=str(place.path),
        reason=reason,
    )


def _repairs(line: Assignment, later: list[Profile]) -> Iterator[Repair]:
    place = line.location
    if line.key == "ActivationPolicy":
        yield Repair(f"comment out {place}", Safety.SAFE, partial(commented, location=place))
    elif later:
        yield Repair(
            f"remove {place.path}, so that {later[0].location.path} counts",
            Safety.UNSAFE,
            partial(_without, line=line),
            weakens="another program may be meant to configure the interface",
        )
    yield Repair(
        f"correct {place.path} by hand",
        Safety.MANUAL,
        steps="Without Unmanaged=yes, and under [Network]: DHCP=yes, or Address= and Gateway= as the panel shows them.",
    )


def _without(tree: Tree, *, line: Assignment) -> Tree:
    if line.location.text not in (tree.text(line.location.path) or ""):
        raise ValueError(f"{line.location} has changed since")
    return tree.remove(line.location.path)
