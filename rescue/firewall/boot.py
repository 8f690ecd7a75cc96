"""Which firewalls are loaded while the server boots, and from which files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import NamedTuple, Protocol

from rescue.accounts.database import GROUP, PASSWD, ids
from rescue.firewall import firewalld
from rescue.firewall.custom_loaders import LoadedRules, LoaderCommand, apart, script_of
from rescue.firewall.engine.addresses import parse_address
from rescue.firewall.engine.known_names import SERVICES
from rescue.firewall.engine.oversized import too_many, unread_ruleset
from rescue.firewall.engine.ruleset import Firewall, Ruleset
from rescue.firewall.ipset.load import read_sets
from rescue.firewall.iptables.load import Loader
from rescue.firewall.names import Names
from rescue.firewall.nft import MANAGER, load_nftables
from rescue.firewall.ufw import load as ufw
from rescue.formats.services import SERVICES_READ, read_services
from rescue.model import Location
from rescue.tree import RULES_LIMIT, Read, Tree

MOST_MEMBERS = 600_000
"""How many lines of an ipset file are read at most."""

READS = (
    *ufw.READS,
    Read("/etc/alternatives", depth=1, content=False),
    Read(GROUP),
    Read("/etc/hosts"),
    Read("/etc/ipset.conf", depth=0, limit=RULES_LIMIT),
    Read("/etc/iptables", depth=1, limit=RULES_LIMIT),
    Read("/etc/nftables.conf", depth=0, limit=RULES_LIMIT),
    Read("/etc/nftables.nft", depth=0, limit=RULES_LIMIT),
    Read(PASSWD),
    SERVICES_READ,
    Read("/etc/sysconfig/ip6tables", limit=RULES_LIMIT),
    Read("/etc/sysconfig/iptables", limit=RULES_LIMIT),
    Read("/etc/sysconfig/ipset.d", depth=1, content=False),
    Read("/etc/sysconfig/ipset", depth=0, limit=RULES_LIMIT),
    Read("/etc/sysconfig/nftables.conf", depth=0, limit=RULES_LIMIT),
    *(
        Read(f"/var/lib/{name}/rules-save", depth=0, limit=RULES_LIMIT)
        for name in ("iptables", "ip6tables", "nftables")
    ),
    Read("/usr/share/netfilter-persistent/plugins.d", depth=1, content=False),
)
"""The files that `active_firewalls` reads, besides systemd's units."""

PERSISTENT = "iptables-persistent"
SERVICES_MANAGER = "iptables-services"
UFW = "ufw"
NFTABLES = MANAGER
FIREWALLD = firewalld.MANAGER

PLUGINS = PurePosixPath("/usr/share/netfilter-persistent/plugins.d")

PERSISTENT_FILES = {4: PurePosixPath("/etc/iptables/rules.v4"), 6: PurePosixPath("/etc/iptables/rules.v6")}

SERVICE_FILES = {
    version: tuple(map(PurePosixPath, places))
    for version, places in (
        (4, ("/etc/sysconfig/iptables", "/etc/iptables/iptables.rules", "/etc/iptables/rules-save",
             "/var/lib/iptables/rules-save")),
        (6, ("/etc/sysconfig/ip6tables", "/etc/iptables/ip6tables.rules", "/etc/iptables/rules6-save",
             "/var/lib/ip6tables/rules-save")),
    )
}  # fmt: skip
"""What the services iptables and ip6tables load: on Fedora and relatives, on Arch, on Alpine, on Gentoo."""

RESTORED = "iptables-restore"
"""The manager of rules that an administrator's own script or unit loads."""

SET_FILES = tuple(PurePosixPath(path) for path in ("/etc/sysconfig/ipset", "/etc/ipset.conf"))
"""What ipset.service loads: on Fedora and relatives, and on Arch."""

MORE_SETS = PurePosixPath("/etc/sysconfig/ipset.d")
"""A folder with one file per set, which newer Fedora-like systems load instead. It is not read."""

NO_SETS = PurePosixPath("/dev/null")
"""The file name used where nothing on the server loads any ipset."""

PERSISTENT_SETS = PurePosixPath("/etc/iptables/ipsets")
"""What netfilter-persistent's plug-in for ipset loads, before the rules."""

NFTABLES_FILES = tuple(
    PurePosixPath(path)
    for path in (
        "/etc/sysconfig/nftables.conf",
        "/etc/nftables.conf",
        "/etc/nftables.nft",
        "/var/lib/nftables/rules-save",
    )
)
"""What nftables.service loads by default: on Fedora and relatives, Debian and Arch, Alpine, Gentoo."""


