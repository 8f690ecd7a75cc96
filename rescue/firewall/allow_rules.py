"""The rules meant to let TCP connections to a port in, whether packets reach them or not."""

from __future__ import annotations

from collections.abc import Iterator

from rescue.firewall.boot import UFW
from rescue.firewall.engine.conditions import Interface, Ports, TransportProtocol
from rescue.firewall.engine.packet import TCP, is_internal
from rescue.firewall.engine.ruleset import Action, Firewall, Hook, Rule
from rescue.firewall.ufw.tuples import Tuple

SSH = 22
STAND_INS = (2200, 2222, 22022, 22222)
"""Ports that people move SSH to, and that have no other known use."""


def user_chain(firewall: Firewall, version: int) -> tuple[Rule, ...] | None:
    """The rules that the user added with `ufw`; None if ufw has none for this IP version."""
    table = firewall.ruleset(version).tables.get("filter")
    chain = table.chains.get("ufw-user-input" if version == 4 else "ufw6-user-input") if table else None
    return chain.rules if chain is not None else None


def openings(firewall: Firewall, version: int, port: int | None = None) -> Iterator[Rule]:
    """The rules that let TCP connections to certain ports in from outside: to `port`, or to any port.

    From ufw only the rules that the command ``ufw`` wrote.
    """
    for rule in _rules(firewall, version):
        accepts = rule.target.action is Action.ACCEPT or rule.target.name.endswith("-user-limit-accept")
        if accepts and (opens_any(rule) if port is None else opens(rule, port)) and not _is_inner(rule):
            yield rule


_ELSEWHERE = (Hook.FORWARD, Hook.OUTPUT, Hook.POSTROUTING, Hook.EGRESS)
"""Hooks that packets to the server itself never pass."""


def _rules(firewall: Firewall, version: int) -> Iterator[Rule]:
    if firewall.manager == UFW:
        yield from user_chain(firewall, version) or ()
        return
    for table in firewall.ruleset(version).tables.values():
        for chain in table.chains.values():
            if chain.hook not in _ELSEWHERE:
                yield from chain.rules


def _is_inner(rule: Rule) -> bool:
    """Whether the rule is for an interface that no outside client uses."""
    return any(isinstance(each, Interface) and not each.negated and is_internal(each.name) for each in rule.conditions)


def port_is_denied(firewall: Firewall, version: int, port: int) -> bool:
    """Whether a rule blocks this very port: then it was closed on purpose, not forgotten."""
    return any(
        rule.target.action in (Action.DROP, Action.REJECT) and _opens_only(rule, port)
        for rule in _rules(firewall, version)
    )


def opens_any(rule: Rule) -> bool:
    return not _of_another_protocol(rule) and any(
        isinstance(each, Ports) and each.destination for each in rule.conditions
    )


def _of_another_protocol(rule: Rule) -> bool:
    protocols = [each for each in rule.conditions if isinstance(each, TransportProtocol) and not each.negated]
    return any(each.number not in (0, TCP) for each in protocols)


def opens(rule: Rule, port: int) -> bool:
    """Whether a rule names the port as TCP destination port."""
    return not _of_another_protocol(rule) and any(
        low <= port <= high
        for each in rule.conditions
        if isinstance(each, Ports) and each.destination and not each.negated
        for low, high in each.ranges
    )


def _opens_only(rule: Rule, port: int) -> bool:
    only = ((port, port),)
    return any(isinstance(each, Ports) and each.destination and each.ranges == only for each in rule.conditions)


def is_for_ssh(rule: Rule, made: Tuple | None) -> bool:
    """Whether a rule was clearly made for SSH: from its port, the application's name or a comment."""
    if opens(rule, SSH) or any(_opens_only(rule, port) for port in STAND_INS):
        return True
    return made is not None and ("ssh" in made.application.lower() or "ssh" in made.comment.lower())
