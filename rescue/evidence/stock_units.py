"""Whether the units that every boot needs are still systemd's own.

Decides: units of systemd, dbus and OpenSSH that every boot uses: basic.target, sysinit.target, dbus.service,
systemd-networkd, systemd-user-sessions (which ends the "System is booting up" phase for users) and the like; and
settings for all units at once: system.conf, slices, generators.

Not judged: a unit that is masked, missing, different from its package, or has a drop-in with a line not known to be
harmless.

Supply: a mask is a link to /dev/null below /etc/systemd/system: remove it; reinstall the package of a changed unit.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from rescue.evidence._settings import STOCK, open_lines, told
from rescue.facts import Facts
from rescue.formats.shipped import SHIPPED_READS
from rescue.logins.ssh_units import serving
from rescue.model import Gap, Location, Step
from rescue.services.unit_files import UNIT_DIRS, parse_unit
from rescue.services.units import UNIT_READS
from rescue.tree import Read

STEP = Step.BOOT
GENERATORS = ("/etc/systemd/system-generators", "/usr/local/lib/systemd/system-generators")
MANAGER = ("/etc/systemd/system.conf", "/etc/systemd/logind.conf", "/etc/systemd/networkd.conf")
STEPS = {
    MANAGER[0]: (Step.BOOT, Step.NETWORK, Step.SERVICE, Step.SESSION),
    MANAGER[1]: (Step.SESSION,),
    MANAGER[2]: (Step.NETWORK,),
}
"""The steps that these settings affect."""
READS = (
    *UNIT_READS,
    *SHIPPED_READS,
    *(Read(path, depth=1) for path in GENERATORS),
    *(Read(path, depth=0) for path in MANAGER),
    *(Read(f"{path}.d", depth=1) for path in MANAGER),
)

NEEDED = (
    "default.target",
    "multi-user.target",
    "basic.target",
    "sysinit.target",
    "sockets.target",
    "paths.target",
    "timers.target",
    "slices.target",
    "local-fs.target",
    "local-fs-pre.target",
    "swap.target",
    "network.target",
    "network-pre.target",
    "network-online.target",
    "nss-user-lookup.target",
    "dbus.service",
    "dbus.socket",
    "systemd-logind.service",
    "systemd-user-sessions.service",
    "systemd-tmpfiles-setup.service",
    "systemd-tmpfiles-setup-dev.service",
    "systemd-journald.service",
    "systemd-journald.socket",
    "systemd-journald-dev-log.socket",
    "systemd-remount-fs.service",
    "systemd-sysctl.service",
    "systemd-udevd.service",
    "systemd-sysusers.service",
    "system.slice",
    "user.slice",
    "-.slice",
    "user@.service",
    "user-runtime-dir@.service",
    "getty.target",
    "rescue.target",
    "emergency.target",
)
NETWORK = (
    "systemd-networkd.service",
    "systemd-networkd.socket",
    "networking.service",
    "NetworkManager.service",
    "systemd-networkd-wait-online.service",
)
SESSION = ("systemd-logind", "user@", "user-", "user.slice", "dbus")
HARMLESS_MASKS = frozenset(
    {
        "rescue.target",
        "emergency.target",
        "network-online.target",
        "systemd-networkd-wait-online.service",
        "systemd-udevd.service",
        "swap.target",
        "timers.target",
        "getty.target",
    }
)
QUIET = frozenset(
    [
        "LogLevel",
        "LogTarget",
        "LogColor",
        "LogLocation",
        "DumpCore",
        "CrashShell",
        "CrashReboot",
        "ShowStatus",
        "StatusUnitFormat",
        "DefaultTimeoutStopSec",
        "DefaultTimeoutAbortSec",
        "DefaultLimitCORE",
        "DefaultTasksMax",
        "DefaultCPUAccounting",
        "DefaultMemoryAccounting",
        "DefaultIOAccounting",
        "DefaultTasksAccounting",
        "DefaultIPAccounting",
        "RuntimeWatchdogSec",
        "RebootWatchdogSec",
        "ShutdownWatchdogSec",
        "CtrlAltDelBurstAction",
        "DefaultOOMPolicy",
        "DefaultOOMScoreAdjust",
        "KillUserProcesses",
        "KillOnlyUsers",
        "KillExcludeUsers",
        "IdleAction",
        "IdleActionSec",
        "HandlePowerKey",
        "HandleRebootKey",
        "HandleSuspendKey",
        "HandleHibernateKey",
        "HandleLidSwitch",
        "HandleLidSwitchExternalPower",
        "HandleLidSwitchDocked",
        "NAutoVTs",
        "ReserveVT",
        "UserStopDelaySec",
        "InhibitDelayMaxSec",
        "RemoveIPC",
        "SpeedMeter",
        "HandlePowerKeyLongPress",
        "LidSwitchIgnoreInhibited",
        "HoldoffTimeoutSec",
        "PowerKeyIgnoreInhibited",
    ]
)
ENOUGH_FILES = 1024


def find(facts: Facts) -> Iterator[Gap]:
    if facts.units.manager != "systemd" or not facts.units.reached:
        return
    told_of: set[str] = set()
    serve = {unit.name for unit in serving(facts.units)} | {"ssh@.service", "ssh.service", "sshd.service"}
    for name in (*NEEDED, *NETWORK):
        if name in NETWORK and name not in facts.units.reached:
            continue
        yield from _one(facts, name, told_of)
    for path in _altered(facts):
        if path not in told_of:
            name = path.rpartition("/")[2]
            link = Step.SERVICE if name in serve else _link(name)
            what = f"what the change to {name} does: it differs from its package ({path})"
            yield Gap("stock-units", link, what, "reinstall its package", locations=(Location(PurePosixPath(path)),))
    yield from _for_all(facts)


def _one(facts: Facts, name: str, told_of: set[str]) -> Iterator[Gap]:
    unit = facts.units.unit(name)
    if unit.mask is not None and name not in HARMLESS_MASKS:
        told_of.add(str(unit.mask.path))
        what = f"whether the boot completes: {name} is masked ({unit.mask.path})"
        yield Gap("stock-units", _link(name), what, f"systemctl unmask {name}, in rescue shell", locations=(unit.mask,))
        return
    lines = [each for each in open_lines(facts, unit.assignments) if not str(each.location.path).startswith(STOCK)]
    # A drop-in for every service is reported once per step.
    once = f"{_link(name)} {lines[0].location.path}" if lines else ""
    if lines and once not in told_of and name not in ("default.target", "networking.service"):
        told_of.add(once)
        what = f"what {told(lines)} does to {name} ({lines[0].location.path})"
        yield Gap(
            "stock-units", _link(name), what, "move that file away, reboot, and try", locations=(lines[0].location,)
        )


def _link(name: str) -> Step:
    if name.startswith("systemd-user-sessions"):
        return Step.ACCOUNT
    if name.startswith(("systemd-networkd", "networking", "NetworkManager")):
        return Step.NETWORK
    return Step.SESSION if name.startswith(SESSION) else Step.BOOT


def _altered(facts: Facts) -> Iterator[str]:
    """Unit files of packages that are missing or changed."""
    folder = (
        "/usr/lib/systemd/system" if facts.tree.entry("/usr/lib/systemd/system") is not None else "/lib/systemd/system"
    )
    names = [
        each.removeprefix("lib/systemd/system/")
        for each in facts.shipped.sums
        if each.startswith("lib/systemd/system/")
    ]
    wanted = [f"{folder}/{name}" for name in names if "/" not in name and _counts(name)]
    yield from facts.shipped.altered(wanted)


def _counts(name: str) -> bool:
    return name in NEEDED or name in NETWORK or name.startswith("ssh")


def _for_all(facts: Facts) -> Iterator[Gap]:
    tree = facts.tree
    for folder in GENERATORS:
        for name in tree.children(folder):
            place = Location(PurePosixPath(folder) / name)
            yield Gap(
                "stock-units",
                Step.SERVICE,
                f"which units {place.path} creates at boot",
                "move it away, and reboot",
                locations=(place,),
            )
    for main in MANAGER:
        paths = [main, *(f"{main}.d/{name}" for name in tree.children(f"{main}.d") if name.endswith(".conf"))]
        for path in paths:
            for each in parse_unit(tree.text(path) or "", PurePosixPath(path)):
                if each.key in QUIET or (each.key == "DefaultLimitNOFILE" and _enough(each.text)):
                    continue
                what = f"what {each.key}={each.text} does to every unit ({each.location})"
                for link in STEPS[main]:
                    yield Gap(
                        "stock-units",
                        link,
                        what,
                        "put a # before the line, reboot, and try",
                        locations=(each.location,),
                    )
    for folder in UNIT_DIRS:
        if folder.startswith(STOCK):
            continue
        for name in tree.children(folder):
            if _without_a_file(name):
                for own in tree.children(f"{folder}/{name}"):
                    yield from _drop_in(facts, PurePosixPath(f"{folder}/{name}/{own}"), name.removesuffix(".d"))


FOR_A_KIND = frozenset({"slice.d", "scope.d", "target.d", "mount.d", "-.mount.d", "-.slice.d", "init.scope.d"})


def _without_a_file(name: str) -> bool:
    """Whether a drop-in directory is for units that systemd creates by itself, or for all of a kind."""
    if name in FOR_A_KIND:
        return True
    return name.startswith(("system", "user", "session")) and name.endswith((".slice.d", ".scope.d"))


def _drop_in(facts: Facts, path: PurePosixPath, name: str) -> Iterator[Gap]:
    if path.suffix != ".conf" or (name in NEEDED and facts.units.unit(name).present):
        return
    lines = [
        each
        for each in parse_unit(facts.tree.text(path) or "", path)
        if each.key not in ("Description", "Documentation") and each.section in ("Slice", "Scope", "Unit", "Mount")
    ]
    if lines:
        link = Step.SESSION if name.startswith(("user", "session", "scope")) else Step.SERVICE
        yield Gap(
            "stock-units",
            link,
            f"what {told(lines)} does to {name} ({path})",
            "move that file away, and reboot",
            locations=(lines[0].location,),
        )


def _enough(text: str) -> bool:
    return all(each.isdigit() and int(each) >= ENOUGH_FILES for each in text.split(":"))
