"""The smallest change to firewalld's files that gets a client past whatever blocks it.

A zone or policy that only /usr/lib has is copied to /etc first, as a whole: a file there replaces the installed one.
Everything else in a file stays, byte for byte.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from re import compile as compile_pattern

from rescue.firewall.engine.addresses import Address
from rescue.firewall.engine.verdict import Decision, Stage
from rescue.firewall.firewalld import direct
from rescue.firewall.firewalld.faults import FirewalldError, FirewalldNotModelled
from rescue.firewall.firewalld.store import OWN, STOCK
from rescue.firewall.firewalld.xml import Element, parse
from rescue.firewall.firewalld.zone_files import PRIORITIES
from rescue.tree import Tree

SSH = 22
SSH_FILES = (OWN / "services/ssh.xml", STOCK / "services/ssh.xml")

_PRIORITY = compile_pattern(r"<rule\b[^>]*\bpriority=[\"'](-?\d+)[\"']")
_SHORT = ("short", "description")
_BEFORE = {"service": ("service", *_SHORT), "port": ("port", "service", *_SHORT), "rule": ()}
"""The elements after which a new one goes: the last of the first kind that exists; a rule goes to the end."""


def places(tree: Tree, obstacle: Decision, port: int, source: Address | None, version: int) -> Iterator[Tree]:
    """The tree with whatever gets packets past `obstacle`. ValueError if no change to its file can do that."""
    path = obstacle.location.path
    if path == direct.PATH:
        yield _past_direct(tree, obstacle, port, source, version)
        return
    if path.parent.name not in ("zones", "policies") and path.parent.parent.name != "zones":
        raise ValueError(f"no zone decides there: {obstacle}")
    if obstacle.stage is Stage.NEIGHBOUR:
        names = ("neighbour-solicitation", "neighbour-advertisement")
        yield inserted(tree, path, [_rule(version, None, f'<icmp-type name="{name}"/>', obstacle) for name in names])
        return
    about = _about(tree, port)
    if source is None and not _denies(obstacle):
        yield inserted(tree, path, [[about]])
    else:
        yield inserted(tree, path, [_rule(version if source else 0, source, about, obstacle)])


def _about(tree: Tree, port: int) -> str:
    """The element for a port: the service ssh for its port, as firewall-cmd would be told."""
    path = next((each for each in SSH_FILES if tree.entry(each) is not None), None)
    data = tree.data(path) if path is not None and port == SSH else None
    if path is not None and data is not None:
        try:
            parts = [child for child in parse(data, path).children if child.name not in _SHORT]
        except (FirewalldError, FirewalldNotModelled):
            parts = []
        if [(part.name, dict(part.attributes)) for part in parts] == [("port", {"protocol": "tcp", "port": str(SSH)})]:
            return '<service name="ssh"/>'
    return f'<port port="{port}" protocol="tcp"/>'


def _denies(obstacle: Decision) -> bool:
    """Whether a rich rule blocks the client before the allowing rules are evaluated."""
    return obstacle.location.text.startswith("<rule") and _priority(obstacle) <= 0


def _priority(obstacle: Decision) -> int:
    found = _PRIORITY.match(obstacle.location.text)
    return int(found[1]) if found else 0


def _rule(version: int, source: Address | None, about: str, obstacle: Decision) -> list[str]:
    """A rich rule's lines. version: 0 for a rule for both. It needs a lower priority to come before a rule that
    denies."""
    attributes = f' family="ipv{version}"' if version else ""
    if _denies(obstacle):
        priority = _priority(obstacle) - 1
        if priority not in PRIORITIES:
            raise ValueError(f"no rule can be put before one of the lowest priority ({obstacle.location})")
        attributes += f' priority="{priority}"'
    origin = [f'  <source address="{source}"/>'] if source is not None else []
    return [f"<rule{attributes}>", *origin, f"  {about}", "  <accept/>", "</rule>"]


def inserted(tree: Tree, path: PurePosixPath, elements: Sequence[Sequence[str]]) -> Tree:
    """The tree with elements, lines each, in the zone's or policy's own file under /etc."""
    data = tree.data(path)
    if data is None:
        raise ValueError(f"{path} can't be read")
    root = _parsed(data, path)
    for lines in elements:
        data = _with(data, root, lines)
        root = _parsed(data, path)
    folder = path.parent.name
    return tree.write(OWN / folder / path.name if path.is_relative_to(STOCK) else path, data)


def _parsed(data: bytes, path: PurePosixPath) -> Element:
    try:
        return parse(data, path)
    except (FirewalldError, FirewalldNotModelled) as problem:
        raise ValueError(f"{path} can't be changed: {problem}") from problem


def _with(data: bytes, root: Element, lines: Sequence[str]) -> bytes:
    """The file with an element's lines inserted, indented like its neighbours."""
    if not data.isascii() and b"\0" in data:
        raise ValueError(f"{root.location.path} is not in UTF-8")
    newline = "\r\n" if b"\r\n" in data else "\n"
    name = lines[0][1:].split(" ")[0].split(">")[0]
    behind = next((found[-1] for kind in _BEFORE[name] if (found := list(root.all(kind)))), None)
    indent = _indent(data, root.children[-1]) if root.children else "  "
    if root.content == root.end:  # <zone/>
        tag = data[root.begin : root.end - 2].rstrip()
        inside = newline + newline.join(indent + line for line in lines) + newline
        return data[: root.begin] + tag + b">" + inside.encode() + f"</{root.name}>".encode() + data[root.end :]
    if behind is not None:
        at = behind.end
    elif root.children and not _BEFORE[name]:
        at = root.children[-1].end
    else:
        at = root.content
    made = "".join(newline + indent + line for line in lines)
    follows = data[at:].lstrip(b" \t")
    return data[:at] + made.encode() + (b"" if follows[:1] in (b"\n", b"\r") else newline.encode()) + data[at:]


def _indent(data: bytes, element: Element) -> str:
    start = data.rfind(b"\n", 0, element.begin) + 1
    before = data[start : element.begin]
    return before.decode("ascii", "replace") if not before.strip() else "  "


def _past_direct(tree: Tree, obstacle: Decision, port: int, source: Address | None, version: int) -> Tree:
    """direct.xml with a rule before the one that decides: in the same chain, with a lower priority."""
    data = tree.data(direct.PATH)
    if data is None:
        raise ValueError(f"{direct.PATH} can't be read")
    root = _parsed(data, direct.PATH)
    found = next((each for each in root.children if each.location.line == obstacle.location.line), None)
    if found is None or found.name != "rule":
        raise ValueError(f"the deciding rule is not in {direct.PATH}: {obstacle}")
    outward = obstacle.stage is Stage.REPLY
    words = [f"{'-d' if outward else '-s'} {source}"] if source is not None else []
    words += ["-p tcp", f"{'--sport' if outward else '--dport'} {port}", "-j ACCEPT"]
    priority = int(found.attributes["priority"]) - 1
    family, table, chain = (found.attributes[key] for key in ("ipv", "table", "chain"))
    start = f'<rule ipv="{family}" table="{table}" chain="{chain}" priority="{priority}">'
    made = f"{start}{' '.join(words)}</rule>\n{_indent(data, found)}"
    return tree.write(direct.PATH, data[: found.begin] + made.encode() + data[found.begin :])
