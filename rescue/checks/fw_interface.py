"""The firewall allows SSH only on a network interface that the network settings lack.

Symptom: "ssh: connect to host SERVER port 22: Connection timed out" (or "Connection refused" if the firewall rejects),
although a firewall rule allows SSH.

Cause: a rule can apply to one network interface only: iifname "ens3" in nftables, -i ens3 in iptables, "allow in on
ens3" in ufw. Interface names change when a server moves to another machine or provider, and rules get copied from other
servers. A rule for a missing interface lets nobody in.

A disk can't show which interfaces the machine has. The network settings name some, and the journal may show which came
up; the rule's interface is in neither. So the finding is doubtful.

Repair: none by itself. Put the name that `ip link` shows on the server's console into the rule, or remove the interface
from the rule.

See: nft(8) on "iifname", iptables(8) on --in-interface, ufw(8), systemd.net-naming-scheme(7).
"""

from __future__ import annotations

from collections.abc import Iterator
from re import compile as compile_pattern

from rescue.facts import Facts
from rescue.firewall import Reach, reached
from rescue.firewall.engine.conditions import Interface, parts_of
from rescue.firewall.engine.symptom import symptom
from rescue.firewall.engine.verdict import Decision, VerdictKind
from rescue.logins import blocking
from rescue.model import Finding, Location, Repair, Safety, Severity, Symptom
from rescue.network import CARD_READS, NETWORK_READS, Network, is_card, netplan, networkd, read_network, seen_cards
from rescue.network.managers import UDEV_RULES
from rescue.text.numbers import listed
from rescue.tree import Read, Tree

STEP = blocking.STEP
LINK_FOLDERS = (*networkd.DIRECTORIES, UDEV_RULES, *netplan.DIRECTORIES)
READS = (
    *blocking.READS,
    *NETWORK_READS,
    *CARD_READS,
    *(Read(path, depth=1) for path in LINK_FOLDERS),
)

REASON = "the disk can't show which network interfaces the machine has"

_ENDINGS = (".link", ".netdev", ".rules", ".yaml")
_WORD = compile_pattern(r"[A-Za-z0-9_.-]+")


def find(facts: Facts) -> Iterator[Finding]:
    for version in (4, 6):
        if facts.client.sources and version not in {each.version for each in facts.client.sources}:
            continue
        found = _finding(facts, facts.reach(facts.dialled, version))
        if found is not None:
            yield found
            return


def _finding(facts: Facts, here: Reach) -> Finding | None:
    name = here.interface
    if name is None or not is_card(name):
        return None
    network = read_network(facts.tree, facts.units)
    there = sorted({each.exact for each in network.profiles if is_card(each.exact)})
    if not there or _known(facts.tree, network, name):
        return None
    decisions = [decision for card in there for decision in [_blocking(facts, here, card)] if decision is not None]
    if len(decisions) < len(there):
        return None
    rule = _rule_for(here, name)
    return Finding(
        check="fw-interface",
        step=STEP,
        severity=Severity.DOUBTFUL,
        message=(
            f"The firewall allows SSH on the network interface {name} ({blocking.shown(rule)}), but the network "
            f"settings are for {listed(there)}. On {'that one' if len(there) == 1 else 'those'} it blocks "
            f"port {here.port}."
        ),
        symptom=symptom(decisions[0].kind, decisions[0].how, decisions[0].stage)
        if decisions[0].kind is not VerdictKind.DEPENDS
        else Symptom.TIMED_OUT,
        locations=tuple(dict.fromkeys((rule, *(each.location for each in network.profiles if each.exact in there)))),
        repairs=(
            Repair(
                f"put the right network interface name into {rule.path}",
                Safety.MANUAL,
                steps="`ip link` on the server's console shows the names of its network interfaces.",
            ),
        ),
        subject=name,
        reason=REASON,
    )


def _known(tree: Tree, network: Network, name: str) -> bool:
    """Whether anything on the disk configures an interface of that name, or may."""
    if any(profile.takes(name) is not False for profile in network.profiles):
        return True
    cards = seen_cards(tree)
    if cards is not None and name in cards.found:
        return True
    return any(
        name in _WORD.findall(tree.text(path) or "")
        for folder in LINK_FOLDERS
        for path in tree.glob(f"{folder}/*")
        if path.suffix in _ENDINGS
    )


def _blocking(facts: Facts, here: Reach, card: str) -> Decision | None:
    """What blocks, on that interface, clients who get in on the one that the rules name; None if nothing does."""
    real = reached(facts.tree, facts.firewalls, here.port, here.version, interface=card)
    sources = [each for each in facts.client.sources if each.version == here.version]
    if not sources:
        lost = (here.accepted - real.accepted).first
        sources = [lost] if lost is not None else []
    for source in sources:
        if here.verdict_for(source).accepted and not real.verdict_for(source).accepted:
            return real.deciding(source)[0]
    return None


def _rule_for(here: Reach, name: str) -> Location:
    for firewall in here.firewalls:
        for ruleset in firewall.rulesets.values():
            for _, rule in ruleset.rules():
                for condition in parts_of(rule.conditions):
                    if isinstance(condition, Interface) and name.startswith(condition.name.rstrip("+")):
                        return rule.location
    return here.firewalls[0].location
