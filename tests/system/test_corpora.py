"""Rules that people have written, held against what a kernel once made of them (ORACLE.tsv, LOAD.tsv, INDEX.tsv).

The collection is not part of the repository, as much of it may not be given on: it lies in the folder
``../shared/corpora`` beside the checkout, or where RESCUE_CORPORA says. Its verdicts are of whole connections to
192.0.2.1 and 2001:db8::1 that arrive on eth0, taken down with Linux 6.18, nft 1.0.6, iptables 1.8.9 and ufw 0.36.2.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from pathlib import PurePosixPath

import pytest

from rescue.firewall import Firewall, Verdict, VerdictKind, active_firewalls, reach
from rescue.firewall.engine.icmp import TCP_RESET, UNREACHABLE
from rescue.firewall.iptables.load import Loader
from rescue.firewall.names import Names
from rescue.firewall.nft import load_nftables
from rescue.model import Location
from rescue.tree import Tree, file
from tests.system.firewall_rules import CORPORA, PATH, stock_ufw
from tests.system.netlab import SERVER
from tests.unit.firewall.files import Started

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(not CORPORA.is_dir(), reason=f"no collection of real rules at {CORPORA}"),
]

SCRIPT = PurePosixPath("/etc/nftables.conf")
NAMES = Names({**Names().services, "nntps": 563, "hkp": 11371, "git": 9418, "dhcpv6-client": 546})
"""The servers' services(5)."""

DISTURBED = {
    "config_memphis_testbed": "its refusals are limited to five at once, which the first five sources used up",
    "0040mark_shift_1": "no rule of it touches IPv6; two of the three sources over IPv6 were not answered all the same",
}
"""Where the verdicts that were taken down are not those on a fresh host."""

LACKS_PART = "that kernel has no such part (flowtable, queue, secmark)"
LACKS_CARD = "that machine had no such network card, user, group or cgroup; the server may have it while it boots"
NEWER = "nft 1.0.6 does not know it, nft 1.1 does"
LOADS_ELSEWHERE = {
    "CallMeR_pve_configuration_notes": LACKS_PART,
    "PH4NTXMOFFICIAL_PH4NTXM": LACKS_PART,
    "r_nftables-secmark.d": LACKS_PART,
    "examples/secmark.nft": LACKS_PART,
    "0012flowtable_variable_0": LACKS_PART,
    "60-queue/golden": LACKS_PART,
    "SadraKhorami_ShitM-Guard": LACKS_CARD,
    "Tomassone_Universidad": LACKS_CARD,
    "Ziumper_Netfilter": LACKS_CARD,
    "clipos_products_clipos": LACKS_CARD,
    "pkasila_contest-toolkit": LACKS_CARD,
    "powerman_sandbox-ai-dev": LACKS_CARD,
    "rchars_AdminStuff__Misc_RaspberryPI4B": LACKS_CARD,
    "iDigitalFlame+Spaceport": LACKS_CARD,
    "60-cgroup/golden": LACKS_CARD,
    "alexswilliams_home-iac": NEWER,
    "kth5_archpower": NEWER,
    "nftables-mine_port-forwarding": NEWER,
    "r_nftables-limits.d": NEWER,
}
"""The scripts that did not load there, and that are judged here as if they did."""


def table(name: str) -> list[list[str]]:
    """The rows of one of the tables, without its head; none where it is not there."""
    path = CORPORA / name
    return [line.split("\t") for line in path.read_text().split("\n")[1:] if line] if path.is_file() else []


def content(name: str) -> str:
    return (CORPORA / name).read_bytes().decode("utf-8", "surrogateescape")


def reason_for(name: str, known: dict[str, str]) -> str:
    return next((reason for part, reason in known.items() if part in name), "")


def saved(text: str, version: int, backend: str = "nft") -> Firewall:
    loader = Loader(version, NAMES, backend)
    loader.restore(text, PATH)
    return Firewall("iptables-persistent", Location(PATH), {version: loader.ruleset()}, {version: (PATH,)}, backend)


def script(text: str) -> Firewall:
    found = load_nftables(Tree.of({str(SCRIPT): text}), SCRIPT, NAMES)
    assert found is not None
    return found


def said(verdict: Verdict, version: int) -> str:
    """The verdict in the table's words."""
    if verdict.kind is VerdictKind.ACCEPT:
        return "open"
    if verdict.kind is VerdictKind.DROP:
        return "no-reply"
    return "rst" if verdict.how == TCP_RESET else "icmp:{}/{}".format(*UNREACHABLE[version][verdict.how])


WORDS = ("files", "cases", "depends", "set aside", "limit used up")


