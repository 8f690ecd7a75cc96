"""CrowdSec: the decisions in its local database, and the bouncer that carries them out.

Taken from CrowdSec 1.4 (the table `decisions`, what its API gives to a bouncer that starts) and from the
configuration of crowdsec-firewall-bouncer 0.0.25. The bouncer turns addresses away on every port. What a decision says
and what the bouncer makes of it are two things: see `Crowdsec.first_only` (issues 396 and 412 of cs-firewall-bouncer).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import PurePosixPath
from re import compile as compile_pattern

from rescue.bans.database import Database, open_database
from rescue.bans.words import Ban, may_concern, parse_network
from rescue.formats.sqlite import Where, rows, with_value
from rescue.formats.yaml_nodes import Node, YamlError, read_yaml
from rescue.formats.yaml_nodes import YamlTooLarge as TooDeep
from rescue.model import Location, Symptom
from rescue.tree import Read, Tree

UNIT = "crowdsec.service"
BOUNCERS = ("crowdsec-firewall-bouncer.service", "cs-firewall-bouncer.service")
CONFIG = PurePosixPath("/etc/crowdsec/config.yaml")
BOUNCER_CONFIG = PurePosixPath("/etc/crowdsec/bouncers/crowdsec-firewall-bouncer.yaml")
DATABASE = "/var/lib/crowdsec/data/crowdsec.db"
READS = tuple(Read(f"{path}{local}", depth=0) for path in (CONFIG, BOUNCER_CONFIG) for local in ("", ".local"))

_LISTS = ("capi", "lists")
"""Origins of decisions that come again with the next pull of a list."""

_TIME = compile_pattern(r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?:\.\d+)?(?: ?([+-]\d\d):?(\d\d)|Z)?(?: .*)?")


@dataclass(frozen=True, slots=True)
class Crowdsec:
    """What CrowdSec does at the next boot. database: None if it has none yet. elsewhere: why its decisions are not on
    this disk. chains: the chains that the bouncer puts its rules into (of iptables). symptom: of one who is banned.
    without_ipv6: whether IPv6 is let alone. first_only: only the first address of a range is blocked."""

    database: Database | None
    symptom: Symptom
    elsewhere: str = ""
    chains: tuple[str, ...] = ()
    without_ipv6: bool = False
    first_only: bool = False


def crowdsec(tree: Tree) -> Crowdsec:
    """The configuration, and the database that it names. Raises `NotCaptured` and NotSqlite."""
    tree.require(*READS)
    try:
        own, bouncer = _Settings(tree, CONFIG), _Settings(tree, BOUNCER_CONFIG)
    except _YamlError as problem:
        return Crowdsec(None, Symptom.TIMED_OUT, str(problem))
    action = (bouncer.text("deny_action") or "DROP").upper()
    mode = (bouncer.text("mode") or "").lower()
    chains = tuple(chain.upper() for chain in bouncer.items("iptables_chains")) if mode in ("iptables", "ipset") else ()
    url = bouncer.text("api_url") or ""
    kind = (own.text("db_config", "type") or "sqlite").lower()
    elsewhere = ""
    if url and not any(f"//{host}" in url for host in ("127.", "localhost", "[::1]")):
        elsewhere = f"its decisions come from another server ({url[:80]})"
    elif kind != "sqlite":
        elsewhere = f"its decisions are in a database of type {kind[:20]}"
    place = own.text("db_config", "db_path") or DATABASE
    database = open_database(tree, PurePosixPath(place)) if place.startswith("/") and not elsewhere else None
    return Crowdsec(
        database,
        Symptom.REFUSED if action == "REJECT" else Symptom.TIMED_OUT,
        elsewhere,
        chains,
        (bouncer.text("disable_ipv6") or "").lower() == "true",
        mode == "nftables" and not any(_true(bouncer.text("nftables", each, "set-only")) for each in ("ipv4", "ipv6")),
    )


def _true(text: str | None) -> bool:
    return (text or "").lower() == "true"


class _YamlError(Exception):
    """A file that can't be read as YAML."""


