"""Of every edit of a firewall's files, whatever is in them: nothing is lost, once is enough, and whoever was not meant
is judged as before.

The rules are those that the tests against the kernel make up, and people's own where they are at hand.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import PurePosixPath

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rescue.firewall import Firewall, Kind, active_firewalls, edit, reach
from rescue.firewall.boot import names_of, reload
from rescue.firewall.engine.addresses import AddressSet
from rescue.firewall.engine.ruleset import Rule
from rescue.firewall.ipset_edit import let_in
from rescue.firewall.iptables.load import Loader
from rescue.model import Location
from rescue.tree import Tree
from tests.fuzz_firewall import saved_server, script, ufw_trees
from tests.system.firewall_rules import CORPORA, rulesets
from tests.system.firewalld_trees import trees, whole
from tests.system.nft_made import scripts
from tests.system.test_ipset_kernel import rules as rules_with_sets
from tests.system.test_ipset_kernel import saved as saved_sets
from tests.unit.firewall.files import Started

pytestmark = pytest.mark.unit

Address = IPv4Address | IPv6Address
Edit = Callable[[Tree], Tree]

CLIENTS: tuple[Address, ...] = tuple(
    ip_address(text)
    for text in ("198.51.100.7", "203.0.113.5", "10.0.0.5", "8.8.8.8", "2001:db8:5::5", "2001:4860::8", "fd00::5")
)
PORT, OTHER = 22, 443

client = st.sampled_from(CLIENTS)
some = st.one_of(client.map(lambda each: (each,)), st.lists(client, max_size=2, unique=True).map(tuple))
"""Who is to be let in; nobody named: everybody."""

QUICK = settings(
    max_examples=int(os.environ.get("RESCUE_EXAMPLES", "25")), deadline=None, suppress_health_check=list(HealthCheck)
)


def kept(before: Tree, after: Tree) -> None:
    """Every line of every file is there still, byte by byte and in order; one that is new has nothing to lose."""
    for change in after.since(before):
        old, new = before.data(change.path), after.data(change.path)
        assert new is not None, change.path
        lines = iter(new.split(b"\n"))
        ends = (old or b"").split(b"\n")
        assert all(line in lines for line in ends if line or ends[-1:] != [line]), (old, new)


def judged(firewalls: Sequence[Firewall], port: int, version: int) -> dict[str, AddressSet]:
    here = reach(firewalls, port, version)
    return {
        "accepted": here.accepted, "dropped": here.dropped, "rejected": here.rejected, "depends": here.depends,
    }  # fmt: skip


def only_the_wanted(
    before: Sequence[Firewall], after: Sequence[Firewall], sources: Sequence[Address], port: int, *, lifts: bool = False
) -> None:
    """Who was not meant is judged as before; on another port everybody is, but for whom a ban was lifted."""
    for version in (4, 6):
        wanted = AddressSet.nothing(version)
        for each in sources:
            if each.version == version:
                wanted |= AddressSet.network(str(each))
        for dialled, free in ((port, wanted), (OTHER, wanted if lifts else AddressSet.nothing(version))):
            was, now = judged(before, dialled, version), judged(after, dialled, version)
            assert not was["accepted"] - now["accepted"], "some are no more let in"
            for kind, members in was.items():
                assert members - free == now[kind] - free or not (sources or dialled == OTHER), (kind, dialled)


def holds(tree: Tree, firewall: Firewall, sources: tuple[Address, ...], port: int = PORT) -> None:
    """All that is promised of an edit of `firewall`, where one is possible."""
    try:
        after = edit.allow(tree, firewall, port, sources)
    except ValueError:
        return  # what keeps them out is not in its rules, and that is said
    now = reload(after, firewall)
    assert now is not None
    kept(tree, after)
    for source in sources:
        assert reach([now], port, source.version, discovery=True).verdict_for(source).accepted
    assert edit.allow(after, now, port, sources).since(after) == ()
    only_the_wanted([firewall], [now], sources, port)


@QUICK
@given(rulesets(4), st.sampled_from(["nft", "legacy"]), some)
def test_saved_rules(text: str, backend: str, sources: tuple[Address, ...]) -> None:
    tree, (firewall,) = saved_server(4, backend, text)
    holds(tree, firewall, tuple(each for each in sources if each.version == 4) or sources[:0])


@QUICK
@given(rulesets(6), st.sampled_from(["nft", "legacy"]), some)
def test_saved_rules_of_ipv6(text: str, backend: str, sources: tuple[Address, ...]) -> None:
    tree, (firewall,) = saved_server(6, backend, text)
    holds(tree, firewall, tuple(each for each in sources if each.version == 6) or sources[:0])


@QUICK
@given(rulesets(4), st.sampled_from(["\r\n", "\n\n", "\n# a note\n", " \n"]), client)
def test_saved_rules_with_ends_of_line_as_people_have_them(text: str, end: str, source: Address) -> None:
    tree, (firewall,) = saved_server(4, "nft", text.replace("\n", end))
    if source.version == 4:
        holds(tree, firewall, (source,))


@QUICK
@given(ufw_trees(package=False), some)
def test_ufw(server: tuple[Tree, tuple[Firewall, ...]], sources: tuple[Address, ...]) -> None:
    tree, found = server
    for firewall in found:
        holds(tree, firewall, sources)


@QUICK
@given(scripts(), some)
def test_scripts_of_nftables(text: str, sources: tuple[Address, ...]) -> None:
    tree, found = script(text)
    for firewall in found:
        holds(tree, firewall, sources)


@QUICK
@given(trees(), some)
def test_firewalld(files: dict[str, str], sources: tuple[Address, ...]) -> None:
    tree = Tree.of(whole(files))
    for firewall in active_firewalls(tree, Started("firewalld.service", "NetworkManager.service")):
        holds(tree, firewall, sources)


SETS, RULES = PurePosixPath("/etc/iptables/ipsets"), PurePosixPath("/etc/iptables/rules.v4")


def with_sets(sets: str, text: str) -> tuple[Tree, Firewall]:
    tree = Tree.of({str(SETS): sets, str(RULES): text})
    return tree, firewall_with_sets(tree)


def firewall_with_sets(tree: Tree) -> Firewall:
    loader = Loader(4, names_of(tree, SETS))
    loader.restore(tree.text(RULES) or "", RULES)
    return Firewall(
        "iptables-persistent", Location(RULES), {4: loader.ruleset()}, {4: (RULES,)}, sets=SETS
    )  # fmt: skip


def in_the_way(firewall: Firewall, source: Address) -> Iterator[Rule]:
    for decision in reach([firewall], PORT, 4).verdict_for(source).decisions:
        if decision.rule is not None:
            yield decision.rule


@QUICK
@given(saved_sets(), rules_with_sets(), client)
def test_saved_sets(sets: str, text: str, source: Address) -> None:
    """Of a set a line may go or change: one that names the client, alone or in a network."""
    if source.version != 4:
        return
    tree, firewall = with_sets(sets, text)
    if reach([firewall], PORT, 4).verdict_for(source).kind in (Kind.ACCEPT, Kind.DEPENDS):
        return
    for rule in in_the_way(firewall, source):
        try:
            after = let_in(tree, firewall, PORT, (source,), rule)
        except ValueError:
            continue
        now = firewall_with_sets(after)
        assert reach([now], PORT, 4).verdict_for(source).accepted
        assert let_in(after, now, PORT, (source,), rule).since(after) == ()
        only_the_wanted([firewall], [now], (source,), PORT, lifts=True)
        old, new = (str(each.text(SETS)).split("\n") for each in (tree, after))
        others = [[line for line in lines if str(source) not in line] for lines in (old, new)]
        assert others[0] == others[1]


def corpus(folder: str) -> list[str]:
    table = CORPORA / folder / "ORACLE.tsv"
    if not table.is_file():
        return []
    return sorted({line.split("\t")[0] for line in table.read_text().split("\n")[1:] if line})


@pytest.mark.parametrize("source", [CLIENTS[0], CLIENTS[4], None], ids=str)
@pytest.mark.parametrize("folder", ["iptables", "nft"])
def test_what_people_have_written(folder: str, source: Address | None) -> None:
    names = corpus(folder)
    if not names:
        pytest.skip(f"no collection of real rules at {CORPORA}")
    sources = () if source is None else (source,)
    for name in names:
        path = CORPORA / name
        if not path.is_file() or path.stat().st_size > 100_000:
            continue
        text = path.read_bytes().decode("utf-8", "surrogateescape")
        if folder == "nft":
            tree, found = script(text)
        else:
            version = 6 if source is not None and source.version == 6 else 4
            tree, found = saved_server(version, "nft", text)
        for firewall in found:
            holds(tree, firewall, sources)
