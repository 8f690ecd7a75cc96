"""From a script on the disk to the firewall that nft makes of it: all of it, or nothing."""

from __future__ import annotations

from itertools import pairwise
from pathlib import PurePosixPath

from rescue.firewall.addresses import AddressSet
from rescue.firewall.matches import Names, Refused
from rescue.firewall.nft import lower
from rescue.firewall.nft.builders import Question
from rescue.firewall.nft.commands import Script
from rescue.firewall.nft.script import NamedSet
from rescue.firewall.nft.tokens import Unclear, Wrong
from rescue.firewall.nft.values import address, ports
from rescue.firewall.ruleset import Firewall, Problem, Ruleset
from rescue.firewall.unread import depends_on
from rescue.model import Location
from rescue.tree import Tree

MANAGER = "nftables"


def load_nftables(tree: Tree, path: PurePosixPath, names: Names) -> Firewall | None:
    """The firewall that ``nft -f`` makes of a script; None if the file is not there. Raises NotCaptured."""
    entry = tree.entry(path)
    if entry is None or not entry.is_file:
        return None
    here = Location(path)
    script = Script(tree)
    rulesets: dict[int, Ruleset] = {}
    try:
        script.run(path)
        for version in (4, 6):
            rulesets[version] = Ruleset(version, lower.tables(script.tables.values(), Question(version, names)))
        check_sets(script, names)
    except Wrong as problem:
        fault = Problem(str(problem), problem.at, "every rule of the file: nft loads all of it or nothing")
        rulesets = {version: Ruleset(version, {}, (fault,)) for version in (4, 6)}
    except Unclear as problem:
        reason = f"{problem.at}, which this version can't read ({problem.reason})"
        rulesets = {version: depends_on(version, problem.at, reason, "what its rules do is not known")
                    for version in (4, 6)}  # fmt: skip
    files = tuple(script.preprocessor.files) or (path,)
    return Firewall(MANAGER, here, rulesets, {4: files, 6: files})


def check_sets(script: Script, names: Names) -> None:
    """Refuse what nft refuses of the elements of sets. Raises Wrong."""
    for table in script.tables.values():
        for held in table.sets.values():
            if len(held.types) != 1 + held.is_map or not held.elements:
                continue
            try:
                _check(held, names)
            except Wrong:
                raise
            except Refused as problem:
                raise Wrong(str(problem), held.location) from problem


def _check(held: NamedSet, names: Names) -> None:
    items = [element.fields[0] for element in held.elements if element.fields != ("*",)]
    spans: list[tuple[int, int]] = []
    if held.types[0] in ("ipv4_addr", "ipv6_addr"):
        version = 4 if held.types[0] == "ipv4_addr" else 6
        for text in items:
            found = address(text, version, names)
            if isinstance(found, AddressSet):
                spans += found.spans
    elif held.types[0] == "inet_service":
        spans += ports(items, names)
    if "interval" not in held.flags and any(first != last for first, last in spans):
        raise Refused(f"the set {held.name} needs flags interval for networks and ranges")
    if held.auto_merge or held.is_map:
        return
    spans.sort()
    for (first, last), (start, end) in pairwise(spans):
        if start <= last and (first, last) != (start, end):
            raise Refused(f"elements of the set {held.name} overlap")
