"""An inspection, or a fix, as a web page: the verdict, the path, a card for each finding, what was not judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC

from rescue.examine import Examination
from rescue.facts import Facts
from rescue.firewall.engine.table import Row
from rescue.login_path import UserVerdict, Verdict
from rescue.model import Finding, Gap, Location, Repair, Safety
from rescue.planner import Mend, Plan, taken_unasked
from rescue.text.diff import unified
from rescue.text.numbers import size
from rescue.tree import Change
from rescue.ui.page.address_map import address_map, covers_all
from rescue.ui.page.disk_picture import Filled, disk_pictures
from rescue.ui.page.frame import framed, section
from rescue.ui.page.manual import manual
from rescue.ui.page.markup import Html, copied, details, joined, tag, text
from rescue.ui.page.path_picture import path_list, path_picture
from rescue.ui.program import complete, proposed
from rescue.ui.report import NOTHING_FOUND, as_sentence, command, symptom_line
from rescue.ui.summary import headline
from rescue.ui.timeline import last_boot_words, last_login_words

FindingKey = tuple[str, str]
CLOUD = (
    "If you still can't get in, look at what can't be seen from this disk: the provider's own firewall (security "
    "group), the address you connect to, and your own network."
)
EVENTS = 30
"""Rows of what happened since the last login."""
PLACES = 12
"""Files of a finding that are shown."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """What a page has beside the examination. previews: what a repair, by its title, would change, by the finding.

    reach: who may connect, by the IP version. filled: the file systems. manuals: by the cause.
    """

    previews: Mapping[FindingKey, Mapping[str, Sequence[Change]]] = field(default_factory=dict)
    reach: Mapping[int, Sequence[Row]] = field(default_factory=dict)
    filled: Sequence[Filled] = ()
    manuals: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Server:
    """The target, as a person names it. spec: as it is typed; words: the options behind it. writable: not a bundle."""

    name: str
    method: str
    spec: str
    words: Sequence[str] = ()
    notes: Sequence[str] = ()
    writable: bool = True


@dataclass(frozen=True, slots=True)
class Written:
    """What came of a fix. record: its name in the undo log, None where nothing was written."""

    plan: Plan
    after: Examination
    record: str | None
    undo: str = ""
    """The command that takes it back."""


def page(examination: Examination, server: Server, gathered: Gathered) -> str:
    """The page of an inspection."""
    return framed(
        _title(examination, server), _header(examination, server), *_findings(examination, server, gathered),
        *_rest(examination, server, gathered), at=_at(examination.facts),
    )  # fmt: skip


def fix_page(written: Written, server: Server, gathered: Gathered) -> str:
    """The page of a fix: what was changed and how to take it back, what is left, and what was found before."""
    plan, after = written.plan, written.after
    done = written.record is not None
    if done:
        told = tag("p", f"Repaired, and recorded as {written.record}. To take it back:")
        head = joined(told, copied(written.undo))
    elif plan.changes:
        head = tag("p", "Nothing was written: these are the changes that a fix would make.", class_="state doubt")
    else:
        head = tag("p", "Nothing was written.", class_="state doubt")
    mends = tuple(_mend(number, each, gathered) for number, each in enumerate(plan.mends, 1))
    left = tag("ul", *(tag("li", tag("strong", each.finding.check), f": {each.reason}") for each in plan.left))
    shown = after if done else plan.before
    sections: list[str] = [
        section("What was changed" if done else "What would be changed", *mends),
        section("Not repaired", left if plan.left else ""),
    ]
    if plan.changes and not done:
        sections.append(section("The path to a login after that", path_picture(after.path), path_list(after.path)))
    sections += _findings(shown, server, gathered, found="What is left" if done else "What was found")
    sections += _rest(shown, server, gathered)
    return framed(_title(shown, server), joined(_header(shown, server), head), *sections, at=_at(shown.facts))


def _title(examination: Examination, server: Server) -> str:
    return f"rescue: {examination.facts.hostname or server.name}"


def _at(facts: Facts) -> str:
    return f"{facts.now.astimezone(UTC):%Y-%m-%d at %H:%M UTC}"


def _header(examination: Examination, server: Server) -> Html:
    facts, first = examination.facts, examination.path.first
    who = facts.client
    users = [who.user] if who.user is not None else [each.user for each in examination.path.users]
    asked = f"Checked for {', '.join(users[:8]) or 'any user'}"
    asked += f"{' ...' if len(users) > 8 else ''}, from {', '.join(map(str, who.sources)) or 'any address'}"
    kind = {Verdict.CLEAR: "ok", Verdict.BROKEN: "bad", Verdict.DOUBTFUL: "doubt"}.get(examination.path.verdict, "")
    parts: list[str] = [
        tag("h1", facts.hostname or server.name),
        tag("p", headline(examination, server.name, ""), class_=f"verdict {kind}".strip()),
    ]
    if first is not None:
        parts += [tag("p", "What ssh says:"), tag("pre", symptom_line(first, examination))]
    parts.append(tag("p", f"{asked}, to port {facts.dialled}, on {_at(facts)} ({server.method}).", class_="soft"))
    parts += [tag("p", f"Note: {each}", class_="doubt") for each in server.notes]
    return joined(*parts)


def _findings(
    examination: Examination, server: Server, gathered: Gathered, *, found: str = "What was found"
) -> list[str]:
    path = examination.path
    cards = tuple(_card(number, each, server, gathered) for number, each in enumerate(path.findings, 1))
    if not cards:
        words = "No problem found on this disk." if path.verdict is Verdict.CLEAR else NOTHING_FOUND
        cards, found = (tag("p", words), tag("p", CLOUD)), "The result"
    return [section("The path to a login", path_picture(path), path_list(path)), section(found, *cards)]


def _rest(examination: Examination, server: Server, gathered: Gathered) -> list[str]:
    """What a page has behind the findings."""
    facts = examination.facts
    reach = {version: rows for version, rows in gathered.reach.items() if rows}
    told = Html("")
    if reach and all(covers_all(rows) for rows in reach.values()):
        told = tag("p", "No firewall on this disk keeps anybody away from the port.")
    elif reach:
        told = address_map(reach, facts.client.sources)
    gaps = tag("ul", *(_gap(each) for each in examination.path.gaps))
    return [
        section("Who can log in", _users(examination)),
        section("Not judged", gaps if examination.path.gaps else ""),
        section(f"Who may open port {facts.dialled}", told),
        section("How full the disk is", disk_pictures(gathered.filled)),
        section("What the server's logs say", _remembered(facts)),
        section("What to do next", _next(examination, server)),
    ]


def _gap(gap: Gap) -> Html:
    supply = f" ({proposed(gap.supply)})" if gap.supply else ""
    return tag("li", tag("strong", gap.step.word), f": {gap.what}{supply}")


def _users(examination: Examination) -> Html:
    users = examination.path.users
    return tag("ul", *(_user(each, examination) for each in users)) if users else Html("")


def _user(user: UserVerdict, examination: Examination) -> Html:
    numbers = [at for at, found in enumerate(examination.findings, 1) if found in user.findings]
    if user.verdict is Verdict.CLEAR:
        state, kind = "can log in", "ok"
    elif user.verdict is Verdict.INCOMPLETE:
        state, kind = "no problem found, but not everything was judged", ""
    else:
        state = f"{'blocked' if user.verdict is Verdict.BROKEN else 'perhaps blocked'} by "
        kind = "bad" if user.verdict is Verdict.BROKEN else "doubt"
    links = [joined(", " if at else "", tag("a", str(number), href=f"#finding-{number}"))
             for at, number in enumerate(numbers)]  # fmt: skip
    keys = [f"{key.fingerprint} {key.comment}".strip() for name, key in examination.keys if name == user.user]
    taken = tag("div", f"keys that are accepted: {', '.join(keys)}", class_="soft") if keys else ""
    return tag("li", tag("strong", user.user), " ", tag("span", state, class_=kind), *links, taken)


def _remembered(facts: Facts) -> Html:
    parts: list[str] = []
    if facts.last_login is not None:
        parts.append(tag("p", Html(text(last_login_words(facts.last_login, facts)))))
    if facts.last_boot is not None:
        parts.append(tag("p", Html(text(last_boot_words(facts.last_boot, facts.now)))))
    rows = facts.since_last_login
    if rows:
        listed = tag(
            "ul",
            *(tag("li", f"{row.at.astimezone(UTC):%Y-%m-%d %H:%M} {row.kind}: {row.what}"
                  + (f" ({row.count} times)" if row.count > 1 else "")) for row in rows[-EVENTS:]),
        )  # fmt: skip
        parts.append(details("What happened since the last login (UTC)", listed))
    return joined(*parts)


def _next(examination: Examination, server: Server) -> Html:
    if not examination.findings:
        return Html("")
    if any(way.edit for each in examination.findings for way in each.repairs):
        told = tag("p", "To repair what was found: shows every change before it is made, and asks.")
        return joined(told, copied(_fix_command(server)))
    return tag("p", "No repair can be made by rescue itself; each card says what a person can do.")


def _fix_command(server: Server, number: int | None = None) -> str:
    which = [] if number is None else [str(number)]
    dry = [] if server.writable else ["--dry-run"]
    return command("fix", server.spec, *which, *server.words, *dry)


# -- one finding -------------------------------------------------------------------------------------------------------


def _card(number: int, finding: Finding, server: Server, gathered: Gathered) -> Html:
    known = gathered.manuals.get(finding.check, "")
    title = known.strip().partition("\n")[0].rstrip(".")
    parts: list[str] = [
        tag("h3", f"{number}. {title or finding.check}"),
        tag(
            "p", f"{finding.check}, step {finding.step.order} ({finding.step.word}): {finding.severity}", class_="state"
        ),
        tag("p", finding.message),
    ]
    if finding.seen:
        parts.append(tag("p", as_sentence(finding.seen)))
    if finding.reason:
        parts.append(tag("p", f"Not sure: {finding.reason}", class_="doubt"))
    if finding.locations:
        parts += [tag("h4", "Evidence"), _evidence(finding.locations)]
    ways = gathered.previews.get(finding.key, {})
    for way in finding.repairs:
        parts.append(_repair(finding, way, ways.get(way.title, ())))
    if any(way.edit for way in finding.repairs):
        parts += [tag("p", "To repair this alone:"), copied(_fix_command(server, number))]
    if known:
        parts.append(details(f"What {finding.check} is: the manual", manual(known)))
    return tag("article", *parts, class_=str(finding.severity), id=f"finding-{number}")


def _evidence(places: Sequence[Location]) -> Html:
    shown = [
        tag("li", tag("code", str(place)), tag("pre", place.text.strip()[:2000]) if place.text.strip() else "")
        for place in places[:PLACES]
    ]
    if len(places) > PLACES:
        shown.append(tag("li", f"and {len(places) - PLACES} more places"))
    return tag("ul", *shown)


def _repair(finding: Finding, way: Repair, changes: Sequence[Change]) -> Html:
    note = ""
    if way.safety is Safety.MANUAL:
        note = " (by hand)"
    elif not taken_unasked(finding, way):
        note = " (you are asked; with --yes it needs --unsafe)"
    parts: list[str] = [tag("h4", f"Repair: {way.title}{note}")]
    if way.weakens:
        parts.append(tag("p", f"Security note: {way.weakens}", class_="doubt"))
    if way.steps:
        parts += _steps(complete(way.steps))
    parts += [_diff(each) for each in changes if each.reversible]
    gone = [each for each in changes if not each.reversible]
    if gone:
        freed = size(sum(each.frees for each in gone))
        listed = tag("ul", *(tag("li", tag("code", str(each.path)), f" {size(each.frees)}") for each in gone[:40]))
        parts.append(details(f"Deletes {len(gone)} files for good ({freed})", listed))
    return joined(*parts)


def _steps(steps: str) -> list[str]:
    """Sentences as they are, and what is to be typed as something to copy."""
    made: list[str] = []
    typed: list[str] = []
    for line in [*steps.split("\n"), "."]:
        if line.endswith("."):
            if typed:
                made.append(copied("\n".join(typed)))
                typed = []
            if line != ".":
                made.append(tag("p", line))
        else:
            typed.append(line)
    return made


def _diff(change: Change) -> Html:
    lines = []
    for line in unified(change):
        name = {"+": "ins", "-": "del"}.get(line[:1]) if line[:3] not in ("+++", "---") else "strong"
        lines.append(tag(name, line) if name else text(line))
    return tag("pre", Html("\n".join(lines))) if lines else Html("")


def _mend(number: int, mend: Mend, gathered: Gathered) -> Html:
    """One repair that was made, or would be, with what it is for."""
    finding, repair = mend.finding, mend.repair
    gone = [each for each in mend.changes if not each.reversible]
    parts: list[str] = [tag("h3", f"{number}. {repair.title}"), tag("p", finding.message)]
    if repair.weakens:
        parts.append(tag("p", f"Security note: {repair.weakens}", class_="doubt"))
    if gone:
        freed = size(sum(each.frees for each in gone))
        parts.append(tag("p", f"{len(gone)} files deleted for good: {freed}"))
    parts += [_diff(each) for each in mend.changes if each.reversible]
    if finding.locations:
        parts.append(details("Evidence", _evidence(finding.locations)))
    if known := gathered.manuals.get(finding.check):
        parts.append(details(f"What {finding.check} is: the manual", manual(known)))
    return tag("article", *parts, class_=str(finding.severity))
