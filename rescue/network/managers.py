"""Which programs configure the network at boot, and for which cards."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from re import compile as compile_pattern

from rescue.model import Location
from rescue.network import cloud_init, ifcfg, ifupdown, keyfile, manager_conf, netplan, networkd
from rescue.network.interfaces import is_card
from rescue.network.manager_conf import ManagerConf
from rescue.network.profile import Profile
from rescue.services.units import UNIT_READS, Units
from rescue.tree import Read, Tree

NETWORKD, IFUPDOWN, MANAGER = "systemd-networkd.service", "networking.service", "NetworkManager.service"

UDEV_RULES = "/etc/udev/rules.d"
HOTPLUG_RULES = ("/usr/lib/udev/rules.d/80-ifupdown.rules", "/lib/udev/rules.d/80-ifupdown.rules")
"""By which udev starts ifup@CARD.service for what is marked allow-hotplug, networking.service or not."""
GRUB_SETTINGS = "/etc/default/grub"
COMMAND_LINES = (
    "/boot/grub/grub.cfg", "/boot/grub2/grub.cfg", GRUB_SETTINGS, "/etc/kernel/cmdline", "/boot/cmdline.txt",
    "/boot/firmware/cmdline.txt",
)  # fmt: skip
"""Where the kernel's command line is written, whose ip= configures a card (nfsroot.txt of the kernel)."""

NETWORK_READS: tuple[Read, ...] = (
    *networkd.READS, *ifupdown.READS, *netplan.READS, *keyfile.READS, *UNIT_READS,
    cloud_init.THERE, ifcfg.NAMES[0],
)  # fmt: skip

CONFIGURING_READS: tuple[Read, ...] = (
    *NETWORK_READS, *manager_conf.READS,
    *cloud_init.READS, Read(cloud_init.HAS_RUN, depth=0, content=False), ifcfg.NAMES[1],
    *(Read(path, depth=0, content=False) for path in HOTPLUG_RULES),
    *(Read(path, depth=0, limit=1 << 20) for path in COMMAND_LINES),
)  # fmt: skip

_OTHERS = ("network.service", "wicked.service", "dhcpcd.service", "connman.service", "NetworkManager.service")
"""Those that may configure a card without being told of it, or by files that are not read here."""

_COMMANDS = compile_pattern(
    r"(?:^|[\s/;&|'\"(])(?:dhclient|dhcpcd|udhcpc|pump|ifup|ifconfig|connmand|wickedd|netctl|pppd|nmcli)\b"
    r"|(?:^|[\s/;&|'\"(])ip\s+(?:-\S+\s+)*(?:a|ad|add|addr|address|l|li|link)\s"
)
"""Commands that bring up a card, or may."""
_KNOWN_UNITS = compile_pattern(r"(?:networking|ifup@.*|ifupdown-.*)\.service")
_KERNEL_IP = compile_pattern(r"(?:^|[\s\"'=])(?:ip|rd\.neednet|nfsroot)=(?!off\b|none\b|0\b)\S")

MOST_FILES = 100


@dataclass(frozen=True, slots=True)
class Network:
    """What waits for cards. certain: there is nothing else that could configure one."""

    profiles: tuple[Profile, ...]
    certain: bool


@dataclass(frozen=True, slots=True)
class Manager:
    """A program that configures cards, and whether it configures one after the next boot.

    starts: something starts it. configures: it would bring up a wired card, once it is started; None where that can't
    be told. lacks: in words, why it does not. waits: its settings for a card that nothing brings up.
    """

    name: str
    unit: str
    starts: bool
    configures: bool | None
    lacks: str = ""
    locations: tuple[Location, ...] = ()
    waits: tuple[ifupdown.Stanza, ...] = ()


@dataclass(frozen=True, slots=True)
class Configuring:
    """Who may configure a card. others: what else may, by files and commands that are not followed here."""

    managers: tuple[Manager, ...]
    others: tuple[Location, ...]
    cloud: bool | None
    """Whether cloud-init writes settings at boot: None where it has written them once, and may again."""