class Value(Protocol):
    """One value of a unit setting."""

    @property
    def text(self) -> str: ...


class Unit(Protocol):
    """The part of a systemd unit that is used here."""

    @property
    def started(self) -> bool:
        """Whether the unit starts at boot."""

    def values(self, section: str, key: str) -> Sequence[Value]:
        """The values of a setting."""


class UnitTable(Protocol):
    """systemd's units by name."""

    def unit(self, name: str) -> Unit: ...
    @property
    def reached(self) -> Sequence[str]:
        """The names of all units that start at boot."""


class Active(NamedTuple):
    """What is loaded at boot. unread: commands in the administrator's own scripts that load something not read here."""

    firewalls: tuple[Firewall, ...]
    unread: tuple[LoaderCommand, ...] = ()


def active_firewalls(
    tree: Tree, units: UnitTable, commands: Sequence[LoaderCommand] = (), nft: tuple[int, ...] = ()
) -> tuple[Firewall, ...]:
    """Every packet filter that is loaded at boot and can be evaluated. Raises `NotCaptured`."""
    return loaded_at_boot(tree, units, commands, nft).firewalls


def loaded_at_boot(
    tree: Tree, units: UnitTable, commands: Sequence[LoaderCommand] = (), nft: tuple[int, ...] = ()
) -> Active:
    """ufw, saved rules, nftables and firewalld, loaded by their services or by `commands` that run at boot.

    nft: its installed version (1, 0, 6); empty if unknown. Raises `NotCaptured`.
    """
    tree.require(*READS)
    sets = _sets_file(tree, units, commands)
    names, backend = names_of(tree, sets), _backend(tree)
    found: list[Firewall | None] = []
    if units.unit("netfilter-persistent.service").started:
        files = {version: path for version, path in PERSISTENT_FILES.items() if _plugged(tree, version)}
        found.append(_saved(tree, PERSISTENT, files, names, backend))
    services = {
        version: path
        for version, unit in ((4, "iptables.service"), (6, "ip6tables.service"))
        if units.unit(unit).started
        for path in SERVICE_FILES[version]
        if tree.entry(path) is not None
    }
    found.append(_saved(tree, SERVICES_MANAGER, services, names, backend))
    if units.unit("ufw.service").started:
        found.append(ufw.load_ufw(tree, names, backend))
    if units.unit("nftables.service").started:
        told = [script_of(each.text) for each in units.unit("nftables.service").values("Service", "ExecStart")]
        places = [path for path in told if path is not None] or NFTABLES_FILES
        script = next((path for path in places if tree.entry(path) is not None), None)
        found.append(load_nftables(tree, script, names, nft) if script else None)
    if units.unit("firewalld.service").started:
        found.append(firewalld.load_firewalld(tree, names, backend, told=_told(units)))
    managed = [replace(each, sets=sets) for each in found if each is not None]
    more, unread = _by_hand(tree, managed, commands, names, backend, nft)
    return Active((*managed, *more), unread)


def _by_hand(
    tree: Tree,
    managed: Sequence[Firewall],
    commands: Sequence[LoaderCommand],
    names: Names,
    backend: str,
    nft: tuple[int, ...],
) -> tuple[list[Firewall], tuple[LoaderCommand, ...]]:
    """The firewalls loaded by the administrator's own scripts, and the commands that were not read.

    Excludes anything that would replace rules loaded by a service: the result depends on which runs last.
    """
    loads, unread = apart(commands, bool(managed))
    tree.require(*(Read(str(load.path), depth=0, limit=RULES_LIMIT) for load in loads))
    files: dict[int, LoadedRules] = {}
    more: list[Firewall | None] = []
    for load in loads:
        if any(load.path in paths for each in managed for paths in each.files.values()):
            continue
        rivals = [each.manager for each in managed if (each.manager == NFTABLES) is (load.version == 0)]
        if rivals and rivals != [FIREWALLD]:
            unread = (*unread, load.command)
        elif load.version:
            files[load.version] = load
        else:
            script = load_nftables(tree, load.path, names, nft)
            more.append(replace(script, loaded_by=load.command.location) if script is not None else None)
    if files:
        first = files[min(files)]
        kind = first.backend or backend
        rules = _saved(tree, RESTORED, {version: load.path for version, load in files.items()}, names, kind)
        more.append(replace(rules, loaded_by=first.command.location) if rules is not None else None)
    return [each for each in more if each is not None], unread


