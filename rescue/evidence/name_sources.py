"""Which accounts the system finds if it uses sources other than its own files.

Decides: /etc/nsswitch.conf says where passwd, group and shadow come from. A source that is not on the disk (ldap, sss,
winbind) may be slow, hide an account, or add groups that sshd's lists name.

Not judged: a line with a source other than files and systemd, and an account that only such a source knows.

Supply: leave only files in the line, log in, and restore the rest.
"""

from __future__ import annotations

from collections.abc import Iterator
from re import compile as compile_pattern

from rescue.facts import Facts
from rescue.formats.nsswitch import NSSWITCH_READ, databases
from rescue.model import Gap, Step

STEP = Step.ACCOUNT
READS = (NSSWITCH_READ,)

DATABASES = ("passwd", "group", "shadow", "initgroups")
LOCAL = frozenset({"files", "systemd", "compat", "altfiles", "db"})
_STOPS = compile_pattern(r"\[[^\]]*(?:return|merge|continue)[^\]]*\]", 2)


def find(facts: Facts) -> Iterator[Gap]:
    lines = databases(facts.tree)
    for name in DATABASES:
        if name not in lines:
            continue
        sources, place, words = lines[name].sources, lines[name].location, lines[name].words
        others = [word for word in words if word not in LOCAL]
        first = words[:1] == ["files"]
        if (
            not words
            or (others and not first)
            or _STOPS.search(sources)
            or not set(words) & {"files", "compat", "altfiles"}
        ):
            what = f"whether the accounts are found with {name}: {sources.strip()} ({place})"
            yield Gap("name-sources", STEP, what, f'write "{name}: files" there, and try', locations=(place,))