class _Settings:
    """A YAML file and its .local, which overrides it."""

    def __init__(self, tree: Tree, path: PurePosixPath) -> None:
        self._roots = [
            root
            for each in (path.with_name(f"{path.name}.local"), path)
            if (root := self._read(tree, each)) is not None
        ]

    @staticmethod
    def _read(tree: Tree, path: PurePosixPath) -> Node | None:
        try:
            return read_yaml(tree.text(path) or "")
        except YamlError as problem:
            raise _YamlError(f"{path}:{problem.line} is not valid YAML ({problem.problem[:80]})") from problem
        except TooDeep as problem:
            raise _YamlError(f"{path} is too long or too deeply nested to be read") from problem

    def _node(self, *keys: str) -> Node | None:
        found = (root.get(*keys) for root in self._roots)
        return next((node for node in found if node is not None and not node.null), None)

    def text(self, *keys: str) -> str | None:
        """The scalar under the keys; None if there is none."""
        node = self._node(*keys)
        return node.text if node is not None and node.kind == "scalar" else None

    def items(self, *keys: str) -> tuple[str, ...]:
        """The scalars of a list; () if there is none."""
        node = self._node(*keys)
        return tuple(each.text for each in node.items if each.kind == "scalar") if node is not None else ()


@dataclass(frozen=True, slots=True)
class _Decision:
    id: int
    value: str
    until: datetime
    scope: str
    origin: str
    scenario: str


def _active(database: Database, now: datetime) -> Iterator[_Decision]:
    columns = ("id", "until", "scenario", "type", "scope", "value", "origin", "simulated")
    for number, until, scenario, kind, scope, banned, origin, simulated in rows(database.image, "decisions", columns):
        end = moment(until) if isinstance(until, str) else None
        if not isinstance(number, int) or not isinstance(banned, str) or simulated or end is None or end <= now:
            continue
        if str(kind).lower() == "ban" and str(scope).lower() in ("ip", "range"):
            yield _Decision(number, banned, end, str(scope), str(origin), str(scenario))


def moment(text: str) -> datetime | None:
    """A time as CrowdSec's database has it: "2026-11-25 23:02:16.27+00:00"; None if it is none."""
    found = _TIME.fullmatch(text)
    if found is None:
        return None
    try:
        here = datetime.fromisoformat(f"{found[1]} {found[2]}").replace(tzinfo=UTC)
        if found[3]:
            ahead = timedelta(hours=int(found[3][1:]), minutes=int(found[4]))
            here = here - ahead if found[3][0] == "+" else here + ahead
    except (ValueError, OverflowError):
        return None
    return here


def bans(this: Crowdsec, now: datetime, addresses: frozenset[str] | None = None) -> Iterator[Ban]:
    """Whom the bouncer keeps out from its start on (where `addresses` are given, at least all of these). Raises
    NotSqlite."""
    if this.database is None or (this.chains and "INPUT" not in this.chains):
        return
    for decision in _active(this.database, now):
        network = parse_network(decision.value) if may_concern(decision.value, addresses) else None
        if network is None or (network.version == 6 and this.without_ipv6):
            continue
        if this.first_only:
            # Its nftables sets lack the flag "interval": they keep only the first address of a range.
            network = ip_network(network.network_address)
        again = ", a CrowdSec blocklist: the next pull adds it again" if from_list(decision.origin) else ""
        yield Ban(
            network=network,
            written=decision.value,
            by=f"{decision.scenario[:60]}, {decision.origin[:20]}{again}",
            until=decision.until,
            location=Location(this.database.path, 0, f"decision {decision.id}: {decision.value}"),
            symptom=this.symptom,
        )


def from_list(origin: str) -> bool:
    return origin.lower().partition(":")[0] in _LISTS


def lifted(tree: Tree, database: Database, written: tuple[str, ...], now: datetime) -> Tree:
    """The tree in which the present decisions on `written` ended at `now`, as after ``cscli decisions delete``."""
    ended = f"{now.astimezone(UTC):%Y-%m-%d %H:%M:%S}+00:00"
    these = [Where("decisions", "id", each.id) for each in _active(database, now) if each.value in written]
    return database.written(tree, with_value(database.image, "until", ended, *these))
