"""What a reader says of a rule's place is so, and what it gives can be put back: nothing of a file is lost in reading.

The readers have no printer: an edit takes the file apart at its lines (or, in XML, at an element's bytes) and puts it
together again. So each place that a reader tells has to hold, byte by byte, what it says.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import PurePosixPath

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rescue.firewall import Firewall, active_firewalls
from rescue.firewall.engine.ruleset import Rule
from rescue.firewall.firewalld.faults import Invalid, Unclear
from rescue.firewall.firewalld.xml import Element, parse
from rescue.firewall.ipset.load import read_sets
from rescue.firewall.ufw.tuples import parse_tuple
from rescue.formats.shell_assignments import read_settings
from rescue.tree import Tree
from tests.fuzz_firewall import saved_server, script, ufw_trees
from tests.system.firewall_rules import CORPORA, rulesets
from tests.system.firewalld_trees import trees, whole
from tests.system.nft_made import scripts
from tests.system.test_ipset_kernel import saved as saved_sets
from tests.unit.firewall.files import Started

pytestmark = pytest.mark.unit

QUICK = settings(
    max_examples=int(os.environ.get("RESCUE_EXAMPLES", "40")), deadline=None, suppress_health_check=list(HealthCheck)
)
ENDS = st.sampled_from(["\n", "\n", "\r\n", "\n\n", "\n# a note\n", "\n \t"])


def rules_of(firewall: Firewall) -> Iterator[Rule]:
    for version in (4, 6):
        for _, rule in firewall.ruleset(version).rules():
            yield rule


def in_its_place(tree: Tree, firewall: Firewall, *, whole_line: bool) -> int:
    """How many rules have a line of a file: each is there, and is what the file has there."""
    count = 0
    for rule in rules_of(firewall):
        at = rule.location
        text = tree.text(at.path)
        if not at.line or text is None:
            continue
        lines = text.split("\n")
        assert at.line <= len(lines), at
        told, here = at.text.strip(), lines[at.line - 1]
        assert told == here.strip() if whole_line else told.split("\n")[0].split(" ")[0] in here, (at, here)
        count += 1
    return count


@QUICK
@given(rulesets(4), ENDS)
def test_rules_of_iptables_save(text: str, end: str) -> None:
    tree, (firewall,) = saved_server(4, "nft", text.replace("\n", end))
    found = in_its_place(tree, firewall, whole_line=True)
    assert firewall.problems or found >= sum(line.startswith("-A ") for line in text.split("\n"))


@QUICK
@given(ufw_trees(package=False))
def test_rules_of_ufw_and_what_ufw_reads_of_them(server: tuple[Tree, tuple[Firewall, ...]]) -> None:
    tree, found = server
    for firewall in found:
        in_its_place(tree, firewall, whole_line=True)
    for name in ("user.rules", "user6.rules"):
        for line in (tree.text(f"/etc/ufw/{name}") or "").split("\n"):
            tuple_ = parse_tuple(line.rstrip("\r"))
            assert (tuple_ is not None) <= line.startswith("### tuple ###")


STATEMENTS = ("ENABLED=yes", "A='b c' # on", "export B=1", "# no", "", 'C="x\\\ny"', "D=", "\tE=1")


@QUICK
@given(st.lists(st.sampled_from(STATEMENTS)))
def test_settings_of_ufw(lines: list[str]) -> None:
    text = "\n".join([*lines, ""])
    path = PurePosixPath("/etc/ufw/ufw.conf")
    found = read_settings(iter([(path, text)]))
    for name, setting in found.values.items():
        line = text.split("\n")[setting.location.line - 1]
        assert setting.location.text == line
        assert f"{name}=" in line


@QUICK
@given(scripts())
def test_rules_of_nftables(text: str) -> None:
    tree, found = script(text)
    for firewall in found:
        in_its_place(tree, firewall, whole_line=False)


@QUICK
@given(saved_sets(), ENDS)
def test_saved_sets(text: str, end: str) -> None:
    text = text.replace("\n", end)
    held = read_sets(text, PurePosixPath("/etc/ipset"))
    lines = text.split("\n")
    for found in held.sets.values():
        assert lines[found.line - 1].split()[:2] == ["create", found.name]
        for member in found.members.values():
            assert lines[member.line - 1].split()[:2] == ["add", found.name]
            assert ("nomatch" in lines[member.line - 1].split()) is member.nomatch


def in_pieces(data: bytes, element: Element, path: PurePosixPath) -> bytes:
    """The element put together of its tags and its children, each read again by itself."""
    if not element.children:
        return data[element.begin : element.end]
    at, pieces = element.begin, []
    for child in element.children:
        assert at <= child.begin < child.end <= element.end, child
        again = parse(data[child.begin : child.end], path)
        assert (again.name, again.attributes, len(again.children)) == (
            child.name, child.attributes, len(child.children),
        )  # fmt: skip
        pieces += [data[at : child.begin], in_pieces(data, child, path)]
        at = child.end
    return b"".join([*pieces, data[at : element.end]])


def same_bytes(data: bytes, path: PurePosixPath) -> bool:
    """Whether it is a document; if so, it is put together again to the last byte."""
    try:
        root = parse(data, path)
    except (Invalid, Unclear):
        return False
    assert data[: root.begin] + in_pieces(data, root, path) + data[root.end :] == data
    assert data[: root.begin].count(b"\n") + 1 == root.location.line
    return True


@QUICK
@given(trees(), ENDS, st.sampled_from(["", "<!-- é -->\n", "\n\n"]))
def test_files_of_firewalld(made: dict[str, str], end: str, note: str) -> None:
    files = {path: text for path, text in whole(made).items() if path.endswith(".xml")}
    for path, text in files.items():
        head, _, rest = text.partition("?>\n")
        data = f"{head}?>\n{note}{rest.replace(chr(10), end.replace('# a note', '<!-- a -->'))}".encode()
        assert same_bytes(data, PurePosixPath(path)), data
    for firewall in active_firewalls(Tree.of(whole(made)), Started("firewalld.service")):
        in_its_place(Tree.of(whole(made)), firewall, whole_line=False)


def test_files_of_firewalld_that_people_have_written() -> None:
    found = sorted((CORPORA / "firewalld").rglob("*.xml"))
    if not found:
        pytest.skip(f"no collection of real configurations at {CORPORA}")
    read = [same_bytes(path.read_bytes(), PurePosixPath("/x.xml")) for path in found]
    assert sum(read) > len(read) // 2


@pytest.mark.parametrize("folder", ["iptables", "nft"])
def test_rules_that_people_have_written(folder: str) -> None:
    table = CORPORA / folder / "ORACLE.tsv"
    if not table.is_file():
        pytest.skip(f"no collection of real rules at {CORPORA}")
    count = 0
    for name in sorted({line.split("\t")[0] for line in table.read_text().split("\n")[1:] if line}):
        path = CORPORA / name
        if path.is_file() and path.stat().st_size < 1 << 20:
            text = path.read_bytes().decode("utf-8", "surrogateescape")
            tree, found = script(text) if folder == "nft" else saved_server(4, "nft", text)
            count += sum(in_its_place(tree, each, whole_line=folder == "iptables") for each in found)
    assert count > 500
