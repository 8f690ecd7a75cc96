"""``scripts/fuzz-firewall [--seed N] [--count N] [--sources N] [KIND...]``: the firewall's verdict against the kernel.

COUNT generated rulesets, shared out among the kinds: saved rules of iptables and of ip6tables with both backends,
scripts of nftables, trees of ufw. Each is loaded into a network of its own, and SOURCES clients dial the port: on both
sides of every boundary of the verdict, and random ones; over IPv6 the server's router asks for its hardware address,
too. Prints the seed and the counts; a difference is shrunk to the smallest ruleset that shows it, printed, and ends in
status 1. It becomes a named example of a test in tests/system/test_*_kernel.py.

Four kinds, which run only when they are named, ask something else. nftables-broken: COUNT scripts of nftables are
broken as people break them, and nft must load just those of which that is said. iptables-options: COUNT of the lines
with which each option of each match and target of iptables is tried, and iptables-restore must load just those of which
that is said. iptables-verdicts: COUNT rules with one match or target each are loaded, and a client dials.
nftables-statements: COUNT scripts that are about one expression or statement each, right and wrong
(tests/nft_statements.grammar); of those that load, what becomes of a client over either version of IP is held against
the kernel, too.
"""

from __future__ import annotations

import argparse
import secrets
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import PurePosixPath
from random import Random

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from rescue.firewall import Firewall, Stage, VerdictKind, active_firewalls, reach
from rescue.firewall.iptables.load import Loader
from rescue.kernel_check.lab import PacketLab, on_one_processor
from rescue.kernel_check.loading import load
from rescue.kernel_check.prove import expected
from rescue.kernel_check.sources import chosen
from rescue.model import Location
from rescue.tree import Tree, file
from tests import fuzz_iptables_options as options_of_iptables
from tests.fuzz_nft_loads import Beside, bases, differences
from tests.fuzz_nft_statements import Statements
from tests.system.firewall_rules import rulesets, stock_ufw
from tests.system.nft_made import scripts
from tests.system.test_nft_kernel import NFT
from tests.system.test_nft_kernel import PATH as SCRIPT
from tests.unit.firewall.files import DEFAULTS, Started, allow, ufw_files, user

PORTS = (22, 2222)
RENEWED = 20
"""After so many rulesets there is a new lab: what the kernel remembers of old connections is gone then."""

Server = tuple[Tree, tuple[Firewall, ...]]
"""A server's files, and the firewalls that they make."""


def saved_server(version: int, backend: str, text: str) -> Server:
    """A server with one file of saved rules."""
    path = PurePosixPath(f"/etc/iptables/rules.v{version}")
    loader = Loader(version, backend=backend)
    loader.restore(text, path)
    held = {version: loader.ruleset()}
    made = Firewall("iptables-persistent", Location(path), held, {version: (path,)}, backend)
    return Tree.of({str(path): text}), (made,)


def saved(version: int, backend: str) -> st.SearchStrategy[Server]:
    return rulesets(version).map(partial(saved_server, version, backend))


def script(text: str) -> Server:
    tree = Tree.of({str(SCRIPT): text})
    return tree, active_firewalls(tree, NFT)


NETWORKS = ("0.0.0.0/0", "10.0.0.0/8", "198.51.100.0/24", "203.0.113.5", "10.1.0.0/16", "128.0.0.0/1")
NETWORKS6 = ("::/0", "2001:db8:5::/48", "fd00::/8", "2001:db8:5::5")


def verbs(networks: Sequence[str]) -> st.SearchStrategy[str]:
    ports = st.sampled_from([22, 2222, 80])
    return st.builds(allow, ports, st.sampled_from(networks), st.sampled_from(["allow", "allow", "deny", "reject"]))


ODD = ("-A % -p tcp --dport 22 -i eth0 -j ACCEPT", "-A % -p tcp -m multiport --dports 20:25,80 -j ACCEPT",
       "-A % -m conntrack --ctstate INVALID -j DROP", "-A % -p udp --dport 22 -j ACCEPT", "-A % -j oops",
       "-A % -p tcp --dport 22 -m recent --set", "-A % -p tcp --dport 22 -m nosuch -j ACCEPT")  # fmt: skip


