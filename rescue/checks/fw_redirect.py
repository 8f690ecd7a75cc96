"""The firewall redirects your port to another one, where no SSH server listens.

Symptom: "ssh: connect to host SERVER port 22: Connection refused".

Cause: a saved NAT rule (REDIRECT, or DNAT with only a port) is left from when sshd listened elsewhere, or from a
honeypot or proxy that is gone. sshd listens on the port that you connect to, but your connections never arrive there.

Repair: comment out the rule in its file. All others stay.

See: iptables-extensions(8) on REDIRECT, nft(8) on redirect.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from re import IGNORECASE
from re import compile as compile_pattern

from rescue.facts import Facts
from rescue.firewall.engine.ruleset import Action
from rescue.logins import blocking
from rescue.logins.ssh_units import serving
from rescue.model import Finding, Location, Repair, Safety, Severity, Step, Symptom
from rescue.tree import Tree

STEP = Step.FIREWALL
READS = blocking.READS

WHOLE_RULE = compile_pattern(r"\s*(-A|--append|-I|--insert|\S.*\b(redirect|dnat)\b).*", IGNORECASE)
"""A line that holds exactly one whole rule."""


def find(facts: Facts) -> Iterator[Finding]:
    ports = facts.listening_ports
    if not serving(facts.units) or facts.dialled not in ports or facts.arrives in ports:
        return
    places = tuple(_rules(facts))
    at = f" ({blocking.shown(places[0])})" if places else ""
    yield Finding(
        check="fw-redirect",
        step=STEP,
        severity=Severity.BROKEN,
        message=f"The firewall redirects port {facts.dialled} to port {facts.arrives}, where "
        f"nothing listens{at}. sshd listens on port {', '.join(map(str, ports))}.",
        symptom=Symptom.REFUSED,
        locations=places,
        repairs=tuple(_repairs(facts, places)),
        subject=str(facts.arrives),
    )


def _rules(facts: Facts) -> Iterator[Location]:
    """The rules that redirect a connection to that port."""
    for firewall in facts.firewalls:
        for ruleset in firewall.rulesets.values():
            for _, rule in ruleset.rules():
                if rule.target.action is Action.REDIRECT and rule.target.value == facts.arrives:
                    yield rule.location


def _repairs(facts: Facts, places: tuple[Location, ...]) -> Iterator[Repair]:
    lines = tuple(place for place in dict.fromkeys(places) if place.line and WHOLE_RULE.fullmatch(place.text))
    if lines and "{" not in "".join(place.text for place in lines):
        listed = " and ".join(str(place) for place in lines[:3])
        yield Repair(f"comment out the rule in {listed}", Safety.SAFE, partial(_commented, lines=lines))
    yield Repair(
        f"or make sshd listen on port {facts.arrives} too" if lines else "look at the rule by hand",
        Safety.MANUAL,
    )


def _commented(tree: Tree, lines: tuple[Location, ...]) -> Tree:
    """The tree with these lines commented out. ValueError if one is gone."""
    for place in lines:
        text = (tree.text(place.path) or "").split("\n")
        if not 0 < place.line <= len(text) or place.text.strip() not in text[place.line - 1]:
            raise ValueError(f"{place}: the rule is gone")
        text[place.line - 1] = f"#{text[place.line - 1]}"
        tree = tree.write(place.path, "\n".join(text))
    return tree
