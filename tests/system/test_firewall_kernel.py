"""Verdicts and edits held against the real kernel, the real iptables-restore and the real ufw."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, ip_address
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from rescue.firewall import Firewall, Kind, Stage, Verdict, active_firewalls, edit, reach
from rescue.firewall.icmp import TCP_RESET, UNREACHABLE
from rescue.firewall.iptables import Loader
from rescue.firewall.settings import read_settings
from rescue.model import Location
from rescue.tree import Tree, file, symlink
from tests.system.netlab import HALF, OPEN, RESET, SERVER, SILENT, Lab, lab
from tests.unit.firewall.files import Started

pytestmark = [
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
CACHE = Path(os.environ.get("RESCUE_CACHE", Path.home() / ".cache/rescue"))

SOURCES = tuple(
    IPv4Address(text)
    for text in ("198.51.100.7", "198.51.100.77", "203.0.113.5", "10.0.0.5", "10.1.2.3", "172.16.5.4", "8.8.8.8")
)

SLOW = settings(
    max_examples=int(os.environ.get("RESCUE_EXAMPLES", "40")),
    deadline=None,
    derandomize=False,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@pytest.fixture(scope="module")
def net() -> Iterator[Lab]:
    with lab(ports=(22, 2222)) as made:
        yield made


@pytest.fixture(scope="module", autouse=True)
def counted(request: pytest.FixtureRequest) -> Iterator[None]:
    """How many questions were asked, and how many the disk could not answer: printed, as that is a figure to watch."""
    yield
    reporter = request.config.pluginmanager.getplugin("terminalreporter")
    line = f"{COUNT['asked']} verdicts held against the kernel, {COUNT['depends']} of them depend"
    if reporter is not None:
        reporter.ensure_newline()
        reporter.write_line(line)


COUNT: Counter[str] = Counter()


def loaded(text: str, version: int, backend: str) -> Firewall:
    loader = Loader(version, backend=backend)
    loader.restore(text, PATH)
    return Firewall("iptables-persistent", Location(PATH), {version: loader.ruleset()}, {version: (PATH,)}, backend)


def seen(verdict: Verdict, version: int) -> str | None:
    """What a probe must see for a verdict; None where the verdict leaves it open."""
    COUNT["asked"] += 1
    if verdict.kind is Kind.DEPENDS:
        COUNT["depends"] += 1
        return None
    if verdict.kind is Kind.ACCEPT:
        return OPEN
    if verdict.stage is Stage.DATA:
        return HALF
    if verdict.kind is Kind.DROP:
        return SILENT
    return RESET if verdict.how == TCP_RESET else "icmp:{}/{}".format(*UNREACHABLE[version][verdict.how])


def held_against_kernel(net: Lab, text: str, sources: Sequence[IPv4Address], backend: str, port: int = 22) -> None:
    """Load `text`, dial from every source, compare."""
    firewall = loaded(text, 4, backend)
    try:
        took = net.load(text, 4, backend)
        assert took == (not firewall.problems), (took, firewall.problems)
        here = reach([firewall], port, 4, interface=net.interface, server=SERVER[4])
        sets = {Kind.ACCEPT: here.accepted, Kind.DROP: here.dropped, Kind.REJECT: here.rejected}
        for source in sources:
            verdict = here.verdict_for(source)
            expected = seen(verdict, 4)
            if expected is not None:
                got = net.probe(source, port, patience=0.15)
                assert got == expected, (str(source), verdict)
            for kind, members in sets.items():
                assert source not in members or verdict.kind is kind, (str(source), kind, verdict)
    finally:
        net.flush_used(text, backend)


# -- rulesets that hypothesis makes up ---------------------------------------------------------------------------------

NETWORKS = ("198.51.100.0/24", "198.51.100.7", "203.0.113.0/25", "10.0.0.0/8", "10.1/16", "0.0.0.0/1", "172.16.0.0/12",
            "10.0.0.5/255.0.0.255", "192.0.2.0/24", "198.51.100.0/26,10.1.2.3")  # fmt: skip
CHAINS = ("ALPHA", "BETA", "GAMMA")


def maybe_not(text: str) -> st.SearchStrategy[str]:
    """An option, or its negation."""
    return st.sampled_from([text, f"! {text}"]) if "," not in text else st.just(text)


MATCHES = st.one_of(
    st.sampled_from(NETWORKS).flatmap(lambda text: maybe_not(f"-s {text}")),
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
    st.sampled_from(["-m iprange --src-range 10.0.0.1-10.0.0.9", "-m iprange ! --src-range 8.0.0.0-198.51.100.9"]),
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
    st.sampled_from(["-d 192.0.2.1", "! -d 192.0.2.1", "-d 192.0.2.0/24", "-d 224.0.0.0/4"]),
)
SIDES = {
    "PREROUTING": ["-i eth0", "! -i eth0", "-i lo", "-i eth+", "! -i lo", "-i docker0"],
    "INPUT": ["-i eth0", "! -i eth0", "-i lo", "-i eth+", "! -i lo", "-i docker0"],
    "OUTPUT": ["-o eth0", "! -o lo", "-o lo", "-o e+"],
}
REFUSALS = ("", " --reject-with icmp-host-prohibited", " --reject-with icmp-admin-prohibited")
FINAL = st.sampled_from(
    ["-j ACCEPT", "-j ACCEPT", "-j DROP", "-j RETURN", "-j LOG", "", *("-j REJECT" + how for how in REFUSALS)]
)
MARKING = st.sampled_from(
    [
        *("-j MARK --set-mark 1", "-j MARK --set-xmark 2/2", "-j MARK --or-mark 1"),
        *("-j CONNMARK --set-mark 2", "-j CONNMARK --save-mark", "-j CONNMARK --restore-mark"),
    ]
)


@st.composite
def rule(draw: st.DrawFn, chain: str, table: str, below: Sequence[str]) -> str:
    """One rule that iptables takes. The protocol is named once at most."""
    words = draw(st.lists(MATCHES, max_size=3))
    chosen = [words[0]] if words else []
    for word in words[1:]:
        # An option may stand once only, and a rule has one protocol.
        if all(flag not in " ".join(chosen) or flag not in word for flag in ("-s ", "-d ", "-p ", "-m ")):
            chosen.append(word)
    if chain in SIDES and draw(st.booleans()):
        chosen.append(draw(st.sampled_from(SIDES[chain])))
    targets = [FINAL] if table == "filter" else [st.sampled_from(["-j ACCEPT", "-j DROP", "-j RETURN"])]
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
def rulesets(draw: st.DrawFn) -> str:
    """A whole file: the tables raw and mangle perhaps, filter always."""
    lines: list[str] = []
    if draw(st.integers(0, 3)) == 0:
        lines += ["*raw", *draw(st.lists(rule("PREROUTING", "raw", ()), max_size=2))]
        lines += [*draw(st.lists(rule("OUTPUT", "raw", ()), max_size=1)), "COMMIT"]
    if draw(st.integers(0, 2)) == 0:
        lines += ["*mangle", ":MARKS - [0:0]", *draw(st.lists(rule("MARKS", "mangle", ()), max_size=2))]
        lines += [*draw(st.lists(rule("PREROUTING", "mangle", ("MARKS",)), max_size=3)), "COMMIT"]
    policies = [
        draw(st.sampled_from(["ACCEPT", "DROP"])),
        draw(st.sampled_from(["ACCEPT", "ACCEPT", "ACCEPT", "DROP"])),
    ]
    lines += ["*filter", f":INPUT {policies[0]} [0:0]", f":OUTPUT {policies[1]} [0:0]"]
    lines += [f":{chain} - [0:0]" for chain in CHAINS]
    if draw(st.booleans()):
        lines.append("-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT")
    lines += draw(st.lists(rule("INPUT", "filter", CHAINS), min_size=1, max_size=7))
    for at, chain in enumerate(CHAINS):
        lines += draw(st.lists(rule(chain, "filter", CHAINS[at + 1 :]), max_size=3))
    lines += draw(st.lists(rule("OUTPUT", "filter", ()), max_size=2))
    return "\n".join([*lines, "COMMIT", ""])


@SLOW
@given(rulesets(), st.sampled_from(BACKENDS))
@example(  # a list of sources beside a negated destination is refused
    "*filter\n:ALPHA - [0:0]\n-A INPUT -j DROP\n-A ALPHA -s 198.51.100.0/26,10.1.2.3 ! -d 192.0.2.1 -j DROP\nCOMMIT\n",
    "nft",
)
def test_every_verdict_is_the_kernels(net: Lab, text: str, backend: str) -> None:
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
     "--src-range 1.1.1.1-1.1.1.9", "-j ACCEPT", "-j DROP", "-j REJECT", "--reject-with tcp-reset", "-j LOG",
     "-g ALPHA", "--reject-with icmp-host-prohibited", "-j ALPHA", "--log-prefix x", "-m addrtype --dst-type LOCAL", "--syn",
     "--tcp-flags SYN,ACK SYN", "-p icmp", "--icmp-type echo-request", "-m owner --uid-owner 0", "-j MARK --set-mark 1",
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
def test_a_line_is_refused_where_iptables_restore_refuses_it(net: Lab, line: str, backend: str) -> None:
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
def test_what_an_edit_lets_in_gets_in(net: Lab, text: str, backend: str, source: IPv4Address, everybody: bool) -> None:
    """For one client, or for everybody: the edited file loads, the kernel lets the client in, every old line stays."""
    tree = saved_tree(text, backend)
    found = active_firewalls(tree, Started("netfilter-persistent.service"))
    known = reach(found, 22).verdict_for(source)
    if not found or known.accepted or known.kind is Kind.DEPENDS:
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
            assert net.probe(source, patience=0.15) == expected
        assert everybody or verdict.accepted or verdict.kind is Kind.DEPENDS
    finally:
        net.flush_used(edited, backend)


# -- rules that people have written ------------------------------------------------------------------------------------


def corpus(name: str) -> list[list[str]]:
    table = CORPORA / name
    if not table.is_file():
        return []
    return [line.split("\t") for line in table.read_text().split("\n")[1:] if line]


@pytest.mark.parametrize("row", [row for row in corpus("iptables/ORACLE.tsv") if row[1] == "0"] or [None])
def test_rules_of_real_servers_are_judged_as_the_kernel_judges_them(net: Lab, row: list[str] | None) -> None:
    if row is None:
        pytest.skip(f"no collection of real rules at {CORPORA}")
    text = (CORPORA / row[0]).read_bytes().decode("utf-8", "surrogateescape")
    sources = [ip_address(cell.partition("=")[0]) for cell in row[6:]]
    if text.count("\n") > 2000 or any(source.version == 6 for source in sources):
        return  # large ones take the kernel long; for IPv6 the table of verdicts is asked in the unit tests
    # The rules of one source may use up a rate limit that the next one meets: each finds them fresh.
    for source in sources[:4]:
        held_against_kernel(net, text, [source], "nft")


# -- ufw ---------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def ufw_package() -> Path:
    """The package ufw, unpacked. Downloaded once."""
    store = CACHE / "ufw"
    root = store / "root"
    if not (root / "usr/sbin/ufw").exists():
        if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
            pytest.skip("needs apt-get to fetch the package ufw")
        store.mkdir(parents=True, exist_ok=True)
        subprocess.run(["apt-get", "-q", "download", "ufw"], cwd=store, capture_output=True, check=False)
        packages = sorted(store.glob("ufw_*.deb"))
        if not packages:
            pytest.skip("the package ufw can't be fetched")
        subprocess.run(["dpkg-deb", "-x", str(packages[-1]), str(root)], check=True)
    return root


class Ufw:
    """A ufw of its own, below a folder, that works on the lab's server."""

    def __init__(self, package: Path, root: Path, net: Lab) -> None:
        shutil.copytree(package, root, symlinks=True)
        self.root = root
        self.net = net
        for name in ("before", "after", "user"):
            for kind in ("", "6"):
                shutil.copy(root / f"usr/share/ufw/iptables/{name}{kind}.rules", root / "etc/ufw")
        self.put("etc/ufw/ufw.conf", "ENABLED=yes\nLOGLEVEL=low\n")

    def put(self, path: str, text: str) -> None:
        (self.root / path).write_text(text)

    def run(self, *words: str) -> str:
        """The command ``ufw``."""
        library = self.root / "usr/lib/python3/dist-packages"
        return self.net.on_server(
            "env", f"PYTHONPATH={library}", "LC_ALL=C", "/usr/bin/python3", str(self.root / "usr/sbin/ufw"),
            f"--rootdir={self.root}", f"--datadir={self.root}", *words,
        ).stdout  # fmt: skip

    def boot(self) -> None:
        """What ufw.service does; its exit status tells whether all files were loaded."""
        script = str(self.root / "lib/ufw/ufw-init")
        self.net.on_server(script, "--rootdir", str(self.root), "--datadir", str(self.root), "start", check=False)

    def stop(self) -> None:
        for program in ("iptables", "ip6tables"):
            self.net.on_server(f"{program}-nft-restore", given="*filter\nCOMMIT\n")

    def tree(self) -> Tree:
        rules = [path.name for path in (self.root / "etc/ufw").iterdir() if path.suffix in (".rules", ".conf")]
        names = ["etc/default/ufw", *(f"etc/ufw/{name}" for name in rules)]
        return Tree.of({f"/{name}": file((self.root / name).read_bytes(), 0o640) for name in names})

    def write(self, tree: Tree) -> None:
        for name in ("user.rules", "user6.rules", "before.rules", "before6.rules"):
            self.put(f"etc/ufw/{name}", tree.text(f"/etc/ufw/{name}") or "")

    def firewall(self) -> Firewall:
        return active_firewalls(self.tree(), Started("ufw.service"))[0]


