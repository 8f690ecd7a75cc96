"""CrowdSec has banned your address, and bans it again at every boot.

Symptom: "ssh: connect to host SERVER port 22: Connection timed out" (or "Connection refused" if deny_action is REJECT)
from your address; other addresses get in.

Cause: CrowdSec saw failed logins from your address, somebody banned it by hand ("cscli decisions add"), or it is on a
list that CrowdSec shares. CrowdSec keeps its decisions in a database; crowdsec-firewall-bouncer fetches those still in
force when it starts. It bans an address on every port.

Repair: with --from ADDRESS, end the decisions on your address now, in the database; all others stay. A ban from a
shared list returns with the next pull: put your address on an allowlist ("cscli allowlists", or a whitelist in
/etc/crowdsec/parsers/s02-enrich) once you are in. Without --from, rescue reports only bans of addresses from which
somebody has logged in (wtmp): servers ban strangers all day.

See: "cscli decisions list" and "cscli decisions delete --ip ADDRESS" on a running server; CrowdSec's documentation,
"Decisions" and "Allowlists".
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import partial
from pathlib import PurePosixPath

from rescue.bans import crowdsec
from rescue.bans.database import open_database
from rescue.facts import Facts
from rescue.formats.sqlite_image import NotSqlite
from rescue.logins import banning
from rescue.model import Finding, Location, Step
from rescue.services.units import UNIT_READS
from rescue.tree import Tree

STEP = Step.FIREWALL
READS = (*UNIT_READS, *crowdsec.READS)

CHECK, PROGRAM = "crowdsec-ban", "CrowdSec"


def find(facts: Facts) -> Iterator[Finding]:
    units, told = facts.units, bool(facts.client.sources)
    if not any(units.unit(name).started for name in crowdsec.BOUNCERS):
        return
    try:
        this = crowdsec.crowdsec(facts.tree)
    except NotSqlite as problem:
        if told:
            yield banning.unreadable(CHECK, PROGRAM, str(problem), Location(crowdsec.CONFIG))
        return
    if this.elsewhere:
        if told:
            yield banning.unreadable(CHECK, PROGRAM, this.elsewhere, Location(crowdsec.BOUNCER_CONFIG))
        return
    addresses = frozenset(map(str, facts.client.sources or banning.people(facts)))
    if this.database is None or not addresses or not units.unit(crowdsec.UNIT).started:
        return  # the bouncer has nothing to ask
    try:
        bans = tuple(crowdsec.bans(this, facts.now, addresses))
    except NotSqlite as problem:
        if told:
            yield banning.unreadable(CHECK, PROGRAM, str(problem), Location(this.database.path))
        return
    yield from banning.judged(CHECK, PROGRAM, facts, bans, partial(_lifting, path=this.database.path, now=facts.now))


def _lifting(written: tuple[str, ...], path: PurePosixPath, now: datetime) -> banning.Lifting:
    return banning.Lifting(
        PROGRAM, partial(_lifted, path=path, written=written, now=now), "cscli decisions delete --ip"
    )


def _lifted(tree: Tree, path: PurePosixPath, written: tuple[str, ...], now: datetime) -> Tree:
    database = open_database(tree, path)
    return tree if database is None else crowdsec.lifted(tree, database, written, now)
