"""Lines in systemd's files that certainly change nothing about a login. Not an evidence module.

It is an allow list: a line that is not on it may decide, whatever its name says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from re import compile as compile_pattern

from rescue.facts import Facts
from rescue.model import Location
from rescue.services.conditions import holds
from rescue.services.unit_files import Assignment

MOST_TOLD = 5
"""How many lines of one kind are named one by one."""

STOCK = ("/usr/lib/systemd/", "/lib/systemd/")

_SMALL = compile_pattern(r"\d{1,2}(?:\.\d+)?(?:ms|us|min)?s?|infinity")
_ANY = compile_pattern(r"(?s).*")


def _over(least: int) -> Callable[[str], bool]:
    def enough(text: str) -> bool:
        words = [word.strip().lower() for word in text.split(":")]
        units = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
        for word in words:
            if word == "infinity" or word.endswith("%"):
                continue
            factor = units.get(word[-1:], 1)
            digits = word[:-1] if factor > 1 else word
            if not digits.isdigit() or int(digits) * factor < least:
                return False
        return True

    return enough


def _one_of(*words: str) -> Callable[[str], bool]:
    return lambda text: text.strip().lower() in words


def _any(_: str) -> bool:
    return True


YES_NO = ("yes", "no", "true", "false", "on", "off", "1", "0")
SERVICE: dict[str, Callable[[str], bool]] = {
    **dict.fromkeys(
        (
            "Restart",
            "RestartSec",
            "RestartSteps",
            "RestartMaxDelaySec",
            "RestartMode",
            "ExecReload",
            "KillMode",
            "KillSignal",
            "SendSIGHUP",
            "SendSIGKILL",
            "TimeoutStopSec",
            "TimeoutAbortSec",
            "OOMScoreAdjust",
            "Nice",
            "IOSchedulingClass",
            "IOSchedulingPriority",
            "CPUWeight",
            "StartupCPUWeight",
            "IOWeight",
            "StartupIOWeight",
            "CPUAccounting",
            "MemoryAccounting",
            "TasksAccounting",
            "IOAccounting",
            "IPAccounting",
            "LimitCORE",
            "SyslogIdentifier",
            "SyslogFacility",
            "SyslogLevel",
            "SyslogLevelPrefix",
            "LogLevelMax",
            "LogRateLimitIntervalSec",
            "LogRateLimitBurst",
            "CoredumpFilter",
            "ReloadSignal",
            "FinalKillSignal",
            "RestartKillSignal",
            "MemoryMin",
            "MemoryLow",
            "ExecStop",
            "ExecStopPost",
            "SuccessExitStatus",
            "RestartPreventExitStatus",
            "RestartForceExitStatus",
            "OOMPolicy",
            "AmbientCapabilities",
            "SystemCallErrorNumber",
            "SystemCallLog",
            "KeyringMode",
            "IgnoreSIGPIPE",
            "TimerSlackNSec",
            "UtmpMode",
            "TTYPath",
            "MountFlags",
            "MountAPIVFS",
            "SetCredential",
            "UnsetEnvironment",
            "PassEnvironment",
            "LimitMEMLOCK",
            "LimitSIGPENDING",
            "LimitNICE",
            "LimitRTPRIO",
            "LimitRTTIME",
            "LimitMSGQUEUE",
            "LimitLOCKS",
            "LimitRSS",
            "MemorySwapMax",
            "MemoryZSwapMax",
            "CPUAccounting",
        ),
        _any,
    ),
    **dict.fromkeys(
        (
            "ProtectClock",
            "ProtectKernelLogs",
            "ProtectHostname",
            "ProtectKernelModules",
            "RestrictRealtime",
            "LockPersonality",
            "PrivateTmp",
            "PrivateDevices",
            "PrivateMounts",
            "PrivateIPC",
            "ProtectKernelTunables",
            "ProtectControlGroups",
            "RestrictSUIDSGID",
            "MemoryDenyWriteExecute",
            "RemoveIPC",
            "Delegate",
        ),
        _one_of(*YES_NO),
    ),
    **dict.fromkeys(
        (
            "PrivateNetwork",
            "ProtectHome",
            "ProtectSystem",
            "PrivateUsers",
            "NoNewPrivileges",
            "DynamicUser",
            "RestrictNamespaces",
            "RemainAfterExit",
            "NonBlocking",
        ),
        _one_of("no", "false", "off", "0"),
    ),
    **dict.fromkeys(
        ("StandardOutput", "StandardError"), _one_of("journal", "inherit", "null", "syslog", "journal+console")
    ),
    "StandardInput": _one_of("null"),
    "UMask": _one_of("0022", "022", "0027", "027", "0077", "077"),
    "SystemCallArchitectures": _one_of("native"),
    "LimitNOFILE": _over(256),
    "LimitNPROC": _over(256),
    "LimitAS": _over(1 << 30),
    "LimitDATA": _over(1 << 30),
    "LimitFSIZE": _over(1 << 30),
    "LimitSTACK": _over(1 << 20),
    "ProtectProc": _one_of("default", "invisible", "noaccess", "ptraceable"),
    "ProcSubset": _one_of("all", "pid"),
    "DevicePolicy": _one_of("auto", "closed"),
    "CPUSchedulingPolicy": _one_of("other", "batch", "idle"),
    "TasksMax": _over(100),
    "MemoryMax": _over(256 << 20),
    "MemoryHigh": _over(256 << 20),
    "CPUQuota": _over(1 << 40),
    "RuntimeDirectory": _one_of("sshd"),
    "RuntimeDirectoryMode": _one_of("0755", "755"),
    "RuntimeDirectoryPreserve": _any,
    "Type": _one_of("notify"),
    "TimeoutStartSec": _one_of("infinity", "90s", "90", "1min", "2min", "5min", "120", "300"),
    "EnvironmentFile": _one_of("-/etc/default/ssh"),
}
UNIT: dict[str, Callable[[str], bool]] = {
    **dict.fromkeys(
        (
            "Description",
            "Documentation",
            "StartLimitIntervalSec",
            "StartLimitInterval",
            "StartLimitBurst",
            "StartLimitAction",
            "SourcePath",
            "CollectMode",
            "IgnoreOnIsolate",
            "ReloadPropagatedFrom",
            "PropagatesReloadTo",
        ),
        _any,
    ),
    "DefaultDependencies": _one_of("yes", "true"),
}
SOCKET: dict[str, Callable[[str], bool]] = {
    **dict.fromkeys(
        (
            "ListenStream",
            "Accept",
            "FreeBind",
            "BindIPv6Only",
            "KeepAlive",
            "KeepAliveTimeSec",
            "NoDelay",
            "ReusePort",
            "Priority",
            "ReceiveBuffer",
            "SendBuffer",
        ),
        _any,
    ),
    "Backlog": _over(16),
    "MaxConnections": _over(16),
    "MaxConnectionsPerSource": _over(4),
}
EARLIER = frozenset(
    [
        "network.target",
        "network-online.target",
        "network-pre.target",
        "nss-lookup.target",
        "nss-user-lookup.target",
        "auditd.service",
        "sysinit.target",
        "basic.target",
        "local-fs.target",
        "remote-fs.target",
        "time-sync.target",
        "systemd-user-sessions.service",
        "syslog.target",
        "dbus.service",
        "sshd-keygen.target",
        "sshdgenkeys.service",
        "cloud-init.service",
        "cloud-config.service",
        "systemd-networkd.service",
        "networking.service",
        "NetworkManager.service",
        "systemd-resolved.service",
        "ssh-keygen.service",
    ]
)
"""What sshd may wait for: units that finish or fail within a boot."""
LATER = frozenset(["multi-user.target", "shutdown.target", "fail2ban.service", "sshguard.service", "graphical.target"])

Table = dict[str, Callable[[str], bool]]
TABLES: dict[str, Table] = {"Service": SERVICE, "Unit": UNIT, "Socket": SOCKET}


def open_lines(facts: Facts, assignments: Iterable[Assignment]) -> Iterator[Assignment]:
    """The assignments that may decide and are not judged: neither the package's own nor known to be harmless."""
    for each in assignments:
        if each.section in ("Install", "") or _of_package(facts, each.location):
            continue
        if each.key.startswith("X-") or each.section.startswith("X-"):
            continue
        if each.section == "Unit" and each.key.startswith(("Condition", "Assert")):
            # One that certainly fails is a finding.
            if each.text and holds(facts.tree, each) is None:
                yield each
            continue
        if each.section == "Unit" and each.key in ("After", "Before", "Wants"):
            if not all(_harmless_order(facts, each.key, word) for word in each.text.split()):
                yield each
            continue
        allowed = TABLES.get(each.section, {}).get(each.key)
        if allowed is None or not allowed(each.text):
            yield each


def _harmless_order(facts: Facts, key: str, name: str) -> bool:
    if key == "Before":
        return name in LATER
    if name in EARLIER:
        return True
    # systemd does not wait for a missing unit.
    return facts.units.unit(name).path is None


def _of_package(facts: Facts, location: Location) -> bool:
    path = str(location.path)
    if not path.startswith(STOCK):
        return False
    intact = facts.shipped.intact(path)
    # If the packages' lists were read and do not name the file, somebody added it.
    return intact is True or (intact is None and not facts.shipped.sums)


def told(lines: list[Assignment]) -> str:
    """Some lines, listed for a sentence."""
    names = [f"{each.key}={each.text}" for each in lines[:MOST_TOLD]]
    more = len(lines) - len(names)
    return ", ".join(names) + (f" and {more} more" if more > 0 else "")
