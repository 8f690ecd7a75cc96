"""What can be typed after ``rescue``, read from its parser: for the manual and for the shells' completion."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from rescue.checks import all_checks
from rescue.cli import parser
from rescue.labs.lessons.scenario import Difficulty, all_scenarios
from rescue.verbs.explain import manuals

_FILES = {"TARGET", "OLD", "NEW", "DISK", "IMAGE", "FILE", "DIR", "DEVICE"}


@dataclass(frozen=True)
class Argument:
    """One option, or one positional (without names)."""

    names: tuple[str, ...]
    metavar: str  # "" for a switch
    help: str
    group: str
    words: tuple[str, ...]  # what its value may be, as far as it is known here
    files: bool
    repeated: bool
    required: bool


@dataclass(frozen=True)
class Verb:
    """One command."""

    name: str
    what: str
    about: str  # the text below its options
    arguments: tuple[Argument, ...]

    @property
    def options(self) -> list[Argument]:
        return [each for each in self.arguments if each.names]

    @property
    def positionals(self) -> list[Argument]:
        return [each for each in self.arguments if not each.names]


def verbs() -> list[Verb]:
    """Every command, in the order of the help."""
    [made] = [each for each in parser()._actions if isinstance(each, argparse._SubParsersAction)]
    return [
        Verb(each.dest, each.help or "", made.choices[each.dest].epilog or "", _arguments(each.dest, made.choices))
        for each in made._choices_actions
    ]


def _arguments(name: str, choices: dict[str, argparse.ArgumentParser]) -> tuple[Argument, ...]:
    found = []
    for group in choices[name]._action_groups:
        title = "" if group.title in ("positional arguments", "options") else group.title or ""
        for action in group._group_actions:
            found.append(_argument(name, action, title, choices))
    return tuple(found)


def _argument(name: str, action: argparse.Action, group: str, choices: dict[str, argparse.ArgumentParser]) -> Argument:
    metavar = "" if action.nargs == 0 else str(action.metavar or "|".join(map(str, action.choices or ())))
    parts = set(metavar.split("|"))
    words: tuple[str, ...] = tuple(map(str, action.choices or ()))
    if "CAUSE" in parts:
        words = tuple(sorted(manuals() if name == "explain" else (check.id for check in all_checks())))
    elif "LAB" in parts:
        words = tuple(sorted(each.id for each in all_scenarios()))
    elif "VERB" in parts:
        words = tuple(choices)
    elif "--difficulty" in action.option_strings:
        words = tuple(each.replace(" ", "-") for each in Difficulty)
    return Argument(
        names=tuple(each for each in action.option_strings if each != "--journal"),
        metavar=metavar,
        help=(action.help or "") % {"prog": f"rescue {name}"},
        group=group,
        words=words,
        files=bool(parts & _FILES),
        repeated=action.nargs == "*" or isinstance(action, argparse._AppendAction),
        required=action.required and action.nargs not in ("?", "*"),
    )