def read_network(tree: Tree, units: Units) -> Network:
    """What is started at boot, and what it is told."""
    found: list[Profile] = []
    networkd_starts = units.unit(NETWORKD).started
    if networkd_starts:
        found += networkd.profiles(tree)
    whole = True
    if units.unit(IFUPDOWN).started:
        found += ifupdown.profiles(tree)
        whole = not ifupdown.unfollowed(tree)
    manager = units.unit(MANAGER).started
    if manager:
        found += keyfile.profiles(tree)
    if networkd_starts or manager or netplan.generated(tree):
        found += netplan.profiles(tree)
    # NetworkManager asks for an address on a card of which nobody has told it anything.
    others = any(units.unit(name).started for name in _OTHERS)
    # cloud-init writes these files anew at boot where the machine is another one.
    return Network(tuple(found), certain=whole and not others and tree.entry(cloud_init.FOLDER) is None)


def read_configuring(tree: Tree, units: Units, cards: tuple[str, ...] = ()) -> Configuring:
    """Who configures a card. cards: the names of those that the server has had, where that is known."""
    tree.require(*CONFIGURING_READS)

    def read() -> Configuring:
        found = (_networkd(tree, units), _ifupdown(tree, units), _manager(tree, units, cards))
        return Configuring(tuple(each for each in found if each), tuple(_others(tree, units)), _cloud(tree, units))

    return tree.kept((Configuring, cards), read)


def _networkd(tree: Tree, units: Units) -> Manager | None:
    unit = units.unit(NETWORKD)
    if not unit.present:
        return None
    plans = netplan.files(tree) if netplan.generated(tree) else ()
    rendered = [path for path in plans if netplan.renders_for_networkd(tree, path)]
    # netplan's generator starts it where it has made a file for it.
    starts = unit.started or bool(rendered and not unit.masked)
    if plans and netplan.unclear(tree):
        return Manager("systemd-networkd", NETWORKD, starts, None)
    profiles = [*networkd.profiles(tree), *(netplan.profiles(tree) if rendered else ())]
    if any(_for_a_card(each) for each in profiles):
        return Manager("systemd-networkd", NETWORKD, starts, True)
    files = networkd.network_files(tree)
    own = [path for path in files if path.is_relative_to("/etc")]
    lacks = "has no .network file for a network card" if own else "has no .network file of yours"
    if plans:
        lacks += ", and netplan's files name none"
    elif netplan.generated(tree):
        lacks += ", and netplan has no files"
    return Manager(
        "systemd-networkd", NETWORKD, starts, False, lacks, tuple(Location(path) for path in (*own, *plans)[:3])
    )


_VIRTUAL = compile_pattern(
    r"lo$|wg|tun|tap|docker|veth|virbr|vnet|dummy|tailscale|zt|nordlynx|ve-|vb-|host0|lxc|cni|flannel|cali"
)


def _for_a_card(profile: Profile) -> bool:
    """Whether it may be for a wired card, or for a bridge or the like that has one."""
    positive = [name for name in profile.names if not name.startswith("!")]
    return not positive or any(not _VIRTUAL.match(name) for name in positive)


def _ifupdown(tree: Tree, units: Units) -> Manager | None:
    unit = units.unit(IFUPDOWN)
    hotplug = any(tree.entry(path) is not None for path in HOTPLUG_RULES)
    if not unit.present and not hotplug:
        return None
    if unit.started and (ifupdown.made_at_boot(tree) is not None or ifupdown.problem(tree) is not None):
        return Manager("ifupdown", IFUPDOWN, True, None)
    found = [each for each in ifupdown.stanzas(tree) if not each.loopback]
    brought = [each for each in found if each.auto or (each.hotplug and (unit.started or hotplug))]
    members = any(line.words[0] in ifupdown.MEMBERS for line in ifupdown.lines(tree))
    starts = unit.started or any(each.hotplug for each in brought)
    where = Location(PurePosixPath(ifupdown.INTERFACES))
    if brought or (found and members):
        return Manager("ifupdown", IFUPDOWN, starts, True, locations=(where,))
    if found:
        lacks = f'has settings for {found[0].name}, and neither "auto" nor "allow-hotplug" brings it up'
        return Manager("ifupdown", IFUPDOWN, starts, False, lacks, (found[0].location,), tuple(found))
    return Manager("ifupdown", IFUPDOWN, starts, False, f"has no settings for a network card in {where}", (where,))


