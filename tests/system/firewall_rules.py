"""What tests of the firewall against the kernel share: rules that hypothesis makes up, what a probe must see."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from rescue.firewall import Firewall, Verdict, VerdictKind, reach
from rescue.firewall.iptables.load import Loader
from rescue.kernel_check.packets import Address
from rescue.kernel_check.prove import expected
from rescue.model import Location
from tests.machines.built import debian_package
from tests.system.netlab import SERVER, PacketLab, lab

NEEDED = [
    pytest.mark.system,
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root"),
    pytest.mark.skipif(
        shutil.which("iptables-nft-restore") is None or shutil.which("iptables-legacy-restore") is None,
        reason="needs the package iptables with both of its backends",
    ),
]

BACKENDS = ("nft", "legacy")
PATH = PurePosixPath("/etc/iptables/rules.v4")
CORPORA = Path(os.environ.get("RESCUE_CORPORA", Path(__file__).resolve().parents[3] / "shared/corpora"))

SOURCES = tuple(
    IPv4Address(text)
    for text in ("198.51.100.7", "198.51.100.77", "203.0.113.5", "10.0.0.5", "10.1.2.3", "172.16.5.4", "8.8.8.8")
)

SLOW = settings(
    max_examples=int(os.environ.get("RESCUE_EXAMPLES", "40")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@pytest.fixture(scope="module")
def net() -> Iterator[PacketLab]:
    with lab(ports=(22, 2222)) as made:
        yield made


@pytest.fixture(scope="module", autouse=True)
def counted(request: pytest.FixtureRequest) -> Iterator[None]:
    """How many questions were asked, and how many the disk could not answer: printed, as that is a figure to watch."""
    yield
    line = f"\n{COUNT['asked']} verdicts held against the kernel, {COUNT['depends']} of them depend"
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        print(line)


COUNT: Counter[str] = Counter()


def stock_ufw() -> Path:
    """The package ufw, unpacked."""
    return debian_package("ufw", "usr/sbin/ufw")


def loaded(text: str, version: int, backend: str) -> Firewall:
    loader = Loader(version, backend=backend)
    loader.restore(text, PATH)
    return Firewall("iptables-persistent", Location(PATH), {version: loader.ruleset()}, {version: (PATH,)}, backend)


def seen(verdict: Verdict, version: int) -> str | None:
    """What a probe must see for a verdict; None where the verdict leaves it open."""
    COUNT["asked"] += 1
    COUNT["depends"] += verdict.kind is VerdictKind.DEPENDS
    return expected(verdict, version)


def dialled(net: PacketLab, source: Address, port: int, expected: str) -> str:
    """What a client sees; on a busy machine an answer may be late, so a difference has to show three times."""
    for patience in (0.15, 1.0, 1.0):
        got = net.probe(source, port, patience=patience)
        if got == expected:
            break
    return got


def held_against_kernel(
    net: PacketLab, text: str, sources: Sequence[IPv4Address], backend: str, port: int = 22
) -> None:
    """Load `text`, dial from every source, compare."""
    firewall = loaded(text, 4, backend)
    try:
        took = net.load(text, 4, backend)
        assert took == (not firewall.problems), (took, firewall.problems)
        here = reach([firewall], port, 4, interface=net.interface, server=SERVER[4])
        sets = {VerdictKind.ACCEPT: here.accepted, VerdictKind.DROP: here.dropped, VerdictKind.REJECT: here.rejected}
        for source in sources:
            verdict = here.verdict_for(source)
            expected = seen(verdict, 4)
            if expected is not None:
                got = dialled(net, source, port, expected)
                assert got == expected, (str(source), verdict, text)
            for kind, members in sets.items():
                assert source not in members or verdict.kind is kind, (str(source), kind, verdict)
    finally:
        net.flush_used(text, backend)


NETWORKS = {
    4: ("198.51.100.0/24", "198.51.100.7", "203.0.113.0/25", "10.0.0.0/8", "10.1/16", "0.0.0.0/1", "172.16.0.0/12",
        "10.0.0.5/255.0.0.255", "192.0.2.0/24", "198.51.100.0/26,10.1.2.3"),
    6: ("2001:db8:5::/48", "2001:db8:5::5", "2001:db8:6::/64", "fd00::/8", "::/1", "2001:db8:5::/127", "2001:db8::/32",
        "2001:db8:5::/50,fd00::5"),
}  # fmt: skip
SERVERS = {
    4: ["-d 192.0.2.1", "! -d 192.0.2.1", "-d 192.0.2.0/24", "-d 224.0.0.0/4"],
    6: ["-d 2001:db8::1", "! -d 2001:db8::1", "-d 2001:db8::/64", "-d ff00::/8"],
}
RANGES = {
    4: ["-m iprange --src-range 10.0.0.1-10.0.0.9", "-m iprange ! --src-range 8.0.0.0-198.51.100.9"],
    6: ["-m iprange --src-range 2001:db8:5::1-2001:db8:5::9", "-m iprange ! --src-range 2000::-2001:db8:6::9"],
}
CHAINS = ("ALPHA", "BETA", "GAMMA")


def maybe_not(text: str) -> st.SearchStrategy[str]:
    """An option, or its negation."""
    return st.sampled_from([text, f"! {text}"]) if "," not in text else st.just(text)


COMMON = st.one_of(
    st.sampled_from(["-p tcp", "-p udp", "! -p udp", "-p 6", "-p icmp", "-p all"]),
    st.sampled_from(["22", "1:100", "80", "ssh", ":21", "2222"]).map(lambda port: f"-p tcp --dport {port}"),
    st.sampled_from(["22", "80"]).map(lambda port: f"-p tcp -m tcp ! --dport {port}"),
    st.sampled_from(["80,22", "80,443", "20:30,1"]).map(lambda ports: f"-p tcp -m multiport --dports {ports}"),
    st.sampled_from(["22,80", "1024:65535"]).map(lambda ports: f"-p tcp -m multiport --ports {ports}"),
    st.sampled_from(["NEW", "ESTABLISHED", "RELATED,ESTABLISHED", "NEW,ESTABLISHED", "INVALID", "UNTRACKED"]).flatmap(
        lambda names: st.sampled_from([f"-m conntrack --ctstate {names}", f"-m state ! --state {names}"])
    ),
    st.sampled_from(
        [
            "-p tcp --syn",
            "-p tcp ! --syn",
            "-p tcp --tcp-flags SYN,ACK SYN",
            "-p tcp --tcp-flags ALL ACK",
            "-p tcp --tcp-flags ACK,PSH ACK",
        ]
    ),
    st.sampled_from(
        [
            "-m addrtype --dst-type LOCAL",
            "-m addrtype ! --dst-type LOCAL",
            "-m addrtype --src-type LOCAL",
            "-m pkttype --pkt-type unicast",
            "-m pkttype ! --pkt-type unicast",
        ]
    ),
    st.sampled_from(["-m mark --mark 0x1", "-m mark ! --mark 1/3", "-m connmark --mark 2", "-m mark --mark 0"]),
    st.sampled_from(['-m comment --comment "a \\"b\\" -j DROP"', "-m comment --comment plain"]),
    st.sampled_from(
        [
            "-m limit --limit 9000/s --limit-burst 9000",
            "-m connlimit --connlimit-above 3000",
            "-m conntrack --ctdir ORIGINAL",
            "-m conntrack --ctorigdstport 22 --ctproto tcp",
        ]
    ),
)


def matches(version: int) -> st.SearchStrategy[str]:
    """One match of a rule for that IP version."""
    return st.one_of(
        st.sampled_from(NETWORKS[version]).flatmap(lambda text: maybe_not(f"-s {text}")),
        st.sampled_from(NETWORKS[version]).flatmap(lambda text: maybe_not(f"-s {text}")),
        st.sampled_from(SERVERS[version]),
        st.sampled_from(RANGES[version]),
        COMMON,
        COMMON,
    )


MATCHES = {version: matches(version) for version in (4, 6)}
SIDES = {
    "PREROUTING": ["-i eth0", "! -i eth0", "-i lo", "-i eth+", "! -i lo", "-i docker0"],
    "INPUT": ["-i eth0", "! -i eth0", "-i lo", "-i eth+", "! -i lo", "-i docker0"],
    "OUTPUT": ["-o eth0", "! -o lo", "-o lo", "-o e+"],
}
REFUSALS = {
    4: ("", " --reject-with icmp-host-prohibited", " --reject-with icmp-admin-prohibited"),
    6: ("", " --reject-with icmp6-adm-prohibited", " --reject-with icmp6-addr-unreachable"),
}
FINAL = {
    version: st.sampled_from(
        ["-j ACCEPT", "-j ACCEPT", "-j DROP", "-j RETURN", "-j LOG", "", *("-j REJECT" + how for how in refusals)]
    )
    for version, refusals in REFUSALS.items()
}
MARKING = st.sampled_from(
    [
        *("-j MARK --set-mark 1", "-j MARK --set-xmark 2/2", "-j MARK --or-mark 1"),
        *("-j CONNMARK --set-mark 2", "-j CONNMARK --save-mark", "-j CONNMARK --restore-mark"),
    ]
)


@st.composite
def rule(draw: st.DrawFn, chain: str, table: str, below: Sequence[str], version: int = 4) -> str:
    """One rule that iptables takes. The protocol is named once at most."""
    words = draw(st.lists(MATCHES[version], max_size=3))
    chosen = [words[0]] if words else []
    for word in words[1:]:
        # An option may stand once only, and a rule has one protocol.
        if all(flag not in " ".join(chosen) or flag not in word for flag in ("-s ", "-d ", "-p ", "-m ")):
            chosen.append(word)
    if chain in SIDES and draw(st.booleans()):
        chosen.append(draw(st.sampled_from(SIDES[chain])))
    targets = [FINAL[version]] if table == "filter" else [st.sampled_from(["-j ACCEPT", "-j DROP", "-j RETURN"])]
    if below:
        targets.append(st.sampled_from(below).flatmap(lambda name: st.sampled_from([f"-j {name}", f"-g {name}"])))
    if table == "mangle":
        targets += [MARKING, MARKING]
    if table == "raw":
        targets = [st.sampled_from(["-j ACCEPT", "-j NOTRACK", "-j CT --notrack", "-j RETURN"])]
        chosen = [word for word in chosen if "ct" not in word and "state" not in word and "mark" not in word]
    target = draw(st.one_of(targets))
    if (
        target == "-j REJECT"
        and "-p tcp" in " ".join(chosen)
        and "! -p tcp" not in " ".join(chosen)
        and draw(st.booleans())
    ):
        target += " --reject-with tcp-reset"
    return " ".join(["-A", chain, *chosen, target]).strip()


@st.composite
def rulesets(draw: st.DrawFn, version: int = 4) -> str:
    """A whole file: the tables raw and mangle perhaps, filter always."""

    def some(chain: str, table: str, below: Sequence[str] = (), least: int = 0, most: int = 2) -> list[str]:
        return draw(st.lists(rule(chain, table, below, version), min_size=least, max_size=most))

    lines: list[str] = []
    if draw(st.integers(0, 3)) == 0:
        lines += ["*raw", *some("PREROUTING", "raw"), *some("OUTPUT", "raw", most=1), "COMMIT"]
    if draw(st.integers(0, 2)) == 0:
        lines += ["*mangle", ":MARKS - [0:0]", *some("MARKS", "mangle")]
        lines += [*some("PREROUTING", "mangle", ("MARKS",), most=3), "COMMIT"]
    policies = [
        draw(st.sampled_from(["ACCEPT", "DROP"])),
        draw(st.sampled_from(["ACCEPT", "ACCEPT", "ACCEPT", "DROP"])),
    ]
    lines += ["*filter", f":INPUT {policies[0]} [0:0]", f":OUTPUT {policies[1]} [0:0]"]
    lines += [f":{chain} - [0:0]" for chain in CHAINS]
    if draw(st.booleans()):
        lines.append("-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT")
    lines += some("INPUT", "filter", CHAINS, least=1, most=7)
    for at, chain in enumerate(CHAINS):
        lines += some(chain, "filter", CHAINS[at + 1 :], most=3)
    lines += some("OUTPUT", "filter")
    return "\n".join([*lines, "COMMIT", ""])
