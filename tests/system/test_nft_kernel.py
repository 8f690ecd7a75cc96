"""nftables scripts held against the real kernel and the real nft: generated ones, and people's own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from rescue.firewall import Firewall, VerdictKind, active_firewalls, edit, reach
from rescue.firewall.boot import _services
from rescue.firewall.names import Names
from rescue.firewall.nft import load_nftables
from rescue.tree import Tree
from tests.system.firewall_rules import CORPORA, counted, dialled, net, seen
from tests.system.netlab import OPEN, RESET, SERVER, PacketLab
from tests.system.nft_made import scripts
from tests.unit.firewall.files import Started

__all__ = ["counted", "net"]

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root"),
    pytest.mark.skipif(shutil.which("nft") is None, reason="needs the package nftables"),
]

PATH = PurePosixPath("/etc/nftables.conf")
NFT = Started("nftables.service")
Address = IPv4Address | IPv6Address

SOURCES: tuple[Address, ...] = tuple(
    ip_address(text)
    for text in ("198.51.100.7", "203.0.113.5", "10.0.0.5", "10.1.2.3", "2001:db8:5::5", "2001:db8:6::1", "fd00::5")
)

SLOW = settings(
    max_examples=int(os.environ.get("RESCUE_EXAMPLES", "40")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


def firewall(text: str, names: Names | None = None) -> Firewall:
    found = load_nftables(Tree.of({str(PATH): text}), PATH, names or Names())
    assert found is not None
    return found


def load(net: PacketLab, text: str) -> bool:
    return net.on_server("nft", "-f", "-", given=text, check=False).returncode == 0


def flush(net: PacketLab) -> None:
    net.on_server("nft", "flush", "ruleset")


def held_against_kernel(net: PacketLab, text: str, sources: Sequence[Address], names: Names | None = None) -> None:
    """Load the script, dial from every source, compare."""
    found = firewall(text, names)
    try:
        took = load(net, text)
        assert took == (not found.problems), (took, found.problems)
        for source in sources:
            version = source.version
            here = reach([found], 22, version, interface=net.interface, server=SERVER[version])
            verdict = here.verdict_for(source)
            expected = seen(verdict, version)
            if expected == OPEN and here.port_for([source]) != 22:
                expected = RESET  # it is sent on to a port on which nobody listens here
            if expected is not None:
                got = dialled(net, source, 22, expected)
                assert got == expected, (str(source), verdict)
            sets = {
                VerdictKind.ACCEPT: here.accepted,
                VerdictKind.DROP: here.dropped,
                VerdictKind.REJECT: here.rejected,
            }
            for kind, members in sets.items():
                assert source not in members or verdict.kind is kind, (str(source), kind, verdict)
    finally:
        flush(net)


@SLOW
@given(scripts())
def test_every_verdict_is_the_kernels(net: PacketLab, text: str) -> None:
    held_against_kernel(net, text, SOURCES)


# -- scripts that nft refuses ------------------------------------------------------------------------------------------

LINES = (
    "tcp dport 22 accept",
    "tcp dport 70000 accept",
    "tcp dport 80-22 accept",
    "tcp dport nosuch accept",
    "ip saddr 10.0.0.0/8 accept",
    "ip saddr 2001:db8::1 accept",
    "ip saddr nosuch.invalid accept",
    "ip saddr { } accept",
    "ip saddr 10.1.2.3/8 drop",
    "ip saddr 10.0.0.0/33 drop",
    "jump nowhere",
    "jump later",
    "jump base",
    "ip saddr @none drop",
    "tpc dport 22 accept",
    "accept tcp dport 22",
    "accept accept",
    "tcp dport 22 foo accept",
    "iifname eth7 accept",
    "ct state established related accept",
    "ct state establshed accept",
    "tcp flags foo drop",
    "reject with icmpx foo",
    "reject with icmpx admin-prohibited",
    "reject with tcp reset",
    "tcp dport $X accept",
    "ip saddr $NET accept",
    "DROP",
    "tcp dport { 22, 22 } accept",
    "tcp dport { 22 80 } accept",
    "tcp dport vmap { 22 : accept }",
    "ct state vmap { new : yes }",
    "meta mark set 1",
    "limit rate 10/minute accept",
    "limit rate over 10/second burst 5 packets drop",
    'log prefix "a" drop',
    "meta l4proto nosuch drop",
    "icmp type echo-request accept",
    "icmpv6 type nd-neighbor-solicit accept",
    'drop comment "x"',
    "counter packets 0 bytes 0 drop",
    "update @four { ip saddr } drop",
    "",
    "}",
    "{",
    "tcp dport 22 accept; drop",
    "# x",
    "define X = 22",
    "ip saddr 10.0.0.0-10.0.0.9 drop",
    "ip saddr 10.0.0.9-10.0.0.0 drop",
    "tcp dport 22, 80 accept",
    "goto later # and no further",
    "type filter hook input priority 0",
    "policy drop",
    "tcp dport = 22 accept",
)


@settings(SLOW, max_examples=80)
@given(st.lists(st.sampled_from(LINES), min_size=1, max_size=3))
@example(["jump base"])
@example(["type filter hook input priority 0", "policy drop"])
def test_a_script_is_refused_where_nft_refuses_it(net: PacketLab, lines: list[str]) -> None:
    text = "\n".join(
        [
            "define NET = 10.0.0.0/8",
            "table inet t {",
            "set four { type ipv4_addr; flags dynamic",
            "}",
            "chain c {",
            *lines,
            "}",
            "chain later {",
            "drop",
            "}",
            "chain base {",
            "type filter hook input priority 0",
            "}",
            "}",
            "",
        ]
    )
    found = firewall(text)
    try:
        assert load(net, text) == (not found.problems), found.problems
    finally:
        flush(net)


@pytest.mark.parametrize(
    "end", ["", "\n", " # x", "\n# x", "\n# x\n", ";", "\ndefine X = 22", "\n ", '\ninclude "/none/*"']
)
def test_the_end_of_a_file_is_read_as_nft_reads_it(net: PacketLab, end: str) -> None:
    text = "table inet t {\n\tchain c {\n\t\taccept\n\t}\n}" + end
    try:
        assert load(net, text) == (not firewall(text).problems)
    finally:
        flush(net)


@pytest.mark.parametrize("first", ["accept", "accept;", "accept\n"])
@pytest.mark.parametrize("second", ["}", "};", "}\n"])
def test_a_block_on_one_line_is_read_as_nft_reads_it(net: PacketLab, first: str, second: str) -> None:
    text = f"table inet t {{ chain c {{ {first} {second} }}\n"
    try:
        assert load(net, text) == (not firewall(text).problems)
    finally:
        flush(net)


# -- edits -------------------------------------------------------------------------------------------------------------


@SLOW
@given(scripts(), st.sampled_from(SOURCES), st.booleans())
def test_what_an_edit_lets_in_gets_in(net: PacketLab, text: str, source: Address, everybody: bool) -> None:
    """For one client, or everybody: the edited script loads, the kernel lets the client in, every old line stays."""
    tree = Tree.of({str(PATH): text})
    found = active_firewalls(tree, NFT)
    known = reach(found, 22, source.version).verdict_for(source)
    if not found or known.accepted or known.kind is VerdictKind.DEPENDS:
        return
    try:
        after = edit.allow(tree, found[0], 22, () if everybody else (source,))
    except ValueError:
        return
    edited = after.text(PATH) or ""
    lines = iter(edited.split("\n"))
    assert all(line in lines for line in text.split("\n"))
    verdict = reach(active_firewalls(after, NFT), 22, source.version).verdict_for(source)
    expected = seen(verdict, source.version)
    try:
        assert load(net, edited), edited
        if expected is not None:
            assert dialled(net, source, 22, expected) == expected
        assert everybody or verdict.accepted or verdict.kind is VerdictKind.DEPENDS
    finally:
        flush(net)


# -- scripts that people have written ----------------------------------------------------------------------------------


def corpus() -> list[str]:
    table = CORPORA / "nft/ORACLE.tsv"
    if not table.is_file():
        return []
    return [line.split("\t")[0] for line in table.read_text().split("\n")[1:] if line]


@pytest.mark.parametrize("path", corpus() or [None])
def test_scripts_of_real_servers_are_judged_as_the_kernel_judges_them(net: PacketLab, path: str | None) -> None:
    if path is None:
        pytest.skip(f"no collection of real scripts at {CORPORA}")
    text = (CORPORA / path).read_bytes().decode("utf-8", "surrogateescape")
    names = Names(_services(Tree.of({"/etc/services": Path("/etc/services").read_text()})))
    if not load(net, text):
        flush(net)
        pytest.skip("this nft does not load it")
    flush(net)
    held_against_kernel(
        net, text, [ip_address("203.0.113.9"), ip_address("10.0.0.5"), ip_address("2606:4700::1")], names
    )


@pytest.mark.parametrize(
    "rule",
    ["add @seen { ip saddr } accept", "set update ip saddr @seen accept", "meter each { ip saddr counter } accept"],
)
def test_a_rule_that_keeps_an_address_is_for_its_version_alone(net: PacketLab, rule: str) -> None:
    held_against_kernel(
        net,
        "flush ruleset\ntable inet filter {\n\tset seen { type ipv4_addr; flags dynamic; size 99; }\n\tchain base {\n"
        "\t\ttype filter hook input priority filter; policy drop;\n\t\ticmpv6 type nd-neighbor-solicit accept\n"
        f"\t\ticmpv6 type nd-neighbor-advert accept\n\t\t{rule}\n\t}}\n}}\n",
        SOURCES,
    )
