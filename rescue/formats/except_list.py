"""Lists with EXCEPT, which hosts_access(5) and access.conf(5) share: pam_access took list_match over from libwrap."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rescue.model import Known, both


def in_list(words: Sequence[str], fits: Callable[[str], Known]) -> Known:
    """Whether one of the words before EXCEPT fits, and the list behind it does not (list_match)."""
    at = next((index for index, word in enumerate(words) if word.upper() == "EXCEPT"), len(words))
    found: Known = False
    for word in words[:at]:
        one = fits(word)
        if one:
            found = True
            break
        found = None if one is None else found
    if found is False or at == len(words):
        return found
    excepted = in_list(words[at + 1 :], fits)
    return both(found, None if excepted is None else not excepted)
