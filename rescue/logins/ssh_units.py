"""Which units serve SSH, and how to start one at boot. Shared by the service checks; no check itself."""

from __future__ import annotations

from pathlib import PurePosixPath

from rescue.model import Symptom
from rescue.services.units import Unit, Units
from rescue.sshd.listen import SOCKETS
from rescue.tree import Tree

SERVICES = ("ssh.service", "sshd.service")
OTHERS = ("dropbear.service", "dropbear.socket", "tinysshd.socket")
"""Other SSH servers: a machine that runs one does not need OpenSSH."""

SYSTEM = "/etc/systemd/system"
LEVELS = "2345"


def serving(units: Units) -> tuple[Unit, ...]:
    """The units that start at boot and provide an SSH server. A socket needs a service that can be loaded."""
    found = [unit for name in SERVICES if (unit := units.unit(name)).started]
    found += [unit for name in SOCKETS if (unit := units.unit(name)).started and triggered(units, unit).present]
    found += [unit for name in OTHERS if (unit := units.unit(name)).started]
    return tuple({unit.name: unit for unit in found}.values())


def triggered(units: Units, socket: Unit) -> Unit:
    """The service that a socket starts (systemd.socket(5), Service= and Accept=)."""
    named = socket.values("Socket", "Service")
    if named:
        return units.unit(named[-1].text)
    stem = socket.name.rpartition(".")[0]
    # Any instance will do: this only asks whether the template exists.
    return units.unit(f"{stem}{'@0' if accepting(socket) else ''}.service")


def accepting(socket: Unit) -> bool:
    """Whether systemd accepts each connection itself and starts one service for it (systemd.socket(5), Accept=)."""
    accept = socket.values("Socket", "Accept")
    return bool(accept) and accept[-1].text.lower() in ("yes", "y", "true", "t", "on", "1")


def of_ending_server(units: Units) -> Symptom:
    """What the client sees of an sshd that exits as soon as it starts.

    Nothing listens then, unless systemd does and starts an sshd for each connection: it accepts the connection, then
    closes it. A socket that hands itself to one service stops once the service has failed a few times
    (systemd.socket(5), TriggerLimitBurst=; systemd.unit(5), StartLimitBurst=), and from then on refuses connections.
    """
    socket = next((unit for name in SOCKETS if (unit := units.unit(name)).started), None)
    return Symptom.CLOSED if socket is not None and accepting(socket) else Symptom.REFUSED


def ssh_service(units: Units) -> Unit | None:
    """OpenSSH's service under its real name, masked or not; None if there is none."""
    found = [unit for name in SERVICES if (unit := units.unit(name)).path is not None]
    # An alias may be masked while the unit itself is fine.
    return next((unit for unit in found if unit.present), found[0] if found else None)


def start_at_boot(tree: Tree, name: str) -> Tree:
    """A tree where the unit starts at boot: the links of ``systemctl enable``, under the unit's real name.

    Raises ValueError if there is no such unit.
    """
    units = Units(tree)
    unit = units.unit(name)
    if unit.path is None or not unit.present:
        raise ValueError(f"{name} is missing")
    if units.manager == "openrc":
        return tree.make_link(f"/etc/runlevels/default/{unit.path.name}", str(unit.path))
    if str(unit.path).startswith("/etc/init.d/"):
        return _start_script(tree, unit.path)
    for target in wanting_targets(unit):
        tree = tree.make_link(f"{SYSTEM}/{target}.wants/{unit.name}", str(unit.path))
    return tree


def wanting_targets(unit: Unit) -> tuple[str, ...]:
    """The targets of WantedBy= in [Install]; the usual one if the unit has none."""
    listed = [word for value in unit.values("Install", "WantedBy") for word in value.text.split() if "/" not in word]
    usual = "sockets.target" if unit.name.endswith(".socket") else "multi-user.target"
    return tuple(dict.fromkeys(listed)) or (usual,)


def _start_script(tree: Tree, script: PurePosixPath) -> Tree:
    """System V init: a start link in each runlevel, replacing the stop link."""
    for level in LEVELS:
        folder = f"/etc/rc{level}.d"
        names = tree.children(folder)
        if any(name[:1] == "S" and name[3:] == script.name for name in names):
            continue
        tree = tree.remove(*(f"{folder}/{name}" for name in names if name[:1] == "K" and name[3:] == script.name))
        tree = tree.make_link(f"{folder}/S55{script.name}", f"../init.d/{script.name}")
    return tree
