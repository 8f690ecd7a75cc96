"""The last screen of an inspection: all that somebody needs, in the 25 lines of a console that can't scroll back.

The details come before it. What does not fit is shortened by levels, and whatever is left out is counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from textwrap import wrap

from rescue.examine import Examination
from rescue.login_path import State, UserVerdict, Verdict
from rescue.model import Finding, Gap, Severity
from rescue.text.safe import cut, safe

ROOM = 24
"""Lines of a summary: one less than a console has, for the shell's prompt."""
NARROW = 70
"""Columns below which a line is wrapped, as what is left of a cut one says nothing."""
STEP_WIDTH = 10
"""Columns of the number of a finding and its step's name."""


@dataclass(frozen=True, slots=True)
class _Level:
    """How much is said. lines: lines of a finding's message; 0: only the cause and its file."""

    lines: int
    findings: int
    users: int
    gaps: int
    blanks: bool = True
    path: bool = True


def summary(
    examination: Examination, name: str, symptom: str, following: Sequence[str], width: int, room: int = ROOM
) -> list[str]:
    """The screen, at most `room` lines of `width` columns where the commands and the client's words leave that much.

    name: the target. symptom: the line that the client prints; "" where nothing keeps anybody out. following: the
    commands to type next, ready to print; they are never cut.
    """
    made: list[str] = []
    for level in _levels(examination):
        made = _screen(examination, name, symptom, following, width, level)
        if rows(made, width) <= room:
            break
    return made


