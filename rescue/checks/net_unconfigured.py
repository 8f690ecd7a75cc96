"""No program configures a network card when the machine boots, so the server has no address.

Symptom: nothing answers: "No route to host" or "Connection timed out", and no ping. The provider's console shows a
login prompt, so the server runs.

Cause: a card gets an address only from a program that is started at boot and is told of it: ifupdown
(networking.service, /etc/network/interfaces), systemd-networkd (files in /etc/systemd/network, or made by netplan from
/etc/netplan), NetworkManager. One was switched off before the other took over; a file was emptied or removed; a stanza
of /etc/network/interfaces has neither "auto" nor "allow-hotplug"; NetworkManager is told to leave the card alone
(unmanaged-devices, or a card that /etc/network/interfaces names), or networking was switched off with nmcli.

Nothing is said where something else may do it: another program, a script of your own, the kernel's command line (ip=),
cloud-init on a new machine.

Repair: a program that has settings for a card is started at boot again; a stanza gets its "allow-hotplug". Where nobody
has settings, the card can be told to ask for an address (DHCP), which is for you to agree to: not every provider
answers. Else you have to put the settings in: the provider's panel shows them.

See: interfaces(5), systemd.network(5), netplan.yaml(5), NetworkManager.conf(5), systemctl(1).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from rescue.boot import commands as boot_commands
from rescue.facts import Facts
from rescue.logins.ssh_units import start_at_boot
from rescue.model import Finding, Repair, Safety, Severity, Step, Symptom
from rescue.network import CARD_READS, CONFIGURING_READS, Configuring, Manager, read_configuring, seen_cards
from rescue.network.ifupdown import INTERFACES, Stanza
from rescue.network.managers import IFUPDOWN, MANAGER, NETWORKD, brings_up
from rescue.services.units import Units
from rescue.tree import Read, Tree

STEP = Step.NETWORK
KERNELS = (Read("/usr/lib/modules", depth=1, content=False), Read("/lib/modules", depth=1, content=False))
READS = (*CONFIGURING_READS, *CARD_READS, *boot_commands.READS, *KERNELS)

CLOUD = "cloud-init has written settings before, and may do it again when the server boots"
UNKNOWN = "a program may do it that is not known here"
SERVICES_TARGET = "multi-user.target"
CONTAINER = "this has no kernel of its own: what runs it may give it its network"
BY_NAME = "it is not known which network card the server has"
MADE = "/etc/systemd/network/50-dhcp.network"
ASKS = "the address is then the one that the provider's network gives out (DHCP), if it gives out any"


def find(facts: Facts) -> Iterator[Finding]:
    if facts.units.manager == "systemd" and not facts.units.unit(SERVICES_TARGET).started:
        return  # nothing at all is started: a finding of its own (sshd-disabled)
    configuring = read_configuring(facts.tree, facts.units)
    started = [each for each in configuring.managers if each.starts]
    if any(each.configures for each in started) or any(not each.lacks and each.configures is None for each in started):
        return
    if facts.units.manager != "systemd" and not configuring.managers:
        return
    if configuring.others or configuring.cloud or _by_hand_written(facts):
        return
    cards = _cards(facts.tree)
    if any(each.name == "NetworkManager" for each in started) and cards:
        configuring = read_configuring(facts.tree, facts.units, cards)
        started = [each for each in configuring.managers if each.starts]
        if any(each.configures for each in started):
            return
    yield _finding(facts, configuring, cards)


def _cards(tree: Tree) -> tuple[str, ...]:
    seen = seen_cards(tree)
    return tuple(sorted(seen.found)) if seen is not None else ()


def _by_hand_written(facts: Facts) -> bool:
    """Whether a script or a unit of somebody's own may bring up a card."""
    commands = boot_commands.boot_commands(facts.tree, facts.units)
    return any(
        brings_up(f"{each.text} ") and not each.location.path.is_relative_to("/etc/network") for each in commands
    )


def _finding(facts: Facts, configuring: Configuring, cards: tuple[str, ...]) -> Finding:
    started = [each for each in configuring.managers if each.starts]
    doubt = _doubt(facts.tree, configuring, started)
    if started:
        said = "; ".join(f"{each.name} is started at boot, but {each.lacks}" for each in started)
    elif configuring.managers:
        names = " nor ".join(each.name for each in configuring.managers)
        said = f"neither {names} is started at boot" if " nor " in names else f"{names} is not started at boot"
    else:
        said = "no program for it is installed that is known here"
    locations = [place for each in started for place in each.locations]
    return Finding(
        check="net-unconfigured",
        step=STEP,
        severity=Severity.DOUBTFUL if doubt else Severity.BROKEN,
        message=f"Nothing configures a network card when the server boots: {said}.",
        symptom=Symptom.UNREACHABLE,
        locations=tuple(locations),
        repairs=tuple(_repairs(facts.tree, configuring, cards)),
        reason=doubt,
    )


