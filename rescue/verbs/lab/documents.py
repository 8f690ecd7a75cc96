"""What `rescue lab --json` prints. Times are seconds since the epoch, durations seconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rescue.labs.lessons.backends import UNTRIED, Choice
from rescue.labs.lessons.lab import Checked, Hint, Started
from rescue.labs.lessons.scenario import Scenario
from rescue.labs.lessons.session import Lab, Passed, Phase
from rescue.labs.machines.ssh import Attempt
from rescue.ui.document import SCHEMA, change

Json = dict[str, object]


def listing(every: Sequence[Scenario], shown: Sequence[Scenario], passed: Mapping[str, Passed]) -> Json:
    """Of `list`: the labs with their numbers."""
    return {"schema": SCHEMA, "labs": [_listed(each, every.index(each) + 1, passed.get(each.id)) for each in shown]}


def _listed(each: Scenario, number: int, passed: Passed | None) -> Json:
    return {
        "number": number,
        "id": each.id,
        "title": each.title,
        "difficulty": str(each.difficulty),
        "symptom": str(each.symptom),
        "needs_boot": each.boot,
        "waiting": list(each.waiting),
        "passed": passed is not None,
        "hints_taken": passed.hints if passed else None,
        "seconds": round(passed.seconds, 1) if passed else None,
    }


def started(begun: Started, choice: Choice) -> Json:
    """Of `start`: the lab, and both logins."""
    return {
        **status(begun.lab, begun.scenario),
        "passed_over": [{"backend": name, "reason": why} for name, why in choice.passed_over],
        "healthy": attempt(begun.seen.healthy),
        "broken": attempt(begun.seen.broken),
    }


def status(lab: Lab | None, wanted: Scenario | None) -> Json:
    """Of `status` and `reset`. A hidden scenario's id, title and causes are null until it is passed."""
    if lab is None or wanted is None:
        return {"schema": SCHEMA, "lab": None}
    told = not lab.hidden or lab.phase is Phase.PASSED
    return {
        "schema": SCHEMA,
        "lab": {
            "scenario": wanted.id if told else None,
            "title": wanted.title if told else None,
            "difficulty": str(wanted.difficulty),
            "story": wanted.story,
            "symptom": str(wanted.symptom),
            "causes": list(wanted.causes) if lab.phase is Phase.PASSED else None,
            "backend": lab.backend,
            "judge": "examination" if lab.backend in UNTRIED else "login",
            "phase": str(lab.phase),
            "disk": lab.disk,
            "user": wanted.user,
            "port": wanted.port,
            "began": lab.began,
            "ready": lab.ready,
            "passed": lab.passed or None,
            "hints_taken": lab.hints,
            "hints": len(wanted.hints),
            "checks": lab.checks,
            "solution_shown": lab.shown,
        },
    }


def hint(given: Hint | None, wanted: Scenario) -> Json:
    """Of `hint`: null where all were given before."""
    told = None if given is None else {"number": given.number, "text": given.text, "left": given.left}
    return {"schema": SCHEMA, "hint": told, "hints": len(wanted.hints)}


def solution(wanted: Scenario) -> Json:
    """Of `solve` without `--yes`."""
    return {"schema": SCHEMA, "solution": wanted.solve_script, "applied": False}


def checked(found: Checked) -> Json:
    """Of `check` and `solve --yes`."""
    grade, differences = found.grade, found.grade.differences
    return {
        **status(found.lab, found.scenario),
        "passed": grade.passed,
        "login": attempt(grade.login),
        "lost": [keep.what for keep in grade.lost],
        "changes": [change(each) for each in differences.made],
        "changed_by_itself": [str(path) for path in differences.by_itself],
        "fix_recorded": differences.recorded,
        "learnt": found.scenario.learnt if grade.passed else None,
        "explain": list(found.scenario.explain) if grade.passed else [],
    }


def attempt(seen: Attempt) -> Json:
    """One ssh: its status, what it said, and what that means."""
    return {
        "symptom": str(seen.symptom) if seen.symptom else None,
        "status": seen.status,
        "said": seen.errors.strip(),
    }


def stopped(there: bool) -> Json:
    """Of `stop`."""
    return {"schema": SCHEMA, "stopped": there}
