"""The smallest change to a file of saved ipsets that lets a client through: one line for its address."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from rescue.firewall.boot import names_of, reload
from rescue.firewall.engine.addresses import Address
from rescue.firewall.engine.reach import reach
from rescue.firewall.engine.ruleset import Firewall, Rule
from rescue.firewall.ipset.elements import FullSet, IpsetError, keys
from rescue.firewall.ipset.load import IpSet, IpSets
from rescue.firewall.ipset.match import InSet
from rescue.tree import Tree


def let_in(tree: Tree, firewall: Firewall, port: int, sources: Sequence[Address], rule: Rule) -> Tree:
    """A tree in which the sets used by `rule` let `sources` through to TCP `port`.

    ValueError if no line for one address does that.
    """
    for source in sources:
        tree = _let_in(tree, firewall, port, source, rule)
    return tree


def _let_in(tree: Tree, firewall: Firewall, port: int, source: Address, rule: Rule) -> Tree:
    now = reload(tree, firewall)
    if now is None or _accepted(now, port, source):
        return tree
    for condition in list(_asked(now, rule, source.version)):
        for held in leaves(condition):
            for changed in _candidates(tree, condition.sets, held, port, source):
                then = reload(changed, firewall)
                if then is not None and _loads_as_before(tree, changed, now, then) and _accepted(then, port, source):
                    return changed
    raise ValueError(f"no line for {source} alone in {firewall.sets} lets it through")


def _accepted(firewall: Firewall, port: int, source: Address) -> bool:
    return reach([firewall], port, source.version).verdict_for(source).accepted


def _loads_as_before(tree: Tree, changed: Tree, before: Firewall, after: Firewall) -> bool:
    """Whether no line that loaded before is rejected now: if sets do not load, the server has no rules."""
    counts = [
        len(sets.problems) if (sets := names_of(each, before.sets).sets) is not None else 0 for each in (tree, changed)
    ]
    return counts[1] <= counts[0] and len(after.problems) <= len(before.problems)


def _asked(firewall: Firewall, rule: Rule, version: int) -> Iterator[InSet]:
    """The rule's conditions on the client's membership in a set, as the firewall is loaded now."""
    for _, each in firewall.ruleset(version).rules():
        if each.location == rule.location:
            yield from (asked for asked in each.conditions if isinstance(asked, InSet) and asked.of_client)


def leaves(condition: InSet) -> Iterator[IpSet]:
    """The sets of addresses that a condition refers to: the members of a list:set, or the one set."""
    if condition.held.type != "list:set":
        yield condition.held
        return
    for (name,) in condition.held.members:
        held = condition.sets.sets.get(name)
        if held is not None and held.type != "list:set":
            yield held


def may_name(held: IpSet, source: Address, port: int) -> bool:
    """Whether the set can hold the client as a single entry, or does: not with a netmask, nor the wrong IP version."""
    if held.version != source.version or held.options.keys() & {"netmask", "bitmask"}:
        return False
    if _own_lines(held, source):
        return True
    try:
        return any(keys(held, _element(held, source, port), (), wildcard=False))
    except (IpsetError, FullSet):
        return False


def _element(held: IpSet, source: Address, port: int) -> str:
    return str(source) if len(held.dimensions) == 1 else f"{source},tcp:{port}"


def _candidates(tree: Tree, sets: IpSets, held: IpSet, port: int, source: Address) -> Iterator[Tree]:
    if not may_name(held, source, port):
        return
    element = _element(held, source, port)
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
    """The lines about exactly this address."""
    mine = (int(source), int(source) + 1)
    lines = Counter(member.line for member in held.members.values())
    return frozenset(member.line for key, member in held.members.items() if key[0] == mine and lines[member.line] == 1)
