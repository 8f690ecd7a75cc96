"""fail2ban: the enabled jails, and the bans that each restores when it starts.

Taken from jail.py and database.py of fail2ban 0.10 to 1.1: a jail that starts restores the rows of the table `bips`
that are its own and have not ended, with at most the jail's present ban time, unless ignoreip holds the address. The
database of fail2ban before 0.11 (versions below 4) has `bans` alone, and no ban time in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePosixPath
from re import IGNORECASE
from re import compile as compile_pattern

from rescue.bans.database import Database, open_database
from rescue.bans.fail2ban_actions import Actions, Keeping
from rescue.bans.fail2ban_config import READS as CONFIG_READS
from rescue.bans.fail2ban_config import Config, ConfigError
from rescue.bans.words import Ban, Network, may_concern, parse_network
from rescue.firewall.boot import service_ports
from rescue.formats.sqlite import Value, Where, rows, tables, without
from rescue.model import Location
from rescue.tree import TooManyDirectories, Tree

READS = CONFIG_READS
UNIT = "fail2ban.service"
DATABASE = "/var/lib/fail2ban/fail2ban.sqlite3"

FOR_EVER = -1
_NOT_RECORDED = -2
"""A ban time of a row that was written by a fail2ban that did not record it."""

MOST_JAILS, MOST_LOGS = 300, 50

_TIME = compile_pattern(r"\s*(\d{1,12}(?:\.\d{1,6})?)\s*([a-z]*)", IGNORECASE)
_UNITS = (
    (r"days?|da|dd?", 86400.0), (r"weeks?|wee?|ww?", 604800.0), (r"months?|mon?", 2629800.0),
    (r"years?|yea?|yy?", 31557600.0), (r"seconds?|sec?|ss?|", 1.0), (r"minutes?|min?|mm?", 60.0),
    (r"hours?|hou?|hh?", 3600.0),
)  # fmt: skip
_SECONDS = tuple((compile_pattern(pattern, IGNORECASE), factor) for pattern, factor in _UNITS)


@dataclass(frozen=True, slots=True)
class Jail:
    """A jail that is on. ban_time: seconds, `FOR_EVER`, or None if that can't be told; longest: the most that it may
    get by bantime.increment, None where that is off. ignored: who is never banned. asks: a program decides, too."""

    name: str
    keepings: tuple[Keeping, ...]
    ban_time: float | None
    longest: float | None
    ignored: tuple[Network, ...]
    asks: bool

    def on_port(
        self, port: int, services: dict[str, int], firewalls: frozenset[str] | None = None
    ) -> Iterator[Keeping]:
        """The part that concerns a TCP port, where `firewalls` are enabled (None: whichever it needs)."""
        for each in self.keepings:
            works = not each.needs or firewalls is None or each.needs in firewalls
            if works and (each.ports is None or port_in(each.ports, port, services)):
                yield each


@dataclass(frozen=True, slots=True)
class Fail2ban:
    """What fail2ban does at the next boot. database: None if it keeps none. problem: why it may not start, or why
    its database can't be read."""

    jails: tuple[Jail, ...]
    database: Database | None
    problem: str = ""


def fail2ban(tree: Tree) -> Fail2ban:
    """The configuration and the database that it names. Raises `NotCaptured`, and ConfigError where none can load."""
    tree.require(*READS)
    place = Config(tree, "fail2ban").get("Definition", "dbfile", DATABASE).strip()
    jails: list[Jail] = []
    problem = ""
    config, actions = Config(tree, "jail"), Actions(tree)
    for name in config.sections[:MOST_JAILS]:
        try:
            found = list(_jail(actions, config, name))
            if found and not _has_log(tree, config, name):
                problem = problem or f"there is no log for the jail {name}"
            jails += found
        except ConfigError as wrong:
            problem = problem or str(wrong)
    if place.lower() in ("none", ":memory:") or not place.startswith("/"):
        return Fail2ban(tuple(jails), None, problem)
    return Fail2ban(tuple(jails), open_database(tree, PurePosixPath(place)), problem)


def _jail(actions: Actions, config: Config, name: str) -> Iterator[Jail]:
    def value(option: str, default: str = "") -> str:
        return config.get(name, option, default).strip()

    if value("enabled", "false").lower() not in ("1", "on", "true", "yes"):
        return
    increment = value("bantime.increment").lower() in ("1", "on", "true", "yes")
    longest = seconds(value("bantime.maxtime")) if value("bantime.maxtime") else FOR_EVER
    listed = value("ignoreip").replace(",", " ").split()
    ignored = tuple(network for network in map(parse_network, listed) if network is not None)
    yield Jail(
        name=name,
        keepings=tuple(actions.keepings(value("action"), name)),
        ban_time=seconds(value("bantime", "10m")),
        longest=longest if increment else None,
        ignored=ignored,
        asks=bool(value("ignorecommand")) or len(ignored) < len(listed),
    )


def _has_log(tree: Tree, config: Config, name: str) -> bool:
    """Whether the jail finds something to read: if one of them does not, fail2ban does not start (jailreader.py)."""
    if config.get(name, "backend", "auto").strip().startswith("systemd"):
        return True
    listed = config.get(name, "logpath").split("\n")[:MOST_LOGS]
    paths = [line.rsplit(" ", 1)[0].strip() if line.endswith((" head", " tail")) else line.strip() for line in listed]
    wanted = [path for path in paths if path]
    return not wanted or any(tree.entry(each) is not None for path in wanted for each in _matching(tree, path))