def _manager(tree: Tree, units: Units, cards: tuple[str, ...]) -> Manager | None:
    unit = units.unit(MANAGER)
    if not unit.present:
        return None
    if not unit.started:
        # It would ask for an address on every card, whether anybody has set it up for that or not.
        return Manager("NetworkManager", MANAGER, False, any(True for _ in keyfile.profiles(tree)) or None)
    conf = ManagerConf(tree)
    if (off := conf.switched_off()) is not None:
        return Manager("NetworkManager", MANAGER, True, False, "was told to switch networking off", (off,))
    if (left := conf.all_unmanaged()) is not None:
        return Manager("NetworkManager", MANAGER, True, False, "is told to leave network cards alone", (left,))
    named = cards or tuple(dict.fromkeys(each.name for each in ifupdown.stanzas(tree) if is_card(each.name)))
    alone = [conf.unmanaged(name) for name in named]
    if named and all(alone):
        lacks = f"leaves {' and '.join(named)} alone"
        return Manager(
            "NetworkManager", MANAGER, True, False if cards else None, lacks, tuple(each for each in alone if each)
        )
    silent = conf.no_default()
    told = any(True for _ in keyfile.profiles(tree)) or any(True for _ in ifcfg.files(tree))
    told = told or (netplan.generated(tree) and bool(netplan.files(tree)))
    if silent is not None and not told:
        lacks = "has no connection for a network card, and is told to make none by itself"
        return Manager("NetworkManager", MANAGER, True, False, lacks, (silent,))
    return Manager("NetworkManager", MANAGER, True, True)


def _others(tree: Tree, units: Units) -> Iterator[Location]:
    """What else may bring up a card: other programs, units that call such commands, the kernel itself."""
    for name in units.reached:
        if not name.endswith(".service") or _KNOWN_UNITS.fullmatch(name):
            continue
        unit = units.unit(name)
        if not unit.started or name in (NETWORKD, MANAGER):
            continue
        if name.startswith(("network.", "wicked", "dhcpcd", "connman", "netctl", "dhclient", "iwd", "pppd")):
            yield Location(unit.path or PurePosixPath("/etc/systemd/system"))
            continue
        for key in ("ExecStartPre", "ExecStart", "ExecStartPost"):
            found = next((each.location for each in unit.values("Service", key) if _COMMANDS.search(each.text)), None)
            if found is not None:
                yield found
    if not units.reached:
        scripts = [
            f"{name}.service" for name in ("network", "dhcpcd", "connman", "wicked", "net.eth0", "NetworkManager")
        ]
        yield from (Location(unit.path) for each in scripts if (unit := units.unit(each)).started and unit.path)
    for path in COMMAND_LINES:
        for number, line in enumerate((tree.text(path) or "").split("\n"), 1):
            if ("linux" in line or "GRUB_CMDLINE" in line or "cmdline" in path) and _KERNEL_IP.search(line):
                yield Location(PurePosixPath(path), number, line.strip()[:200])
                break


def brings_up(text: str) -> bool:
    """Whether a command line may bring up a card."""
    return _COMMANDS.search(text) is not None


def _cloud(tree: Tree, units: Units) -> bool | None:
    """Whether cloud-init writes the settings at the next boot; None where it has done so, and may do it again."""
    if not cloud_init.present(tree):
        return False
    names = ("cloud-init-local.service", "cloud-init-main.service", "cloud-init.service")
    present = [unit for name in names if (unit := units.unit(name)).present]
    if not present or all(unit.masked for unit in present):
        return False
    if cloud_init.keeps_out(tree):
        return False
    return None if tree.lentry(cloud_init.HAS_RUN) is not None else True
