"""The firewall's verdict as a document."""

from __future__ import annotations

from collections.abc import Sequence

from rescue.firewall import Firewall
from rescue.firewall.engine.table import Row
from rescue.firewall.engine.verdict import Decision
from rescue.firewall.judgement import Judgement, PacketTrace
from rescue.kernel_check.result import Proof
from rescue.ui import document
from rescue.ui.firewall import action, seen
from rescue.ui.firewall_proof import proof_document


def as_document(
    judged: Judgement, name: str, method: str, notes: Sequence[str], proof: Proof | None = None
) -> dict[str, object]:
    """What ``firewall --json`` prints."""
    made: dict[str, object] = {
        "schema": document.SCHEMA,
        "target": {"name": name, "method": method, "notes": list(notes)},
        "port": judged.port,
        "blocked": judged.blocked,
        "firewalls": [_firewall(each) for each in judged.firewalls],
        "reach": [
            {"version": version, "interface": judged.reaches[version].interface, "rows": [_row(row) for row in found],
             "sent_on": sorted(judged.reaches[version].sent_on),
             "assumed": [*judged.reaches[version].taken_for_granted, *judged.reaches[version].outcome.assumed]}
            for version, found in judged.rows.items()
        ],
        "ways": [_way(each) for each in judged.traces],
        "not_read": [{"message": each.message, "locations": [document.location(place) for place in each.locations]}
                     for each in judged.not_read],
    }  # fmt: skip
    if proof is not None:
        made["proof"] = proof_document(proof)
    return made


def _firewall(firewall: Firewall) -> dict[str, object]:
    return {
        "manager": firewall.manager,
        "location": document.location(firewall.location),
        "loaded_by": document.location(firewall.loaded_by) if firewall.loaded_by is not None else None,
        "files": {str(version): [str(path) for path in paths] for version, paths in firewall.files.items()},
        "problems": [
            {"message": each.message, "location": document.location(each.location), "lost": each.lost}
            for each in firewall.problems
        ],
    }


def _row(row: Row) -> dict[str, object]:
    return {
        "sources": list(row.sources.networks()),
        "verdict": str(row.kind),
        "symptom": str(row.symptom),
        "reason": row.reason,
        "decision": _decision(row.decision) if row.decision else None,
    }


def _decision(decision: Decision) -> dict[str, object]:
    return {
        "manager": decision.firewall.manager,
        "table": decision.table,
        "chain": decision.chain,
        "policy": decision.rule is None,
        "stage": decision.stage.name.lower(),
        "how": decision.how,
        "location": document.location(decision.location),
    }


def _way(way: PacketTrace) -> dict[str, object]:
    return {
        "from": str(way.source),
        "verdict": str(way.verdict.kind),
        "symptom": str(seen(way.verdict)),
        "reason": way.verdict.reason,
        "assumed": list(way.verdict.assumed),
        "visits": [
            {
                "stage": visit.stage.name.lower(),
                "manager": visit.firewall.manager,
                "table": visit.table,
                "chain": visit.base.name,
                "depth": visit.depth,
                "passed": visit.passed,
                "action": str(action(visit, visit.rule)),
                "policy": visit.rule is None,
                "doubt": visit.doubt,
                "location": document.location(visit.rule.location if visit.rule else visit.base.location),
            }
            for visit in way.visits
        ],
    }
