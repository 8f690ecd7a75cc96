"""Insert one rule into an nftables script, where it takes effect."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from rescue.firewall.engine.addresses import Address
from rescue.firewall.engine.verdict import Decision, Stage
from rescue.firewall.nft.read.commands import Script
from rescue.firewall.nft.read.script import NftChain, NftRule, NftTable
from rescue.tree import Tree

NEIGHBOURS = "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept"


def places(tree: Tree, script: PurePosixPath, obstacle: Decision, port: int, source: Address | None) -> Iterator[Tree]:
    """The trees with a rule inserted before the one that blocks the client, the likeliest first.

    ValueError if the chain in question does not exist.
    """
    loaded = Script(tree)
    loaded.run(script)
    family, _, name = obstacle.table.partition(" ")
    table = loaded.tables.get((family, name))
    chain = table.chains.get(obstacle.chain) if table else None
    if table is None or chain is None:
        raise ValueError(f"{script} has no chain {obstacle.chain} in the table {obstacle.table}")
    rule = _body(obstacle, port, source)
    top = obstacle.path[0].location if obstacle.path else None
    found = next((each for each in chain.rules if each.location == top), None)
    if found is not None:
        yield from _before(tree, table, chain, found, rule)
    else:
        yield from _behind(tree, table, chain, rule)
        if chain.rules:
            yield from _before(tree, table, chain, chain.rules[0], rule)  # a goto skips the rules after it


def _body(obstacle: Decision, port: int, source: Address | None) -> str:
    if obstacle.stage is Stage.NEIGHBOUR:
        return NEIGHBOURS
    outward = obstacle.stage is Stage.REPLY
    words = [f"tcp {'sport' if outward else 'dport'} {port}", "accept"]
    if source is not None:
        words.insert(0, f"{'ip' if source.version == 4 else 'ip6'} {'daddr' if outward else 'saddr'} {source}")
    return " ".join(words)


def _before(tree: Tree, table: NftTable, chain: NftChain, rule: NftRule, new: str) -> Iterator[Tree]:
    path = rule.location.path
    text = _text(tree, path)
    start = text.rfind("\n", 0, rule.at) + 1
    indent = text[start : len(text) - len(text[start:].lstrip(" \t"))]
    if rule.block:
        if start + len(indent) == rule.at:
            yield _inserted(tree, path, start, f"{indent}{new}\n")
        yield _inserted(tree, path, rule.at, f"{new}; ")
        return
    whole = f"rule {table.family} {table.name} {chain.name} {new}\n"
    yield _inserted(tree, path, start, f"{indent}add {whole}")
    end = text.find("\n", rule.at)
    behind = end + 1 if end >= 0 else len(text)
    yield _inserted(tree, path, behind, f"{'' if end >= 0 else chr(10)}insert {whole}")


def _behind(tree: Tree, table: NftTable, chain: NftChain, new: str) -> Iterator[Tree]:
    """The trees with the rule after all others of the chain, so that the chain's policy does not decide."""
    last = chain.rules[-1] if chain.rules else None
    if chain.blocks and (last is None or last.block):
        path, end = chain.blocks[-1]
        text = _text(tree, path)
        start = text.rfind("\n", 0, end) + 1
        if not text[start:end].strip():
            yield _inserted(tree, path, start, f"{_indent(text, start, last)}{new}\n")
            return
        gap = text[:end].rstrip(" \t")
        yield _inserted(tree, path, len(gap), f"{'' if gap[-1] in ';{' else ';'} {new};")
        return
    path = last.location.path if last else chain.location.path
    text = _text(tree, path)
    at = last.at if last else sum(len(line) + 1 for line in text.split("\n")[: chain.location.line - 1])
    end = text.find("\n", at)
    line = f"add rule {table.family} {table.name} {chain.name} {new}\n"
    yield _inserted(tree, path, end + 1 if end >= 0 else len(text), line if end >= 0 else f"\n{line}")


def _indent(text: str, end: int, last: NftRule | None) -> str:
    """The indentation of a block's lines: that of its last non-empty line."""
    lines: Sequence[str] = [line for line in text[:end].split("\n") if line.strip()]
    line = lines[-1] if lines else ""
    indent = line[: len(line) - len(line.lstrip(" \t"))]
    return indent if not line.rstrip().endswith("{") or last is not None else f"{indent}\t"


def _text(tree: Tree, path: PurePosixPath) -> str:
    text = tree.text(path)
    if text is None:
        raise ValueError(f"{path} can't be read")
    return text


def _inserted(tree: Tree, path: PurePosixPath, at: int, new: str) -> Tree:
    text = _text(tree, path)
    return tree.write(path, text[:at] + new + text[at:])