@pytest.fixture
def ufw(ufw_package: Path, tmp_path: Path, net: Lab) -> Iterator[Ufw]:
    made = Ufw(ufw_package, tmp_path / "ufw", net)
    yield made
    made.stop()


STARTS = {
    "nothing but the web": [["allow", "80/tcp"]],
    "several rules": [["allow", "80,443/tcp"], ["limit", "2222/tcp"], ["deny", "from", "203.0.113.9"]],
    "rules with comments and profiles": [["allow", "8080/tcp", "comment", "a shop"], ["allow", "WWW"]],
    "logging off": [["logging", "off"], ["allow", "80/tcp"]],
}


@pytest.mark.parametrize("before", STARTS.values(), ids=list(STARTS))
@pytest.mark.parametrize(
    ("sources", "command"),
    [
        ((), ["allow", "22/tcp"]),
        (("203.0.113.5",), ["allow", "proto", "tcp", "from", "203.0.113.5", "to", "any", "port", "22"]),
        (("2001:db8:5::5",), ["allow", "proto", "tcp", "from", "2001:db8:5::5", "to", "any", "port", "22"]),
    ],
    ids=["everybody", "one address", "one IPv6 address"],
)
def test_the_edit_of_ufws_files_is_the_one_that_ufw_makes(
    ufw: Ufw, before: list[list[str]], sources: tuple[str, ...], command: list[str]
) -> None:
    ufw.boot()
    for words in before:
        ufw.run(*words)
    ours = edit.allow(ufw.tree(), ufw.firewall(), 22, [ip_address(each) for each in sources])
    ufw.run(*command)
    theirs = ufw.tree()
    for name in ("user.rules", "user6.rules"):
        assert ours.text(f"/etc/ufw/{name}") == theirs.text(f"/etc/ufw/{name}"), name


