"""The firewall's verdict on the terminal and as a document."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice

from rescue.firewall import Firewall, Stage, Verdict, VerdictKind
from rescue.firewall.engine.addresses import AddressSet
from rescue.firewall.engine.ruleset import Action, Rule
from rescue.firewall.engine.state import Visit
from rescue.firewall.engine.table import Row, everybody, most
from rescue.firewall.engine.verdict import Decision
from rescue.firewall.judgement import Judgement, PacketTrace
from rescue.model import Symptom
from rescue.text.numbers import listed, plural
from rescue.text.safe import cut, safe
from rescue.ui.report import Report

ROWS, NETWORKS, RULES = 12, 8, 24
"""How many parts of a table, networks of a part and rules of a way are shown, unless all are asked for."""

WORDS = {
    Symptom.OK: "gets in",
    Symptom.REFUSED: "refused",
    Symptom.TIMED_OUT: "times out",
    Symptom.UNREACHABLE: "no route",
    Symptom.CLOSED: "closed",
    Symptom.HANGS: "hangs",
}
SHARED = {
    Symptom.OK: "get in",
    Symptom.REFUSED: "are refused",
    Symptom.TIMED_OUT: "time out",
    Symptom.UNREACHABLE: "find no route",
    Symptom.CLOSED: "are cut off",
    Symptom.HANGS: "hang",
}
"""The same of many."""

STYLES = {
    VerdictKind.ACCEPT: "green",
    VerdictKind.DROP: "bold red",
    VerdictKind.REJECT: "bold red",
    VerdictKind.DEPENDS: "bold yellow",
}

STAGES = {
    Stage.NEIGHBOUR: "Neighbour discovery: who has the server's address?",
    Stage.SYN: "The first packet of the connection (SYN)",
    Stage.REFUSAL: "The refusal, on its way out",
    Stage.REPLY: "The server's answer (SYN-ACK)",
    Stage.DATA: "The client's next packets (ACK, data)",
}


class FirewallReport:
    """Writes the verdict to one console."""

    def __init__(self, report: Report, *, every: bool) -> None:
        self.report = report
        self.every = every

    def show(self, judged: Judgement, name: str, method: str, notes: Iterable[str]) -> None:
        """The firewalls, the table for each IP version, and the way of each client."""
        line = self.report.line
        line(f"{safe(name)} ({method}): who may open TCP port {judged.port} after the next boot", "bold")
        for note in notes:
            line(f"Note: {safe(note)}", "yellow")
        self._firewalls(judged.firewalls)
        for each in judged.not_read:
            line(f"Not judged: {safe(each.message)}", "bold yellow", hang=2)
        if judged.not_read:
            line("What follows is true as far as that does not change it.", "yellow")
            line()
        for version, found in judged.rows.items():
            line(f"Over IPv{version}:", "bold")
            if len(found) > ROWS:
                line(f"Of all addresses {shares(found)}.", indent=2, hang=2)
            for row in sorted(found if self.every else found[:ROWS], key=_reading_order):
                self._row(row, alone=len(found) == 1)
            self._left_out(found)
            line()
        self._sent_on(judged)
        self._taken_for_granted(judged)
        for way in judged.traces:
            self._way(way, judged.port)

    def _firewalls(self, firewalls: Sequence[Firewall]) -> None:
        line = self.report.line
        if not firewalls:
            line("No firewall that can be judged is loaded at boot.")
        for firewall in firewalls:
            why = f"{firewall.manager}, because of {safe(str(firewall.location))}"
            loaded_by = f", which {safe(str(firewall.loaded_by))} loads" if firewall.loaded_by is not None else ""
            line(why + loaded_by, indent=2, hang=2)
            for problem in firewall.problems:
                line(f"does not load: {safe(problem.message)} ({safe(str(problem.location))})", "yellow", 4, 2)
                if problem.lost:
                    line(f"the kernel lacks {safe(problem.lost)}", "yellow", 6, 2)
        line()

    def _left_out(self, found: Sequence[Row]) -> None:
        if self.every or len(found) <= ROWS:
            return
        rest = found[ROWS:]
        admitted = sum(row.kind is VerdictKind.ACCEPT for row in rest)
        self.report.line(
            f"and {plural(len(rest), 'smaller part')} ({admitted} of them get in); --all shows every one", "dim", 2
        )

    def _row(self, row: Row, *, alone: bool) -> None:
        report = self.report
        said = WORDS[row.symptom] if row.kind is not VerdictKind.DEPENDS else "depends"
        who = self._who(row, alone)
        report.line(f"{said:<12}{who}", STYLES[row.kind], 2, 12)
        if row.reason:
            report.line(f"on {safe(row.reason)}", "yellow", 14, 2)
        if row.decision is not None:
            self._decision(row.decision)
        elif row.kind is VerdictKind.ACCEPT:
            report.line("no rule and no policy turns them away", "dim", 14)

    def _who(self, row: Row, alone: bool) -> str:
        if alone or everybody(row):
            return "everybody"
        if most(row):
            return "everybody else"
        return networks(row.sources, None if self.every else NETWORKS)

    def _decision(self, decision: Decision) -> None:
        report = self.report
        what = f"{decision.firewall.manager}, {decision.table}, chain {decision.chain}"
        if decision.rule is None:
            what += ": its policy"
        if decision.stage is not Stage.SYN:
            what += f"; it meets {decision.stage}"
        report.line(safe(what), "dim", 14, 2)
        report.exact(safe(str(decision.location)), "cyan", 14)
        if decision.location.text.strip():
            report.exact(cut(safe(decision.location.text.strip()), report.out.width - 18), "", 18)

    def _sent_on(self, judged: Judgement) -> None:
        ports = {port: None for here in judged.reaches.values() for port, who in here.sent_on.items() if who}
        for port in ports:
            self.report.line(
                f"A rule sends connections to port {judged.port} on to port {port} of this server (REDIRECT): the SSH "
                "server has to listen there."
            )
        if ports:
            self.report.line()

    def _taken_for_granted(self, judged: Judgement) -> None:
        notes = {note: None for way in judged.traces for note in way.verdict.assumed}
        for here in judged.reaches.values():
            notes |= dict.fromkeys([*here.taken_for_granted, *here.outcome.assumed])
        if notes:
            self.report.line("Taken for granted:")
            for note in notes:
                self.report.line(f"{safe(note)}", indent=2, hang=2)
            self.report.line()

    # -- one client ---------------------------------------------------------------------------------------------------

    def _way(self, way: PacketTrace, port: int) -> None:
        line = self.report.line
        line(f"The way of {way.source} to port {port}:", "bold")
        stage: Stage | None = None
        base: tuple[object, ...] = ()
        shown = way.visits if self.every else way.visits[:RULES]
        for visit in shown:
            if visit.stage is not stage:
                stage, base = visit.stage, ()
                line(STAGES[stage], indent=2)
            here = (id(visit.firewall), visit.table, visit.base.name)
            if here != base:
                base = here
                line(safe(f"{visit.firewall.manager}, {visit.table}, chain {visit.base.name}"), "dim", 4)
            self._visit(visit)
        if len(shown) < len(way.visits):
            line(f"and {plural(len(way.visits) - len(shown), 'more rule')}; --all shows them", "dim", 6)
        if not way.visits:
            line("no rule of a firewall applies to it", indent=4)
        self._end(way, port)

    def _visit(self, visit: Visit) -> None:
        report = self.report
        indent = min(6 + 2 * visit.depth, 16)
        if visit.passed:
            report.line(f"({plural(visit.passed, 'rule')} passed by)", "dim", indent)
        rule = visit.rule
        text = safe(rule.text.strip()) if rule is not None else f"policy {visit.base.policy}"
        place = rule.location if rule is not None else visit.base.location
        style = {Action.ACCEPT: "green", Action.DROP: "red", Action.REJECT: "red"}.get(action(visit, rule), "")
        report.exact(cut(text, report.out.width - indent), style, indent)
        report.exact(safe(str(place)), "cyan", indent + 2)
        if visit.doubt:
            report.line(f"applies perhaps: it depends on {safe(visit.doubt)}", "yellow", indent + 2, 2)

    def _end(self, way: PacketTrace, port: int) -> None:
        verdict = way.verdict
        said = WORDS[seen(verdict)] if verdict.kind is not VerdictKind.DEPENDS else f"depends on {safe(verdict.reason)}"
        self.report.line(f"{way.source} {said}.", STYLES[verdict.kind], 2)
        if verdict.kind is not VerdictKind.ACCEPT and verdict.kind is not VerdictKind.DEPENDS:
            self.report.exact(seen(verdict).words(port=port), indent=4)
        self.report.line()


def _reading_order(row: Row) -> tuple[bool, int]:
    """Who gets in first, and "everybody else" last."""
    return most(row), (VerdictKind.ACCEPT, VerdictKind.DEPENDS, VerdictKind.REJECT, VerdictKind.DROP).index(row.kind)


def action(visit: Visit, rule: Rule | None) -> Action:
    if rule is not None:
        return rule.target.action
    return Action.ACCEPT if visit.base.policy == "ACCEPT" else Action.DROP


def seen(verdict: Verdict) -> Symptom:
    if verdict.accepted or not verdict.decisions:
        return Symptom.OK if verdict.accepted else Symptom.TIMED_OUT
    return Row(AddressSet(4), verdict.kind, verdict.decisions[0]).symptom


def shares(found: Sequence[Row]) -> str:
    """Of a table with many parts: which share of all addresses has which end."""
    total = sum(row.sources.count for row in found)
    count: dict[str, int] = {}
    for row in found:
        word = SHARED[row.symptom] if row.kind is not VerdictKind.DEPENDS else "depend"
        count[word] = count.get(word, 0) + row.sources.count
    parts = sorted(count.items(), key=lambda each: -each[1])
    return listed([f"{_percent(part, total)} {word}" for word, part in parts])


def _percent(part: int, total: int) -> str:
    value = 100 * part / total
    return f"{value:.1f} %" if 0.05 <= value <= 99.95 else "almost all" if value > 50 else "less than 0.1 %"


def networks(sources: AddressSet, limit: int | None = NETWORKS) -> str:
    """The sources in CIDR notation: at most `limit` networks, and how many more there are."""
    shown = list(islice(sources.networks(), limit))
    if limit is None or len(shown) < limit:
        return ", ".join(shown)
    total = sum(1 for _ in islice(sources.networks(), 100_000))
    return ", ".join(shown) + (f" and {total - limit} more networks" if total > limit else "")
