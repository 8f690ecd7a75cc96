"""The last screen of an inspection: all that a person needs, in the 25 lines of a console that can't scroll back.

The headline, what the client says, a line for each finding and each account, what was not judged, the path in one
glance, what to type next. Where there is more than fits, the most important stays and the rest is counted; the
details stand above it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import wrap

from rescue.examine import Examination
from rescue.login_path import State, UserVerdict, Verdict
from rescue.model import Finding, Severity
from rescue.text.safe import cut, safe

ROWS = 25
"""Lines of a console without a scrollback; the prompt takes the last one."""
_SHORT = 18
"""Characters of a fingerprint that tell two keys of one account apart."""
_MARKS = {State.OK: "ok", State.DOUBTFUL: "(?)", State.NOT_JUDGED: "?"}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the screen, not longer than it is wide."""

    text: str = ""
    style: str = ""


def summary(
    examination: Examination, name: str, words: str, following: Sequence[str], width: int, rows: int = ROWS
) -> list[Line]:
    """At most `rows` - 1 lines of `width` columns.

    name: the target as it was given. words: what the client prints, "" where nothing is wrong. following: the commands
    to type next.
    """
    path = examination.path
    head = [Line(each, "bold") for each in wrap(headline(examination, name), width, break_on_hyphens=False)[:2]]
    if words:
        head.append(Line(cut(f"  {words}", width), "bold"))
    # With a menu below it, there is no room for empty lines, and less for what matters less.
    roomy = rows >= ROWS - 1
    between = [Line()] if roomy else []
    foot = [*between, *_glance(examination, width)]
    if following:
        foot += [*between, *(Line(f"  {each}", "bold") for each in following)]
    room = rows - 1 - len(head) - len(foot)
    findings = [_finding(number, each, width) for number, each in enumerate(path.findings, 1)]
    users = sorted(path.users, key=lambda each: each.verdict in (Verdict.CLEAR, Verdict.INCOMPLETE))
    accounts = [Line(cut(f"  {_account(each, examination)}", width), _style(each)) for each in users]
    gaps = [
        Line(cut(f"  not judged: {safe(each.what)}   {safe(each.supply)}", width), "dim")
        for each in path.gaps
        if each.supply  # the rest is hidden by a broken step, and the path shows it
    ]
    parts = [each for each in (findings, accounts, gaps) if each]
    fitted = _fitted(parts, room - len(between) * len(parts), 3 if roomy else 1)
    body = [line for part in fitted for line in (*between, *part)]
    return [*head, *body, *foot]


def _fitted(parts: list[list[Line]], room: int, kept: int) -> list[list[Line]]:
    """Each part, the most important first, cut so that all fit and `kept` lines are left for each later one."""
    made = []
    for at, lines in enumerate(parts):
        least = sum(min(len(each), kept) for each in parts[at + 1 :])
        share = max(1, room - least)
        if len(lines) > share:
            lines = [*lines[: share - 1], Line(f"  and {len(lines) - share + 1} more, see above", "dim")]
        made.append(lines)
        room -= len(lines)
    return made


def headline(examination: Examination, name: str) -> str:
    """Which server, and the verdict, in one sentence."""
    facts, path = examination.facts, examination.path
    host = f"{safe(facts.hostname)} " if facts.hostname else ""
    system = safe(facts.release.name) or "an unknown Linux"
    where = f"{host}({system}) on {safe(name)}"
    sure = sum(each.severity is Severity.BROKEN for each in path.findings)
    unsure = len(path.findings) - sure
    if sure:
        also = f", and {_counted(unsure)} may" if unsure else ""
        return f"{where}: {_counted(sure)} {'keeps' if sure == 1 else 'keep'} you out{also}. ssh would say:"
    if unsure:
        return f"{where}: {_counted(unsure)} may keep you out. ssh would say:"
    if path.verdict is Verdict.CLEAR:
        return f"{where}: no problem found on this disk."
    return f"{where}: nothing wrong found, but not everything that decides could be judged."


def _counted(number: int) -> str:
    return f"{number} problem{'s' if number != 1 else ''}"


def _finding(number: int, finding: Finding, width: int) -> Line:
    sure = finding.severity is Severity.BROKEN
    text = f"  {number} {finding.step.word:<10}{'' if sure else 'perhaps: '}{safe(finding.message)}"
    return Line(cut(text, width), "red" if sure else "yellow")


def _account(user: UserVerdict, examination: Examination) -> str:
    name = f"{safe(user.user):<8}"
    keys = [key for whose, key in examination.keys if whose == user.user]
    taken = ""
    if keys:
        comment = f" {safe(keys[0].comment)}" if keys[0].comment else ""
        more = f" and {len(keys) - 1} more" if len(keys) > 1 else ""
        taken = f"key {keys[0].fingerprint[:_SHORT]}...{comment}{more}"
    numbers = ", ".join(str(at) for at, each in enumerate(examination.findings, 1) if each in user.findings)
    if user.verdict is Verdict.CLEAR:
        return f"{name} can log in{f' with {taken}' if taken else ''}"
    if user.verdict is Verdict.INCOMPLETE:
        return f"{name} nothing wrong found{f'; taken: {taken}' if taken else ''}"
    kept = "can't log in" if user.verdict is Verdict.BROKEN else "perhaps can't log in"
    return f"{name} {kept}: {numbers}{f'   (taken: {taken})' if taken else ''}"


def _style(user: UserVerdict) -> str:
    return {Verdict.CLEAR: "green", Verdict.INCOMPLETE: ""}.get(user.verdict, "yellow")


def _glance(examination: Examination, width: int) -> list[Line]:
    """The path in one or two lines: broken steps in capitals."""
    words = []
    broken = False
    for each in examination.path.steps:
        if each.state is State.BROKEN:
            words.append(each.step.word.upper())
            broken = True
        elif each.state is State.NOT_JUDGED and broken and all(not gap.supply for gap in each.gaps):
            words.append(f"{each.step.word} -")
        else:
            words.append(f"{each.step.word} {_MARKS[each.state]}")
    return [Line(f"  {each}") for each in wrap("  ".join(words), width - 2, break_on_hyphens=False)]
