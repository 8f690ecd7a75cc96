"""``rescue lab``: real servers to practise on, locked out as people lock themselves out.

`list` and `start` choose one and break it; `hint`, `check`, `solve`, `reset` and `status` go on with it; `stop` removes
it. What is done is in `rescue.labs.lessons.lab`, how it looks in `screens`, what programs read in `documents`.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Mapping, Sequence

from rescue.errors import UsageError
from rescue.labs.errors import LabError
from rescue.labs.lessons.backends import WAYS, backend, choose
from rescue.labs.lessons.lab import NoLab, Practice
from rescue.labs.lessons.paths import lab_directory, recipes_directory
from rescue.labs.lessons.scenario import Difficulty, Scenario, ScenarioError, all_scenarios, scenario
from rescue.labs.lessons.session import Lab, LabBusy, LabStore, Phase, RecordError
from rescue.status import Status
from rescue.text.numbers import natural
from rescue.text.safe import cut
from rescue.ui import document
from rescue.ui.prompts import Cancellation, NoTerminal
from rescue.verbs.explain import paged
from rescue.verbs.lab import documents
from rescue.verbs.lab.screens import Screens
from rescue.verbs.lab.steps import Steps
from rescue.verbs.request.options import LabOptions
from rescue.verbs.request.session import Session

ACTIONS = ("list", "start", "status", "hint", "check", "solve", "reset", "stop")


def run(session: Session, options: LabOptions) -> Status:
    """One action of `rescue lab`; without one the lab that is going on, or the list."""
    practice = Practice(LabStore(lab_directory()))
    action = options.action or ("status" if _there(practice) else "list")
    _refuse_misplaced(options, action)
    doing: Mapping[str, Callable[[Session, LabOptions, Practice], Status]] = {
        "list": _list, "start": _start, "status": _status, "hint": _hint, "check": _check, "solve": _solve,
        "reset": _reset, "stop": _stop,
    }  # fmt: skip
    try:
        return doing[action](session, options, practice)
    except (NoLab, ScenarioError, LabBusy) as problem:
        raise UsageError(str(problem), problem.hint) from problem


def _there(practice: Practice) -> bool:
    try:
        return practice.store.load() is not None
    except RecordError:
        return True


def _refuse_misplaced(options: LabOptions, action: str) -> None:
    """An option that the action does not know is a mistake that is better told than passed over."""
    given = {
        "a scenario": options.scenario, "--random": options.random, "--difficulty": options.difficulty,
        "--with": options.way, "--explain": options.explain,
    }  # fmt: skip
    known = {"list": ("--difficulty",), "start": ("a scenario", "--random", "--difficulty", "--with"),
             "check": ("--explain",), "solve": ("--explain",), "status": ("--explain",)}  # fmt: skip
    for name, value in given.items():
        if value and name not in known.get(action, ()):
            takers = [f"lab {each}" for each, names in known.items() if name in names]
            raise UsageError(f"lab {action} does not take {name}", f"It belongs to: {', '.join(takers)}")


# -- choosing one ------------------------------------------------------------------------------------------------------


def _list(session: Session, options: LabOptions, practice: Practice) -> Status:
    passed, shown = practice.store.passed(), _of_difficulty(options.difficulty, all_scenarios())
    if session.json:
        document.write(documents.listing(all_scenarios(), shown, passed), sys.stdout)
        return Status.CLEAR
    with paged(session):
        Screens(session.report).listing(all_scenarios(), shown, passed)
    return Status.CLEAR


def _of_difficulty(wanted: str | None, scenarios: Sequence[Scenario]) -> tuple[Scenario, ...]:
    if wanted is None:
        return tuple(scenarios)
    # "first-steps" needs no quotes.
    meant = wanted.lower().replace("-", " ").replace("_", " ")
    if meant not in list(Difficulty):
        raise UsageError(f"there is no difficulty {wanted!r}", f"There are: {', '.join(Difficulty)}")
    return tuple(each for each in scenarios if each.difficulty == meant)


def chosen(word: str) -> Scenario:
    """The scenario with this id, or with this number of the list. Raises ScenarioError."""
    if word.isdecimal():
        known, number = all_scenarios(), natural(word)
        if number is None or not 1 <= number <= len(known):
            raise ScenarioError(
                f"there is no lab number {cut(word, 30)}", f"They are 1 to {len(known)}: rescue lab list"
            )
        return known[number - 1]
    return scenario(word.lower().replace("_", "-"))


def _wanted(options: LabOptions, practice: Practice) -> Scenario:
    if options.random and options.scenario:
        raise UsageError("either --random or a scenario", "rescue lab start --random")
    if options.random:
        return _drawn(options, practice)
    if options.difficulty:
        raise UsageError("--difficulty is for `lab list` and `lab start --random`", "rescue lab list shows all labs.")
    if options.scenario is None:
        raise UsageError("which lab?", "rescue lab list shows them; then rescue lab start NUMBER, or --random")
    return chosen(options.scenario)


def _drawn(options: LabOptions, practice: Practice) -> Scenario:
    """One by chance, of those that can be brought up here; those that were not passed yet first."""
    ways = [backend(options.way)] if options.way else [backend(name) for name in WAYS]
    meant = _of_difficulty(options.difficulty, all_scenarios())
    possible = [each for each in meant if any(not way.hindrance(each) for way in ways)]
    if not possible:
        # Says what is missing.
        choose(meant[0], options.way)
    passed = practice.store.passed()
    return random.choice([each for each in possible if each.id not in passed] or possible)  # noqa: S311  no secret


def _start(session: Session, options: LabOptions, practice: Practice) -> Status:
    recipes_directory()
    wanted = _wanted(options, practice)
    choice = choose(wanted, options.way)
    _make_way(session, options, practice)
    hidden = options.random
    screens = Screens(session.report)
    if not session.json:
        screens.story(wanted, hidden=hidden)
        screens.choice(choice)
    with Steps(session, choice.backend.steps() + 1) as steps:
        started = practice.start(wanted, choice, steps, hidden=hidden)
    if session.json:
        document.write(documents.started(started, choice), sys.stdout)
    else:
        with paged(session):
            screens.locked_out(started)
            screens.tasks(started.lab, wanted)
    return Status.CLEAR


def _make_way(session: Session, options: LabOptions, practice: Practice) -> None:
    """Whether what is there may be removed for the new lab: asked, unless it is over or never came to be."""
    try:
        there = practice.store.load()
    except RecordError:
        return
    if there is None or there.phase is not Phase.LOCKED_OUT or options.yes:
        return
    name = "a lab with a hidden cause" if there.hidden else f"the lab {there.scenario}"
    if session.json or isinstance(session.asker, NoTerminal):
        raise UsageError(f"{name} is going on", "End it with rescue lab stop, or add --yes to start another instead.")
    question = f"{name[0].upper()}{name[1:]} is going on. Remove it with its disk, and start another?"
    if not session.asker.confirm(question):
        raise Cancellation


# -- going on with it --------------------------------------------------------------------------------------------------


def _status(session: Session, options: LabOptions, practice: Practice) -> Status:
    there = practice.store.load()
    if there is None:
        if session.json:
            document.write(documents.status(None, None), sys.stdout)
        else:
            session.report.line("No lab is going on.", "bold")
            session.report.line("Choose one: rescue lab list")
        return Status.CLEAR
    lab, wanted = practice.current()
    if session.json:
        document.write(documents.status(lab, wanted), sys.stdout)
        return Status.CLEAR
    screens = Screens(session.report)
    with paged(session):
        screens.story(wanted, hidden=lab.hidden and lab.phase is not Phase.PASSED)
        screens.status(lab, wanted)
        screens.tasks(lab, wanted)
        if options.explain:
            _explained(session, screens, lab, wanted)
    return Status.CLEAR


def _hint(session: Session, options: LabOptions, practice: Practice) -> Status:
    given = practice.hint()
    lab, wanted = practice.current()
    if session.json:
        document.write(documents.hint(given, wanted), sys.stdout)
    else:
        Screens(session.report).hint(given, wanted, shown=lab.hints)
    return Status.CLEAR


def _check(session: Session, options: LabOptions, practice: Practice) -> Status:
    lab, _ = practice.current()
    with Steps(session, 3) as steps:
        checked = practice.check(steps)
    if session.json:
        document.write(documents.checked(checked), sys.stdout)
    else:
        screens = Screens(session.report)
        with paged(session):
            screens.checked(checked)
            if checked.grade.passed:
                screens.learnt(checked.scenario, whole=options.explain)
            elif options.explain:
                _explained(session, screens, lab, checked.scenario)
    return Status.CLEAR if checked.grade.passed else Status.BROKEN


def _explained(session: Session, screens: Screens, lab: Lab, wanted: Scenario) -> None:
    if lab.phase is Phase.PASSED or lab.shown:
        screens.learnt(wanted, whole=True)
    else:
        session.report.line("What there is to learn is told once you are in, or with: rescue lab solve")


def _solve(session: Session, options: LabOptions, practice: Practice) -> Status:
    wanted = practice.show_solution()
    screens = Screens(session.report)
    if not session.json:
        screens.solution(wanted)
    if not options.yes:
        if session.json:
            document.write(documents.solution(wanted), sys.stdout)
            return Status.CLEAR
        if isinstance(session.asker, NoTerminal):
            session.report.line("To have it typed in on the server: rescue lab solve --yes")
            return Status.CLEAR
        if not session.asker.confirm("Type it in on the server now?"):
            session.report.line("Nothing was changed. When you have done it: rescue lab check")
            return Status.CLEAR
    with Steps(session, 6) as steps:
        done, checked = practice.solve(steps)
    if checked is None:
        raise LabError(
            f"a command of the manual way failed with status {done.status}:\n{done.output.strip()}",
            "The disk is as it was. If you changed it before: rescue lab reset, and then solve again.",
        )
    if session.json:
        document.write(documents.checked(checked), sys.stdout)
    else:
        with paged(session):
            screens.checked(checked)
            if checked.grade.passed:
                screens.learnt(wanted, whole=options.explain)
    return Status.CLEAR if checked.grade.passed else Status.BROKEN


def _reset(session: Session, options: LabOptions, practice: Practice) -> Status:
    lab, wanted = practice.reset()
    if session.json:
        document.write(documents.status(lab, wanted), sys.stdout)
    else:
        session.report.line("The server's disk is again as it was after the lock-out:", "bold")
        session.report.exact(lab.disk, indent=2)
    return Status.CLEAR


def _stop(session: Session, options: LabOptions, practice: Practice) -> Status:
    there = practice.stop()
    if session.json:
        document.write(documents.stopped(there), sys.stdout)
    elif there:
        session.report.line("The lab is over; its disks are removed. Another one: rescue lab list")
    else:
        session.report.line("No lab was going on.")
    return Status.CLEAR
