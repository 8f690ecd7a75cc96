"""The report on the terminal: the path as a list, the first broken step in the client's own words, what to do next.

Words carry the meaning; colour only repeats it. Only characters that a Linux console's font has are used, ASCII
alone where the locale is not UTF-8. Whatever comes from the target goes through `safe` first.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import astuple
from pathlib import PurePosixPath
from shlex import join
from textwrap import wrap
from typing import TextIO

from rich.console import Console
from rich.text import Text

from rescue.examine import Examination
from rescue.login_path import State, StepVerdict, UserVerdict, Verdict
from rescue.logins.handshake.offer import meetings
from rescue.model import Finding, Safety, Severity, Step
from rescue.outside.by_hand import has_way
from rescue.planner import Left, Mend, taken_unasked
from rescue.sshd.handshake.clients import named
from rescue.text.diff import unified
from rescue.text.numbers import size
from rescue.text.safe import cut, safe
from rescue.tree import Action, Change
from rescue.ui.program import as_started, program, proposed
from rescue.ui.summary import ROOM, headline, rows, summary

WIDTH = 80
MARKS = {State.OK: "ok", State.BROKEN: "BROKEN", State.DOUBTFUL: "DOUBTFUL", State.NOT_JUDGED: "not judged"}
STYLES = {State.OK: "green", State.BROKEN: "bold red", State.DOUBTFUL: "bold yellow", State.NOT_JUDGED: "dim"}
ACTIONS = {
    Action.CREATE: "make",
    Action.REPLACE: "change",
    Action.METADATA: "permissions",
    Action.SHORTEN: "shorten",
    Action.REMOVE: "remove",
}
"""What is done to a path, in words for people; documents keep the actions' own names."""
MANY = 20
"""Paths of one fix that are listed."""
MANY_GAPS = 8
"""Things that were not judged, and accounts with their verdicts, that are listed."""
HANG = 2
"""Columns of the indent below a heading."""


def console(out: TextIO | None = None, *, color: bool = True) -> Console:
    """A console of at most 100 columns; no colour without a terminal, with NO_COLOR, TERM=dumb or `color` false."""
    stream = out or sys.stdout
    plain = not color or "NO_COLOR" in os.environ or os.environ.get("TERM") in ("dumb", "unknown")
    made = Console(
        file=stream,
        highlight=False,
        markup=False,
        emoji=False,
        no_color=plain or None,
        color_system=None if plain or not stream.isatty() else "standard",
        soft_wrap=False,
    )
    width = made.width if stream.isatty() else WIDTH
    made.width = max(40, min(width, 100))
    return made


def command(*words: str) -> str:
    """A command to type, its words quoted where a shell asks for it, and harmless to print."""
    return safe(f"{program()} {join(words)}")


def next_commands(
    examination: Examination, target: str, options: Sequence[str] = (), *, writable: bool = True
) -> list[list[str]]:
    """What to type after an inspection, each command as its words; [] where nothing was found."""
    findings = examination.findings
    found: list[list[str]] = []
    if any(way.edit for each in findings for way in each.repairs):
        found.append(["fix", target, *options, *([] if writable else ["--dry-run"])])
    return [*found, ["explain", findings[0].check]] if findings else []


NOTHING_FOUND = "Nothing wrong found, but not everything that decides could be judged (see below)."


def _outlook(user: UserVerdict, examination: Examination) -> str:
    """What an account's verdict says, in words."""
    keys = [key for name, key in examination.keys if name == user.user]
    known = ", ".join(f"{key.fingerprint}{f' ({safe(key.comment)})' if key.comment else ''}" for key in keys[:3])
    known += f" and {len(keys) - 3} more" if len(keys) > 3 else ""
    with_keys = f"with {known}" if known else ""
    numbers = [str(number) for number, found in enumerate(examination.findings, 1) if found in user.findings]
    if user.verdict is Verdict.CLEAR:
        return f"can log in {with_keys}".rstrip()
    if user.verdict is Verdict.INCOMPLETE and user.refused_at is not None:
        return (
            f"refused by sshd, perhaps on purpose ({safe(str(user.refused_at))}); --user {safe(user.user)} tells more"
        )
    if user.verdict is Verdict.INCOMPLETE:
        return f"nothing wrong found; keys taken: {known}" if known else "nothing wrong found"
    kept = "can't log in" if user.verdict is Verdict.BROKEN else "perhaps can't log in"
    return f"{kept}: see {', '.join(numbers)}" + (f"; keys taken: {known}" if known else "")


