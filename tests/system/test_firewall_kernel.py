"""Verdicts and edits held against the real kernel and the real iptables-restore, with both of its backends."""

from __future__ import annotations

from ipaddress import IPv4Address, ip_address

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rescue.firewall import VerdictKind, active_firewalls, edit, reach
from rescue.tree import Tree, symlink
from tests.system.firewall_rules import (
    BACKENDS,
    CORPORA,
    NEEDED,
    PATH,
    SLOW,
    SOURCES,
    counted,
    dialled,
    held_against_kernel,
    loaded,
    net,
    rulesets,
    seen,
)
from tests.system.netlab import PacketLab
from tests.unit.firewall.files import Started

__all__ = ["counted", "net"]

pytestmark = NEEDED

LIST_BESIDE_NEGATION = (
    "*filter\n:ALPHA - [0:0]\n-A INPUT -j DROP\n-A ALPHA -s 198.51.100.0/26,10.1.2.3 ! -d 192.0.2.1 -j DROP\nCOMMIT\n"
)
"""A list of sources beside a negated destination is refused."""


RESET_DATA = (
    "*filter\n-A INPUT -p tcp --tcp-flags ACK,PSH ACK -j ACCEPT\n"
    "-A INPUT -p tcp ! --syn -m state ! --state INVALID ! -i lo -j REJECT --reject-with tcp-reset\nCOMMIT\n"
)
"""The connection is there, and the client's first data are answered with a reset by the rule."""


@SLOW
@given(rulesets(), st.sampled_from(BACKENDS))
@example(LIST_BESIDE_NEGATION, "nft")
@example(RESET_DATA, "nft")
def test_every_verdict_is_the_kernels(net: PacketLab, text: str, backend: str) -> None:
    held_against_kernel(net, text, SOURCES, backend)


# -- lines that iptables-restore refuses -------------------------------------------------------------------------------

WORDS = (
    "-A", "-I", "-D", "INPUT", "OUTPUT", "ALPHA", "-s", "-d", "-p", "-m", "-j", "-g", "-i", "-o", "!", "1", "0", "2",
    "10.0.0.5", "10.0.0.0/8", "10/33", "localhost", "no.such.host", "300.1.1.1", "::1", "tcp", "udp", "icmp", "all",
    "--dport", "--sport", "22", "ssh", "22:", "70000", "9:3", "multiport", "--dports", "22,80", "state", "--state",
    "NEW", "new,Established", "FOO", "conntrack", "--ctstate", "ACCEPT", "DROP", "REJECT", "RETURN", "LOG",
    "--reject-with", "tcp-reset", "icmp-host-prohibited", "port-unreach", "eth0", "lo", "averyveryverylongname",
    "--log-prefix", '"a b"', "'a", "comment", "--comment", "limit", "--limit", "5/min", "--syn", "--tcp-flags",
    "SYN,ACK", "SYN", "mac", "--mac-source", "02:00:00:00:00:01", "xx:xx", "mark", "--mark", "0x1/0xf", "recent",
    "--set", "--rcheck", "--name", "iprange", "--src-range", "1.1.1.1-1.1.1.9", "-4", "-6", "--source", "--dpor",
    "--match", "addrtype", "--dst-type", "LOCAL", "[0:0]", "-f", "-c", "#", "--icmp-type", "echo-request", "nosuch",
)  # fmt: skip

PIECES = st.sampled_from(
    ["-s 10.0.0.5", "-d 192.0.2.1", "-p tcp", "-p udp", "-m tcp", "-m udp", "--dport 22", "--sport 22", "--dport ssh",
     "-m multiport", "--dports 22,80", "-m state --state NEW", "-m conntrack --ctstate new", "-m limit --limit 5/min",
     "-i eth0", "-o eth0", "! -i lo", "-m mark --mark 1", "-m comment --comment x", "-m recent --set", "-m iprange",
     "--src-range 1.1.1.1-1.1.1.9", "-j ACCEPT", "-j DROP", "-j REJECT", "--reject-with tcp-reset",
     "-j LOG", "-g ALPHA", "--reject-with icmp-host-prohibited", "-j ALPHA", "--log-prefix x",
     "-m addrtype --dst-type LOCAL", "--syn",
     "--tcp-flags SYN,ACK SYN", "-p icmp", "--icmp-type echo-request", "-m owner --uid-owner 0", "-j MARK --set-mark 1",
     "-m limit ! --limit 5/min", "-j REJECT ! --reject-with tcp-reset", "-m recent ! --set", "! --dport 22",
     "-m conntrack ! --ctdir REPLY", "-m conntrack ! --ctstate NEW", "-m owner ! --uid-owner 0", "! --syn",
     "-m mac --mac-source 02:00:00:00:00:01", "-m pkttype --pkt-type unicast", "-4", "-f", "-m length --length 60"]
)  # fmt: skip


