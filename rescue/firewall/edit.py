"""The smallest change to a firewall's files that lets a client, or everybody, reach a port.

Evaluate the files as they are, insert one rule before whatever blocks, and evaluate again: a firewall may block the
client more than once (an answer that may not leave needs its own rule). Every other byte stays.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from rescue.firewall.boot import FIREWALLD, NFTABLES, UFW, reload
from rescue.firewall.diagnosis import mostly_open
from rescue.firewall.engine.addresses import Address
from rescue.firewall.engine.reach import Reach, reach
from rescue.firewall.engine.ruleset import Action, Firewall, Rule
from rescue.firewall.engine.verdict import Decision, Stage, VerdictKind
from rescue.firewall.firewalld import edit as firewalld
from rescue.firewall.nft import edit as nft
from rescue.firewall.ufw import load as ufw
from rescue.firewall.ufw.tuples import BEGIN, END, allow_lines, block_start
from rescue.tree import Tree

MOST_RULES = 8
"""How many rules are added for one client at most."""


def allow(tree: Tree, firewall: Firewall, port: int, sources: Sequence[Address]) -> Tree:
    """A tree in which `firewall` lets `sources`, or everybody if there are none, connect to TCP `port`.

    ValueError if no change to its files can do that.
    """
    for source in sources:
        tree = _allow(tree, firewall, port, source.version, source)
    if not sources:
        for version in (4, 6):
            tree = _allow(tree, firewall, port, version, None)
    return tree


def _allow(tree: Tree, firewall: Firewall, port: int, version: int, source: Address | None) -> Tree:
    if firewall.manager == UFW and version == 6 and _ufw_shuts_out_ipv6(tree):
        if source is None:
            return tree
        raise ValueError(f"{ufw.DEFAULTS} blocks all of IPv6 (IPV6=no)")
    for _ in range(MOST_RULES):
        obstacle = _obstacle(tree, firewall, port, version, source)
        if obstacle is None:
            return tree
        tree = _past(tree, firewall, obstacle, port, version, source)
    if _obstacle(tree, firewall, port, version, source) is not None:
        raise ValueError(f"more than {MOST_RULES} rules would be needed")
    return tree


def _ufw_shuts_out_ipv6(tree: Tree) -> bool:
    found = ufw.settings(tree)
    return found is not None and not ufw.ipv6(found)


def _obstacle(tree: Tree, firewall: Firewall, port: int, version: int, source: Address | None) -> Decision | None:
    """The first rule or policy that blocks the client; None if nothing does."""
    now = reload(tree, firewall)
    if now is None:
        return None
    here = reach([now], port, version, discovery=True)
    if source is None:
        return _widest(here)
    verdict = here.verdict_for(source)
    if verdict.accepted:
        return None
    turning_away = [each for each in verdict.decisions if each.kind is not VerdictKind.DEPENDS]
    if not turning_away:
        raise ValueError(f"no rule decides on {source}: it depends on {verdict.reason}")
    return turning_away[0]


def _widest(here: Reach) -> Decision | None:
    """The rule or policy that blocks most of the world; None if most of it gets through."""
    if mostly_open(here):
        return None
    decisions = here.verdict(~here.accepted & ~here.depends).decisions or here.verdict(~here.accepted).decisions
    return next((each for each in decisions if each.kind in (VerdictKind.DROP, VerdictKind.REJECT)), None)


def _past(tree: Tree, firewall: Firewall, obstacle: Decision, port: int, version: int, source: Address | None) -> Tree:
    """The tree with a rule that gets packets past `obstacle`."""
    places = _PLACES.get(firewall.manager, _saved_places)
    for states in (_states(obstacle), "NEW,ESTABLISHED"):
        for changed in places(tree, obstacle, obstacle.port or port, source, version, states):
            left = _obstacle(changed, firewall, port, version, source)
            if left is not None and states == "NEW" and _same_rule(left, obstacle) and left.stage is Stage.DATA:
                break  # whatever blocks the first packet blocks the next ones as well: one rule for both will do
            past = left is None or not (_same_rule(left, obstacle) and left.stage is obstacle.stage)
            if past and _loads_as_before(tree, changed, firewall):
                return changed
    raise ValueError(f"no rule that is put before it leads past {obstacle}")


def _loads_as_before(tree: Tree, changed: Tree, firewall: Firewall) -> bool:
    """Whether no line that loaded before is rejected now: if the rules do not load, everybody gets in."""
    before, after = reload(tree, firewall), reload(changed, firewall)
    return before is None or after is None or len(after.problems) <= len(before.problems)


def _states(obstacle: Decision) -> str:
    """conntrack's state of the blocked packet."""
    return "NEW" if obstacle.stage is Stage.SYN else "ESTABLISHED"


