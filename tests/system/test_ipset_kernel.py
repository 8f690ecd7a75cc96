"""Saved ipsets held against the real ipset and the kernel: what loads, and what rules that ask for them do."""

from __future__ import annotations

import shutil
from ipaddress import ip_address
from pathlib import PurePosixPath
from time import sleep

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rescue.firewall import Firewall, reach
from rescue.firewall.ipset.load import read_sets
from rescue.firewall.iptables.load import Loader
from rescue.firewall.names import Names
from rescue.model import Location
from tests.system.firewall_rules import BACKENDS, NEEDED, PATH, SLOW, SOURCES, counted, dialled, net, seen
from tests.system.netlab import SERVER, PacketLab

__all__ = ["counted", "net"]

pytestmark = [*NEEDED, pytest.mark.skipif(shutil.which("ipset") is None, reason="needs the package ipset")]

FILE = PurePosixPath("/etc/iptables/ipsets")
SOURCES6 = tuple(map(ip_address, ("2001:db8:1::7", "2001:db8:1::77", "2001:db8:2::5", "2a00::1")))

SINGLE = ("198.51.100.7", "203.0.113.5", "10.0.0.5", "8.8.8.8", "192.0.2.1", "10.1.2.3", "172.16.5.4-172.16.5.9",
          "198.51.100.64/27", "010.8.8.010")  # fmt: skip
NETS = ("198.51.100.0/24", "198.51.100.7", "203.0.113.0/25", "10.0.0.0/8", "10.1.0.0/16", "0.0.0.0/1", "128.0.0.0/1",
        "172.16.0.0/12", "192.0.2.0/24", "10.0.0.1-10.0.0.9", "8.8.8.8/32", "10.0.0.0/30")  # fmt: skip
NETS6 = ("2001:db8:1::/48", "2001:db8:1::7", "2000::/3", "2001:db8::/32", "2a00::/16", "2001:db8:1::/124")
PORTS = ("22", "tcp:22", "tcp:20-30", "udp:22", "tcp:ssh", "2222", "icmp:echo-request", "6:22")
ELEMENTS = {
    "hash:ip": st.sampled_from(SINGLE),
    "hash:net": st.sampled_from(NETS),
    "hash:ip,port": st.tuples(st.sampled_from(SINGLE), st.sampled_from(PORTS)).map(",".join),
    "hash:net,port": st.tuples(st.sampled_from(NETS), st.sampled_from(PORTS)).map(",".join),
    "hash:net,iface": st.tuples(st.sampled_from((*NETS, "0.0.0.0/0")), st.sampled_from(("eth0", "lo"))).map(",".join),
    "hash:ip,port,ip": st.tuples(*map(st.sampled_from, (SINGLE, PORTS, SINGLE))).map(",".join),
    "hash:ip,port,net": st.tuples(*map(st.sampled_from, (SINGLE, PORTS, NETS))).map(",".join),
    "bitmap:ip": st.sampled_from(SINGLE),
    "bitmap:port": st.sampled_from(("22", "20-30", "80", "ssh")),
}
CREATED = {
    "hash:ip": ("", " family inet hashsize 1024 maxelem 65536", " netmask 24", " timeout 600", " maxelem 3"),
    "hash:net": ("", " family inet hashsize 64 maxelem 4 comment", " counters"),
    "bitmap:ip": (" range 10.0.0.0/16", " range 198.51.100.0-198.51.100.255", " range 10.0.0.0/8 netmask 24"),
    "bitmap:port": (" range 0-65535",),
}
WRONG = ("add gone 10.0.0.1", "add one", "create one hash:what", "add one 300.1.1.1", "add one 2001:db8::1", "sing one",
         "add one 10.0.0.0/33", "create two hash:ip family inet7", "add one 0.0.0.0/0", "del one 9.9.9.9",
         "add one 10.0.0.5 nonsense", "add one 10.0.0.08", "flush one", "# a comment", "",
         "create one hash:ip -exist")  # fmt: skip


@st.composite
def one_set(draw: st.DrawFn, name: str) -> list[str]:
    """A set with its members."""
    kind = draw(st.sampled_from(sorted(ELEMENTS)))
    lines = [f"create {name} {kind}{draw(st.sampled_from(CREATED.get(kind, ('',))))}"]
    for element in draw(st.lists(ELEMENTS[kind], max_size=7)):
        exception = "net" in kind and kind.count("net") == 1 and draw(st.integers(0, 3)) == 0
        comment = ' comment "a b"' if "comment" in lines[0] and draw(st.booleans()) else ""
        lines.append(f"add {name} {element}{' nomatch' if exception else ''}{comment}")
    return lines


@st.composite
def saved(draw: st.DrawFn) -> str:
    lines = [*draw(one_set("one")), *draw(one_set("two"))]
    if draw(st.booleans()):
        lines += ["create both list:set size 8", *draw(st.permutations(["add both one", "add both two"]))]
    if draw(st.integers(0, 3)) == 0:
        lines.insert(draw(st.integers(1, len(lines))), draw(st.sampled_from(WRONG)))
    return "\n".join([*lines, ""])


SIDES = st.lists(st.sampled_from(["src", "src", "dst"]), min_size=1, max_size=3).map(",".join)
ASKED = st.tuples(st.sampled_from(["", "! "]), st.sampled_from(["one", "two", "both"]), SIDES)