def _matching(tree: Tree, path: str) -> tuple[PurePosixPath, ...]:
    if not path.startswith("/"):
        return ()
    try:
        return tree.glob(path) if any(mark in path for mark in "*?[") else (PurePosixPath(path),)
    except TooManyDirectories:
        return (PurePosixPath("/"),)  # assume that one of so many folders contains a file


def seconds(text: str) -> float | None:
    """A time such as "10m", "1d 12h" or "-1" in seconds; None for sums and the like, which are Python to fail2ban."""
    negative = text.startswith("-")
    total, at, left = 0.0, 0, text[1:] if negative else text
    if not left:
        return None
    while at < len(left):
        found = _TIME.match(left, at)
        factor = _factor(found.group(2)) if found else None
        if found is None or factor is None:
            return None
        total += float(found.group(1)) * factor
        at = found.end()
    return -total if negative else total


def _factor(unit: str) -> float | None:
    return next((factor for pattern, factor in _SECONDS if pattern.fullmatch(unit)), None)


def port_in(ports: str, port: int, services: dict[str, int]) -> bool:
    """Whether fail2ban's list of ports ("ssh,2222", "0:65535") has this one."""
    for part in ports.replace(" ", ",").split(","):
        first, _, last = part.replace("-", ":").partition(":") if part[:1].isdigit() else (part, "", "")
        low = _number(first, services)
        high = _number(last, services) if last else low
        if low is not None and high is not None and low <= port <= high:
            return True
    return False


def _number(word: str, services: dict[str, int]) -> int | None:
    return int(word) if word.isascii() and word.isdigit() and len(word) < 6 else services.get(word)


def bans(
    tree: Tree,
    this: Fail2ban,
    port: int,
    now: datetime,
    addresses: frozenset[str] | None = None,
    firewalls: frozenset[str] | None = None,
) -> Iterator[Ban]:
    """The bans that keep somebody (or, where `addresses` are given, at least all of these) from a TCP port, on and
    after `now`, where `firewalls` are on (None: whichever they need). Raises NotSqlite."""
    services = service_ports(tree)
    concerned = {jail.name: jail for jail in this.jails if any(jail.on_port(port, services, firewalls))}
    if this.database is None or not concerned:
        return
    for name, written, since, length in _rows(this.database):
        jail = concerned.get(name)
        network = parse_network(written) if may_concern(written, addresses) else None
        if jail is None or network is None:
            continue
        end = _end(jail, since, length)
        if end is not None and end <= now.timestamp():
            continue
        if any(_inside(network, other) for other in jail.ignored):
            continue
        shown = f"{written}, banned by the jail {name} on {_moment(since):%Y-%m-%d %H:%M} UTC" if since else written
        keeping = next(jail.on_port(port, services, firewalls))
        yield Ban(
            network=network,
            written=written,
            by=f"the jail {name}",
            until=None if end is None else _moment(end),
            location=Location(this.database.path, 0, shown),
            symptom=keeping.symptom,
            doubt=_doubt(this, jail),
        )


def _doubt(this: Fail2ban, jail: Jail) -> str:
    if this.problem:
        return f"fail2ban may not start: {this.problem}"
    if jail.asks:
        return f"the jail {jail.name} asks a program or a name server which addresses to ignore"
    return f"the ban time of the jail {jail.name} can't be determined" if jail.ban_time is None else ""


def _rows(database: Database) -> Iterator[tuple[str, str, float, float]]:
    """(jail, address, since, for how long) of each current ban; a ban time that was not recorded is `_NOT_RECORDED`."""
    image = database.image
    if "bips" in tables(image):
        found: list[tuple[Value, ...]] = rows(image, "bips", ("jail", "ip", "timeofban", "bantime"))
    else:
        found = [(*row, _NOT_RECORDED) for row in rows(image, "bans", ("jail", "ip", "timeofban"))]
    for jail, address, since, length in found:
        if isinstance(jail, str) and isinstance(address, str) and isinstance(since, int | float):
            yield jail, address, float(since), float(length) if isinstance(length, int | float) else _NOT_RECORDED


def _end(jail: Jail, since: float, length: float) -> float | None:
    """When a restored ban ends (seconds since the epoch); None if never, or if that can't be told."""
    if length == _NOT_RECORDED:
        length = jail.ban_time if jail.ban_time is not None else FOR_EVER
    most = jail.ban_time if jail.longest is None else jail.longest
    if most is not None and most >= 0 and (length <= FOR_EVER or length > most):
        length = most
    return None if length <= FOR_EVER else since + length


def _inside(network: Network, other: Network) -> bool:
    if network.version != other.version:
        return False
    return int(other[0]) <= int(network[0]) and int(network[-1]) <= int(other[-1])


def _moment(stamp: float) -> datetime:
    return datetime.fromtimestamp(min(max(stamp, 0.0), 253402300799.0), UTC)


def lifted(tree: Tree, database: Database, addresses: tuple[str, ...]) -> Tree:
    """The tree whose database knows nothing of bans of `addresses`, spelled as it spells them. ValueError if damaged.

    The history goes, too, as with ``fail2ban-client unban``; where the logs were read up to stays.
    """
    these = [Where(table, "ip", address) for table in ("bips", "bans") for address in addresses]
    return database.written(tree, without(database.image, *these))
