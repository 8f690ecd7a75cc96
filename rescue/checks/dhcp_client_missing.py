"""The network interface needs DHCP, but no DHCP client is installed.

Symptom: nothing answers: "No route to host" or "Connection timed out", and no ping. The provider's console shows a
login prompt, and "Failed to start ifup@eth0.service" or networking.service.

Cause: ifupdown (/etc/network/interfaces) has no DHCP client of its own: it calls dhclient, dhcpcd or udhcpc; ifupdown2
calls only dhclient. An upgrade to Debian 13 may remove isc-dhcp-client without a replacement; "apt autoremove" and
slimmed images do the same. A bond likewise needs the package ifenslave (not with ifupdown2).

Repair: the package can only be installed over the network: in rescue shell, which has one. Or let systemd-networkd,
which has its own client, take over the interfaces; the other settings in /etc/network/interfaces then no longer apply,
so this needs your consent.

See: interfaces(5), inet.defn in ifupdown's source, systemd.network(5), ifenslave(8).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from rescue.checks.net_unconfigured import MADE, PLACES, asked_by_networkd
from rescue.facts import Facts
from rescue.model import Finding, Repair, Safety, Severity, Step, Symptom
from rescue.network import CONFIGURING_READS, ifupdown, read_configuring
from rescue.network.ifupdown import Stanza
from rescue.network.managers import IFUPDOWN, NETWORKD
from rescue.tree import Read, Tree

STEP = Step.NETWORK

CLIENTS = ("dhclient", "dhcpcd", "udhcpc", "pump")
SECOND = ("/usr/share/ifupdown2", "/usr/lib/ifupdown2", "/usr/libexec/ifupdown-ng")
"""Other programs that read /etc/network/interfaces: one calls only dhclient, the other any client it finds."""
HOOK = "/etc/network/if-pre-up.d/ifenslave"
READS = (
    *CONFIGURING_READS,
    *(Read(f"{place}/{name}", depth=0, content=False) for place in PLACES for name in CLIENTS),
    *(Read(path, depth=0, content=False) for path in (*SECOND, HOOK)),
)

ELSEWHERE = "{} is set up without it, and may be the network interface that you use"


def find(facts: Facts) -> Iterator[Finding]:
    configuring = read_configuring(facts.tree, facts.units)
    own = next((each for each in configuring.managers if each.unit == IFUPDOWN), None)
    if own is None or not own.starts:
        return
    stanzas = [each for each in ifupdown.stanzas(facts.tree) if each.started and not each.loopback]
    lacking = [(stanza, lack) for stanza in stanzas if (lack := _lacks(facts.tree, stanza)) is not None]
    if not lacking:
        return
    names = {stanza.name for stanza, _ in lacking}
    sound = next((each for each in stanzas if each.name not in names and _has_address(each)), None)
    other = next((each for each in configuring.managers if each is not own and each.starts and each.configures), None)
    doubt = ""
    if sound is not None:
        doubt = ELSEWHERE.format(sound.name)
    elif other is not None or configuring.others:
        doubt = f"{other.name if other is not None else configuring.others[0]} may configure the network interface too"
    yield _finding(facts, lacking[0][0], lacking[0][1], doubt)


def _has_address(stanza: Stanza) -> bool:
    return stanza.family == "inet" and stanza.method in ("static", "dhcp", "ppp")


def _lacks(tree: Tree, stanza: Stanza) -> tuple[str, str] | None:
    """What the stanza needs and is not installed, and the package that has it."""
    second, ng = (tree.entry(SECOND[0]) or tree.entry(SECOND[1])), tree.entry(SECOND[2])
    # A static address set under the same name still comes up.
    same = [each for each in ifupdown.stanzas(tree) if each.name == stanza.name and each.method == "static"]
    if stanza.family == "inet" and stanza.method == "dhcp" and not same:
        wanted = ("dhclient",) if second else CLIENTS
        if not any(_runs(tree, name) for name in wanted):
            return f"{', '.join(wanted[:-1])} or {wanted[-1]}" if len(wanted) > 1 else wanted[0], (
                "isc-dhcp-client" if second else "dhcpcd-base"
            )
    if second or ng:
        return None
    if stanza.get("bond-slaves", "bond-mode") is not None and tree.entry(HOOK) is None and not _by_commands(stanza):
        return HOOK, "ifenslave"
    return None


def _by_commands(stanza: Stanza) -> bool:
    """Whether the stanza has custom commands, which may do the same."""
    return stanza.get("pre-up", "up", "post-up") is not None


def _runs(tree: Tree, name: str) -> bool:
    found = (tree.entry(f"{place}/{name}") for place in PLACES)
    return any(entry is not None and entry.is_file and entry.mode & 0o111 for entry in found)


def _finding(facts: Facts, stanza: Stanza, lack: tuple[str, str], doubt: str) -> Finding:
    what, package = lack
    asks = stanza.method == "dhcp" and not what.startswith("/")
    message = (
        f"{stanza.name} gets its address by DHCP, but ifupdown needs one of {what}, and none is installed"
        if asks and " or " in what
        else f"{stanza.name} gets its address by DHCP, but {what}, which ifupdown2 calls, is not installed"
        if asks
        else f"{stanza.name} combines other network interfaces, but the package {package} for that is not installed"
    )
    return Finding(
        check="dhcp-client-missing",
        step=STEP,
        severity=Severity.DOUBTFUL if doubt else Severity.BROKEN,
        message=f"{message}: the network interface gets no address.",
        symptom=Symptom.UNREACHABLE,
        locations=(stanza.location,),
        repairs=(*(_by_networkd(facts, stanza) if asks else ()), _installed(package)),
        subject=stanza.name,
        reason=doubt,
    )


def _by_networkd(facts: Facts, stanza: Stanza) -> Iterator[Repair]:
    if not facts.units.unit(NETWORKD).present:
        return
    yield Repair(
        f"let systemd-networkd get the address of {stanza.name}: {MADE}",
        Safety.UNSAFE,
        partial(_taken_over, stanza=stanza),
        weakens=f"the other settings for {stanza.name} in {stanza.line.path} no longer apply",
    )


def _taken_over(tree: Tree, stanza: Stanza) -> Tree:
    """networkd manages the interface, and ifupdown no longer brings it up."""
    tree = asked_by_networkd(tree, stanza.name)
    for path in dict.fromkeys(line.path for line in ifupdown.lines(tree)):
        made = [_without(line, stanza.name) for line in (tree.text(path) or "").split("\n")]
        if made != (tree.text(path) or "").split("\n"):
            tree = tree.write(path, "\n".join(made))
    return tree


def _without(line: str, name: str) -> str:
    """An "auto" or "allow-hotplug" line without the interface; a comment if nothing is left."""
    words = line.split()
    if not words or not (words[0] == "auto" or words[0].startswith("allow-")) or name not in words[1:]:
        return line
    rest = [word for word in words[1:] if word != name]
    return f"{words[0]} {' '.join(rest)}" if rest else f"#{line}"


def _installed(package: str) -> Repair:
    return Repair(
        f"install {package} in rescue shell",
        Safety.MANUAL,
        steps=(
            f"rescue shell\napt-get update && apt-get install {package}\n"
            "If that has no network, fetch the package elsewhere and install it with `dpkg -i`."
        ),
    )
