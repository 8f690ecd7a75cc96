"""Whether sshd's policy lets a user in: DenyUsers, AllowUsers, DenyGroups, AllowGroups, PermitRootLogin.

Source: allowed_user in auth.c, match_user in match.c, ga_match in groupaccess.c, auth_root_allowed in auth.c of
OpenSSH. Every Allow list must match, and no Deny list may; a login that depends on an unknown address is undecided,
with the reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rescue.model import Known, Location
from rescue.sshd.effective import Effective, Setting
from rescue.sshd.language.match import Connection
from rescue.sshd.language.patterns import BadAddress, match_name, match_user

LISTS = ("DenyUsers", "AllowUsers", "DenyGroups", "AllowGroups")
"""In the order in which sshd checks them."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A list, or PermitRootLogin, that blocks a user.

    pattern: the word of a Deny list that matches; empty for an Allow list that lacks the user. location: that word's
    line, or the last line of the list. words: the whole list as it applies.
    """

    keyword: str
    location: Location
    pattern: str = ""
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """allowed: None if it depends on something unknown; `reason` and `locations` say on what, and where."""

    allowed: Known
    refusals: tuple[Refusal, ...] = ()
    reason: str = ""
    locations: tuple[Location, ...] = ()


def list_access(effective: Effective) -> Decision:
    """What the Allow and Deny lists say about the user of `effective`: every list that refuses, not only the first."""
    return _combined([_decide(effective, keyword) for keyword in LISTS])


def root_access(effective: Effective) -> Decision:
    """What PermitRootLogin says about a login with a key and a shell, for an account whose uid is 0."""
    settings = [effective.setting("PermitRootLogin")]
    others = [(each.match, each.settings[0]) for each in effective.alternatives("PermitRootLogin")]
    refused = _root_refused(settings[0])
    differing = [match for match, setting in others if _root_refused(setting) != refused]
    if differing:
        return _undecided("PermitRootLogin", differing)
    if not refused or settings[0].location is None:
        return Decision(True)
    refusal = Refusal("PermitRootLogin", settings[0].location, settings[0].words[0], settings[0].words)
    return Decision(False, (refusal,), locations=(settings[0].location,))


def _root_refused(setting: Setting) -> bool:
    return setting.words[0] in ("no", "forced-commands-only")


def _combined(decisions: Sequence[Decision]) -> Decision:
    refusals = tuple(refusal for decision in decisions for refusal in decision.refusals)
    if refusals:
        return Decision(False, refusals, locations=tuple(refusal.location for refusal in refusals))
    undecided = [decision for decision in decisions if decision.allowed is None]
    if undecided:
        places = tuple(place for decision in undecided for place in decision.locations)
        return Decision(None, reason=undecided[0].reason, locations=places)
    return Decision(True)


def _decide(effective: Effective, keyword: str) -> Decision:
    decision = _decide_list(effective.connection, keyword, effective.all(keyword))
    differing = [
        each.match
        for each in effective.alternatives(keyword)
        if _decide_list(effective.connection, keyword, each.settings).allowed is not decision.allowed
    ]
    return _undecided(keyword, differing) if differing else decision


def _undecided(keyword: str, matches: Iterable[Location]) -> Decision:
    places = tuple(matches)
    reason = f"{keyword} depends on {places[0].text} ({places[0]}), and which holds is not known"
    return Decision(None, reason=reason, locations=places)


def _decide_list(connection: Connection, keyword: str, settings: Sequence[Setting]) -> Decision:
    """One list on its own. An empty list denies nobody."""
    if not settings:
        return Decision(True)
    results = list(_results(connection, keyword, settings))
    hit = next(((word, place) for known, word, place in results if known is True), None)
    open_ends = [(word, place) for known, word, place in results if known is None]
    words = tuple(word for _, word, _ in results)
    denies = keyword.startswith("Deny")
    if hit is not None:
        if not denies:
            return Decision(True)
        return Decision(False, (Refusal(keyword, hit[1], hit[0], words),), locations=(hit[1],))
    if open_ends:
        word, place = open_ends[0]
        reason = f"{keyword} {word} ({place}) depends on the client's address or name, which is not known"
        return Decision(None, reason=reason, locations=(place,))
    if denies:
        return Decision(True)
    place = results[-1][2]
    return Decision(False, (Refusal(keyword, place, "", words),), locations=(place,))


def _results(
    connection: Connection, keyword: str, settings: Sequence[Setting]
) -> Iterator[tuple[Known, str, Location]]:
    for setting in settings:
        for word in setting.words:
            if setting.location is not None:
                yield _matches(connection, keyword, word), word, setting.location


def _matches(connection: Connection, keyword: str, word: str) -> Known:
    if keyword.endswith("Groups"):
        return any(match_name(group, word) for group in connection.groups)
    try:
        return match_user(connection.user, connection.host, connection.address, word)
    except BadAddress:
        # sshd does not start with such a line, so its meaning does not matter.
        return False