def _same_rule(one: Decision, other: Decision) -> bool:
    """Whether both are the same rule or policy, ignoring line numbers, as a rule was inserted."""
    return (one.location.path, one.location.text, one.table, one.chain) == (
        other.location.path,
        other.location.text,
        other.table,
        other.chain,
    )


# -- saved rules of iptables ------------------------------------------------------------------------------------------


def _saved_places(
    tree: Tree, obstacle: Decision, port: int, source: Address | None, version: int, states: str
) -> Iterator[Tree]:
    """Try the line right before the obstacle first; then, for files that insert out of order, the front of the
    chain."""
    top = obstacle.path[0] if obstacle.path else None
    path = top.location.path if top else obstacle.location.path
    lines = _lines(tree, path)
    bodies = _bodies(obstacle, port, source, version, states)
    appended = [f"-A {obstacle.chain} {body}" for body in bodies]
    if top is not None:
        yield _inserted(tree, path, top.location.line - 1, appended)
        end = _commit(lines, top.location.line - 1)
    else:
        end = _commit(lines, obstacle.location.line - 1)
        yield _inserted(tree, path, _after_last(obstacle, lines, end), appended)
    yield _inserted(tree, path, end, [f"-I {obstacle.chain} 1 {body}" for body in bodies])


def _after_last(obstacle: Decision, lines: list[str], end: int) -> int:
    """The index after the last rule of the obstacle's chain in its table, or before the table's COMMIT."""
    begin = obstacle.location.line - 1
    found = [at for at in range(max(begin, 0), end) if lines[at].split()[:2] == ["-A", obstacle.chain]]
    return found[-1] + 1 if found else end


def _commit(lines: list[str], at: int) -> int:
    """The index of the COMMIT that ends the table containing the line at index `at`."""
    for index in range(max(at, 0), len(lines)):
        if lines[index].rstrip("\r") == "COMMIT":
            return index
    raise ValueError("the table has no COMMIT")


def _bodies(obstacle: Decision, port: int, source: Address | None, version: int, states: str) -> list[str]:
    """The rules without their chain, as iptables-save(8) would write them."""
    if obstacle.stage is Stage.NEIGHBOUR:
        return [f"-p ipv6-icmp -m icmp6 --icmpv6-type {kind} -j ACCEPT" for kind in (135, 136)]
    return [_body(obstacle, port, source, version, states)]


def _body(obstacle: Decision, port: int, source: Address | None, version: int, states: str) -> str:
    outward = obstacle.stage is Stage.REPLY
    words = []
    if source is not None:
        words += ["-d" if outward else "-s", f"{source}/{32 if version == 4 else 128}"]
    words += ["-p", "tcp", "-m", "tcp", "--sport" if outward else "--dport", str(port)]
    if obstacle.table != "raw" and not _untracks(obstacle.firewall, version):
        words += ["-m", "conntrack", "--ctstate", states]
    return " ".join([*words, "-j", "ACCEPT"])


def _untracks(firewall: Firewall, version: int) -> bool:
    """Whether rules exempt packets from conntrack: they have no state then. (Nor have packets in the table raw.)"""
    return any(rule.target.action is Action.UNTRACK for _, rule in firewall.ruleset(version).rules())


