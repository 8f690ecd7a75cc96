"""sshd may start before the address that it should listen on exists.

Symptom: after a reboot "ssh: connect to host SERVER port 22: Connection refused", and all is fine once somebody starts
the service by hand; the server's log says "Cannot bind any address".

Cause: sshd with a specific ListenAddress exits if that address does not exist yet. Its unit waits for network.target,
which means that the network program was started, not that addresses are set; systemd-networkd, NetworkManager and
interfaces marked allow-hotplug set them a little later, DHCP later still. The unit of Debian and Ubuntu does not retry
after that error (RestartPreventExitStatus=255). It is a matter of milliseconds, so it may have worked for years.
ssh.socket with an address binds even earlier.

Repair: add a drop-in that makes the service wait for network-online.target, or lets the socket bind to an address that
does not exist yet (FreeBind=yes). Or comment out the ListenAddress lines.

See: systemd.special(7) on network-online.target, systemd.socket(5) on FreeBind=, sshd_config(5) on ListenAddress.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from rescue.facts import Facts
from rescue.formats.append_line import ended
from rescue.logins import listen_addresses
from rescue.logins.listen_addresses import Told, free_bind, last, on_all, told
from rescue.logins.ssh_units import SYSTEM, ssh_service
from rescue.model import Finding, Repair, Safety, Severity, Step, Symptom
from rescue.network.ifupdown import INTERFACES
from rescue.services.boot_order import waits_for_network
from rescue.services.units import Unit
from rescue.tree import Tree

STEP = Step.LISTEN
READS = listen_addresses.READS

CHECK = "listenaddress-race"
DROP_IN = "rescue.conf"
CONFIGURATION_ERROR = "255"
"""sshd's exit status when it can bind no address."""

WAIT = "[Unit]\nWants=network-online.target\nAfter=network-online.target\n"
FREE = "[Socket]\nFreeBind=yes\n"


def find(facts: Facts) -> Iterator[Finding]:
    asked = told(facts)
    if asked is None or asked.free or facts.units.manager != "systemd":
        return
    here = [each for each in asked.binds if each.here is True]
    if not here or any(each.address.is_loopback for each in asked.binds) or any(_early(asked, each) for each in here):
        return
    unit = asked.socket or ssh_service(facts.units)
    if unit is None or _waits(facts, unit, asked):
        return
    named = ", ".join(str(each.address) for each in here)
    places = tuple(dict.fromkeys(each.listener.location for each in here if each.listener.location is not None))
    yield Finding(
        check=CHECK,
        step=STEP,
        severity=Severity.DOUBTFUL,
        message=f"{unit.name} needs the address {named} when it starts, but does not wait for it.",
        symptom=Symptom.REFUSED,
        locations=(*places, *(asked.own.written[each.address] for each in here if each.address in asked.own.written)),
        repairs=(_wait(unit, free=asked.socket is not None), *on_all(asked)),
        subject=unit.name,
        reason="whether the address is set in time differs at each boot",
    )


def _early(asked: Told, bind: listen_addresses.Bind) -> bool:
    """Whether ifupdown sets the address before network.target: its stanza is marked auto."""
    place = asked.own.written.get(bind.address)
    return place is not None and str(place.path).startswith(INTERFACES) and asked.socket is None


def _waits(facts: Facts, unit: Unit, asked: Told) -> bool:
    if asked.socket is not None:
        return free_bind(unit)
    return _tries_again(unit) or waits_for_network(facts.units, unit.name)


def _tries_again(unit: Unit) -> bool:
    """Whether systemd restarts the service after a pause when the address was missing (systemd.service(5))."""
    restart, not_after = last(unit, "Service", "Restart"), unit.values("Service", "RestartPreventExitStatus")
    if restart is None or restart.text not in ("always", "on-failure"):
        return False
    if any(CONFIGURATION_ERROR in each.text.split() for each in not_after):
        return False
    pause = last(unit, "Service", "RestartSec")
    # The limit is five tries within ten seconds: only with a pause does systemd go on.
    return pause is not None and pause.text.rstrip("s").isdigit() and int(pause.text.rstrip("s")) >= 3


def _wait(unit: Unit, *, free: bool) -> Repair:
    path = f"{SYSTEM}/{unit.name}.d/{DROP_IN}"
    if free:
        return Repair(
            f"add a drop-in: {unit.name} may bind to an address before it exists",
            Safety.SAFE,
            partial(_dropped_in, path=path, text=FREE),
        )
    return Repair(
        f"add a drop-in: {unit.name} waits for the network", Safety.SAFE, partial(_dropped_in, path=path, text=WAIT)
    )


def _dropped_in(tree: Tree, path: str, text: str) -> Tree:
    before = tree.text(path) or ""
    return tree.write(path, f"{ended(before)}{text}")