@st.composite
def rules(draw: st.DrawFn) -> str:
    lines = ["*filter", f":INPUT {draw(st.sampled_from(['ACCEPT', 'DROP']))} [0:0]"]
    for negation, name, sides in draw(st.lists(ASKED, min_size=1, max_size=3)):
        target = draw(st.sampled_from(["DROP", "ACCEPT", "REJECT"]))
        lines.append(f"-A INPUT -m set {negation}--match-set {name} {sides} -j {target}")
    return "\n".join([*lines, "COMMIT", ""])


def destroyed(net: PacketLab) -> None:
    """No set is left. Rules of nft hold theirs until the kernel has cleaned up behind them."""
    net.on_server("ipset", "flush")  # lists of sets hold theirs, too
    for _ in range(100):
        if net.on_server("ipset", "destroy", check=False).returncode == 0:
            return
        sleep(0.01)
    raise AssertionError("sets are still in use")


MOST_SPECIFIC = (
    "create one hash:net\nadd one 10.0.0.0/8\nadd one 10.1.0.0/16 nomatch\nadd one 10.1.2.3\ncreate two hash:ip\n",
    "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -m set --match-set one src -j DROP\nCOMMIT\n",
)
SERVER_AND_PORT = (
    "create one hash:ip,port,ip\nadd one 10.0.0.5,22,192.0.2.1\ncreate two hash:net,iface\nadd two 8.0.0.0/8,eth0\n",
    "*filter\n:INPUT DROP [0:0]\n-A INPUT -m set --match-set one src,dst,dst -j ACCEPT\n"
    "-A INPUT -m set --match-set two src,src -j ACCEPT\nCOMMIT\n",
)


NOT_SENT = (
    "create one bitmap:ip range 10.0.0.0/16\ncreate two hash:ip\nadd two 198.51.100.7\nadd gone 10.0.0.1\n",
    "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -m set --match-set two src -j DROP\nCOMMIT\n",
)


@SLOW
@given(saved(), rules(), st.sampled_from(BACKENDS))
@example(*NOT_SENT, "nft")
@example(*MOST_SPECIFIC, "nft")
@example(*SERVER_AND_PORT, "legacy")
def test_every_verdict_of_rules_with_sets_is_the_kernels(net: PacketLab, sets: str, text: str, backend: str) -> None:
    held = read_sets(sets, FILE)
    try:
        took = net.on_server("ipset", "restore", "-exist", given=sets, check=False)
        assert (took.returncode == 0) == (not held.problems), (took.stderr, held.problems)
        names = net.on_server("ipset", "list", "-name").stdout.split()
        assert sorted(names) == sorted(held.sets)
        loader = Loader(4, Names(sets=held), backend)
        loader.restore(text, PATH)
        firewall = Firewall("iptables-persistent", Location(PATH), {4: loader.ruleset()}, {4: (PATH,)}, backend)
        assert net.load(text, 4, backend) == (not firewall.problems), firewall.problems
        here = reach([firewall], 22, 4, interface=net.interface, server=SERVER[4])
        for source in SOURCES:
            verdict = here.verdict_for(source)
            expected = seen(verdict, 4)
            if expected is not None:
                assert dialled(net, source, 22, expected) == expected, (str(source), verdict)
    finally:
        net.flush_used(text, backend)
        destroyed(net)


@SLOW
@given(st.lists(st.tuples(st.sampled_from(NETS6), st.booleans()), max_size=6), st.booleans())
def test_sets_of_ipv6_networks_are_the_kernels(net: PacketLab, members: list[tuple[str, bool]], allow: bool) -> None:
    lines = [f"add six {network}{' nomatch' if exception else ''}" for network, exception in members]
    sets = "\n".join(["create six hash:net family inet6", *lines, ""])
    policy, target = ("DROP", "ACCEPT") if allow else ("ACCEPT", "DROP")
    text = (
        f"*filter\n:INPUT {policy} [0:0]\n-A INPUT -p ipv6-icmp -j ACCEPT\n"
        f"-A INPUT -p tcp -m set --match-set six src -j {target}\nCOMMIT\n"
    )
    held = read_sets(sets, FILE)
    assert not held.problems
    try:
        net.on_server("ipset", "restore", "-exist", given=sets)
        loader = Loader(6, Names(sets=held))
        assert loader.restore(text, PATH)
        assert net.load(text, 6, "nft")
        here = reach([Firewall("x", Location(PATH), {6: loader.ruleset()}, {})], 22, 6, interface=net.interface)
        for source in SOURCES6:
            expected = seen(here.verdict_for(source), 6)
            assert expected is not None
            assert dialled(net, source, 22, expected) == expected, str(source)
    finally:
        net.flush_used(text, "nft")
        net.on_server("ip6tables-nft-restore", given="*filter\nCOMMIT\n")
        destroyed(net)


@pytest.mark.parametrize("kind, element", [("hash:ip", "10.{}.{}.1"), ("hash:net", "10.{}.{}.0/24")])
def test_of_a_large_set_nobody_knows_where_it_is_full(net: PacketLab, kind: str, element: str) -> None:
    lines = [f"add big {element.format(at // 256, at % 256)}" for at in range(65536)]
    sets = "\n".join([f"create big {kind}", *lines, "add big 11.0.0.1", "add big 10.0.0.1", ""])
    held = read_sets(sets, FILE)
    try:
        took = net.on_server("ipset", "restore", "-exist", given=sets, check=False)
        assert "maxelem" in held.sets["big"].doubt
        assert took.returncode == 0 or ("full" in took.stderr and "line 655" in took.stderr), took.stderr
    finally:
        destroyed(net)