def _doubt(tree: Tree, configuring: Configuring, started: list[Manager]) -> str:
    if configuring.cloud is None:
        return CLOUD
    if not tree.children("/lib/modules"):
        return CONTAINER
    if not started and not any(each.configures for each in configuring.managers):
        # Nobody was meant to: a small machine whose kernel, or whose host, does it.
        return UNKNOWN
    return BY_NAME if any(each.configures is None for each in started) else ""


def _repairs(tree: Tree, configuring: Configuring, cards: tuple[str, ...]) -> Iterator[Repair]:
    known = {each.unit: each for each in configuring.managers}
    for each in configuring.managers:
        if each.configures and not each.starts and _can_start(tree, each):
            yield Repair(
                f"start {each.name} at boot, which has settings for a network card",
                Safety.SAFE,
                partial(_started, name=each.unit),
            )
    ifupdown, networkd = known.get(IFUPDOWN), known.get(NETWORKD)
    for stanza in ifupdown.waits[:1] if ifupdown is not None and ifupdown.starts else ():
        yield Repair(
            f'bring {stanza.name} up at boot: "allow-hotplug {stanza.name}" in {stanza.line.path}',
            Safety.SAFE,
            partial(_brought_up, stanza=stanza),
        )
    if ifupdown is not None and ifupdown.starts and not ifupdown.waits and len(cards) == 1 and has_client(tree):
        yield Repair(
            f"have {cards[0]} ask for an address: a stanza in {INTERFACES}",
            Safety.UNSAFE,
            partial(_with_stanza, card=cards[0]),
            weakens=ASKS,
        )
    elif networkd is not None and not networkd.configures:
        yield Repair(
            f"have systemd-networkd ask for an address on every network card: {MADE}",
            Safety.UNSAFE,
            asked_by_networkd,
            weakens=ASKS,
        )
    steps = "Your provider's panel shows address, prefix length and router; `ip link` on its console shows the card."
    if MANAGER in known and known[MANAGER].starts:
        steps = (
            f"Look at {', '.join(str(each) for each in known[MANAGER].locations) or '/etc/NetworkManager'}.\n{steps}"
        )
    yield Repair("put the settings for the network card in by hand", Safety.MANUAL, steps=steps)


CLIENTS = ("dhclient", "dhcpcd", "udhcpc")
"""The DHCP clients that ifupdown calls, in its order (inet.defn)."""
PLACES = ("/sbin", "/usr/sbin", "/bin", "/usr/bin", "/usr/local/sbin")


def has_client(tree: Tree) -> bool:
    """Whether ifupdown finds a program that asks for an address."""
    paths = [f"{place}/{name}" for name in CLIENTS for place in PLACES]
    tree.require(*(Read(path, depth=0, content=False) for path in paths))
    found = (tree.entry(path) for path in paths)
    return any(entry is not None and entry.is_file and entry.mode & 0o111 for entry in found)


def _can_start(tree: Tree, manager: Manager) -> bool:
    try:
        _started(tree, manager.unit)
    except ValueError:
        return False
    return True


def _started(tree: Tree, name: str) -> Tree:
    return start_at_boot(tree, name)


def _brought_up(tree: Tree, stanza: Stanza) -> Tree:
    lines = (tree.text(stanza.line.path) or "").split("\n")
    at = stanza.line.number - 1
    if not 0 <= at < len(lines) or lines[at].split()[:2] != ["iface", stanza.name]:
        raise ValueError(f"{stanza.location} is another one by now")
    lines.insert(at, f"allow-hotplug {stanza.name}")
    return tree.write(stanza.line.path, "\n".join(lines))


def _with_stanza(tree: Tree, card: str) -> Tree:
    text = tree.text(INTERFACES) or ""
    gap = "" if not text or text.endswith("\n") else "\n"
    return tree.write(INTERFACES, f"{text}{gap}\nallow-hotplug {card}\niface {card} inet dhcp\n")


def asked_by_networkd(tree: Tree, names: str = "en* eth*") -> Tree:
    """systemd-networkd, which has a DHCP client of its own, started for the cards. ValueError without it."""
    if tree.lentry(MADE) is not None:
        raise ValueError(f"{MADE} is there already")
    if not Units(tree).unit(NETWORKD).started:
        tree = start_at_boot(tree, NETWORKD)
    return tree.write(MADE, f"[Match]\nName={names}\n\n[Network]\nDHCP=yes\n")