# -- ufw --------------------------------------------------------------------------------------------------------------


def _ufw_places(
    tree: Tree, obstacle: Decision, port: int, source: Address | None, version: int, states: str
) -> Iterator[Tree]:
    """In the user rules, as ``ufw`` writes it; in before.rules if that file blocks the client."""
    before, after, user = ufw.rules_files(tree, version)
    top = _written(obstacle, (before, after, user))
    if obstacle.stage is Stage.SYN and (top is None or top.location.path != before):
        chain = "ufw-user-input" if version == 4 else "ufw6-user-input"
        at = top.location.line - 1 if top and top.location.path == user and top.chain == chain else None
        yield _with_tuple(tree, user, at, allow_lines(port, source, version))
        return
    bodies = _bodies(obstacle, port, source, version, states)
    if top is not None:
        yield _inserted(tree, top.location.path, top.location.line - 1, [f"-A {top.chain} {each}" for each in bodies])
        return
    way = "output" if obstacle.chain == "OUTPUT" else "input"
    end = _commit(_lines(tree, before), 0)
    chain = f"{'ufw' if version == 4 else 'ufw6'}-before-{way}"
    yield _inserted(tree, before, end, [f"-A {chain} {each}" for each in bodies])


def _written(obstacle: Decision, files: Sequence[PurePosixPath]) -> Rule | None:
    """The first rule on the path to the obstacle that is in one of ufw's files."""
    return next((rule for rule in obstacle.path if rule.location.line and rule.location.path in files), None)


def _with_tuple(tree: Tree, path: PurePosixPath, at: int | None, made: tuple[str, str]) -> Tree:
    """The file with a tuple and its rule inserted before index `at`, or after all others."""
    lines = _lines(tree, path)
    comment, rule = made
    bare = [line.rstrip("\r") for line in lines]
    if comment in bare and rule not in bare:
        return _inserted(tree, path, bare.index(comment) + 1, [rule])  # only the half that is loaded is missing
    if at is not None:
        start = block_start(lines, at)
        return _inserted(tree, path, start, [comment, rule, ""])
    if END in bare:
        end = bare.index(END)
        blank = end > 0 and not bare[end - 1]
        return _inserted(tree, path, end - 1 if blank else end, ["", comment, rule])
    if BEGIN in bare:
        return _inserted(tree, path, bare.index(BEGIN) + 1, ["", comment, rule])
    return _inserted(tree, path, _commit(lines, 0), ["", comment, rule])


def _nft_places(
    tree: Tree, obstacle: Decision, port: int, source: Address | None, version: int, states: str
) -> Iterator[Tree]:
    return nft.places(tree, obstacle.firewall.location.path, obstacle, port, source)


def _firewalld_places(
    tree: Tree, obstacle: Decision, port: int, source: Address | None, version: int, states: str
) -> Iterator[Tree]:
    faults = obstacle.firewall.problems
    if faults:
        raise ValueError(f"firewalld rejects {faults[0].location}: {faults[0].message}")
    return firewalld.places(tree, obstacle, port, source, version)


_PLACES = {UFW: _ufw_places, NFTABLES: _nft_places, FIREWALLD: _firewalld_places}


# -- lines ------------------------------------------------------------------------------------------------------------


def _lines(tree: Tree, path: PurePosixPath) -> list[str]:
    text = tree.text(path)
    if text is None:
        raise ValueError(f"{path} can't be read")
    return text.split("\n")


def _inserted(tree: Tree, path: PurePosixPath, at: int, new: Sequence[str]) -> Tree:
    """The tree with `new` inserted before the line at index `at` of a file, with the same line ending."""
    lines = _lines(tree, path)
    if not 0 <= at <= len(lines):
        raise ValueError(f"{path} has no line {at + 1}")
    ending = "\r" if at < len(lines) and lines[at].endswith("\r") else ""
    lines[at:at] = [line + ending for line in new]
    return tree.write(path, "\n".join(lines))