@settings(SLOW, max_examples=120)
@given(
    st.one_of(
        st.lists(PIECES, max_size=5).map(lambda words: " ".join(["-A INPUT", *words])),
        st.lists(PIECES, max_size=4).map(lambda words: " ".join(["-A ALPHA", *words])),
        st.lists(st.sampled_from(WORDS), max_size=6).map(lambda words: " ".join(["-A INPUT", *words])),
        st.lists(st.sampled_from(WORDS), min_size=1, max_size=6).map(" ".join),
    ),
    st.sampled_from(BACKENDS),
)
def test_a_line_is_refused_where_iptables_restore_refuses_it(net: PacketLab, line: str, backend: str) -> None:
    text = f"*filter\n:ALPHA - [0:0]\n{line}\nCOMMIT\n"
    firewall = loaded(text, 4, backend)
    took = net.load(text, 4, backend)
    net.flush_used(text, backend)
    assert took == (not firewall.problems), firewall.problems


# -- edits -------------------------------------------------------------------------------------------------------------


def saved_tree(text: str, backend: str) -> Tree:
    return Tree.of({str(PATH): text, "/etc/alternatives/iptables": symlink(f"/usr/sbin/iptables-{backend}")})


@SLOW
@given(rulesets(), st.sampled_from(BACKENDS), st.sampled_from(SOURCES), st.booleans())
@example("*raw\n-A PREROUTING -j NOTRACK\nCOMMIT\n*filter\n-A INPUT -j DROP\nCOMMIT\n", "nft", SOURCES[0], False)
@example("*raw\n-A OUTPUT -j NOTRACK\nCOMMIT\n*filter\n-A INPUT -j DROP\nCOMMIT\n", "nft", SOURCES[0], False)
def test_what_an_edit_lets_in_gets_in(
    net: PacketLab, text: str, backend: str, source: IPv4Address, everybody: bool
) -> None:
    """For one client, or for everybody: the edited file loads, the kernel lets the client in, every old line stays."""
    tree = saved_tree(text, backend)
    found = active_firewalls(tree, Started("netfilter-persistent.service"))
    known = reach(found, 22).verdict_for(source)
    if not found or known.accepted or known.kind is VerdictKind.DEPENDS:
        return
    try:
        after = edit.allow(tree, found[0], 22, () if everybody else (source,))
    except ValueError:
        return
    edited = after.text(PATH) or ""
    lines = iter(edited.split("\n"))
    assert all(line in lines for line in text.split("\n"))
    verdict = reach(active_firewalls(after, Started("netfilter-persistent.service")), 22).verdict_for(source)
    expected = seen(verdict, 4)
    try:
        assert net.load(edited, 4, backend)
        if expected is not None:
            assert dialled(net, source, 22, expected) == expected
        assert everybody or verdict.accepted or verdict.kind is VerdictKind.DEPENDS
    finally:
        net.flush_used(edited, backend)


# -- rules that people have written ------------------------------------------------------------------------------------


def corpus(name: str) -> list[list[str]]:
    table = CORPORA / name
    if not table.is_file():
        return []
    return [line.split("\t") for line in table.read_text().split("\n")[1:] if line]


@pytest.mark.parametrize("row", [row for row in corpus("iptables/ORACLE.tsv") if row[1] == "0"] or [None])
def test_rules_of_real_servers_are_judged_as_the_kernel_judges_them(net: PacketLab, row: list[str] | None) -> None:
    if row is None:
        pytest.skip(f"no collection of real rules at {CORPORA}")
    text = (CORPORA / row[0]).read_bytes().decode("utf-8", "surrogateescape")
    named = [ip_address(cell.partition("=")[0]) for cell in row[6:]]
    sources = [source for source in named if isinstance(source, IPv4Address)]
    if text.count("\n") > 2000 or sources != named:
        return  # large ones take the kernel long; for IPv6 the table of verdicts is asked in the unit tests
    # The rules of one source may use up a rate limit that the next one meets: each finds them fresh.
    for source in sources[:4]:
        held_against_kernel(net, text, [source], "nft")
