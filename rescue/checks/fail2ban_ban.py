"""fail2ban has banned your address, and bans it again at every boot.

Symptom: "ssh: connect to host SERVER port 22: Connection refused" (or "Connection timed out" if its action is DROP)
from your address; other addresses get in.

Cause: fail2ban saw failed logins from your address: a mistyped password, a backup job with an old key, somebody else
behind the same router. It keeps bans in a database across reboots, and restores those that have not ended when it
starts; bantime = -1 never ends. A ban covers the ports of the jail that made it.

Repair: with --from ADDRESS, remove your address from the database; all other bans stay, and so do the positions up to
which logs were read. The failed logins may continue: find their source before fail2ban bans you again. To never be
banned again, add your address to ignoreip in /etc/fail2ban/jail.local. Without --from, rescue reports only bans of
addresses from which somebody has logged in (wtmp): servers on the internet ban strangers all day.

See: jail.conf(5), fail2ban-client(1): "fail2ban-client unban ADDRESS" does the same on a running server.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import PurePosixPath

from rescue.bans import fail2ban
from rescue.bans.database import open_database
from rescue.bans.fail2ban_config import DIRECTORY, ConfigError
from rescue.facts import Facts
from rescue.firewall import READS as FIREWALL_READS
from rescue.formats.sqlite_image import NotSqlite
from rescue.logins import banning
from rescue.model import Finding, Location, Step
from rescue.services.units import UNIT_READS
from rescue.tree import Tree

STEP = Step.FIREWALL
READS = (*UNIT_READS, *FIREWALL_READS, *fail2ban.READS)

CHECK, PROGRAM = "fail2ban-ban", "fail2ban"


def find(facts: Facts) -> Iterator[Finding]:
    if not facts.units.unit(fail2ban.UNIT).started:
        return
    told = bool(facts.client.sources)
    addresses = frozenset(map(str, facts.client.sources or banning.people(facts)))
    try:
        this = fail2ban.fail2ban(facts.tree)
    except ConfigError:
        return  # if it can't read its configuration it does not start, and bans nobody
    except NotSqlite as problem:
        if told:
            yield banning.unreadable(CHECK, PROGRAM, str(problem), Location(DIRECTORY))
        return
    if this.database is None or not addresses:
        return
    try:
        firewalls = frozenset(each.manager for each in facts.firewalls)
        bans = tuple(fail2ban.bans(facts.tree, this, facts.dialled, facts.now, addresses, firewalls))
    except NotSqlite as problem:
        if told:
            yield banning.unreadable(CHECK, PROGRAM, str(problem), Location(this.database.path))
        return
    yield from banning.judged(CHECK, PROGRAM, facts, bans, partial(_lifting, path=this.database.path))


def _lifting(written: tuple[str, ...], path: PurePosixPath) -> banning.Lifting:
    return banning.Lifting(PROGRAM, partial(_lifted, path=path, addresses=written), "fail2ban-client unban")


def _lifted(tree: Tree, path: PurePosixPath, addresses: tuple[str, ...]) -> Tree:
    database = open_database(tree, path)
    return tree if database is None else fail2ban.lifted(tree, database, addresses)
