"""systemd-networkd ignores a line that it can't use, and no other line gives the server an IPv4 address.

Symptom: nothing answers over IPv4: "No route to host" or "Connection timed out", and no ping. The provider's console
shows a login prompt, and `ip address` no IPv4 address but 127.0.0.1. `journalctl -u systemd-networkd` names the line.

Cause: systemd-networkd goes on without a line of a .network file that it does not understand: a misspelt key
("DCHP=yes", "address=..."; capitals count), a key in another section than its own, a section that is spelled
"[network]", an address that is none ("192.0.2.300/24"), a value of DHCP= that is neither yes, no, ipv4 nor ipv6. Or a
drop-in (NAME.network.d/*.conf) turns DHCP off, or for somebody who connects over IPv4, DHCP=ipv6.

rescue reports it where systemd-networkd alone configures the network, and none of its files gives an IPv4 address or
asks DHCP for one. It is doubtful unless --from names an IPv4 address: router advertisements may bring an IPv6 address.

Repair: correct the key or the value, where it is clear what was meant; comment out the drop-in's line, with your
consent. An address has to be corrected by hand: the provider's panel shows it.

See: systemd.network(5), systemd.syntax(7); network_load_one() in networkd-network.c of systemd.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial

from rescue.facts import Facts
from rescue.model import Finding, Location, Repair, Safety, Severity, Step, Symptom
from rescue.network import CONFIGURING_READS, read_configuring
from rescue.network.managers import NETWORKD
from rescue.network.networkd import all_profiles, of_dropins, off, on, settings
from rescue.network.profile import Profile, covers, interface
from rescue.services.unit_files import Assignment
from rescue.text.line_edit import commented, with_line
from rescue.tree import Tree

STEP = Step.NETWORK
READS = CONFIGURING_READS

HOME = {"dhcp": "Network", "address": "Network"}
"""The keys that give an address, and their section. [Address] has Address= too."""
MEANT = {"dhcp": "DHCP", "address": "Address"}
ALIKE = 0.75
ONES_FOR_YES = ("enable", "enabled", "ture", "ye", "yess", "yse")
FOURS = ("ip4", "4", "dhcp4", "dhcpv4", "ipv4only")
VALUES = ("none", "both", "ipv4", "ipv6", "v4", "v6")
ANNOUNCED = "router advertisements may bring an IPv6 address"
CLOUD = "cloud-init has written settings before, and may do so again at boot"


@dataclass(frozen=True, slots=True)
class _Ignored:
    """A line that gives no address. text: what it should be, if that is clear; drop_in: it turns DHCP off instead."""

    line: Assignment
    why: str
    text: str = ""
    drop_in: bool = False


def find(facts: Facts) -> Iterator[Finding]:
    configuring = read_configuring(facts.tree, facts.units)
    started = [each for each in configuring.managers if each.starts and each.configures is not False]
    if [each.unit for each in started] != [NETWORKD] or started[0].configures is None or configuring.others:
        return
    if configuring.cloud:
        return
    profiles = [each for each in all_profiles(facts.tree) if each.location.path.is_relative_to("/etc")]
    wired = _counting([each for each in profiles if each.wired])
    if not wired or any(_gives_ipv4(each) or each.unclear for each in wired):
        return
    if any(_gives_ipv4(each) or each.unclear for each in profiles if not each.wired):
        return
    over_ipv4 = any(each.version == 4 for each in facts.client.sources)
    ignored = [found for each in wired for found in _ignored(facts.tree, each)]
    if not ignored and over_ipv4:
        ignored = [found for each in wired for found in _of_ipv6_alone(facts.tree, each)]
    if ignored:
        yield _finding(ignored, "" if over_ipv4 else ANNOUNCED if configuring.cloud is False else CLOUD)


def _counting(wired: list[Profile]) -> list[Profile]:
    """Those that are not hidden by an earlier one for the same interfaces."""
    found: list[Profile] = []
    for profile in wired:
        if not any(not each.unclear and not each.macs and covers(each, profile) for each in found):
            found.append(profile)
    return found


def _gives_ipv4(profile: Profile) -> bool:
    return any(each.version == 4 for each in profile.addresses) or any(version == 4 for version, _ in profile.asks)


def _ignored(tree: Tree, profile: Profile) -> Iterator[_Ignored]:
    """The lines by which somebody meant to give an address."""
    path = profile.location.path
    said = settings(tree, path)
    for line in (*said, *of_dropins(tree, path.name)):
        if (found := _unusable(line)) is not None:
            yield found
    asked = any(line.section == "Network" and line.key == "DHCP" and not off(line.text) for line in said)
    for line in of_dropins(tree, path.name):
        if asked and line.section == "Network" and line.key == "DHCP" and (off(line.text) or line.text == "none"):
            yield _Ignored(line, f"{line.location} turns DHCP off again", drop_in=True)


def _unusable(line: Assignment) -> _Ignored | None:
    key = line.key.lower()
    if line.key in ("DHCP", "Address") and line.section in ("Network", "Address"):
        if line.key == "Address":
            bad = line.text and interface(line.text) is None
            return _Ignored(line, f"the address in {line.location} is none") if bad else None
        return _value(line)
    meant = next(iter(get_close_matches(key, MEANT, 1, ALIKE)), "")
    if line.section.capitalize() in ("Network", "Address") and meant:
        if line.section != line.section.capitalize():
            why = f"[{line.section}] before {line.location} has to be [{line.section.capitalize()}]"
            return _Ignored(line, why)
        return _Ignored(line, f"{line.location} is no key of systemd-networkd", f"{MEANT[meant]}={line.text}")
    if line.section in ("Match", "Link") and key in MEANT:
        return _Ignored(line, f"{line.location} stands in [{line.section}] instead of [{HOME[key]}]")
    return None


def _value(line: Assignment) -> _Ignored | None:
    value = line.text.lower()
    if not value or on(value) or off(value) or value in VALUES:
        return None
    right = "yes" if value in ONES_FOR_YES else "ipv4" if value in FOURS else ""
    return _Ignored(line, f"{line.location} has no value that DHCP= takes", f"DHCP={right}" if right else "")


def _of_ipv6_alone(tree: Tree, profile: Profile) -> Iterator[_Ignored]:
    path = profile.location.path
    lines = [
        line for line in (*settings(tree, path), *of_dropins(tree, path.name))
        if line.section == "Network" and line.key == "DHCP" and line.text.lower() in ("ipv6", "v6")
    ]  # fmt: skip
    for line in lines[-1:]:
        yield _Ignored(line, f"{line.location} asks DHCP for IPv6 alone")


def _finding(ignored: list[_Ignored], reason: str) -> Finding:
    first = ignored[0]
    return Finding(
        check="networkd-ignored",
        step=STEP,
        severity=Severity.DOUBTFUL if reason else Severity.BROKEN,
        message=f"systemd-networkd sets no IPv4 address: {first.why}.",
        symptom=Symptom.UNREACHABLE,
        locations=tuple(each.line.location for each in ignored[:10]),
        repairs=tuple(_repairs(first)),
        subject=str(first.line.location.path),
        reason=reason,
    )


def _repairs(found: _Ignored) -> Iterator[Repair]:
    place = found.line.location
    if found.text:
        yield Repair(
            f"write {found.text} in {Location(place.path, place.line)}",
            Safety.SAFE,
            partial(with_line, location=place, text=found.text),
        )
    elif found.drop_in:
        yield Repair(
            f"comment out {place}",
            Safety.UNSAFE,
            partial(commented, location=place),
            weakens="somebody turned DHCP off on purpose; the address then comes from the provider's DHCP",
        )
    steps = "Under [Network]: DHCP=yes, or Address=ADDRESS/PREFIX and Gateway=ADDRESS from the provider's panel."
    yield Repair(f"correct {place.path} by hand", Safety.MANUAL, steps=steps)
