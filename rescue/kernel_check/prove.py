"""Connects to a server with the target's rules from every source on a boundary of the verdict, and random ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from random import Random

from rescue.firewall import Firewall, Reach, Stage, Verdict, VerdictKind, reach
from rescue.firewall.engine.addresses import Address, AddressSet
from rescue.firewall.engine.conditions import Addresses
from rescue.firewall.engine.icmp import TCP_RESET, UNREACHABLE
from rescue.firewall.engine.ruleset import Action
from rescue.kernel_check.lab import HALF, OPEN, RESET, SERVER, SILENT, PacketLab, on_one_processor
from rescue.kernel_check.loading import load
from rescue.kernel_check.result import Difference, Load, Proof
from rescue.kernel_check.sources import askable, chosen
from rescue.tree import Tree

SOURCES = 400
"""How many sources are tried over IPv4, and as many over IPv6."""

SEED = 20

MOST_DIFFERENCES = 10
"""After this many differences, stop."""

MOST_LABS = 100
"""How often everything is restarted for a source that may have found a limit used up."""

MOST_PORTS = 100
"""The maximum number of ports to listen on."""

HURRY, PATIENCE = 0.15, 1.0
"""Seconds to wait for data that may be on its way: at first, and before a difference is believed."""


def expected(verdict: Verdict, version: int) -> str | None:
    """The expected result of a probe; None if the verdict leaves it open."""
    if verdict.kind is VerdictKind.DEPENDS:
        return None
    if verdict.kind is VerdictKind.ACCEPT:
        return OPEN
    if verdict.kind is VerdictKind.DROP and len({each.stage is Stage.DATA for each in verdict.decisions}) > 1:
        return None  # nothing gets through, but how far the first packet gets is open
    if verdict.stage is Stage.DATA:
        return HALF
    if verdict.kind is VerdictKind.DROP:
        return SILENT
    return RESET if verdict.how == TCP_RESET else "icmp:{}/{}".format(*UNREACHABLE[version][verdict.how])


def prove(
    tree: Tree,
    firewalls: Sequence[Firewall],
    port: int,
    interface: str,
    sources: Sequence[Address] = (),
    progress: Callable[[str], None] = lambda _: None,
) -> Proof:
    """Load `firewalls` of `tree`, connect to `port` from many sources, compare. Needs root; raises ProofError.

    interface: the name of the server's network interface. sources: clients that are always tried.
    """
    addresses = {version: _address(firewalls, version) for version in (4, 6)}
    proof = Proof(interface, addresses)
    asker = _Asker(tree, firewalls, port, proof)
    with on_one_processor(), asker:
        progress("loading the rules into a network of its own")
        proof.loads = asker.renew()
        proof.differences += [
            Difference(each.what, "loads" if each.expected else "does not load", each.said or "loads")
            for each in proof.loads
            if not each.agrees
        ]
        for version in (4, 6):
            here = reach(firewalls, port, version, interface=interface, server=addresses[version])
            asked = [each for each in sources if each.version == version and int(each) in askable(version)]
            asked += chosen(here, SOURCES, Random(SEED), addresses[version])  # noqa: S311  the same ones each time
            progress(f"dialling port {port} from {len(asked)} addresses over IPv{version}")
            _ask(proof, asker, here, asked)
        _neighbours(proof, asker.lab, firewalls, port)
    return proof


class _Asker:
    """The lab in use. `renewed`: how many labs there have been."""

    lab: PacketLab

    def __init__(self, tree: Tree, firewalls: Sequence[Firewall], port: int, proof: Proof) -> None:
        self.tree = tree
        self.firewalls = firewalls
        self.port = port
        self.proof = proof
        self.renewed = 0

    def __enter__(self) -> None:
        pass

    def __exit__(self, *problem: object) -> None:
        self._close()

    def renew(self) -> list[Load]:
        """Restart with an unused lab; returns how its rules were loaded. Raises ProofError."""
        self._close()
        self.lab = PacketLab(
            self.proof.interface, (self.port, *redirected(self.firewalls, self.port)), self.proof.addresses
        )
        self.renewed += 1
        return [each for firewall in self.firewalls for each in load(self.lab, self.tree, firewall)]

    def _close(self) -> None:
        if self.renewed:
            self.lab.close()


def _ask(proof: Proof, asker: _Asker, here: Reach, sources: Sequence[Address]) -> None:
    for source in dict.fromkeys(sources):
        verdict = here.verdict_for(source)
        said = expected(verdict, here.version)
        if said is None:
            proof.asked += 1
            proof.depends += 1
            continue
        seen = asker.lab.probe(source, here.port, HURRY)
        if seen != said:
            # Earlier clients may have used up a limit: on a fresh host the result can differ.
            if asker.renewed >= MOST_LABS:
                proof.left_out += 1
                continue
            asker.renew()
            seen = asker.lab.probe(source, here.port, PATIENCE)
        proof.asked += 1
        proof.seen[seen] += 1
        if seen == said:
            proof.agreed += 1
            continue
        proof.differences.append(Difference(str(source), said, seen, verdict))
        if len(proof.differences) >= MOST_DIFFERENCES:
            return


def _neighbours(proof: Proof, made: PacketLab, firewalls: Sequence[Firewall], port: int) -> None:
    """Whether the server is found over IPv6 at all."""
    here = reach(firewalls, port, 6, interface=proof.interface, server=proof.addresses[6], discovery=True)
    unfound = any(piece.decision.stage is Stage.NEIGHBOUR for piece in here.outcome.pieces)
    answered = made.solicit()
    proof.asked += 1
    if here.outcome.found_perhaps:
        proof.depends += 1
        return
    if answered is not unfound:
        proof.agreed += 1
        return
    words = {True: "is answered", False: "is not answered"}
    what = "the question where the server is (neighbour discovery)"
    proof.differences.append(Difference(what, words[not unfound], words[answered]))


def redirected(firewalls: Sequence[Firewall], port: int) -> tuple[int, ...]:
    """The other ports that rules redirect connections to: listen there, too."""
    found = {
        rule.target.value
        for firewall in firewalls
        for ruleset in firewall.rulesets.values()
        for _, rule in ruleset.rules()
        if rule.target.action is Action.REDIRECT and rule.target.value and rule.target.value != port
    }
    return tuple(sorted(found - {None}))[:MOST_PORTS]


def _address(firewalls: Sequence[Firewall], version: int) -> Address:
    """The server's address: the one that rules name most often as a destination, else an example address."""
    named: Counter[Address] = Counter()
    for firewall in firewalls:
        for _, rule in firewall.ruleset(version).rules():
            for each in rule.conditions:
                if isinstance(each, Addresses) and not each.source and isinstance(each.addresses, AddressSet):
                    first = each.addresses.first
                    if each.addresses.count == 1 and first is not None and int(first) in askable(version):
                        named[first] += 1
    with suppress(IndexError):
        return named.most_common(1)[0][0]
    return SERVER[version]
