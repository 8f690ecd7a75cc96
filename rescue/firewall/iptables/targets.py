"""From the words of an iptables target to its effect on a packet (iptables-extensions(8))."""

from __future__ import annotations

from collections.abc import Sequence

from rescue.firewall.engine.icmp import TCP_RESET, reject_with
from rescue.firewall.engine.packet import MAX_PORT
from rescue.firewall.engine.ruleset import Action, RuleTarget
from rescue.firewall.iptables.option_values import Option, mark_and_mask, number
from rescue.firewall.iptables.places import check_table
from rescue.firewall.names import RuleError

EVERY = (1 << 32) - 1

ELSEWHERE = {
    "DNAT": "where the packet is sent on to (DNAT)",
    "REDIRECT": "which port the packet is sent on to (REDIRECT)",
    "NETMAP": "where the packet is sent on to (NETMAP)",
    "DNPT": "where the packet is sent on to (DNPT)",
    "SNPT": "which address the server answers from (SNPT)",
    "TPROXY": "a proxy that takes the packet (TPROXY)",
    "SYNPROXY": "the kernel's SYN proxy",
    "QUEUE": "a program that decides on the packet (QUEUE)",
    "NFQUEUE": "a program that decides on the packet (NFQUEUE)",
    "CLUSTERIP": "which server of a cluster takes the packet (CLUSTERIP)",
}
"""Targets after which the disk does not show what happens to the packet."""

ENDS_NAT = frozenset(["SNAT", "MASQUERADE", "SAME"])
"""Targets that end the nat table and let the packet pass; they translate addresses of connections that start here."""


def target(name: str, options: Sequence[Option], table: str, version: int, tcp: bool) -> RuleTarget:
    """The effect of `name`. `tcp`: the rule is for TCP only. Raises RuleError."""
    given = {option.name: option for option in options}
    if any(option.negated for option in options):
        raise RuleError(f"an option of {name} can't be negated")
    check_table(name, table)
    if name == "ULOG":
        raise RuleError("ULOG is in no kernel since 3.17")
    match name:
        case "ACCEPT" | "RETURN":
            return RuleTarget(Action(name.lower()), name)
        case "DROP":
            return RuleTarget(Action.DROP, name)
        case "REJECT":
            return _reject(given.get("--reject-with"), version, tcp)
        case "MARK":
            return _mark(Action.MARK, name, options)
        case "CONNMARK":
            return _connmark(given, options)
        case "NOTRACK":
            return RuleTarget(Action.UNTRACK, name)
        case "CT":
            return RuleTarget(Action.UNTRACK if "--notrack" in given else Action.CONTINUE, name)
    if name in ENDS_NAT:
        return RuleTarget(Action.ACCEPT, name)
    if (port := _port_of(name, given)) is not None:
        return RuleTarget(Action.REDIRECT, name, value=port)
    if name in ELSEWHERE:
        return RuleTarget(Action.DEPENDS, name, reason=ELSEWHERE[name])
    if name == "HMARK":
        return RuleTarget(Action.MARK, name, value=None)
    if name == "SET" and "--map-set" in given:
        return RuleTarget(Action.MARK, name, value=None)
    if name in _UNKNOWN:
        return RuleTarget(Action.DEPENDS, name, reason=f"the target {name}")
    return RuleTarget(Action.CONTINUE, name)


_UNKNOWN = frozenset(
    ["TARPIT", "DELUDE", "CHAOS", "ECHO", "STEAL", "SYSRQ", "RAWDNAT", "RAWSNAT", "IPMARK", "DNETMAP", "MIRROR"]
)


def _port_of(name: str, given: dict[str, Option]) -> int | None:
    """The one port of this server that connections are redirected to, 0 for the same as before; None if unclear."""
    if name == "REDIRECT" and not given:
        return 0
    option = given.get({"REDIRECT": "--to-ports", "DNAT": "--to-destination"}.get(name, ""))
    if option is None or "--random" in given:
        return None
    text = option.values[0] if name == "REDIRECT" else option.values[0].removeprefix(":")
    whole = name == "REDIRECT" or option.values[0].startswith(":")
    return int(text) if whole and text.isdecimal() and text.isascii() and 0 < int(text) <= MAX_PORT else None


def _reject(option: Option | None, version: int, tcp: bool) -> RuleTarget:
    default = "icmp-port-unreachable" if version == 4 else "icmp6-port-unreachable"
    how = reject_with(option.values[0], version) if option else default
    if how is None:
        raise RuleError(f"unknown reject type: {option.values[0] if option else ''}")
    if how == TCP_RESET and not tcp:
        raise RuleError("tcp-reset needs -p tcp")
    return RuleTarget(Action.REJECT, "REJECT", how=how)


def _mark(action: Action, name: str, options: Sequence[Option]) -> RuleTarget:
    option = next(each for each in options if each.name.endswith("mark"))
    if option.name in ("--set-mark", "--set-xmark"):
        value, mask = mark_and_mask(option.values[0])
        return RuleTarget(action, name, value=value, mask=mask | value if option.name == "--set-mark" else mask)
    bits = number(option.values[0], EVERY)
    if option.name == "--and-mark":
        return RuleTarget(action, name, value=0, mask=~bits & EVERY)
    return RuleTarget(action, name, value=bits, mask=bits if option.name == "--or-mark" else 0)


def _connmark(given: dict[str, Option], options: Sequence[Option]) -> RuleTarget:
    for word, action in (("--save-mark", Action.SAVE_MARK), ("--restore-mark", Action.RESTORE_MARK)):
        if word in given:
            both = given.get("--mask")
            of_connection, of_packet = given.get("--ctmask", both), given.get("--nfmask", both)
            return RuleTarget(
                action,
                "CONNMARK",
                value=number(of_packet.values[0], EVERY) if of_packet else EVERY,
                mask=number(of_connection.values[0], EVERY) if of_connection else EVERY,
            )
    if any(option.name.endswith("-shift-mark") for option in options):
        return RuleTarget(Action.CONNMARK, "CONNMARK", value=None)
    return _mark(Action.CONNMARK, "CONNMARK", options)
