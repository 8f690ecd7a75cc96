"""Each expression and statement of nftables, right and wrong: whether nft loads it, and what a client meets then."""

from __future__ import annotations

from collections import Counter
from ipaddress import ip_address
from random import Random

from rescue.firewall import reach
from rescue.kernel_check.lab import PacketLab
from rescue.kernel_check.prove import expected
from tests.fuzz_nft_loads import Beside, judged, kind_of
from tests.nft_statements import drawn

SOURCES = tuple(map(ip_address, ("198.51.100.7", "10.0.0.5", "2001:db8:5::5")))
PORT = 22
RENEWED = 300
"""After so many scripts there is a new lab."""


class Statements:
    """The reader beside nft and the kernel."""

    def __init__(self) -> None:
        self.count: Counter[str] = Counter()
        self.beside = self._anew()

    def _anew(self) -> Beside:
        made = Beside(PacketLab(ports=(PORT,)))
        made.count = self.count
        return made

    def close(self) -> None:
        self.beside.lab.close()

    def differences(self, count: int, seed: int) -> list[str]:
        """Draw `count` scripts: what differs, of differences with the same words the first."""
        random = Random(seed)
        found: dict[str, str] = {}
        for number in range(1, count + 1):
            text = drawn(random)
            said = self.beside.differs(text) or self._misjudged(text)
            if said:
                self.count["differ"] += 1
                found.setdefault(kind_of(said), f"{said}\n{text}")
            if number % RENEWED == 0:
                self.close()
                self.beside = self._anew()
        return list(found.values())

    def _misjudged(self, text: str) -> str:
        """Which client the kernel treats in another way than is said; empty for none."""
        firewall = judged(text, self.beside.names, self.beside.version)
        lab = self.beside.lab
        if firewall.problems or lab.on_server("nft", "-f", "-", given=text, check=False).returncode:
            return ""
        try:
            for source in SOURCES:
                here = reach([firewall], PORT, source.version, interface="eth0", server=lab.addresses[source.version])
                verdict = here.verdict_for(source)
                self.count["verdicts"] += 1
                said = expected(verdict, source.version)
                if said is None or here.port_for([source]) != PORT:
                    self.count["depend"] += 1
                    continue
                seen = lab.probe(source, PORT, patience=0.15)
                if seen != said:  # what rules count, or keep, may have been used up by the ones before
                    lab.on_server("nft", "flush", "ruleset")
                    lab.on_server("nft", "-f", "-", given=text)
                    seen = lab.probe(source, PORT, patience=1.0)
                if seen != said:
                    return f"client of IPv{source.version}: said {said}, seen {seen} by {source}"
            return ""
        finally:
            lab.on_server("nft", "flush", "ruleset")
