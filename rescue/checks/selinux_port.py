"""SELinux does not allow sshd to use its port.

Symptom: "ssh: connect to host SERVER port 2222: Connection refused"; the server's log says "error: Bind to port 2222 on
0.0.0.0 failed: Permission denied".

Cause: with SELinux enforcing (Red Hat, Fedora and relatives), sshd may listen only on ports with the label ssh_port_t,
which is only 22 until somebody adds another with semanage, and on those of VNC and X11 (5900-5999 without 5984,
6000-6020). The Port line alone is not enough.

Repair: if port 22 is not served, add a line that makes sshd listen on 22 too, which SELinux allows. The other port's
label belongs to the policy, which is built on the running server: semanage port. SELinux stays enabled.

See: semanage-port(8), sshd_selinux(8), selinux_config(5).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from re import compile as compile_pattern

from rescue.facts import SSH_PORT, Facts
from rescue.formats import selinux_config
from rescue.formats.selinux_config import CONFIG, CONFIG_READ, selinux_settings
from rescue.logins import listen_addresses
from rescue.logins.ssh_units import serving
from rescue.model import Finding, Location, Repair, Safety, Severity, Step, Symptom
from rescue.sshd import edit
from rescue.tree import Read, Tree

STEP = Step.LISTEN
ACTIVE = ("/var/lib/selinux/{}/active/ports.local", "/etc/selinux/{}/active/ports.local",
          "/etc/selinux/{}/modules/active/ports.local")  # fmt: skip
READS = (
    *listen_addresses.READS,
    CONFIG_READ,
    *(Read(path.format("targeted"), depth=0) for path in ACTIVE),
    Read("/etc/selinux/targeted/policy", depth=1, content=False),
)

ALLOWED = ((22, 22), (5900, 5983), (5985, 5999), (6000, 6020))
_PORTCON = compile_pattern(r"portcon\s+tcp\s+(\d+)(?:\s*-\s*(\d+))?\s+\S*:(?:ssh|vnc|xserver)_port_t\b")


def find(facts: Facts) -> Iterator[Finding]:
    if not serving(facts.units) or not enforcing(facts.tree):
        return
    refused = [each for each in facts.listeners if not _allowed(facts.tree, each.port)]
    port = facts.dialled
    if port not in {each.port for each in refused} or port not in facts.listening_ports:
        return
    places = tuple(dict.fromkeys(each.location for each in refused if each.port == port and each.location is not None))
    yield Finding(
        check="selinux-port",
        step=STEP,
        severity=Severity.BROKEN,
        message=f"SELinux does not let sshd listen on port {port}, which lacks the label ssh_port_t.",
        symptom=Symptom.REFUSED,
        locations=(*places, Location(facts.tree.resolve(CONFIG))),
        repairs=(*_also_22(facts, places), _label(port)),
        subject=str(port),
    )


def enforcing(tree: Tree) -> bool:
    """Whether SELinux is enforcing after a boot, by its configuration file, with an installed policy."""
    kind = selinux_settings(tree).get("SELINUXTYPE", "targeted")
    return (
        selinux_config.enforcing(tree)
        and kind == "targeted"
        and any(name.startswith("policy.") for name in tree.children("/etc/selinux/targeted/policy"))
    )


def _allowed(tree: Tree, port: int) -> bool:
    if any(first <= port <= last for first, last in ALLOWED):
        return True
    for path in ACTIVE:
        for line in (tree.text(path.format("targeted")) or "").split("\n"):
            found = _PORTCON.match(line.strip())
            if found and int(found[1]) <= port <= int(found[2] or found[1]):
                return True
    return False


def _also_22(facts: Facts, places: tuple[Location, ...]) -> Iterator[Repair]:
    if SSH_PORT in facts.listening_ports or facts.client.port is not None or not places:
        return
    place = places[0]
    if place.text.lower().startswith("port"):
        change = partial(edit.insert_after, location=place, text=f"Port {SSH_PORT}")
        yield Repair(
            f"make sshd listen on port {SSH_PORT} too, and connect to that",
            Safety.SAFE,
            change,
            weakens=f"port {SSH_PORT} will be open too, to everyone the firewall lets in",
            lets_in=True,
        )


def _label(port: int) -> Repair:
    return Repair(
        f"label port {port} ssh_port_t, on the running server (web console)",
        Safety.MANUAL,
        steps=f"semanage port -a -t ssh_port_t -p tcp {port}\nsystemctl restart sshd",
    )