def symptom_line(first: Finding, examination: Examination) -> str:
    """The line that the client prints because of the first finding."""
    user = examination.facts.client.user or first.subject or "me"
    known = any(each.user == user for each in examination.path.users)
    usual = first.symptom.words(user=safe(user) if known else "me", port=examination.facts.dialled)
    words = safe(first.words) or usual
    return words if first.severity is Severity.BROKEN else f"perhaps: {words}"


def as_sentence(words: str) -> str:
    """The words with a capital letter at the beginning."""
    return words[:1].upper() + words[1:]


class Report:
    """Writes reports to one console."""

    def __init__(self, out: Console) -> None:
        self.out = out
        self.rows = 0
        """Rows that were printed so far."""

    def _print(self, text: Text) -> None:
        self.out.print(text, soft_wrap=True)
        self.rows += rows([text.plain], self.out.width)

    def line(self, text: str = "", style: str = "", indent: int = 0, hang: int = 0) -> None:
        """One paragraph, wrapped at words and indented as a whole, all lines but the first by `hang` more."""
        # textwrap, not the console's own padding, which fills lines up with blanks that spoil a copied text.
        first, next_ = " " * indent, " " * (indent + hang)
        wrapped = wrap(
            as_started(text), self.out.width, initial_indent=first, subsequent_indent=next_, break_on_hyphens=False
        )
        for each in wrapped or [""]:
            self._print(Text(each, style=style))

    def exact(self, text: str, style: str = "", indent: int = 0) -> None:
        """A line that is not wrapped: a command to type, a line of a diff."""
        self._print(Text(" " * indent + text, style=style))

    def heading(self, examination: Examination, name: str, method: str, notes: Iterable[str] = ()) -> None:
        """Which server this is and for whom it is judged."""
        facts = examination.facts
        system = safe(facts.release.name) or "an unknown Linux"
        named = f" on {safe(facts.hostname)}" if facts.hostname else ""
        self.line(f"{safe(name)} ({method}): {system}{named}", "bold")
        for note in notes:
            self.line(f"Note: {safe(note)}", "yellow")
        self.line(f"Judged for {self._who(examination)}.")
        self.line()

    def _who(self, examination: Examination) -> str:
        who, facts = examination.facts.client, examination.facts
        if who.user is not None:
            user = f"user {safe(who.user)}"
        else:
            names = [safe(each.user) for each in examination.path.users]
            user = "user " + ", ".join(names[:4]) + (" ..." if len(names) > 4 else "") if names else "any user"
        source = ", ".join(str(each) for each in who.sources) or "any address"
        program = f", with {named(who.program).title}" if who.program else ""
        return f"{user}, from {source}, to port {facts.dialled}{program}"

    def path(self, examination: Examination, *, every: bool = False) -> None:
        """The steps in order, a mark for each."""
        self.line("The path to a login:")
        for step in examination.path.steps:
            self._step(step, examination, every=every)
        self.line()

    def _step(self, step: StepVerdict, examination: Examination, *, every: bool) -> None:
        head = Text(f"{step.step.order:>4}  {step.step.word:<10}")
        head.append(f"{MARKS[step.state]:<12}", STYLES[step.state])
        if step.findings:
            words, style = ", ".join(sorted({finding.check for finding in step.findings})), ""
        elif step.state is State.NOT_JUDGED:
            more = f" (and {len(step.gaps) - 1} more)" if len(step.gaps) > 1 else ""
            words, style = (safe(step.gaps[0].what) if step.gaps else "") + more, "dim"
        else:
            words, style = (self._holds(step.step, examination) if every else ""), ""
        first, *rest = wrap(words, self.out.width - len(head), break_on_hyphens=False) or [""]
        line = head.copy().append(first, style)
        line.rstrip()
        self._print(line)
        for each in rest:
            self.exact(each, style, len(head))

    def _holds(self, step: Step, examination: Examination) -> str:
        """What holds of an "ok" step; of *accept* also what the named client and sshd agree on."""
        if step is not Step.ACCEPT or not examination.facts.client.program:
            return step.holds
        first = meetings(examination.facts)[0]
        agreed = ", ".join(name for name in astuple(first.agreed) if name)
        return f"{step.holds} ({first.program.title}: {agreed})"

    def findings(self, examination: Examination) -> None:
        """Each finding with its number, the first broken one as the outside sees it."""
        path = examination.path
        if path.verdict in (Verdict.CLEAR, Verdict.INCOMPLETE):
            clear = path.verdict is Verdict.CLEAR
            self.line("No problem found on this disk." if clear else NOTHING_FOUND, "bold green" if clear else "bold")
            port = examination.facts.dialled
            if port != 22 and examination.facts.client.port is None:
                self.line(f"The SSH server listens on port {port}, so connect with: ssh -p {port} ...")
            self.line(
                "If you still can't get in, look at what can't be seen from this disk: the provider's own firewall "
                "(security group), the address you connect to, and your own network."
            )
            self.line()
            self.users(examination)
            self.missing(examination)
            return
        first = path.first
        if first is not None:
            self.line("What you see from outside:")
            self.exact(symptom_line(first, examination), "bold", HANG)
            self.line()
        for number, finding in enumerate(path.findings, 1):
            self.finding(number, finding)
        self.users(examination)
        self.missing(examination)

    def users(self, examination: Examination) -> None:
        """A line for each account: whether it can log in, with which keys, or which findings keep it out."""
        users = examination.path.users
        if len(users) > MANY_GAPS:
            # Who can't get in is not among those that are left out.
            users = tuple(sorted(users, key=lambda each: each.verdict in (Verdict.CLEAR, Verdict.INCOMPLETE)))
        width = min(20, max((len(safe(each.user)) for each in users), default=0))
        for each in users[:MANY_GAPS]:
            style = {Verdict.CLEAR: "green", Verdict.INCOMPLETE: ""}.get(each.verdict, "yellow")
            self.line(f"{safe(each.user):<{width}}  {_outlook(each, examination)}", style, HANG, width + 2)
        if len(users) > MANY_GAPS:
            more = len(users) - MANY_GAPS
            self.line(f"and {more} more account{'s' if more > 1 else ''} (name one with --user)", indent=HANG)
        if users:
            self.line()

    def missing(self, examination: Examination) -> None:
        """What was not judged, and what would supply it."""
        gaps = examination.path.gaps
        if not gaps:
            return
        self.line("Not judged:")
        for gap in gaps[:MANY_GAPS]:
            supply = f" ({gap.supply})" if gap.supply else ""
            self.line(f"{gap.step.word:<10}{safe(gap.what)}{safe(supply)}", "", HANG, 10)
        if len(gaps) > MANY_GAPS:
            self.line(f"and {len(gaps) - MANY_GAPS} more (--json lists them all)", indent=HANG)
        self.line()

    def finding(self, number: int, finding: Finding) -> None:
        """One finding: what, where, what can be done."""
        style = STYLES[State.BROKEN if finding.severity is Severity.BROKEN else State.DOUBTFUL]
        head = Text(f"{number}. ")
        head.append(finding.check, style)
        head.append(f"  (step {finding.step.order}, {finding.step.word}, {finding.severity})")
        self._print(head)
        self.line(safe(finding.message), indent=3)
        if finding.seen:
            self.line(safe(as_sentence(finding.seen)), indent=3)
        if finding.reason:
            self.line(f"Not sure: {safe(finding.reason)}", "yellow", 3)
        for location in finding.locations[:6]:
            self.exact(safe(str(location)), "cyan", 5)
            if location.text:
                self.exact(cut(safe(location.text.strip()), self.out.width - 9), "", 9)
        if len(finding.locations) > 6:
            self.line(f"and {len(finding.locations) - 6} more places", indent=5)
        for repair in finding.repairs:
            note = " (by hand)" if repair.safety is Safety.MANUAL else " (needs --unsafe)"
            note = "" if taken_unasked(finding, repair) else note
            self.line(f"Repair: {safe(repair.title)}{note}", indent=3, hang=2)
            if repair.weakens:
                self.line(f"It weakens: {safe(repair.weakens)}", indent=5, hang=2)
            for each in repair.steps.split("\n") if repair.steps else []:
                if each.endswith("."):  # a sentence; what is to be typed stays on one line
                    self.line(safe(proposed(each)), indent=5)
                else:
                    self.exact(safe(proposed(each)), indent=5)
        if has_way(finding.check):
            self.line(f"In a web console, by hand: {command('console', str(number))}", "dim", 3, 2)
        self.line()

    def next_steps(
        self, examination: Examination, target: str, options: Sequence[str] = (), *, writable: bool = True
    ) -> None:
        """What to type now. writable: false for a support bundle, in which nothing can be repaired."""
        following = next_commands(examination, target, options, writable=writable)
        if not following:
            return
        self.line("What to do next:")
        for words in following:
            self.exact(command(*words), "bold", HANG)
            if words[0] != "fix":
                self.line("what happened, in full", indent=6)
            elif writable:
                self.line("shows every change before it is made, and asks", indent=6)
            else:
                self.line("shows the changes; they are made where the server's disk is", indent=6)

    def verdict(self, examination: Examination, name: str) -> None:
        """One line: which server, and whether anything keeps people out; another one with what ssh would say."""
        first = examination.path.first
        symptom = symptom_line(first, examination) if first is not None else ""
        self.exact(headline(examination, name, symptom), "bold")
        if symptom:
            self.exact(symptom, indent=HANG)

    def last_screen(
        self,
        examination: Examination,
        name: str,
        target: str,
        options: Sequence[str] = (),
        *,
        writable: bool = True,
        room: int = ROOM,
    ) -> None:
        """The summary, for a console that shows no more than the last 25 lines. Room: how many lines it may take."""
        first = examination.path.first
        symptom = symptom_line(first, examination) if first is not None else ""
        what = {"fix": "shows every change, asks before writing" if writable else "shows the changes"}
        following: list[str] = []
        for words in next_commands(examination, target, options, writable=writable):
            typed, says = command(*words), what.get(words[0], "what happened, in full")
            joined = f"{typed}   {says}"
            following += [joined] if len(joined) <= self.out.width else [typed]
        self.exact("-" * min(self.out.width, WIDTH), "dim")
        for each in summary(examination, name, symptom, following, self.out.width, room - 1):
            self.exact(each, "bold" if each in following else "")

    def changes(self, changes: Sequence[Change]) -> None:
        """What would be written."""
        gone = [change for change in changes if not change.reversible]
        for change in changes:
            if change.reversible:
                self.diff(change)
        if gone:
            self.irreversible(gone)

    def irreversible(self, gone: Sequence[Change]) -> None:
        """What can't be brought back, with sizes, the largest first."""
        self.line(f"To be deleted for good ({size(sum(each.frees for each in gone))} in all):", "bold")
        for change in sorted(gone, key=lambda each: -each.frees)[:40]:
            kept = f"  (its last {size(change.after.size)} stay)" if change.after else ""
            self.exact(f"{size(change.frees):>10}  {safe(str(change.path))}{kept}", indent=HANG)
        if len(gone) > 40:
            self.line(f"and {len(gone) - 40} smaller ones", indent=HANG)

    def diff(self, change: Change) -> None:
        """One change as a diff."""
        for line in unified(change):
            style = "bold" if line[:3] in ("+++", "---") else {"+": "green", "-": "red", "@": "cyan"}.get(line[:1], "")
            self.exact(line, style, HANG)

    def paths(self, changes: Sequence[tuple[Action, PurePosixPath]], style: str = "", indent: int = HANG) -> None:
        """What is done to which path, a line for each."""
        for action, path in changes[:MANY]:
            self.exact(f"{ACTIONS[action]:<12}{safe(str(path))}", style, indent)
        if len(changes) > MANY:
            self.line(f"and {len(changes) - MANY} more", style, indent)

    def mend(self, number: int, mend: Mend) -> None:
        """A repair that is planned."""
        self.line(f"{number}. {mend.finding.check}: {safe(mend.repair.title)}", "bold", hang=3)
        if mend.repair.weakens:
            self.line(f"It weakens: {safe(mend.repair.weakens)}", "yellow", 3)

    def left(self, left: Sequence[Left]) -> None:
        """What stays as it is, and why."""
        if not left:
            return
        self.line("Not mended:", "bold")
        for each in left:
            self.line(f"{each.finding.check}: {safe(each.reason)}", "yellow", HANG, HANG)
        self.line()

    def problem(self, message: str, hint: str = "") -> None:
        """An error and what to do next."""
        self.line(f"rescue: {safe(message)}", "bold red")
        if hint:
            self.line(safe(proposed(hint)))
