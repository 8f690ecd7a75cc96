"""Connections that a rule sends on to another port of the server, held against the kernel: iptables' and nft's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rescue.firewall import Firewall, reach
from tests.system.firewall_rules import BACKENDS, NEEDED, SLOW, counted, dialled, loaded, seen
from tests.system.netlab import SERVER, PacketLab
from tests.system.test_nft_kernel import firewall as script_of
from tests.system.test_nft_kernel import flush, load

__all__ = ["counted"]

pytestmark = NEEDED

SOURCES = tuple(map(IPv4Address, ("198.51.100.7", "203.0.113.5", "10.0.0.5")))
PORTS = (22, 2222)


@pytest.fixture(scope="module")
def two_ports() -> Iterator[PacketLab]:
    made = PacketLab(ports=PORTS)
    yield made
    made.close()


def word(*items: str) -> st.SearchStrategy[str]:
    return st.sampled_from(items)


PORT = word("22", "2222")
FROM = word("", "", "-s 198.51.100.0/24 ", "! -s 10.0.0.0/8 ")
STATE = st.one_of(
    word("", "", " -m conntrack --ctstate NEW", " -m conntrack --ctstate NEW,ESTABLISHED",
         " -m conntrack --ctstate DNAT", " -m conntrack ! --ctstate DNAT", " -m state --state ESTABLISHED"),
    st.builds(" -m conntrack {} {}".format, word("--ctorigdstport", "--ctreplsrcport"), PORT),
)  # fmt: skip
SENT_ON = word(
    "REDIRECT", "REDIRECT --to-ports 22", "REDIRECT --to-ports 2222", "DNAT --to-destination :2222", "ACCEPT", "RETURN"
)
SAYS = word("ACCEPT", "DROP", "REJECT", "REJECT --reject-with tcp-reset")


def rules(chain: str, way: str, says: st.SearchStrategy[str], most: int) -> st.SearchStrategy[str]:
    """Up to `most` rules. way: "--dport" or "--sport"."""
    to = FROM.map(lambda text: text.replace("-s", "-d")) if way == "--sport" else FROM
    one = st.builds(f"-A {chain} {{}}-p tcp -m tcp {way} {{}}{{}} -j {{}}\n".format, to, PORT, STATE, says)
    return st.lists(one, max_size=most).map("".join)


@st.composite
def saved(draw: st.DrawFn) -> str:
    untracked = st.builds(
        "-A PREROUTING {}-p tcp -m tcp --dport {} -j {}\n".format, FROM, PORT, word("NOTRACK", "DROP")
    )
    raw = draw(st.lists(untracked, max_size=1).map("".join))
    mangle = draw(rules("PREROUTING", "--dport", word("DROP", "ACCEPT"), 1))
    after = draw(rules("POSTROUTING", "--sport", word("DROP", "ACCEPT"), 1))
    sent = st.builds("-A PREROUTING {}-p tcp -m tcp --dport {} -j {}\n".format, FROM, PORT, SENT_ON)
    nat = draw(st.lists(sent, min_size=1, max_size=3).map("".join))
    inward = draw(rules("INPUT", "--dport", SAYS, 3))
    outward = draw(rules("OUTPUT", "--sport", word("ACCEPT", "DROP"), 1))
    policy = draw(word("ACCEPT", "DROP"))
    return (
        f"*raw\n{raw}COMMIT\n*mangle\n{mangle}{after}COMMIT\n*nat\n{nat}COMMIT\n"
        f"*filter\n:INPUT {policy} [0:0]\n{inward}{outward}COMMIT\n"
    )


PICKED_UP = (
    "*raw\n-A PREROUTING -p tcp -m tcp --dport 2222 -j NOTRACK\nCOMMIT\n*mangle\n-A POSTROUTING -p tcp -m tcp "
    "--sport 2222 -m conntrack --ctstate NEW -j DROP\nCOMMIT\n*nat\n-A PREROUTING -p tcp "
    "-m tcp --dport 22 -j REDIRECT\nCOMMIT\n"
)
"""What the server sends after its answer is taken for a new connection, as the client's packets are not tracked."""

LOST_REFUSAL = (
    "*mangle\n-A POSTROUTING -p tcp -m tcp --sport 22 -j DROP\nCOMMIT\n*nat\n-A PREROUTING -p tcp -m tcp --dport 2222 "
    "-j REDIRECT --to-ports 22\nCOMMIT\n*filter\n-A INPUT -p tcp -m tcp --dport 22 -j REJECT --reject-with tcp-reset\n"
    "COMMIT\n"
)
"""The refusal comes from the port that the connection was sent on to."""