class Tally:
    """Counts what was compared."""

    def __init__(self) -> None:
        self.count: Counter[str] = Counter()
        self.mismatches: list[object] = []

    def compare(self, name: str, firewalls: Sequence[Firewall], cells: dict[str, str], port: int = 22) -> None:
        """Hold the verdicts on the sources of `cells` against what was seen."""
        self.count["files"] += 1
        for source, seen in cells.items():
            address = ip_address(source)
            self.count["cases"] += 1
            if reason_for(name, DISTURBED):
                self.count["set aside"] += 1
                continue
            here = reach(firewalls, port, address.version, interface="eth0", server=SERVER[address.version])
            verdict = here.verdict_for(address)
            if verdict.kind is VerdictKind.DEPENDS:
                assert verdict.reason, (name, source)
                self.count["depends"] += 1
            elif verdict.accepted and here.port_for([address]) != port and seen == "rst":
                continue  # it was sent on to a port on which nobody listened there
            elif said(verdict, address.version) == seen:
                continue
            elif any("rate limits" in note for note in verdict.assumed):
                self.count["limit used up"] += 1  # by the sources that were tried before this one
            else:
                self.mismatches.append((name, source, seen, verdict))

    def report(self, config: pytest.Config, what: str) -> None:
        """Print the figures; they are what this is for."""
        line = ", ".join(f"{self.count[word]} {word}" for word in WORDS)
        manager = config.pluginmanager.getplugin("capturemanager")
        with manager.global_and_fixture_disabled():
            print(f"\n{what}: {line}, {len(self.mismatches)} mismatches")
        assert not self.mismatches, self.mismatches


def test_saved_rules_are_judged_as_the_kernel_judged_them(request: pytest.FixtureRequest) -> None:
    tally = Tally()
    for name, _, _, _, _, port, *rest in table("iptables/ORACLE.tsv"):
        cells = dict(cell.split("=") for cell in rest)
        text = content(name)
        for version in sorted({ip_address(source).version for source in cells}):
            own = {source: seen for source, seen in cells.items() if ip_address(source).version == version}
            tally.compare(name, [saved(text, version)], own, int(port))
    tally.report(request.config, "saved rules of iptables")


def test_scripts_of_nftables_are_judged_as_the_kernel_judged_them(request: pytest.FixtureRequest) -> None:
    tally = Tally()
    for name, _, _, _, _, port, *rest in table("nft/ORACLE.tsv"):
        tally.compare(name, [script(content(name))], dict(cell.split("=") for cell in rest), int(port))
    assert tally.count["depends"] * 20 < tally.count["cases"]
    tally.report(request.config, "scripts of nftables")


def rows_of(kind: str) -> list[list[str]]:
    return [row for row in table("INDEX.tsv") if row[0] == kind]


@pytest.mark.parametrize("backend", ["nft", "legacy"])
def test_the_files_of_saved_rules_that_load_are_those_that_loaded(backend: str) -> None:
    for _, name, _, _, load in rows_of("iptables"):
        *results, versions = load.split()
        loaded = dict(result.split(":") for result in results)[backend] == "ok"
        for version in versions.split("+"):
            problems = saved(content(name), int(version[1:]), backend).problems
            assert loaded == (not problems), (name, version, problems)


def test_the_scripts_of_nftables_that_load_are_those_that_loaded() -> None:
    for _, name, _, _, load in rows_of("nft"):
        problems = script(content(name)).problems
        if reason_for(name, LOADS_ELSEWHERE):
            assert not problems, name
            continue
        assert ("load:ok" in load) == (not problems), (name, problems)


def trees() -> Iterator[tuple[str, PurePosixPath, list[str]]]:
    """ufw's trees: name, folder below the collection, the row of the table."""
    for row in table("ufw/LOAD.tsv"):
        yield row[0], PurePosixPath("ufw") / row[0], row


def ufw_tree(folder: PurePosixPath, ipv6: bool) -> Tree:
    """A tree's files over those that ufw is installed with, switched on."""
    stock = stock_ufw()
    texts: dict[str, bytes] = {"/etc/default/ufw": (stock / "etc/default/ufw").read_bytes()}
    for kind in ("before", "after", "user"):
        for name in (f"{kind}.rules", f"{kind}6.rules"):
            texts[f"/etc/ufw/{name}"] = (stock / "usr/share/ufw/iptables" / name).read_bytes()
    own = CORPORA / folder
    for path in sorted(own.rglob("*")) if own.is_dir() else []:
        if path.is_file() and path.suffix != ".conf":
            name = f"/{path.relative_to(own)}"
            texts[name] = path.read_bytes()
            if name.startswith("/lib/ufw/"):
                texts.pop(f"/etc/ufw/{path.name}", None)
    assert (b"IPV6=no" in texts["/etc/default/ufw"]) is not ipv6
    texts["/etc/ufw/ufw.conf"] = b"ENABLED=yes\nLOGLEVEL=low\n"
    return Tree.of({name: file(data, 0o640) for name, data in texts.items()})


def test_trees_of_ufw_are_judged_as_the_kernel_judged_them(request: pytest.FixtureRequest) -> None:
    tally = Tally()
    sources = ("1.1.1.1", "10.0.0.5", "192.168.1.5", "2001:db8:5::5")
    for name, folder, row in trees():
        tree = ufw_tree(folder, row[5] == "yes")
        firewalls = active_firewalls(tree, Started("ufw.service"))
        assert len(firewalls) == 1, name
        assert (row[1] == "0") == (not firewalls[0].problems), (name, firewalls[0].problems)
        tally.compare(name, firewalls, dict(zip(sources, row[7].split(), strict=True)))
    tally.report(request.config, "trees of ufw")
