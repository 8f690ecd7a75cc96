"""sshd listens on another port than the one that you connect to.

Symptom: "ssh: connect to host SERVER port 22: Connection refused".

Cause: a Port line in sshd_config or in a file that it includes, a port in a ListenAddress line, "-p" in SSHD_OPTS
(/etc/default/ssh) or in the service's own command, or, if systemd listens instead of sshd (ssh.socket), a ListenStream
line: then Port in sshd_config has no effect, except on Ubuntu 24.04 and later, where the socket takes its ports from
it. Or a firewall rule redirects connections to a port where no SSH server listens (REDIRECT in iptables, redirect in
nftables).

Repair: make sshd listen on your port too; the present ports always stay. rescue adds a Port (or ListenAddress) line
next to the one that decides, or a drop-in for the socket. Or change nothing, and connect to the port that sshd uses.
The firewall must allow the port as well; another check covers that.

See: sshd_config(5) on Port and ListenAddress, sshd(8) on -p, systemd.socket(5); ssh(1) on -p.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import PurePosixPath
from re import escape, sub

from rescue.facts import Facts
from rescue.formats.append_line import ended
from rescue.logins import blocking
from rescue.logins.listening import taken
from rescue.logins.listening.taken import others
from rescue.logins.ssh_units import OTHERS, serving
from rescue.model import Edit, Finding, Location, Repair, Safety, Severity, Step, Symptom
from rescue.services.units import UNIT_READS
from rescue.sshd import Listener, Setting, edit
from rescue.sshd.listen import LISTEN_READS, generated, started_socket
from rescue.tree import Tree

STEP = Step.LISTEN
READS = (
    *UNIT_READS,
    *blocking.READS,
    *LISTEN_READS,
    *taken.READS,
)

DROP_IN = "rescue.conf"


def find(facts: Facts) -> Iterator[Finding]:
    ports = facts.listening_ports
    if not ports or not serving(facts.units) or facts.arrives in ports or facts.dialled in ports:
        return  # fw-redirect reports a rule that redirects you from the right port
    if any(each.port.number == facts.arrives for each in others(facts)) or all(
        unit.name in OTHERS for unit in serving(facts.units)
    ):
        return  # rescue.evidence.other_listeners says who has it
    listed = ", ".join(str(port) for port in ports)
    places = tuple(dict.fromkeys(each.location for each in facts.listeners if each.location is not None))
    yield Finding(
        check="sshd-port-moved",
        step=STEP,
        severity=Severity.BROKEN,
        message=f"You connect to port {facts.dialled}{_sent_on(facts)}, but sshd listens only on port {listed}"
        f"{_shown(places)}.",
        symptom=Symptom.REFUSED,
        locations=places,
        repairs=(*_also_listen(facts), *(_dial(port) for port in ports[:1] if port != facts.dialled)),
        subject=str(facts.arrives),
    )


def _shown(places: tuple[Location, ...]) -> str:
    return f" ({places[0]}: {places[0].text})" if places else ""


def _sent_on(facts: Facts) -> str:
    if facts.arrives == facts.dialled:
        return ""
    return f", which the firewall redirects to port {facts.arrives} (REDIRECT)"


def _dial(port: int) -> Repair:
    return Repair(f"connect to port {port} instead", Safety.MANUAL, steps=f"ssh -p {port} USER@SERVER")


def _also_listen(facts: Facts) -> Iterator[Repair]:
    port = facts.arrives
    title = f"make sshd listen on port {port} too"
    socket = started_socket(facts.units)
    if socket is not None and not generated(facts.tree):
        change = partial(_widen_socket, socket=socket.name, port=port)
        yield _opened(f"{title}, with a drop-in for {socket.name}", port, change)
        return
    decides = facts.listeners[-1]
    place = decides.location
    if place is not None and not _in_sshd_config(place):
        yield _command_line(title, place, decides.port, port)
        return
    addresses = facts.sshd.globals("ListenAddress")
    if addresses and all(line.words[1] for line in addresses):
        change = partial(_more_addresses, listeners=facts.listeners, port=port)
    else:
        present = facts.sshd.globals("Port")[-1:]
        change = partial(_another_port, present=present, path=facts.sshd.path, port=port)
    yield _opened(title, port, change)


def _opened(title: str, port: int, change: Edit) -> Repair:
    note = f"port {port} will be open too, to everyone the firewall lets in"
    return Repair(title, Safety.SAFE, change, weakens=note, lets_in=True)


def _in_sshd_config(place: Location) -> bool:
    return place.text.lower().lstrip().startswith(("port", '"port', "listenaddress", '"listenaddress'))


def _command_line(title: str, place: Location, present: int, port: int) -> Repair:
    if not str(place.path).startswith("/etc/"):
        return Repair(title, Safety.MANUAL, steps=f"add -p {port} to the command of the service ({place})")
    change = partial(_another_option, place=place, present=present, port=port)
    return _opened(f"{title}, with the option -p in {place}", port, change)


def _another_option(tree: Tree, place: Location, present: int, port: int) -> Tree:
    words = sub(rf"(-p\s*){escape(str(present))}(?!\d)", rf"\g<0> -p {port}", place.text, count=1)
    if words == place.text:
        raise ValueError(f"{place}: the option -p {present} is missing")
    return edit.replace_word(tree, place, place.text, words)


def _more_addresses(tree: Tree, listeners: tuple[Listener, ...], port: int) -> Tree:
    """A line for each address (a single one may be for the wrong IP version), last first, so that earlier line
    numbers stay valid."""
    first = {each.address: each for each in reversed(listeners)}
    for listener in sorted(first.values(), key=listeners.index, reverse=True):
        tree = _another_address(tree, listener, port)
    return tree


def _another_address(tree: Tree, listener: Listener, port: int) -> Tree:
    if listener.location is None or listener.address is None:
        raise ValueError("there is no ListenAddress line to add to")
    host = f"[{listener.address}]" if ":" in listener.address else listener.address
    return edit.insert_after(tree, listener.location, f"ListenAddress {host}:{port}")


def _another_port(tree: Tree, present: tuple[Setting, ...], path: PurePosixPath, port: int) -> Tree:
    """After the last Port line; if there is none, add the default too, because any Port line replaces it."""
    if present and present[0].location is not None:
        return edit.insert_after(tree, present[0].location, f"Port {port}")
    return edit.insert_global(tree, path, "Port 22", f"Port {port}")


def _widen_socket(tree: Tree, socket: str, port: int) -> Tree:
    path = f"/etc/systemd/system/{socket}.d/{DROP_IN}"
    before = tree.text(path) or "[Socket]\n"
    return tree.write(path, f"{ended(before)}ListenStream={port}\n")