def held(net: PacketLab, firewall: Firewall, sources: Sequence[IPv4Address], text: str) -> None:
    for port in PORTS:
        here = reach([firewall], port, 4, interface=net.interface, server=SERVER[4])
        for source in sources:
            verdict = here.verdict_for(source)
            expected = seen(verdict, 4)
            if expected is not None:
                got = dialled(net, source, port, expected)
                assert got == expected, (str(source), port, verdict, text)


@SLOW
@given(saved(), st.sampled_from(BACKENDS))
@example("*nat\n-A PREROUTING -p tcp -m tcp --dport 22 -j REDIRECT --to-ports 2222\nCOMMIT\n", "legacy")
@example(LOST_REFUSAL, "nft")
@example(PICKED_UP, "nft")
def test_saved_rules_send_on_as_the_kernel_does(two_ports: PacketLab, text: str, backend: str) -> None:
    firewall = loaded(text, 4, backend)
    try:
        assert two_ports.load(text, 4, backend) == (not firewall.problems), firewall.problems
        held(two_ports, firewall, SOURCES, text)
    finally:
        two_ports.flush_used(text, backend)


IN = st.builds(
    "{}{} {}".format,
    word("", "ip saddr 198.51.100.0/24 ", "ip saddr != 10.0.0.0/8 "),
    st.one_of(
        st.builds("tcp dport {}".format, PORT),
        st.builds("ct original proto-dst {}".format, PORT).map("meta l4proto tcp {}".format),
        st.builds("ct reply proto-src {}".format, PORT).map("meta l4proto tcp {}".format),
        word(
            "ct status dnat",
            "ct state new",
            "ct status != dnat tcp dport 2222",
            "ct status ! dnat tcp dport 2222",
            "ct status == dnat",
            "ct status { dnat }",
            "ct status & dnat == dnat",
        ),
    ),
    word("accept", "drop", "reject with tcp reset"),
)
SENT = st.builds(
    "{}tcp dport {} {}".format,
    word("", "ip saddr 198.51.100.0/24 "),
    PORT,
    word("redirect to :2222", "redirect to :22", "redirect", "dnat to :2222", "accept"),
)


@st.composite
def scripts(draw: st.DrawFn) -> str:
    def chain(name: str, kind: str, hook: str, priority: str, policy: str, *lines: str) -> str:
        told = "".join(f"\t\t{line}\n" for line in lines)
        return f"\tchain {name} {{\n\t\ttype {kind} hook {hook} priority {priority}; policy {policy};\n{told}\t}}\n"

    safe = IN.filter(lambda rule: "reset" not in rule)
    early = chain("early", "filter", "prerouting", draw(word("-150", "-90", "-310")), "accept",
                  *draw(st.lists(safe.filter(lambda rule: "ct" not in rule), max_size=1)))  # fmt: skip
    nat = chain("nat", "nat", "prerouting", "dstnat", "accept", *draw(st.lists(SENT, min_size=1, max_size=3)))
    inward = chain("inward", "filter", "input", "filter", draw(word("accept", "drop")),
                   *draw(st.lists(IN, max_size=3)))  # fmt: skip
    out = draw(st.lists(st.builds("tcp sport {} {}".format, PORT, word("drop", "accept")), max_size=1))
    late = chain("late", "filter", *draw(st.sampled_from([("output", "0"), ("postrouting", "90"),
                 ("postrouting", "110")])), "accept", *out)  # fmt: skip
    return f"flush ruleset\ntable ip t {{\n{early}{nat}{inward}{late}}}\n"


WHOLE = (
    "flush ruleset\ntable ip t {\n\tchain nat {\n\t\ttype nat hook prerouting priority dstnat;\n\t\ttcp dport 22 "
    "redirect to :2222\n\t}\n\tchain inward {\n\t\ttype filter hook input priority filter;\n\t\tct status != "
    "dnat tcp dport 2222 drop\n\t}\n}\n"
)
"""The status compared whole has more bits than this one."""


@SLOW
@given(scripts())
@example(WHOLE)
@example(WHOLE.replace("!=", "!"))
@example(WHOLE.replace("!=", "=="))
@example(WHOLE.replace("!= dnat", "& dnat == dnat"))
def test_scripts_send_on_as_the_kernel_does(two_ports: PacketLab, text: str) -> None:
    firewall = script_of(text)
    try:
        assert load(two_ports, text) == (not firewall.problems), (firewall.problems, text)
        held(two_ports, firewall, SOURCES, text)
    finally:
        flush(two_ports)
