"""All that the disk remembers, told from the last login on: for `rescue timeline`. No check itself."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from rescue.facts import Facts
from rescue.logs.last_boot import LastBoot, last_boot
from rescue.logs.last_login import LastLogin, last_login
from rescue.logs.remembered import remembered
from rescue.logs.timeline import Row, timeline
from rescue.tree import ReadError


@dataclass(frozen=True, slots=True)
class Story:
    """rows: in the order of time. unread: logs that were not read, and why."""

    login: LastLogin | None
    boot: LastBoot | None
    rows: tuple[Row, ...]
    unread: tuple[str, ...]


def _uids(facts: Facts) -> dict[int, str]:
    """The accounts' names, for lastlog; none where they can't be read."""
    try:
        return {account.uid: account.name for account in facts.accounts.users}
    except ReadError:
        return {}


def story(facts: Facts, fixes: Iterable[Row] = ()) -> Story:
    """The story, from every log. Raises `NotCaptured`."""
    try:
        known = remembered(facts.tree, facts.now, whole=True)
        login = last_login(facts.tree, known.events, _uids(facts), facts.now + timedelta(days=1))
    except ReadError as problem:
        return Story(None, facts.last_boot, tuple(fixes), (str(problem),))
    boot = facts.last_boot if facts.client.console else last_boot(known.events, known.newest_boot)
    try:
        port = facts.dialled
    except ReadError:
        port = 22
    return Story(login, boot, timeline(facts.tree, known.events, login, port, fixes), known.unread)
