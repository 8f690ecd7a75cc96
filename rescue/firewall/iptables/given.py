"""The options given to one match or target, and its context."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from rescue.firewall.iptables.option_values import Option
from rescue.firewall.names import Names, RuleError

Given = Mapping[str, Option]
"""The options by their names."""


@dataclass(frozen=True, slots=True)
class Place:
    """The context of an extension: the IP version, the table, the names of the server, the rule's protocol.

    negated: the rule is for every protocol but this one. backend: iptables' backend, "nft" or "legacy".
    """

    version: int
    table: str
    names: Names
    protocol: int = 0
    negated: bool = False
    backend: str = "nft"

    @property
    def only(self) -> int:
        """The protocol that the rule is for, 0 if it is for more than one."""
        return 0 if self.negated else self.protocol


Check = Callable[[Given, Place], None]
"""Raises RuleError if the options are invalid."""


def value_of(given: Given, name: str) -> str | None:
    option = given.get(name)
    return option.values[0] if option is not None and option.values else None


def one_of(given: Given, name: str, words: Sequence[str], *, exact: bool = True) -> None:
    value = value_of(given, name)
    if value is not None and (value if exact else value.lower()) not in words:
        raise RuleError(f"{name} takes {', '.join(words)}: {value!r}")


def words(name: str, *words: str, exact: bool = True) -> Check:
    return lambda given, place: one_of(given, name, words, exact=exact)


_CLASSES = (
    "be",
    "ef",
    *(f"cs{one}" for one in range(8)),
    *(f"af{one}{two}" for one in range(1, 5) for two in (1, 2, 3)),
)


def service_class(name: str) -> Check:
    def check(given: Given, place: Place) -> None:
        word = value_of(given, name)
        if word is not None and not word.lower().startswith(_CLASSES):
            raise RuleError(f"not a class of service: {word!r}")

    return check


def file_name(given: Given, name: str) -> None:
    """Names that the kernel accepts for a /proc file: xt_check_proc_name()."""
    text = value_of(given, name)
    if text is not None and (text in ("", ".", "..") or "/" in text):
        raise RuleError(f"{name} can't be {text!r}")
