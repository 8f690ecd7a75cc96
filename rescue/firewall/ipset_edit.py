"""The least change of a file of saved ipsets by which a client gets through: a line for the one address."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from rescue.firewall.addresses import Address
from rescue.firewall.boot import reload
from rescue.firewall.ipset import IpSet, IpSets
from rescue.firewall.ipset_match import InSet
from rescue.firewall.reach import reach
from rescue.firewall.ruleset import Firewall, Rule
from rescue.tree import Tree


def let_in(tree: Tree, firewall: Firewall, port: int, sources: Sequence[Address], rule: Rule) -> Tree:
    """A tree in which the sets that `rule` asks for let `sources` through to TCP `port`.

    ValueError if no line for one address does that.
    """
    for source in sources:
        tree = _let_in(tree, firewall, port, source, rule)
    return tree


def _let_in(tree: Tree, firewall: Firewall, port: int, source: Address, rule: Rule) -> Tree:
    if _accepted(tree, firewall, port, source):
        return tree
    now = reload(tree, firewall)
    fresh = list(_asked(now, rule, source.version)) if now is not None else []
    for condition in fresh:
        for held in leaves(condition):
            for changed in _candidates(tree, condition.sets, held, port, source):
                if _accepted(changed, firewall, port, source):
                    return changed
    raise ValueError(f"no line for {source} alone in {firewall.sets} lets it through")


def _accepted(tree: Tree, firewall: Firewall, port: int, source: Address) -> bool:
    now = reload(tree, firewall)
    return now is None or reach([now], port, source.version).verdict_for(source).accepted


def _asked(firewall: Firewall, rule: Rule, version: int) -> Iterator[InSet]:
    """The rule's questions for sets, as the firewall is loaded now."""
    for _, each in firewall.ruleset(version).rules():
        if each.location == rule.location:
            yield from (condition for condition in each.conditions if isinstance(condition, InSet))


def leaves(condition: InSet) -> Iterator[IpSet]:
    """The sets of addresses that a question is about: those of a list, or the one."""
    if condition.held.type != "list:set":
        yield condition.held
        return
    for (name,) in condition.held.members:
        held = condition.sets.sets.get(name)
        if held is not None and held.type != "list:set":
            yield held


def _candidates(tree: Tree, sets: IpSets, held: IpSet, port: int, source: Address) -> Iterator[Tree]:
    if held.version != source.version:
        return
    element = str(source) if len(held.dimensions) == 1 else f"{source},tcp:{port}"
    text = tree.text(sets.path) or ""
    lines = text.split("\n")
    own = _own_lines(held, source)
    without = [line for number, line in enumerate(lines, start=1) if number not in own]
    kept_after = max((member.line for member in held.members.values() if member.line not in own), default=held.line)
    behind = kept_after - sum(number < kept_after for number in own)

    def added(line: str) -> Tree:
        return tree.write(sets.path, "\n".join([*without[:behind], line, *without[behind:]]))

    if own:
        yield tree.write(sets.path, "\n".join(without))
    first, *further = held.dimensions
    if first in ("ip", "net") and further in ([], ["port"]):
        yield added(f"add {held.name} {element} nomatch" if first == "net" else f"del {held.name} {element}")
        yield added(f"add {held.name} {element}")


def _own_lines(held: IpSet, source: Address) -> frozenset[int]:
    """The lines that are about this address and no other."""
    mine = (int(source), int(source) + 1)
    lines = Counter(member.line for member in held.members.values())
    return frozenset(
        member.line for key, member in held.members.items() if key[0] == mine and lines[member.line] == 1
    )
