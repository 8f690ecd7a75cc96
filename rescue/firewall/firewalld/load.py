"""From the files on the disk to the firewall that firewalld builds from them at boot."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePosixPath
from re import compile as compile_pattern

from rescue.firewall.engine.oversized import depends_on
from rescue.firewall.engine.ruleset import Firewall, LoadProblem, Ruleset, Table
from rescue.firewall.firewalld import bindings, direct
from rescue.firewall.firewalld.check import IPSET, check
from rescue.firewall.firewalld.conf import PATH, Conf, read_conf
from rescue.firewall.firewalld.faults import FirewalldError, FirewalldNotModelled
from rescue.firewall.firewalld.grammar import Dialect, Version
from rescue.firewall.firewalld.lower import Lowering
from rescue.firewall.firewalld.objects import UNSAID, Named
from rescue.firewall.firewalld.store import OWN, STOCK, Configuration, FirewalldFiles
from rescue.firewall.names import Names
from rescue.model import Location
from rescue.tree import RULES_LIMIT, Read, Tree

MANAGER = "firewalld"

PYTHON = PurePosixPath("/usr/lib/python3/dist-packages/firewall/config/__init__.py")
"""The file with firewalld's version on Debian and relatives."""

READS = (
    Read(str(OWN), limit=RULES_LIMIT),
    Read(str(STOCK)),
    Read(str(PYTHON), depth=0),
    Read(IPSET, depth=0, content=False),
    *bindings.READS,
)

NOT_KNOWN = "what its rules do is not known"
"""What is lost with a configuration that can't be evaluated."""

FALLBACK = "all of /etc/firewalld: firewalld starts with the configuration that it was installed with"

_VERSION = compile_pattern(r"(?m)^VERSION = ['\"](\d{1,3}\.\d{1,3})")
_NUMBERS = compile_pattern(r"(\d{1,3})\.(\d{1,3})")
_PYTHON = compile_pattern(r"python3(\.\d+)?")


def load_firewalld(tree: Tree, names: Names, backend: str, *, told: bool) -> Firewall:
    """The firewall as firewalld sets it up at boot. Raises NotCaptured.

    told: whether NetworkManager, or a reader of ifcfg files, brings the network up and tells firewalld about zones.
    """
    tree.require(*READS)
    files, rulesets = _loaded(tree, names, backend, told=told)
    files = files or (PATH,)
    return Firewall(MANAGER, Location(PATH), rulesets, {4: files, 6: files}, backend, told)


def configuration(tree: Tree, names: Names, *, told: bool) -> Configuration | None:
    """firewalld's running configuration; None if unknown."""
    tree.require(*READS)
    try:
        return _started(tree, names, "nft", told=told)[0]
    except (FirewalldNotModelled, FirewalldError):
        return None


def installed_version(tree: Tree) -> Version | None:
    """firewalld's version, from its own file; None if not found."""
    text = tree.text(PYTHON)
    if text is None:
        tree.require(Read("/usr/lib", depth=1, content=False))
        paths = [
            PurePosixPath("/usr/lib", name, "site-packages/firewall/config/__init__.py")
            for name in tree.children("/usr/lib")
            if _PYTHON.fullmatch(name)
        ]
        tree.require(*(Read(str(path), depth=0) for path in paths))
        text = next((found for path in paths if (found := tree.text(path)) is not None), "")
    match = _VERSION.search(text)
    return version_in(match[1]) if match else None


def version_in(text: str) -> Version | None:
    """The significant part of a release such as "1.3.3"; None if it is not a number."""
    match = _NUMBERS.match(text)
    return (int(match[1]), int(match[2])) if match else None


def _loaded(
    tree: Tree, names: Names, backend: str, *, told: bool
) -> tuple[tuple[PurePosixPath, ...], dict[int, Ruleset]]:
    try:
        config, tables, problem = _started(tree, names, backend, told=told)
    except FirewalldNotModelled as unclear:
        reason = f"{unclear.at}, which this version can't judge ({unclear})"
        return (PATH,), {version: depends_on(version, unclear.at, reason, NOT_KNOWN) for version in (4, 6)}
    except FirewalldError as invalid:
        # Not even the installed configuration works: firewalld exits, and leaves no rule.
        fault = LoadProblem(str(invalid), invalid.at, "every rule: firewalld does not start")
        return (PATH,), {version: Ruleset(version, {}, (fault,)) for version in (4, 6)}
    problems = (problem,) if problem is not None else ()
    files = tuple(dict.fromkeys((PATH, *config.store.files)))
    return files, {version: Ruleset(version, tables[version], problems) for version in (4, 6)}


Started = tuple[Configuration, dict[int, dict[str, Table]], LoadProblem | None]


def _started(tree: Tree, names: Names, backend: str, *, told: bool) -> Started:
    """The configuration, its tables, and the reason if it is not that of /etc.

    Raises FirewalldNotModelled, and FirewalldError if nothing works.
    """
    dialect = Dialect(installed_version(tree))
    text = tree.text(PATH)
    conf = read_conf(text) if text is not None else Conf()
    store = FirewalldFiles(tree, dialect, names)
    zones = bindings.told_zones(tree) if told else {}
    build: Callable[[Configuration], dict[int, dict[str, Table]]] = lambda config: {  # noqa: E731
        version: _tables(tree, config, names, backend, version) for version in (4, 6)
    }
    try:
        config = store.gather(conf, own=True)
        check(config)
        _tell(config, zones)
        return config, build(config), None
    except FirewalldError as invalid:
        if dialect.version is None or not dialect.failsafe:
            raise FirewalldNotModelled(f"an invalid configuration: {invalid}", invalid.at) from invalid
        fault = LoadProblem(str(invalid), invalid.at, FALLBACK)
    config = store.gather(Conf(), own=False)
    check(config)
    _tell(config, zones)
    return config, build(config), fault


def _tell(config: Configuration, zones: dict[str, Named]) -> None:
    """Give interfaces to the zones that the network's configuration names; an unknown zone changes nothing."""
    for interface, zone in zones.items():
        name = zone.name or config.default
        if interface == bindings.ANY_CARD:
            config.anywhere = zone if name in config.zones and name != config.default else None
            continue
        if name not in config.zones or any(each.name == interface for each in config.zones[name].interfaces):
            continue
        for each in config.zones.values():
            each.interfaces = [known for known in each.interfaces if known.name != interface]
        config.zones[name].interfaces.append(Named(interface, zone.location))
        config.outside[interface] = zone


def _check_old(config: Configuration) -> None:
    """Special behaviour of firewalld before 1.0 that is not modelled here. Raises FirewalldNotModelled."""
    for zone in config.zones.values():
        if config.conf.drifting and zone.sources and zone.target in (UNSAID, "default"):
            raise FirewalldNotModelled(
                f"whether packets drift out of the zone {zone.name} (AllowZoneDrifting)", zone.location
            )
    for policy in config.policies.values():
        if policy.location.path.is_relative_to(OWN):
            raise FirewalldNotModelled("policies of firewalld before 1.0", policy.location)


def _tables(tree: Tree, config: Configuration, names: Names, backend: str, version: int) -> dict[str, Table]:
    nftables = config.conf.nftables
    own = Lowering(config, version).tables()
    if config.dialect.version is not None and config.dialect.version < (1, 0):
        _check_old(config)
    others = direct.direct_tables(tree, version, names, backend, nftables=nftables) if config.own else {}
    return {**others, **own} if nftables else direct.joined(own, others)