def test_before_a_rule_that_denies_the_edit_is_the_one_of_ufw_insert(ufw: Ufw) -> None:
    ufw.boot()
    for words in (["allow", "80/tcp"], ["deny", "22/tcp"], ["allow", "443/tcp"]):
        ufw.run(*words)
    ours = edit.allow(ufw.tree(), ufw.firewall(), 22, [ip_address("203.0.113.5")])
    ufw.run("insert", "2", "allow", "proto", "tcp", "from", "203.0.113.5", "to", "any", "port", "22")
    assert ours.text("/etc/ufw/user.rules") == ufw.tree().text("/etc/ufw/user.rules")


@pytest.mark.parametrize("source", [None, "203.0.113.5", "2001:db8:5::5"])
def test_after_the_edit_ufw_shows_the_rule_and_the_kernel_follows_it(ufw: Ufw, source: str | None) -> None:
    client = ip_address(source or "8.8.8.8")
    ufw.boot()
    assert ufw.net.probe(client) == SILENT
    ufw.stop()
    ufw.write(edit.allow(ufw.tree(), ufw.firewall(), 22, [client] if source else []))
    ufw.boot()
    assert ufw.net.probe(client) == OPEN
    assert ufw.net.probe(client, 2222) == SILENT
    shown = [line.split() for line in ufw.run("status").split("\n") if line.startswith("22/tcp") or source]
    assert any("ALLOW" in words and (source or "Anywhere") in words for words in shown)
    ufw.run("allow", "8443/tcp")  # writes the file anew, from the comment lines
    assert ufw.net.probe(client) == OPEN


