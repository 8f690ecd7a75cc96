"""What a person sees of a lab, at a console of 80 columns."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from rescue.labs.lessons.backends import UNTRIED, Choice, addresses
from rescue.labs.lessons.grading import Differences, Grade
from rescue.labs.lessons.lab import Checked, Hint, Started, client_key
from rescue.labs.lessons.scenario import Scenario
from rescue.labs.lessons.session import Lab, Passed, Phase
from rescue.labs.machines.ssh import Attempt
from rescue.model import Symptom
from rescue.text.numbers import listed, plural
from rescue.text.safe import safe
from rescue.ui.report import Report, command
from rescue.verbs.explain import manuals

PASSED, WAITING = "+", "?"
MANY = 12
"""Paths that are listed of those that a running server writes by itself."""
LINES = 12
"""Lines of an ssh that are shown: it prints the server's greeting, too."""


class Screens:
    """Writes them to one report."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._line, self._exact = report.line, report.exact

    # -- choosing one ----------------------------------------------------------------------------------------------

    def listing(self, every: Sequence[Scenario], shown: Sequence[Scenario], passed: Mapping[str, Passed]) -> None:
        """The scenarios by difficulty, with the numbers that `start` takes."""
        width = max((len(each.id) for each in shown), default=0)
        difficulty = None
        for number, each in enumerate(every, 1):
            if each not in shown:
                continue
            if each.difficulty is not difficulty:
                difficulty = each.difficulty
                self._line(f"{difficulty}", "bold")
            marks = (PASSED if each.id in passed else "") + (WAITING if each.waiting else "")
            self._line(f"{number:>3} {marks:<2} {each.id:<{width}} {each.title}", hang=8 + width)
        self._line()
        if any(each.id in passed for each in shown):
            self._line(f"{PASSED}  you have passed it before", indent=4)
        if any(each.waiting for each in shown):
            told = f"{WAITING}  can be practised by hand; this version of rescue can't find its cause yet"
            self._line(told, indent=4, hang=3)
        self._line("rescue lab start NUMBER starts one; --random takes one and does not tell which.")

    def story(self, wanted: Scenario, *, hidden: bool) -> None:
        """What happened, in the person's words."""
        head = "A lab with a hidden cause" if hidden else f"{wanted.id}: {wanted.title}"
        self._line(f"{head}  ({wanted.difficulty})", "bold")
        self._line()
        for paragraph in wanted.story.split("\n\n"):
            self._line(" ".join(paragraph.split()), indent=2)
        self._line()

    def choice(self, choice: Choice) -> None:
        """How the server is brought up, and why not otherwise."""
        self._line(f"The server: {choice.backend.about} ({choice.backend.name}).")
        for name, why in choice.passed_over:
            self._line(f"Not with {name}: {safe(why)}.", "yellow")

    # -- locked out --------------------------------------------------------------------------------------------------

    def locked_out(self, started: Started) -> None:
        """The login that worked, and the one that does not."""
        wanted = started.scenario
        if started.lab.backend in UNTRIED:
            self._line("Nobody logs in here: rescue examines the disk, and says what ssh would.")
        self._line("The healthy server let you in:")
        self._ssh(wanted, started.lab, started.seen.healthy, port=22)
        self._line("Then it happened, and the server was started again. Now:")
        self._ssh(wanted, started.lab, started.seen.broken, port=wanted.port)
        self._line("You are locked out, exactly as the story has it. The server is switched off.", "bold")
        self._line()

    def _ssh(self, wanted: Scenario, lab: Lab, attempt: Attempt, port: int) -> None:
        dialled = f"-p {port} " if port != 22 else ""
        self._exact(f"$ ssh {dialled}{wanted.user}@{_host(wanted, lab)}", "bold", 2)
        if attempt.symptom is Symptom.OK and attempt.status == 0:
            untried = lab.backend in UNTRIED
            self._exact("(nothing on the disk keeps you out)" if untried else "(you are in)", "green", 2)
            return
        # That the host is new is so each time, as no lab's host key is kept.
        told = (attempt.errors + attempt.output).split("\n")
        said = [line for line in told if line.strip() and "Permanently added" not in line]
        for line in said[-LINES:] or [f"(ssh ended with status {attempt.status} and said nothing)"]:
            self._exact(safe(line), "red", 2)

    def tasks(self, lab: Lab, wanted: Scenario) -> None:
        """What the person has, and what to type."""
        if lab.phase is Phase.PASSED:
            self._line("rescue lab stop ends it and removes the disk; rescue lab reset gives back the broken one.")
            return
        self._line("What you have is the server's disk, as a rescue system would show it:")
        self._exact(safe(lab.disk), "bold", 2)
        _, address = addresses(lab.backend, wanted.family)
        port = f" on port {wanted.port}" if wanted.port != 22 else ""
        who = f"You log in as {wanted.user}{port}, from {address}, with the key"
        self._line(who)
        self._exact(safe(str(client_key(wanted).with_suffix(".pub"))), indent=2)
        self._line()
        self._line("What you can do:")
        options = wanted.words(client_key(wanted))
        if not wanted.waiting:
            self._exact(command("inspect", lab.disk, *options), "bold", 2)
            agreed = ("--unsafe",) if wanted.unsafe else ()
            self._exact(command("fix", lab.disk, *options, *agreed), "bold", 2)
            self._line("(with --backend kernel both are much faster; you know this disk)", indent=6)
        else:
            self._line("this version of rescue can't find the cause yet, so by hand:", indent=2)
        self._exact(f"guestfish --rw -i -a {safe(lab.disk)}", "bold", 2)
        self._line("a shell on the disk, as with mount -o loop; leave it before you check", indent=6)
        left = len(wanted.hints) - lab.hints
        for word, what in (
            ("hint", f"{plural(left, 'hint')} left" if left else "all hints were given"),
            ("check", "does the server let you in now?"),
            ("solve", "shows the way that you would type in a web console"),
            ("reset", "gives back the broken disk"),
            ("stop", "ends it and removes the disk"),
        ):
            self._exact(f"{command('lab')} {word:<6} {what}", indent=2)

    def status(self, lab: Lab, wanted: Scenario) -> None:
        """How far it is."""
        state = "passed" if lab.phase is Phase.PASSED else "you are locked out"
        minutes = _duration((lab.passed or time.time()) - lab.ready)
        hints = f"{lab.hints} of {plural(len(wanted.hints), 'hint')} taken"
        looked = ", the solution was shown" if lab.shown else ""
        self._line(f"State: {state} (brought up with {lab.backend})", "bold")
        self._line(f"After {minutes}; {plural(lab.checks, 'check')}, {hints}{looked}.")
        if lab.phase is not Phase.PASSED:
            self._line(f"ssh says: {wanted.symptom.words(wanted.user, _host(wanted, lab), wanted.port)}")
        self._line()

    def hint(self, given: Hint | None, wanted: Scenario, *, shown: int) -> None:
        """The next one, or all again where none is left."""
        if given is None:
            self._line(f"There are no more hints. All {shown} again:", "bold")
            for number, text in enumerate(wanted.hints, 1):
                self._line(f"{number}. {' '.join(text.split())}", indent=2, hang=3)
            self._line("rescue lab solve shows the whole way.")
            return
        self._line(f"Hint {given.number} of {len(wanted.hints)}:", "bold")
        self._line(" ".join(given.text.split()), indent=2)
        self._line(f"{plural(given.left, 'more hint')} left." if given.left else "That was the last one.")

    # -- the end -----------------------------------------------------------------------------------------------------

    def checked(self, checked: Checked) -> None:
        """The login, what changed, and the verdict."""
        wanted, found = checked.scenario, checked.grade
        untried = checked.lab.backend in UNTRIED
        done = "The disk was examined" if untried else "The server was brought up from the disk"
        self._line(f"{done} as it is now:")
        self._ssh(wanted, checked.lab, found.login, wanted.port)
        self._line()
        self.differences(found.differences)
        self._verdict(checked, found)

    def differences(self, found: Differences) -> None:
        """Everything that is not on the disk as it was after the lock-out."""
        if not found.made:
            self._line("Nothing on the disk was changed since the lock-out.")
        else:
            self._line(f"Changed on the disk since the lock-out ({plural(len(found.made), 'path')}):")
            self._report.changes(found.made)
            self._line("Nothing else was changed" + (" but:" if found.by_itself or found.recorded else "."))
        if found.recorded:
            self._line("- the record of rescue fix, in /var/lib/rescue", indent=2)
        if found.by_itself:
            names = [safe(str(path)) for path in found.by_itself[:MANY]]
            more = len(found.by_itself) - len(names)
            rest = [f"{more} more"] if more > 0 else []
            self._line(f"- logs, caches and the like: {listed([*names, *rest])}", indent=2, hang=2)
        self._line()

    def _verdict(self, checked: Checked, found: Grade) -> None:
        lab = checked.lab
        if found.passed:
            time_ = _duration(lab.passed - lab.ready)
            hints = f"with {plural(lab.hints, 'hint')}" if lab.hints else "without a hint"
            shown = ", the solution at hand" if lab.shown else ""
            by = ", by inspection alone" if lab.backend in UNTRIED else ""
            self._line(f"Passed{by}: you are in again, after {time_}, {hints}{shown}.", "bold green")
            return
        self._line("Not yet.", "bold yellow")
        if found.login.symptom is not Symptom.OK or found.login.status != 0:
            self._line("The server still keeps you out.", indent=2)
        for keep in found.lost:
            self._line(f"To be kept, and lost: {safe(keep.what)}.", "yellow", 2)
        if found.lost:
            self._line("A repair lets you in and leaves the rest as it was.", indent=2)
        self._line("rescue lab hint helps on; rescue lab reset gives back the broken disk.")

    def solution(self, wanted: Scenario) -> None:
        """The manual way."""
        self._line(f"{wanted.title}: what you would type as root in the provider's web console", "bold")
        for line in wanted.solve_script.rstrip("\n").split("\n"):
            self._exact(safe(line), indent=2)
        self._line()

    def learnt(self, wanted: Scenario, *, whole: bool) -> None:
        """What to remember: its first sentence, or all of it with the pages to read."""
        text = " ".join(wanted.learnt.split())
        self._line()
        self._line("What there is to learn:", "bold")
        if whole:
            self._line(f"This was {wanted.id}: {wanted.title}.", indent=2)
        self._line(text if whole else text.partition(". ")[0].rstrip(".") + ".", indent=2)
        known = manuals()
        pages = [page for page in wanted.explain if page in known]
        if pages:
            self._line("To read on:")
            for page in pages:
                self._exact(command("explain", page), indent=2)
        if not whole:
            self._exact(command("lab", "status", "--explain"), indent=2)
        self._line("rescue lab stop removes the disks; rescue lab list shows what is next.")


def _host(wanted: Scenario, lab: Lab) -> str:
    return addresses(lab.backend, wanted.family)[0]


def _duration(seconds: float) -> str:
    """Seconds below two minutes, else minutes, else hours and minutes."""
    whole = max(0, round(seconds))
    if whole < 120:
        return plural(whole, "second")
    if whole < 7200:
        return plural(whole // 60, "minute")
    return f"{plural(whole // 3600, 'hour')} and {plural(whole % 3600 // 60, 'minute')}"