@st.composite
def ufw_trees(draw: st.DrawFn, package: bool = True) -> Server:
    """A server with ufw: policies, rules of its user for both IP versions, lines typed by hand, faults.

    package: whether some have the files that Debian's package has, which is downloaded once.
    """
    files = dict(ufw_files())
    stock = stock_ufw() if package else None
    if stock is not None and draw(st.booleans()):
        for name in ("before.rules", "before6.rules", "after.rules", "after6.rules"):
            files[f"/etc/ufw/{name}"] = (stock / "usr/share/ufw/iptables" / name).read_text()
    settings_text = DEFAULTS
    for way in ("INPUT", "OUTPUT"):
        policy = draw(
            st.sampled_from(["DROP", "DROP", "ACCEPT", "REJECT"] if way == "INPUT" else ["ACCEPT"] * 3 + ["DROP"])
        )
        settings_text += f'DEFAULT_{way}_POLICY="{policy}"\n'
    if draw(st.integers(0, 5)) == 0:
        settings_text += "IPV6=no\n"
    files["/etc/default/ufw"] = settings_text
    for version, networks in ((4, NETWORKS), (6, NETWORKS6)):
        rules = draw(st.lists(verbs(networks), max_size=5))
        odd = draw(st.lists(st.sampled_from(ODD), max_size=1))
        name = "/etc/ufw/user.rules" if version == 4 else "/etc/ufw/user6.rules"
        text = user(version, *rules, *(f"hand-made\n{each}" for each in odd))
        files[name] = draw(st.sampled_from([text] * 8 + [text.replace("COMMIT\n", ""), text.replace("\n", "\r\n")]))
    tree = Tree.of({name: file(text.encode() if isinstance(text, str) else b"") for name, text in files.items()})
    return tree, active_firewalls(tree, Started("ufw.service"))


KINDS: dict[str, tuple[st.SearchStrategy[Server], int]] = {
    "iptables-nft": (saved(4, "nft"), 18),
    "iptables-legacy": (saved(4, "legacy"), 18),
    "ip6tables-nft": (saved(6, "nft"), 12),
    "ip6tables-legacy": (saved(6, "legacy"), 12),
    "nftables": (scripts().map(script), 25),
    "ufw": (ufw_trees(), 15),
}
"""What is generated, and how much of each in a hundred."""


BROKEN, STATEMENTS = "nftables-broken", "nftables-statements"
OPTIONS, VERDICTS = "iptables-options", "iptables-verdicts"
APART = (BROKEN, STATEMENTS, OPTIONS, VERDICTS)
"""The kinds that ask something else, and run only when they are named."""


class Difference(AssertionError):
    """Where the kernel does something else."""