def _sets_file(tree: Tree, units: UnitTable, commands: Sequence[LoaderCommand]) -> PurePosixPath | None:
    """The file from which ipsets are loaded before any rules; NO_SETS if nothing loads any, None if unknown."""
    plugged = any(name.endswith("-ipset") for name in tree.children(PLUGINS))
    if plugged and units.unit("netfilter-persistent.service").started:
        return PERSISTENT_SETS
    if units.unit("ipset.service").started and not tree.children(MORE_SETS):
        return next((path for path in SET_FILES if tree.entry(path) is not None), None)
    told = any("ipset" in each.text for each in commands) or any("ipset" in name for name in units.reached)
    strange = units.unit("netfilter-persistent.service").started and tree.entry(PLUGINS) is None
    return None if told or strange else NO_SETS


def reload(tree: Tree, firewall: Firewall) -> Firewall | None:
    """The same firewall, as loaded from `tree` now; None if it has nothing to load any more."""
    tree.require(*READS)
    names = names_of(tree, firewall.sets)
    now: Firewall | None
    if firewall.manager == UFW:
        now = ufw.load_ufw(tree, names, firewall.backend)
    elif firewall.manager == NFTABLES:
        now = load_nftables(tree, firewall.location.path, names, firewall.nft)
    elif firewall.manager == FIREWALLD:
        now = firewalld.load_firewalld(tree, names, firewall.backend, told=firewall.told)
    else:
        files = {version: paths[0] for version, paths in firewall.files.items()}
        now = _saved(tree, firewall.manager, files, names, firewall.backend)
    return replace(now, sets=firewall.sets, own=firewall.own) if now is not None else None


def firewalld_configuration(tree: Tree, firewall: Firewall) -> firewalld.Configuration | None:
    """firewalld's running configuration, as zones and policies; None if unknown."""
    tree.require(*READS)
    return firewalld.configuration(tree, names_of(tree), told=firewall.told)


def _told(units: UnitTable) -> bool:
    """Whether the network manager tells firewalld about zones."""
    return any(units.unit(name).started for name in ("NetworkManager.service", "network.service"))


def _plugged(tree: Tree, version: int) -> bool:
    """Whether netfilter-persistent has the plug-in that loads the rules; assumed if it has no plug-in folder."""
    if tree.entry(PLUGINS) is None:
        return True
    return any(name.endswith("ip4tables" if version == 4 else "ip6tables") for name in tree.children(PLUGINS))


def _saved(tree: Tree, manager: str, files: dict[int, PurePosixPath], names: Names, backend: str) -> Firewall | None:
    """The firewall that loads saved rules; None if there are none."""
    rulesets: dict[int, Ruleset] = {}
    for version, path in files.items():
        entry = tree.entry(path)
        if entry is None or not entry.is_file:
            continue
        text = tree.text_if_read(path)
        if text is None or too_many(text):
            rulesets[version] = unread_ruleset(version, path)
            continue
        loader = Loader(version, names, backend)
        loader.restore(text, path)
        rulesets[version] = loader.ruleset()
    if not rulesets:
        return None
    first = min(rulesets)
    return Firewall(manager, Location(files[first]), rulesets, {v: (files[v],) for v in rulesets}, backend)


def _backend(tree: Tree) -> str:
    """The iptables backend of the server: "legacy" if its alternatives say so, else "nft"."""
    entry = tree.lentry("/etc/alternatives/iptables")
    return "legacy" if entry is not None and "legacy" in entry.link else "nft"


def names_of(tree: Tree, sets: PurePosixPath | None = None) -> Names:
    """The names that rules may use for ports and addresses, and those of the ipsets in the file `sets`."""
    services = dict(SERVICES)
    services.update(_services(tree))
    held = None
    if sets is not None:
        text = tree.text_if_read(sets) if sets != NO_SETS and tree.entry(sets) is not None else ""
        many = text is not None and text.count("\n") > MOST_MEMBERS
        held = read_sets(text, sets) if text is not None and not many else None
        held = held if held is not None and held.whole else None
    owners = [ids(tree, path) for path in (PASSWD, GROUP)]
    return Names(services, _hosts(tree.text("/etc/hosts") or ""), held, *owners)


def service_ports(tree: Tree) -> dict[str, int]:
    """The ports by service name that rules may use: from services(5), and the usual ones."""
    return {**SERVICES, **_services(tree)}


def _services(tree: Tree) -> dict[str, int]:
    found: dict[str, int] = {}
    for name, port, _ in read_services(tree):
        found.setdefault(name, port)
    return found


def _hosts(text: str) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for line in text.split("\n"):
        words = line.partition("#")[0].split()
        try:
            parse_address(words[0] if words else "")
        except ValueError:
            continue
        for name in words[1:]:
            found.setdefault(name.lower(), []).append(words[0])
    return {name: tuple(addresses) for name, addresses in found.items()}