SETUPS = {
    "as installed": {},
    "reject": {"etc/default/ufw": ('INPUT_POLICY="DROP"', 'INPUT_POLICY="REJECT"')},
    "accept": {"etc/default/ufw": ('INPUT_POLICY="DROP"', 'INPUT_POLICY="ACCEPT"')},
    "no outgoing": {"etc/default/ufw": ('OUTPUT_POLICY="ACCEPT"', 'OUTPUT_POLICY="DROP"')},
    "a policy that is none": {"etc/default/ufw": ('INPUT_POLICY="DROP"', 'INPUT_POLICY="deny"')},
    "no IPv6": {"etc/default/ufw": ("IPV6=yes", "IPV6=no")},
    "a broken line before": {"etc/ufw/before.rules": ("# drop INVALID", "oops\n# drop INVALID")},
    "a broken line of the user": {"etc/ufw/user.rules": ("### END RULES", "-A oops\n### END RULES")},
    "a carriage return": {"etc/ufw/user.rules": ("COMMIT", "COMMIT\r")},
    "no COMMIT": {"etc/ufw/user.rules": ("COMMIT", "")},
    "off": {"etc/ufw/ufw.conf": ("ENABLED=yes", "ENABLED=Yes")},
    "off at the end": {"etc/ufw/ufw.conf": ("LOGLEVEL=low", "ENABLED=no")},
    "a command": {"etc/ufw/ufw.conf": ("ENABLED=yes", "ENABLED = yes")},
    "a carriage return behind yes": {"etc/ufw/ufw.conf": ("ENABLED=yes", "ENABLED=yes\r")},
    "the last one counts": {"etc/ufw/ufw.conf": ("ENABLED=yes", "ENABLED=no\nENABLED='yes' # on")},
}
USERS = [["allow", "from", "10.0.0.0/8", "to", "any", "port", "22"], ["reject", "from", "198.51.100.0/26"],
         ["limit", "2222/tcp"], ["deny", "from", "203.0.113.5"], ["allow", "from", "2001:db8:5::/48"]]  # fmt: skip