class Trial:
    """One lab after the other, and what was counted."""

    def __init__(self, sources: int) -> None:
        self.sources = sources
        self.count: Counter[str] = Counter()
        self.lab: PacketLab | None = None

    def close(self) -> None:
        if self.lab is not None:
            self.lab.close()
            self.lab = None

    def hold(self, server: Server) -> None:
        """Load a server's rules, dial from all sides. Raises Difference."""
        tree, firewalls = server
        made = self._loaded(tree, firewalls, anew=self.count["rulesets"] % RENEWED == 0)
        self.count["rulesets"] += 1
        versions = sorted({version for each in firewalls for version in each.rulesets})
        for version in versions:
            for port in PORTS:
                made = self._dial(made, tree, firewalls, version, port)
        if 6 in versions:
            self._neighbours(made, tree, firewalls)

    def _loaded(self, tree: Tree, firewalls: Sequence[Firewall], *, anew: bool) -> PacketLab:
        if anew or self.lab is None:
            self.close()
            self.lab = PacketLab(ports=PORTS)
        else:
            self.lab.on_server("nft", "flush", "ruleset")
            for program in ("iptables-legacy-restore", "ip6tables-legacy-restore"):
                self.lab.on_server(program, given=EMPTY)
        for firewall in firewalls:
            for each in load(self.lab, tree, firewall):
                if not each.agrees:
                    raise Difference(f"{each.what} {'loads' if each.taken else each.said}:\n{shown(tree)}")
        return self.lab

    def _dial(self, made: PacketLab, tree: Tree, firewalls: Sequence[Firewall], version: int, port: int) -> PacketLab:
        here = reach(firewalls, port, version, interface="eth0", server=made.addresses[version])
        sets = {VerdictKind.ACCEPT: here.accepted, VerdictKind.DROP: here.dropped, VerdictKind.REJECT: here.rejected}
        random = Random(self.count["rulesets"])
        for source in chosen(here, self.sources // len(PORTS), random, made.addresses[version]):
            verdict = here.verdict_for(source)
            self.count["verdicts"] += 1
            for kind, members in sets.items():
                if source in members and verdict.kind is not kind:
                    raise Difference(f"{source} is said to be {kind} and {verdict.kind}:\n{shown(tree)}")
            said = expected(verdict, version)
            if said is None:
                self.count["depend"] += 1
                continue
            seen = made.probe(source, port, patience=0.15)
            if seen != said:
                made = self._loaded(tree, firewalls, anew=True)
                seen = made.probe(source, port, patience=1.0)
            if seen != said:
                raise Difference(f"{source} to port {port}: said {said}, seen {seen}: {verdict}\n{shown(tree)}")
        return made

    def _neighbours(self, made: PacketLab, tree: Tree, firewalls: Sequence[Firewall]) -> None:
        here = reach(firewalls, PORTS[0], 6, interface="eth0", server=made.addresses[6], discovery=True)
        unfound = any(piece.decision.stage is Stage.NEIGHBOUR for piece in here.outcome.pieces)
        self.count["solicitations"] += 1
        if made.solicit() is unfound:
            raise Difference(f"said that the server is {'not ' if unfound else ''}found, it is not so:\n{shown(tree)}")


EMPTY = "*raw\nCOMMIT\n*mangle\nCOMMIT\n*filter\n:INPUT ACCEPT\n:OUTPUT ACCEPT\n:FORWARD ACCEPT\nCOMMIT\n"


def shown(tree: Tree) -> str:
    """The files of a server that have rules."""
    return "\n".join(f"--- {path}\n{tree.text(path)}" for path in sorted(tree.paths()) if tree.text(path))


def run(kind: str, count: int, number: int, sources: int) -> tuple[Counter[str], str]:
    """Generate `count` servers of one kind: what was counted, and the smallest difference."""
    if kind == BROKEN:
        return run_broken(count, number)
    if kind in (OPTIONS, VERDICTS):
        return run_options(kind, count, number)
    if kind == STATEMENTS:
        return run_statements(count, number)
    trial = Trial(sources)
    try:
        with on_one_processor():
            _property(trial, KINDS[kind][0], count, number)()
    except Difference as problem:
        return trial.count, str(problem)
    finally:
        trial.close()
    return trial.count, ""


def run_broken(count: int, number: int) -> tuple[Counter[str], str]:
    """Break `count` scripts of nftables: what was counted, and the differences, one of a kind."""
    lab = PacketLab(ports=())
    try:
        beside = Beside(lab)
        with on_one_processor():
            found = differences(beside, bases(), count, number)
        return beside.count, "\n".join(found)
    finally:
        lab.close()


def run_options(kind: str, count: int, number: int) -> tuple[Counter[str], str]:
    """Try `count` lines with options of iptables: what was counted, and the differences."""
    with on_one_processor():
        if kind == VERDICTS:
            found, counted = options_of_iptables.dialled_differences(count, number)
            return counted, "\n".join(found)
        lab = PacketLab(ports=())
        try:
            found, counted = options_of_iptables.differences(lab, count, number)
            return counted, "\n".join(found)
        finally:
            lab.close()


def run_statements(count: int, number: int) -> tuple[Counter[str], str]:
    """Draw `count` scripts of nftables: what was counted, and the differences, one of a kind."""
    with on_one_processor():
        statements = Statements()
        try:
            found = statements.differences(count, number)
            return statements.count, "\n".join(found)
        finally:
            statements.close()


def _property(trial: Trial, strategy: st.SearchStrategy[Server], count: int, number: int) -> Callable[[], None]:
    @seed(number)
    @settings(
        max_examples=count, deadline=None, database=None, suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink], report_multiple_bugs=False,
    )  # fmt: skip
    @given(server=strategy)
    def same(server: Server) -> None:
        trial.hold(server)

    return same


def main(words: list[str]) -> int:
    """Run all; 1 if there is a difference."""
    asked = argparse.ArgumentParser(prog="fuzz-firewall", description=__doc__.partition("\n")[0])
    asked.add_argument("--seed", type=int, default=secrets.randbelow(1 << 32))
    asked.add_argument("--count", type=int, default=2000, help="generated rulesets, of all kinds together")
    asked.add_argument("--sources", type=int, default=200, help="clients that dial, for each ruleset and IP version")
    asked.add_argument(
        "kinds", nargs="*", metavar="KIND", help=f"of {', '.join(KINDS)} (default: all), {', '.join(APART)}"
    )
    options = asked.parse_args(words)
    kinds = options.kinds or list(KINDS)
    if unknown := [kind for kind in kinds if kind not in (*KINDS, *APART)]:
        asked.error(f"there is no kind {unknown[0]}")
    print(f"seed {options.seed}, {options.count} rulesets, {options.sources} sources each", flush=True)
    weights = {kind: KINDS[kind][1] if kind in KINDS else 100 for kind in kinds}
    shares = sum(weights.values())
    good = True
    total: Counter[str] = Counter()
    for kind in kinds:
        started = time.monotonic()
        many = max(1, options.count * weights[kind] // shares)
        count, difference = run(kind, many, options.seed, options.sources)
        took = time.monotonic() - started
        told = ", ".join(f"{number} {word}" for word, number in count.items())
        print(f"{kind}: {told}, {took:.0f} s: {difference or 'no difference'}", flush=True)
        good = good and not difference
        total += count
    print(
        ", ".join(f"{number} {word}" for word, number in total.items())
        + (": no difference" if good else ": DIFFERENCES")
    )
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
