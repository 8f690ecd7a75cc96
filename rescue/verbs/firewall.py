"""``rescue firewall TARGET``: who may reach the port, and which rule decides. Changes nothing, and runs nothing."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from rescue.examine import declared_reads
from rescue.facts import Facts
from rescue.firewall import Reach, reach
from rescue.firewall.blocked import blocks
from rescue.firewall.table import Row, rows
from rescue.firewall.verdict import Verdict
from rescue.firewall.walk import Visit
from rescue.firewall.way import way
from rescue.model import Client
from rescue.status import Status
from rescue.survey import complete
from rescue.tree import Tree
from rescue.ui import document
from rescue.ui.firewall import FirewallReport, as_document
from rescue.verbs.recall import resolved
from rescue.verbs.session import Session

VERSIONS = (4, 6)


@dataclass(frozen=True, slots=True)
class Way:
    """One client's packets: the verdict, and the rules they meet."""

    source: IPv4Address | IPv6Address
    reach: Reach
    verdict: Verdict
    visits: tuple[Visit, ...]


@dataclass(frozen=True, slots=True)
class Judged:
    """All that the verb shows."""

    facts: Facts
    port: int
    reaches: dict[int, Reach]
    rows: dict[int, tuple[Row, ...]]
    ways: tuple[Way, ...]
    blocked: bool


def run(session: Session) -> Status:
    """Capture, judge, show. BROKEN where the client (or, none given, most of the world) is kept out."""
    session, spec = resolved(session, session.options.target)
    with session.target(spec, write=False) as target:
        session.progress("reading the firewall's files")
        _, judged = complete(
            target,
            target.capture(declared_reads()),
            lambda tree: judge(tree, session.client, session.options.interface),
        )
        name, method, notes = target.name, target.method, target.notes
    if session.json:
        document.write(as_document(judged, name, method, notes), sys.stdout)
    else:
        FirewallReport(session.report, every=session.options.all).show(judged, name, method, notes)
    return Status.BROKEN if judged.blocked else Status.CLEAR


def judge(tree: Tree, client: Client, interface: str | None = None) -> Judged:
    """Who gets to the dialled port of `tree`. Pure; raises NotCaptured."""
    facts = Facts(tree, client)
    port = facts.dialled
    reaches = {
        version: reach(facts.firewalls, port, version, interface=interface, discovery=True) for version in VERSIONS
    }
    ways = tuple(
        Way(source, here, here.verdict_for(source), way(here, source))
        for source in client.sources
        for here in (reaches[source.version],)
    )
    found = any(True for _ in blocks(tree, facts.firewalls, port, client.sources))
    return Judged(facts, port, reaches, {version: rows(here) for version, here in reaches.items()}, ways, found)
