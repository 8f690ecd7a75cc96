"""``rescue firewall TARGET``: who may reach the port, and which rule decides. Changes nothing.

With ``--prove`` the verdict is held against this computer's kernel, in networks of its own (`rescue.kernel_check`).
"""

from __future__ import annotations

import sys

from rescue.checks import firewall_not_read
from rescue.examine import declared_reads
from rescue.facts import Facts
from rescue.firewall import reached
from rescue.firewall.diagnosis import blocks
from rescue.firewall.engine.table import rows
from rescue.firewall.engine.trace import way
from rescue.firewall.judgement import Judgement, PacketTrace
from rescue.kernel_check.result import Proof
from rescue.model import Client
from rescue.status import Status
from rescue.survey import complete
from rescue.tree import Tree
from rescue.ui import document
from rescue.ui.firewall import FirewallReport
from rescue.ui.firewall_document import as_document
from rescue.ui.firewall_proof import show_proof
from rescue.verbs.request.last_target import resolved
from rescue.verbs.request.options import FirewallOptions
from rescue.verbs.request.session import Session

VERSIONS = (4, 6)

USUAL_INTERFACE = "eth0"
"""The network interface of a proof where neither the rules nor the person name one."""


def run(session: Session, options: FirewallOptions) -> Status:
    """Capture, judge, show. BROKEN where the client (or, none given, most of the world) is kept out, or may be."""
    spec = resolved(session)
    with session.target(spec, write=False) as target:
        session.progress("reading the firewall's files")
        tree, judged = complete(
            target,
            target.capture(declared_reads()),
            lambda tree: judge(tree, session.client, options.interface),
        )
        name, method, notes = target.name, target.method, target.notes
    proof = _prove(session, tree, judged, options.interface) if options.prove else None
    if session.json:
        document.write(as_document(judged, name, method, notes, proof), sys.stdout)
    else:
        report = FirewallReport(session.report, every=options.all)
        report.show(judged, name, method, notes)
        if proof is not None:
            show_proof(session.report, proof, judged.port)
    if proof is not None and not proof.holds:
        return Status.FAILED
    return Status.BROKEN if judged.blocked or judged.not_read else Status.CLEAR


def _prove(session: Session, tree: Tree, judged: Judgement, given: str | None) -> Proof:
    """Hold the verdict against the kernel. Raises ProofError where that can't be done here."""
    from rescue.kernel_check.prove import prove  # pyroute2 takes its time, and only this needs it

    named = (given, *(here.interface for here in judged.reaches.values()))
    interface = next((each for each in named if each), USUAL_INTERFACE)
    return prove(tree, judged.firewalls, judged.port, interface, session.client.sources, session.progress)


def judge(tree: Tree, client: Client, interface: str | None = None) -> Judgement:
    """Who gets to the dialled port of `tree`. Pure; raises NotCaptured."""
    facts = Facts(tree, client)
    port = facts.dialled
    reaches = {
        version: reached(tree, facts.firewalls, port, version, interface=interface, discovery=True)
        for version in VERSIONS
    }
    traces = tuple(
        PacketTrace(source, here.verdict_for(source), way(here, source))
        for source in client.sources
        for here in (reaches[source.version],)
    )
    found = any(True for _ in blocks(tree, facts.firewalls, port, client.sources))
    tables = {version: rows(here) for version, here in reaches.items()}
    not_read = tuple(firewall_not_read.find(facts))
    return Judgement(tuple(facts.firewalls), port, reaches, tables, traces, found, not_read)
