"""CrowdSec has banned your address, and its bouncer bans it again as soon as the server has started.

Symptom: "ssh: connect to host SERVER port 22: Connection timed out" (or "Connection refused", where deny_action is
REJECT) from your address, while it works from another one.

Cause: CrowdSec has seen failed logins from your address, or somebody banned it by hand ("cscli decisions add"), or it
is in a list that CrowdSec shares. Its decisions are in a database, and crowdsec-firewall-bouncer asks for all that
have not ended when it starts. It bans an address on every port.

Repair: with --from ADDRESS, the decisions on your address end now, in the database; all others stay. A ban that came
with a shared list comes again with the next pull: put your address on an allowlist ("cscli allowlists", or a whitelist
in /etc/crowdsec/parsers/s02-enrich) once you are in. Without --from only bans of addresses from which somebody has
logged in (wtmp) are told: strangers are banned all day.

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
        return  # the bouncer has nobody to ask
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