@pytest.mark.parametrize("change", SETUPS.values(), ids=list(SETUPS))
def test_what_ufw_loads_is_what_is_judged(ufw: Ufw, change: dict[str, tuple[str, str]]) -> None:
    ufw.boot()
    for words in USERS:
        ufw.run(*words)
    ufw.stop()
    for path, (old, new) in change.items():
        text = (ufw.root / path).read_text()
        assert old in text
        (ufw.root / path).write_bytes(text.replace(old, new).encode())
    ufw.boot()
    firewalls = active_firewalls(ufw.tree(), Started("ufw.service"))
    for text in ("10.0.0.5", "198.51.100.7", "203.0.113.5", "8.8.8.8", "2001:db8:5::5", "2606:4700::1"):
        source = ip_address(text)
        for port in (22, 2222):
            verdict = reach(firewalls, port, source.version, interface="eth0").verdict_for(source)
            expected = seen(verdict, source.version)
            assert expected is None or ufw.net.probe(source, port, patience=0.15) == expected, (text, port, verdict)


# -- settings that the shell reads -------------------------------------------------------------------------------------

ASSIGNED = st.lists(
    st.sampled_from(
        [
            "ENABLED=yes",
            "ENABLED=no",
            "ENABLED='yes'",
            'ENABLED="yes"',
            "ENABLED=y'e'\"s\"",
            "ENABLED=",
            "export ENABLED=yes",
            "ENABLED=yes # on",
            "ENABLED=yes# on",
            "#ENABLED=no",
            " ENABLED=yes ",
            "\tENABLED=no",
            "OTHER='a\nb'",
            "OTHER=1 ENABLED=yes",
            "ENABLED=yes; ENABLED=no",
            "ENABLED=ye\\\ns",
            'ENABLED="ye\\s"',
            "ENABLED=ye\\s",
            "ENABLED=yes\r",
            "OTHER='",
            "",
            'OTHER="a\'b"',
            "ENABLED=no;",
        ]
    ),
    max_size=5,
).map("\n".join)


@settings(SLOW, max_examples=100)
@given(ASSIGNED)
def test_settings_are_read_as_the_shell_reads_them(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.mktemp("shell") / "settings"
    path.write_bytes((text + "\n").encode())
    shell = subprocess.run(
        ["sh", "-c", f'set -e; . {path}; printf "<%s>" "$ENABLED"'], capture_output=True, check=False
    )
    ours = read_settings(iter([(PurePosixPath("/s"), text + "\n")]))
    if shell.returncode == 0:
        assert shell.stdout.decode() == f"<{ours.get('ENABLED')}>"
    else:
        assert ours.stopped is not None
