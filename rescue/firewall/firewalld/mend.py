"""Removes or fixes what makes firewalld reject its configuration."""

from __future__ import annotations

from pathlib import PurePosixPath

from rescue.firewall.engine.ruleset import LoadProblem
from rescue.firewall.firewalld.faults import FirewalldError, FirewalldNotModelled
from rescue.firewall.firewalld.store import OWN
from rescue.firewall.firewalld.xml import Element, parse, unclosed
from rescue.tree import Tree

EMPTY = frozenset(
    ["service", "port", "protocol", "source-port", "icmp-block", "icmp-type", "interface", "source", "destination",
     "masquerade", "forward", "forward-port", "ingress-zone", "egress-zone", "include", "module", "helper", "limit",
     "mark", "option", "icmp-block-inversion"]
)  # fmt: skip
"""Elements that never have content: one that is not closed lacks its slash."""


def mended(tree: Tree, fault: LoadProblem) -> tuple[Tree, str]:
    """The tree without that mistake, and how it was fixed, as text. ValueError if only a person can fix it."""
    path = fault.location.path
    data = tree.data(path)
    if data is None or not path.is_relative_to(OWN):
        raise ValueError(f"{fault.message} ({fault.location})")
    try:
        root = parse(data, path)
    except FirewalldNotModelled as unclear:
        raise ValueError(str(unclear)) from unclear
    except FirewalldError:
        return tree.write(path, _closed(data, path, fault)), f"close an element of {path}"
    element = next((each for each in _below(root) if each.location == fault.location), None)
    if element is None:
        raise ValueError(f"{fault.message} ({fault.location})")
    return tree.write(path, _without(data, element)), f"take <{element.name}> out of {element.location}"


def _closed(data: bytes, path: PurePosixPath, fault: LoadProblem) -> bytes:
    """The file with an element's missing slash added."""
    open_one = unclosed(data, path)
    if open_one is None or open_one.name not in EMPTY or data[open_one.content - 1 : open_one.content] != b">":
        raise ValueError(f"{fault.message} ({fault.location})")
    return data[: open_one.content - 1] + b"/>" + data[open_one.content :]


def _below(root: Element) -> list[Element]:
    """Every element below the outermost one, which is required."""
    found, left = [], list(root.children)
    while left:
        element = left.pop()
        found.append(element)
        left += element.children
    return found


def _without(data: bytes, element: Element) -> bytes:
    """The file without an element, and without its lines if they contain nothing else."""
    begin, end = element.begin, element.end
    start = data.rfind(b"\n", 0, begin) + 1
    stop = data.find(b"\n", end)
    if stop >= 0 and not data[start:begin].strip() and not data[end:stop].strip():
        begin, end = start, stop + 1
    return data[:begin] + data[end:]
