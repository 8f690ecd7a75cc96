"""Scripts of nftables that hypothesis makes up: all that decides about a connection, in every way of writing it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from hypothesis import strategies as st

FAMILIES = ("inet", "ip", "ip6")
V4 = ("198.51.100.0/24", "10.0.0.0/8", "10.0.0.5", "203.0.113.0-203.0.113.9", "10.1.2.3/32", "0.0.0.0/1")
V6 = ("2001:db8::/32", "2001:db8:5::5", "fd00::/8", "2001:db8:5::-2001:db8:5::ff", "::/0")
CHAINS = ("alpha", "beta")


def pick(*items: str) -> st.SearchStrategy[str]:
    return st.sampled_from(items)


def braced(items: Sequence[str], most: int = 3) -> st.SearchStrategy[str]:
    return st.lists(st.sampled_from(items), min_size=1, max_size=most, unique=True).map(
        lambda found: "{ " + ", ".join(found) + " }"
    )


def address(family: str) -> st.SearchStrategy[str]:
    """A condition on the client's or the server's address, as it may stand in a table of a family."""
    kinds = []
    if family != "ip6":
        values = st.one_of(st.sampled_from(V4), braced(V4[:2] + V4[3:4]), st.just("@four"))
        kinds.append(values.map(lambda value: f"ip saddr {value}"))
        kinds.append(values.map(lambda value: f"ip saddr != {value}"))
        kinds.append(pick("ip daddr 192.0.2.1", "ip daddr != 192.0.2.1", "ip saddr & 255.0.0.255 == 10.0.0.5"))
        pairs = ("10.0.0.5 . 22", "10.0.0.0/8 . 80", "198.51.100.0/24 . 20-30", "203.0.113.5 . 22")
        kinds.append(braced(pairs[:1] + pairs[2:]).map(lambda value: f"ip saddr . tcp dport {value}"))
        kinds.append(braced(pairs[1:]).map(lambda value: f"ip saddr . tcp dport != {value}"))
        kinds.append(
            pick(
                "ip saddr $net",
                "ip saddr != $both",
                "ip saddr . tcp dport @pairs",
                "ip saddr . tcp dport != @pairs",
                "ip saddr > 198.51.100.0",
                "ip saddr <= 10.1.2.3",
                "ip saddr & 255.0.0.0 == 10.0.0.0",
                "ip saddr { 10.0.0.0/8, 10.1.0.0/16, 198.51.100.7 }",
                "ct original ip saddr 10.0.0.0/8",
                "ct reply ip saddr 192.0.2.1",
                "update @seen { ip saddr }",
                "update @seen { ip saddr limit rate 100000/second burst 100000 packets }",
                "add @seen { ip saddr timeout 1m }",
                "ip saddr @seen",
                "ip saddr != @seen",
                "meta mark set ip saddr map { 10.0.0.0/8 : 1, 198.51.100.0/24 : 2 }",
                "ip saddr . tcp dport { 10.0.0.0-10.9.9.9 . 20-30, 198.51.100.0/25 . 2222 }",
                "iifname . ip saddr { eth0 . 10.0.0.0/8, lo . 127.0.0.1 }",
            )
        )
    if family != "ip":
        six = st.one_of(st.sampled_from(V6), braced((V6[0], V6[2])), st.just("@six"))
        kinds.append(six.map(lambda value: f"ip6 saddr {value}"))
        kinds.append(six.map(lambda value: f"ip6 saddr != {value}"))
        kinds.append(pick("ip6 saddr & ffff:ffff:: == 2001:db8::", "ct original ip6 saddr fd00::/8",
                          "meta mark set ip6 saddr map { fd00::/8 : 1, ::/1 : 2 }"))  # fmt: skip
    return st.one_of(*kinds)


CONDITIONS = pick(
    "tcp dport 22",
    "tcp dport 2222",
    "tcp dport { 22, 80 }",
    "tcp dport != 22",
    "tcp dport != { 80, 443 }",
    "th dport 22",
    "tcp dport @ports",
    "tcp dport != @ports",
    "tcp dport 1-1024",
    "tcp dport < 1024",
    "tcp dport >= 22",
    "udp dport 22",
    "tcp sport 22",
    "tcp sport != 22",
    "ct state new",
    "ct state established,related",
    "ct state != new",
    "ct state invalid",
    "ct state { new, untracked }",
    "ct state untracked",
    'iifname "eth0"',
    'iifname != "eth0"',
    'iifname "eth*"',
    "iif lo",
    'iifname { "eth0", "lo" }',
    'oifname "eth0"',
    'oifname != "lo"',
    "meta l4proto tcp",
    "meta l4proto { tcp, udp }",
    "meta l4proto != tcp",
    "meta nfproto ipv4",
    "meta nfproto != ipv6",
    "meta mark 1",
    "meta mark != 1",
    "meta mark & 3 == 2",
    "ct mark 1",
    "ct direction original",
    "ct direction reply",
    "tcp flags syn",
    "tcp flags & (syn|ack) == syn",
    "tcp flags == syn",
    "tcp flags != syn",
    "tcp flags { syn, ack }",
    "tcp flags ! ack",
    "tcp flags syn / syn,ack",
    "fib daddr type local",
    "fib daddr type != local",
    "fib saddr type local",
    "meta pkttype host",
    "meta pkttype multicast",
    "tcp dport ssh",
    "ct status dnat",
    "counter",
    'log prefix "x "',
    "meta iifname eth0",
    "meta l4proto tcp ct original proto-dst 22",
    "meta l4proto 6",
    "meta l4proto 1-50",
    "meta protocol ip",
    "ether type ip6",
    "ct state new,established",
    "ct state != { established, related }",
    "ct mark & 1 == 1",
    "ct mark != 0",
    "meta mark { 1, 2 }",
    "meta mark 1-3",
    "meta mark > 1",
    "tcp option maxseg exists",
    "tcp option maxseg missing",
    "tcp option maxseg size 1-500",
    "exthdr frag exists",
    "exthdr frag missing",
    "frag id 3",
    "vlan id 3",
    "@th,16,16 22",
    "@th,16,16 { 22, 80 }",
    "ip version 4",
    "ip6 version != 6",
    "ip frag-off & 0x1fff != 0",
    "ip protocol tcp",
    "ip protocol != udp",
    "ip6 nexthdr tcp",
    "icmp type echo-request",
    "udp sport 53",
    "arp operation request",
    "ct direction { original, reply }",
    "ct l3proto ipv4",
    "ct protocol tcp",
    "ct helper ftp",
    "ct status snat",
    "limit rate 100000/second burst 100000 packets",
    "limit rate over 100000/second burst 100000 packets",
    "quota over 500 mbytes",
    "quota until 500 mbytes",
    "counter name cn",
    "quota name qn",
    "limit name ln",
    "limit name most",
    "counter name tcp dport map { 22 : cn, 80 : cn }",
    "limit name tcp dport map { 22 : ln, 2222 : most }",
    "meta pkttype set host",
    "tcp option maxseg size set 1400",
    "ip dscp set cs1",
    "log level warn",
    "notrack",
    "tcp dport $door",
    "tcp dport != { $door, 80 }",
    "tcp flags & (fin | syn | rst | ack) == syn",
    "tcp flags & syn != 0",
    "tcp flags ack,psh / syn,ack,psh",
    "fib saddr type { local, multicast }",
    "fib daddr . iif type local",
    "fib saddr . iif oif missing",
    "meta ipsec missing",
    "meta nfproto { ipv4, ipv6 }",
)

EFFECTS = pick(
    "meta mark set 1",
    "meta mark set 2",
    "meta mark set meta mark or 1",
    "ct mark set meta mark",
    "meta mark set ct mark",
    "ct mark set 1",
    "counter",
    "meta mark set tcp dport map { 22 : 1, 80 : 2 }",
    "meta mark set tcp dport map { 20-30 : 2, 2222 : 1 }",
    "meta mark set tcp dport map @marks",
    "ct mark set tcp dport map @marks",
    "meta mark set meta mark | 2",
    "meta mark set meta mark & 1 | 2",
    "meta mark set ct mark & 2 ^ 1",
    "ct mark set ct mark or 2",
    "mark set 3",
)

VERDICTS = pick(
    "accept",
    "accept",
    "drop",
    "drop",
    "reject",
    "reject with tcp reset",
    "return",
    "continue",
    "jump alpha",
    "goto beta",
    "jump beta",
    "counter drop",
    "counter accept",
)

MAPS = pick(
    "ct state vmap { new : jump alpha, established : accept, related : accept, invalid : drop }",
    "tcp dport vmap { 22 : accept, 80 : drop }",
    "tcp dport vmap { 22 : jump alpha, 1000-3000 : goto beta }",
    "meta l4proto vmap { tcp : jump beta, udp : drop }",
    "ct state vmap { established : accept, new : continue } drop",
    'iifname vmap { "lo" : accept, "eth0" : jump alpha }',
    "tcp dport vmap @doors",
    "tcp dport vmap { 22 : drop, * : accept }",
    "tcp dport vmap { 0-21 : drop, 22 : accept, 23-65535 : goto beta }",
    "meta mark vmap { 1 : accept, 2-3 : drop }",
    "ct mark vmap { 1 : accept, 0 : continue } drop",
    "ct direction vmap { original : jump alpha, reply : accept }",
    "meta nfproto vmap { ipv4 : jump alpha, ipv6 : accept }",
    "iifname . tcp dport vmap { eth0 . 22 : accept, eth0 . 2222 : drop }",
    "tcp flags vmap { syn : jump alpha, ack : accept }",
    "jump {\n\t\t\ttcp dport 22 return\n\t\t\tdrop\n\t\t}",
    "goto {\n\t\t\ttcp dport 22 accept\n\t\t\treturn\n\t\t}",
)


@st.composite
def rule(draw: st.DrawFn, family: str, chain: str) -> str:
    words = draw(st.lists(st.one_of(CONDITIONS, address(family), EFFECTS), max_size=3))
    end = draw(st.one_of(VERDICTS, VERDICTS, MAPS, st.just("")))
    if any(
        not word.startswith(("tcp flags", "tcp dport", "tcp sport", "th dport", "meta l4proto tcp")) for word in words
    ):
        end = end.replace("reject with tcp reset", "meta l4proto tcp reject with tcp reset")
    below = {"alpha": ("beta",), "beta": ()}.get(chain, CHAINS)
    for name in CHAINS:
        if name not in below:
            end = re.sub(rf"(jump|goto) {name}", "accept", end)
    return " ".join([*words, end]).strip() or "counter"


HOOKS = (
    ("input", "filter", ("filter", "-10", "mangle", "security", "filter + 10")),
    ("prerouting", "filter", ("raw", "mangle", "-250", "dstnat")),
    ("output", "filter", ("filter", "raw", "mangle")),
    ("postrouting", "filter", ("srcnat",)),
    ("prerouting", "nat", ("dstnat", "-199", "dstnat + 10")),
    ("input", "nat", ("100", "7")),
    ("output", "route", ("mangle", "filter - 1")),
)

INGRESS = ("ip saddr 10.0.0.0/8 drop", "tcp dport 2222 drop", "ip6 saddr fd00::/8 drop", "meta mark set 1", "accept",
           "meta protocol ip accept", "notrack", "ip saddr != { 10.0.0.0/8, 198.51.100.0/24 } drop")  # fmt: skip

LATER = (
    "add rule {0} alpha {1}",
    "insert rule {0} base0 {1}",
    "add rule {0} base0 index 0 {1}",
    "insert rule {0} base0 index 1 {1}",
    "{0} beta {1}",
    "flush chain {0} alpha",
    "flush set {0} ports",
    "add element {0} ports {{ 2222 }}",
    "delete element {0} ports {{ 22 }}",
    "add element {0} four {{ 203.0.113.0/24, 172.16.0.0/12 }}",
    "add element {0} doors {{ 2222 : drop }}",
    "flush map {0} doors",
    "delete chain {0} beta",
    "flush table {0}",
    "delete table {0}",
    "add table {0}",
)
"""Commands behind the tables, on one of them, some with a rule."""


@st.composite
def commands(draw: st.DrawFn, table: str) -> list[str]:
    """Some commands that change a table."""
    found = draw(st.lists(st.sampled_from(LATER), max_size=3)) if draw(st.booleans()) else []
    return [each.format(table, draw(rule(table.split()[0], "beta"))) for each in found]


@st.composite
def ingress(draw: st.DrawFn) -> str:
    """A table whose chain meets the packets before all others."""
    family = draw(pick("netdev", "inet"))
    lines = [f"table {family} early {{", "\tchain first {"]
    priority = draw(pick("0", "filter", "-10"))  # a policy "drop" would keep the lab's own ARP out, too
    lines += [f'\t\ttype filter hook ingress device "eth0" priority {priority};']
    lines += ["\t\t" + draw(st.sampled_from(INGRESS)) for _ in range(draw(st.integers(1, 3)))]
    return "\n".join([*lines, "\t}", "}", ""])


@st.composite
def scripts(draw: st.DrawFn) -> str:
    """A script with one or two tables, each with two chains to jump to and one to three base chains."""
    parts = ["flush ruleset\n", "define door = 22\ndefine net = { 10.0.0.0/8, 198.51.100.0/24 }\n"]
    parts += ["redefine door = { 22, 443 }\n" if draw(st.booleans()) else ""]
    parts += ["define both = { $net, 203.0.113.5 }\n"]
    for number in range(draw(st.integers(1, 2))):
        family = draw(pick("inet", "inet", "ip", "ip6"))
        lines = [f"table {family} t{number} {{"]
        lines += [
            "\tset four { type ipv4_addr; flags interval; auto-merge; elements = { 10.0.0.0/8, 198.51.100.7 }",
            "\t}",
            "\tset six { type ipv6_addr; flags interval; elements = { fd00::/8, 2001:db8:6::/48 }",
            "\t}",
            "\tset ports { type inet_service; elements = { 22, 443 }",
            "\t}",
            "\tmap doors { type inet_service : verdict; elements = { 22 : accept, 80 : drop }",
            "\t}",
            "\tset pairs {",
            "\t\ttype ipv4_addr . inet_service; flags interval",
            "\t\telements = { 10.0.0.0/8 . 22, 198.51.100.0-198.51.100.9 . 1-3000,",
            "\t\t\t203.0.113.5 . 2222 }",
            "\t}",
            "\tset seen { type ipv4_addr; flags dynamic,timeout; timeout 1m",
            "\t}",
            "\tmap marks { type inet_service : mark; flags interval; elements = { 20-30 : 1, 2222 : 2 }",
            "\t}",
            "\tcounter cn {",
            "\t}",
            "\tquota qn { over 500 mbytes",
            "\t}",
            "\tlimit ln { rate 100000/second burst 100000 packets",
            "\t}",
            "\tlimit most { rate over 100000/second burst 100000 packets",
            "\t}",
        ]
        for name in reversed(CHAINS):
            lines += [
                f"\tchain {name} {{",
                *("\t\t" + draw(rule(family, name)) for _ in range(draw(st.integers(0, 2)))),
            ]
            lines += ["\t}"]
        for at in range(draw(st.integers(1, 3))):
            hook, kind, priorities = draw(st.sampled_from(HOOKS[:1] * 3 + HOOKS[1:]))
            policy = draw(pick("accept", "drop"))
            lines += [f"\tchain base{at} {{"]
            lines += [f"\t\ttype {kind} hook {hook} priority {draw(st.sampled_from(priorities))}; policy {policy};"]
            lines += ["\t\t" + draw(rule(family, "")) for _ in range(draw(st.integers(0, 4)))]
            lines += ["\t}"]
        parts.append("\n".join([*lines, "}", ""]))
        parts += [f"{each}\n" for each in draw(commands(f"{family} t{number}"))]
    if draw(st.integers(0, 5)) == 0:
        parts.append(draw(ingress()))
    return "".join(parts)
