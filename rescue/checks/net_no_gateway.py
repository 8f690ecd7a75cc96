"""A static IP has no default route, so the server answers nobody outside its own network.

Symptom: "Connection timed out" from the internet. From the server's own network, and on the provider's console, all
seems well.

Cause: the settings give the interface an address by hand, and no gateway: the line was forgotten, misspelt ("gatway",
which ifupdown and systemd-networkd ignore), or commented out. Answers leave only for networks that the server has a
route to.

rescue reports nothing if an interface uses DHCP, if a command or another program may add routes, or if your address
(--from ADDRESS) is in the server's network. Without your address the finding is doubtful: a server behind a load
balancer or a jump host may need no default route.

Repair: correct a misspelt line, or remove the "#" from one that is commented out; the second needs your consent, as it
rests on a guess. Otherwise enter the gateway that the provider's panel shows.

See: interfaces(5), systemd.network(5), netplan.yaml(5), ip-route(8).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial

from rescue.boot import commands as boot_commands
from rescue.facts import Facts
from rescue.model import Finding, Location, Repair, Safety, Severity, Step, Symptom
from rescue.network import CONFIGURING_READS, Profile, ifcfg, netplan, networkd, read_configuring, read_network
from rescue.network.managers import MANAGER, NETWORKD
from rescue.network.profile import address
from rescue.text.line_edit import with_line
from rescue.text.numbers import listed
from rescue.tree import Tree

STEP = Step.NETWORK
READS = (*CONFIGURING_READS, *boot_commands.READS, *ifcfg.READS)

INSIDE = "connections from the server's own network get in: give your address (--from ADDRESS)"
MAYBE = "cloud-init may write other settings at boot"
_ROUTE = re.compile(
    r"\broute\b|\bip\s.*\br(?:o|ou)?\s|\bnmcli\b|\bnetworkctl\b|\bdhclient\b|\bdhcpcd\b|\budhcpc\b|\bgw\b"
)
_GATEWAY = re.compile(
    r"(?P<lead>\s*)(?P<off>#\s*)?(?P<word>[A-Za-z][A-Za-z_-]{2,15})(?P<sep>\s*=\s*|\s+)(?P<value>[0-9.]{7,15})\s*"
)
_LIKE = re.compile(r"g\w{0,2}t\w{0,2}e?w?a?y?\w?", re.IGNORECASE)
_LEAST = 4


def find(facts: Facts) -> Iterator[Finding]:
    profiles = _all(facts)
    if profiles is None:
        return
    static = [each for each in profiles if _own(each)]
    networks = [each.network for profile in profiles for each in profile.addresses if each.version == 4]
    ways = [
        way.to for profile in profiles for way in profile.routes or () if (way.to.version, way.kind) == (4, "unicast")
    ]
    if not static or any(each.prefixlen <= 1 for each in ways):
        return
    sources = [each for each in facts.client.sources if each.version == 4 and not each.is_loopback]
    lost = [each for each in sources if not any(each in network for network in (*networks, *ways))]
    if facts.client.sources and not lost:
        return
    reason = _doubt(facts, bool(lost))
    if reason is not None:
        yield _finding(facts, static[0], [str(each) for each in lost], reason)


def _own(profile: Profile) -> bool:
    """Whether the settings give an interface an IPv4 address that others can reach."""
    return any(each.version == 4 and not each.is_loopback and not each.is_link_local for each in profile.addresses)


def _all(facts: Facts) -> list[Profile] | None:
    """The settings of all managers that start; None if one of them may bring a default route in another way."""
    network = read_network(facts.tree, facts.units)
    # NetworkManager keeps a gateway with the address, and asks for one by itself.
    if facts.units.unit(MANAGER).started or not network.profiles:
        return None
    profiles = [each for each in network.profiles if each.manager != "netplan"]
    profiles += netplan.all_profiles(facts.tree) if netplan.generated(facts.tree) else ()
    if facts.units.unit(NETWORKD).started:
        # Those for bridges, tunnels and the like.
        profiles += [each for each in networkd.all_profiles(facts.tree) if not each.wired and _of_yours(each)]
    if any(each.unclear or any(version == 4 for version, _ in each.asks) for each in profiles):
        return None
    if any(each.routes is None and _own(each) for each in profiles) or any(True for _ in ifcfg.files(facts.tree)):
        return None
    return profiles


def _of_yours(profile: Profile) -> bool:
    return str(profile.location.path).startswith("/etc/")


def _doubt(facts: Facts, known: bool) -> str | None:
    """Why it may not be so; None if something else may well set the route."""
    configuring = read_configuring(facts.tree, facts.units)
    if configuring.others or configuring.cloud:
        return None
    commands = boot_commands.boot_commands(facts.tree, facts.units)
    if any(_ROUTE.search(f"{each.text} ") for each in commands):
        return None
    return MAYBE if configuring.cloud is None else "" if known else INSIDE


def _finding(facts: Facts, profile: Profile, lost: list[str], reason: str) -> Finding:
    own = listed([str(each) for each in profile.addresses if each.version == 4][:3])
    who = listed(lost[:3]) if lost else "outside its network"
    return Finding(
        check="net-no-gateway",
        step=STEP,
        severity=Severity.DOUBTFUL if reason else Severity.BROKEN,
        message=(
            f"{profile.location.path} sets the address {own}, and nothing sets a default route: "
            f"connections from {who} get no answer."
        ),
        symptom=Symptom.TIMED_OUT,
        locations=(profile.location,),
        repairs=tuple(_repairs(facts.tree, profile)),
        subject=str(profile.location.path),
        reason=reason,
    )


def _repairs(tree: Tree, profile: Profile) -> Iterator[Repair]:
    path = profile.location.path
    lines = (tree.text(path) or "").split("\n")
    wanted = {"ifupdown": "gateway", "systemd-networkd": "Gateway"}.get(profile.manager, "")
    found = [(at, match) for at, line in enumerate(lines[:5000]) if (match := _meant(line, profile)) is not None]
    if wanted and len(found) == 1:
        at, match = found[0]
        text = f"{match['lead']}{wanted}{match['sep']}{match['value']}"
        place = Location(path, at + 1, lines[at])
        if match["off"]:
            yield Repair(
                f"use the gateway {match['value']}: remove the # from {place}",
                Safety.UNSAFE,
                partial(with_line, location=place, text=text),
                weakens="somebody disabled this line, perhaps for a reason",
            )
        else:
            yield Repair(
                f"correct {match['word']} to {wanted} in {place}",
                Safety.SAFE,
                partial(with_line, location=place, text=text),
            )
    example = {
        "ifupdown": "gateway ADDRESS, below the address",
        "systemd-networkd": "Gateway=ADDRESS, under [Network]",
    }.get(profile.manager, "routes: [{to: default, via: ADDRESS}], below the interface")
    yield Repair(
        f"add the gateway to {path}",
        Safety.MANUAL,
        steps=f"Add: {example}\nThe provider's panel shows the gateway's address.",
    )


def _meant(line: str, profile: Profile) -> re.Match[str] | None:
    """A line that was to name the gateway: its word looks like it, and the address is in the network."""
    match = _GATEWAY.fullmatch(line)
    if match is None or not _LIKE.fullmatch(match["word"]) or ("=" in match["sep"]) == (profile.manager == "ifupdown"):
        return None
    gateway = address(match["value"])
    inside = gateway is not None and any(gateway in each.network and gateway != each.ip for each in profile.addresses)
    return match if inside and len(match["word"]) >= _LEAST else None
