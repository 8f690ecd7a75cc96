"""Two programs configure the same network interface, with different gateways.

Symptom: "Connection timed out" or "No route to host", sometimes only after some boots.

Cause: a server was moved from ifupdown to netplan or systemd-networkd, and the old file stayed: both programs start,
and each sets its own address and its own default route on the interface. Which route counts depends on their metrics,
and on which program is faster.

rescue compares ifupdown with systemd-networkd and netplan, and reports only static settings for an interface that both
name, whose gateways have nothing in common. The finding is doubtful, because both gateways may work.

Repair: none by itself: only you know which settings are right. Remove the other's file, or disable its service.

See: interfaces(5), systemd.network(5), netplan.yaml(5).
"""

from __future__ import annotations

from collections.abc import Iterator

from rescue.facts import Facts
from rescue.model import Address, Finding, Location, Repair, Safety, Severity, Step, Symptom
from rescue.network import CONFIGURING_READS, Profile, is_card, netplan, read_network
from rescue.text.numbers import listed

STEP = Step.NETWORK
READS = CONFIGURING_READS

DOUBT = "both gateways may work, or one program may give up because the other was faster"
PROGRAMS = ("ifupdown", "systemd-networkd")


def find(facts: Facts) -> Iterator[Finding]:
    found: dict[tuple[str, str, int], dict[Address, Location]] = {}
    for profile in read_network(facts.tree, facts.units).profiles:
        program, name = _program(facts, profile), profile.exact
        if program and is_card(name):
            for gateway in profile.gateways:
                found.setdefault((name, program, gateway.version), {}).setdefault(gateway, profile.location)
    for (name, program, version), one in found.items():
        other = found.get((name, "systemd-networkd", version), {})
        if program == "ifupdown" and other and not one.keys() & other.keys():
            yield _finding(name, one, other)


def _program(facts: Facts, profile: Profile) -> str:
    """The program that sets it; "" where that is not one of the two that are compared."""
    if profile.manager != "netplan":
        return profile.manager if profile.manager in PROGRAMS else ""
    return "systemd-networkd" if netplan.renders_for_networkd(facts.tree, profile.location.path) else ""


def _finding(name: str, one: dict[Address, Location], other: dict[Address, Location]) -> Finding:
    first, second = next(iter(one.values())), next(iter(other.values()))
    return Finding(
        check="net-two-managers",
        step=STEP,
        severity=Severity.DOUBTFUL,
        message=(
            f"Two programs configure {name}: ifupdown ({first.path}) with the gateway {_shown(one)}, and "
            f"systemd-networkd ({second.path}) with {_shown(other)}."
        ),
        symptom=Symptom.UNREACHABLE,
        locations=(first, second),
        repairs=(
            Repair(
                f"let one program configure {name}",
                Safety.MANUAL,
                steps=(
                    "Your provider's panel shows which gateway is right.\n"
                    f"Remove the settings for {name} from the other file: {first.path} or {second.path}."
                ),
            ),
        ),
        subject=name,
        reason=DOUBT,
    )


def _shown(gateways: dict[Address, Location]) -> str:
    return listed([str(each) for each in gateways][:3])
