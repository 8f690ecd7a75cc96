"""Whether your address is banned, if the address is not known.

Decides: the lists of fail2ban, CrowdSec, sshguard and CSF, which are loaded again at boot. A banned address is refused,
or its connections time out.

Not judged: without --from, if anybody is banned at all, or if the list can't be read.

Supply: --from ADDRESS, your public address as the server sees it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from rescue.bans import crowdsec, csf, fail2ban, sshguard
from rescue.bans.fail2ban_config import ConfigError
from rescue.facts import Facts
from rescue.formats.sqlite_image import NotSqlite
from rescue.model import Gap, Step
from rescue.services.units import UNIT_READS

STEP = Step.FIREWALL
READS = (*UNIT_READS, *crowdsec.READS, *csf.READS, *fail2ban.READS, *sshguard.READS)


def find(facts: Facts) -> Iterator[Gap]:
    if facts.client.sources:
        return
    for program, banning in PROGRAMS.items():
        try:
            somebody = banning(facts)
        except NotSqlite:
            somebody = True
        except ConfigError:
            somebody = False  # it does not start
        if somebody:
            yield Gap("bans-unknown", STEP, f"whether {program} bans your address", "--from ADDRESS")


def _fail2ban(facts: Facts) -> bool:
    if not facts.units.unit(fail2ban.UNIT).started:
        return False
    this = fail2ban.fail2ban(facts.tree)
    if this.database is None:
        return False
    firewalls = frozenset(each.manager for each in facts.firewalls)
    return any(True for _ in fail2ban.bans(facts.tree, this, facts.dialled, facts.now, None, firewalls))


def _crowdsec(facts: Facts) -> bool:
    units = facts.units
    if not any(units.unit(name).started for name in crowdsec.BOUNCERS):
        return False
    this = crowdsec.crowdsec(facts.tree)
    if this.elsewhere:
        return True
    return units.unit(crowdsec.UNIT).started and any(True for _ in crowdsec.bans(this, facts.now))


def _sshguard(facts: Facts) -> bool:
    if not facts.units.unit(sshguard.UNIT).started:
        return False
    this = sshguard.sshguard(facts.tree)
    if this is None:
        return False
    return any(True for _ in sshguard.bans(facts.tree, this, facts.chains))


def _csf(facts: Facts) -> bool:
    this = csf.csf(facts.tree, facts.units)
    return this is not None and any(True for _ in csf.bans(facts.tree, this, facts.dialled, facts.now))


PROGRAMS: dict[str, Callable[[Facts], bool]] = {
    "fail2ban": _fail2ban,
    "CrowdSec": _crowdsec,
    "sshguard": _sshguard,
    "CSF": _csf,
}