def rows(lines: Sequence[str], width: int) -> int:
    """Rows of a terminal that `lines` take: a line that is too long takes several."""
    return sum(max(1, -(-len(line) // width)) for line in lines)


def _levels(examination: Examination) -> Iterator[_Level]:
    """From all that there is to the least, in small steps: first shorter, then fewer."""
    findings, users, gaps = len(examination.findings), len(examination.path.users), len(_own_gaps(examination))
    yield _Level(2, findings, users, gaps)
    gaps, users = min(gaps, 4), min(users, 4)
    yield _Level(2, findings, users, gaps)
    yield _Level(1, findings, users, gaps)
    gaps = min(gaps, 2)
    yield _Level(1, findings, users, gaps)
    yield _Level(0, findings, users, gaps)
    users, gaps = min(users, 2), min(gaps, 1)
    while findings > 3:
        findings -= 1
        yield _Level(0, findings, users, gaps)
    yield _Level(0, findings, users, gaps, blanks=False)
    while findings > 1:
        findings -= 1
        yield _Level(0, findings, min(users, 1), gaps, blanks=False)
    yield _Level(0, findings, min(users, 1), gaps, blanks=False, path=False)


def _screen(
    examination: Examination, name: str, symptom: str, following: Sequence[str], width: int, level: _Level
) -> list[str]:
    blank = [""] if level.blanks else []
    made = wrap(headline(examination, name, symptom), width, break_on_hyphens=False)
    if symptom:
        made += wrap(symptom, width, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False)
    elif (port := examination.facts.dialled) != 22 and not examination.findings:
        made.append(cut(f"  sshd listens on port {port}: ssh -p {port} ...", width))
    made += blank
    findings = examination.findings
    for number, finding in enumerate(findings[: level.findings], 1):
        made += _finding(number, finding, width, level.lines)
    if len(findings) > level.findings:
        made.append(cut(f"  and {len(findings) - level.findings} more problems (--json has all)", width))
    if findings:
        made += blank
    made += _users(examination, width, level.users)
    made += _gaps(examination, width, level.gaps)
    path = wrap(_path(examination), width, subsequent_indent="  ", break_on_hyphens=False) if level.path else []
    return [*made, *blank, *path, *blank, *following]


def headline(examination: Examination, name: str, symptom: str) -> str:
    """Which server, and the verdict, in a sentence; it leads to the client's words where there are any."""
    facts, findings = examination.facts, examination.findings
    system = safe(facts.release.name) or "unknown Linux"
    server = f"{safe(facts.hostname) or 'server'} ({system}) on {safe(name)}"
    if not findings:
        clear = examination.path.verdict is Verdict.CLEAR
        return f"{server}: " + (
            "no problem found on this disk." if clear else "no problem found, but not everything could be judged."
        )
    broken = sum(finding.severity is Severity.BROKEN for finding in findings)
    if broken:
        counted = _counted(broken, "problem keeps you out", "problems keep you out")
        doubts = f", {len(findings) - broken} more may" if len(findings) > broken else ""
    else:
        counted, doubts = _counted(len(findings), "thing may keep you out", "things may keep you out"), ""
    return f"{server}: {counted}{doubts}." + (" ssh would say:" if symptom else "")


def _counted(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _finding(number: int, finding: Finding, width: int, lines: int) -> list[str]:
    """A finding's number and step, its message and its file; at `lines` 0 the cause in place of the message."""
    head = f"  {number:<2}{finding.step.word:<{STEP_WIDTH}}"
    places = len(finding.locations)
    where = safe(str(finding.locations[0])) if places else ""
    where += f" and {places - 1} more" if places > 1 else ""
    doubt = "" if finding.severity is Severity.BROKEN else "perhaps: "
    if not lines:
        return [cut(f"{head}{doubt}{finding.check}  {where}".rstrip(), width)]
    message = doubt + safe(finding.message)
    indent = " " * len(head)
    first, *rest = wrap(message, max(width - len(head), 10), break_on_hyphens=False) or [""]
    made = [head + first, *(indent + each for each in rest[: lines - 1])]
    if len(rest) >= lines:
        made[-1] = cut(f"{made[-1]} ...", width) if len(made[-1]) + 4 <= width else f"{made[-1][: width - 3]}..."
    return [*made, *([cut(indent + where, width)] if where else [])]


def _users(examination: Examination, width: int, most: int) -> list[str]:
    """A line for each account. Who can't get in comes first where not all are named."""
    users = examination.path.users
    if len(users) > most:
        users = tuple(sorted(users, key=lambda each: each.verdict in (Verdict.CLEAR, Verdict.INCOMPLETE)))
    column = min(16, max((len(safe(each.user)) for each in users), default=0))
    made = [cut(f"  {safe(each.user):<{column}}  {_outlook(each, examination)}", width) for each in users[:most]]
    if len(users) > most:
        counted = _counted(len(users) - most, "more account", "more accounts")
        made.append(cut(f"  and {counted} (name one with --user)", width))
    return made


def _outlook(user: UserVerdict, examination: Examination) -> str:
    if user.verdict is Verdict.CLEAR:
        return "can log in"
    if user.verdict is Verdict.INCOMPLETE and user.refused_at is not None:
        return f"refused by sshd, perhaps on purpose ({safe(str(user.refused_at))})"
    if user.verdict is Verdict.INCOMPLETE:
        return "no problem found; not everything judged"
    numbers = ", ".join(str(at) for at, found in enumerate(examination.findings, 1) if found in user.findings)
    return f"{'blocked' if user.verdict is Verdict.BROKEN else 'perhaps blocked'} by {numbers}"


def _own_gaps(examination: Examination) -> list[Gap]:
    """What was not judged for its own reason, and not only because a problem before it hides the answer."""
    causes = {finding.check for finding in examination.findings}
    return [gap for gap in examination.path.gaps if gap.check not in causes]


def _gaps(examination: Examination, width: int, most: int) -> list[str]:
    gaps = _own_gaps(examination)
    made = []
    for gap in gaps[:most]:
        supply = f" ({safe(gap.supply)})" if gap.supply else ""
        what = safe(gap.what)
        line = f"  not judged: {what}{supply}"
        if len(line) > width and width < NARROW:
            made += wrap(line, width, subsequent_indent="    ", break_on_hyphens=False)
            continue
        if len(line) > width:  # the way to supply it matters more than the end of the sentence
            line = f"  not judged: {cut(what, max(width - len(line) + len(what), 20))}{supply}"
        made.append(cut(line, width))
    if len(gaps) > most:
        made.append(cut(f"  not judged: {len(gaps) - most} more (--json has all)", width))
    causes = {finding.check for finding in examination.findings}
    hidden = [
        step.step.word
        for step in examination.path.steps
        if step.state is State.NOT_JUDGED and step.gaps and all(gap.check in causes for gap in step.gaps)
    ]
    if hidden:
        made.append(cut(f"  not judged until that is repaired: {', '.join(hidden)}", width))
    return made


def _path(examination: Examination) -> str:
    """The steps in one line, each with its state; what is broken in capitals."""
    marks = {State.OK: "ok", State.BROKEN: "BROKEN", State.DOUBTFUL: "doubtful", State.NOT_JUDGED: "?"}
    shown = (
        f"{step.step.word.upper() if step.state is State.BROKEN else step.step.word} {marks[step.state]}"
        for step in examination.path.steps
    )
    return ", ".join(shown) + " (?: not judged)" * any(
        step.state is State.NOT_JUDGED for step in examination.path.steps
    )
