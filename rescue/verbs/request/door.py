"""Where the parsed words of the command line become a `Request` and the verb's own options: behind it nobody parses."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import fields
from typing import TYPE_CHECKING, TypeVar

from rescue.verbs.request.client import ClientOptions
from rescue.verbs.request.options import OPTIONS
from rescue.verbs.request.request import OpeningOptions, OutputOptions, Request
from rescue.verbs.request.undo_log_option import check_journal

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Options = TypeVar("Options", bound="DataclassInstance")


def request_of(words: Namespace) -> Request:
    """What is asked for. Raises UsageError where an option's value can't be."""
    given = vars(words)
    check_journal(given.get("journal"), words.verb)
    request = Request(
        words.verb,
        given.get("target"),
        opening=_taken(OpeningOptions, given),
        output=_taken(OutputOptions, given),
        unattended=bool(given.get("yes")),
    )
    return request.known_as(_taken(ClientOptions, given))


def options_of(words: Namespace) -> DataclassInstance:
    """The verb's own options."""
    return _taken(OPTIONS[words.verb], vars(words))


def _taken(kind: type[Options], given: dict[str, object]) -> Options:
    """Those of its options that were parsed; a verb need not have all."""
    taken = {each.name: given[each.name] for each in fields(kind) if each.name in given}
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in taken.items()})
