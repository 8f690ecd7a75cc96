"""What your own commands and units do to the login, once the server runs.

Decides: rc.local, cron @reboot lines, and custom units, timers, path units and the scripts that they start run after
sshd is up, and can stop it, load another firewall, remove the address, or lock an account.

Not judged: such a command if it names the firewall, the network, sshd, accounts or file permissions, unless it is one
of those that the firewall check evaluates; and tmpfiles.d files that change what a login needs.

Supply: disable the unit or remove the line, reboot, and try.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from re import compile as compile_pattern

from rescue.boot.commands import (
    CRON_FOLDER,
    CRON_TABLES,
    LARGEST,
    OWN_CRON_TABLES,
    BootCommand,
    boot_commands,
)
from rescue.boot.commands import READS as BOOT_READS
from rescue.evidence._settings import STOCK
from rescue.facts import Facts
from rescue.formats.shipped import SHIPPED_READS
from rescue.logins.ssh_units import serving
from rescue.model import Gap, Location, Step
from rescue.services.units import Unit
from rescue.tree import LinkLoop, Read

STEP = Step.SERVICE
TMPFILES = ("/etc/tmpfiles.d", "/usr/local/lib/tmpfiles.d")
READS = (*BOOT_READS, *SHIPPED_READS, Read("/etc/ssh", depth=2), *(Read(path, depth=1) for path in TMPFILES))

MOST_GAPS = 5
MOST_SCRIPTS = 50

TOUCHES: tuple[tuple[Step, str], ...] = (
    (Step.FIREWALL, r"nft|iptables\S*|ip6tables\S*|ufw|firewall-cmd|ipset|ebtables|csf|ferm|shorewall|tc"),
    (
        Step.NETWORK,
        r"ip|ifconfig|route|ifdown|ifup|nmcli|networkctl|netplan|dhclient|dhcpcd|brctl|ethtool|arp|sysctl|wg|wg-quick|openvpn",
    ),
    (
        Step.SERVICE,
        r"systemctl|service|invoke-rc\.d|init|telinit|shutdown|reboot|poweroff|halt|pkill|killall|kill|sshd\S*|ssh|dropbear|sshd_config|chroot|rc-service",
    ),
    (
        Step.ACCOUNT,
        r"usermod|passwd|chpasswd|userdel|useradd|chage|chsh|nologin|gpasswd|vipw|pam-auth-update|pam\.d|shadow|access\.conf|faillock",
    ),
    (
        Step.KEY,
        r"chmod|chown|chgrp|setfacl|chattr|authorized_keys|rm|mv|mount|umount|restorecon|setenforce|sed|cp|ln|rsync|dd|truncate|tee|find|xargs|install|tar",
    ),
    (Step.SESSION, r"/dev/\w*(?:null|tty|ptmx|pts)\w*|bashrc|profile|ulimit|prlimit|loginctl|hostname"),
)
_WORDS = tuple(
    (link, compile_pattern(rf"(?:^|[\s/'\"(;&|=\[,:])(?:{words})(?=$|[\s/'\");&|:,\]>])")) for link, words in TOUCHES
)
_PATH = compile_pattern(r"(?<![\w.$}])/[\w./+@-]+")
_HARMLESS = compile_pattern(
    r"(?:chmod|chown|rm|mv|cp|mkdir|tee|truncate|install|find|tar|rsync)\b[^;&|]*/(?:var/(?:log|cache|tmp|backups|lib/(?!dpkg))|tmp|srv|opt)/\S*"
)
_LOOKS = compile_pattern(
    r"(?:/usr/bin/)?(?:systemctl (?:is-\w+|status|list-\w+|show|daemon-reload)"
    r"|ip (?:-\S+ )*(?:a|addr|link|route|r)(?: show\S*)?$|sysctl -[ap]|kill -HUP \$MAINPID|kill -s HUP).*"
)
_OTHER_UNIT = compile_pattern(
    r"(?:/usr)?(?:/bin/)?systemctl (?:--\S+ )*"
    r"(?:start|stop|restart|reload|try-restart|reload-or-restart|try-reload-or-restart|enable|disable|kill) (?:--\S+ )*"
    r"(?!ssh|network|NetworkM|systemd|ufw|nft|iptables|firewalld|fail2ban|dbus|crowdsec|csf|sshguard|\S*target)"
    r"[\w@.-]+"
)
_PERIODIC = compile_pattern(
    r"(?:@(?:hourly|daily|midnight|weekly|monthly)|[\d*/,-]+(?:\s+[\w*/,-]+){4})\s+(?P<rest>\S.*)"
)
_TMPFILE = compile_pattern(r"([a-zA-Z])[!+=~^-]*\s+(\S+)(?:\s+(\S+))?.*")


def find(facts: Facts) -> Iterator[Gap]:
    if facts.sshd.fatal:
        return
    told: dict[tuple[Step, str], Location] = {}
    for command in _commands(facts):
        link = _touches(command.text)
        if link is not None and (link, command.text) not in told and len(told) < MOST_GAPS:
            told[link, command.text] = command.location
            what = f"whether you get in after {command.text[:80]}, which runs at boot or later ({command.location})"
            yield Gap("own-commands", link, what, "remove the line, reboot, and try", locations=(command.location,))
    yield from _conflicts(facts)
    yield from _tmpfiles(facts)


def _touches(text: str) -> Step | None:
    if _LOOKS.fullmatch(text.strip()):
        return None
    bare = _OTHER_UNIT.sub("", _HARMLESS.sub("", text))
    return next((link for link, pattern in _WORDS if pattern.search(bare)), None)


def _commands(facts: Facts) -> Iterator[BootCommand]:
    """Every such command: at boot, from timers and path units, and the lines of scripts that they name."""
    known = list(boot_commands(facts.tree, facts.units))
    known += [each for unit in _started_by_others(facts) for each in _of_unit(facts, unit)]
    known += _periodic(facts)
    # unit-settings covers what sshd's own unit runs.
    own = {
        str(path)
        for unit in serving(facts.units)
        for path in (unit.path, *(each.location.path for each in unit.assignments))
    }
    known = [each for each in known if str(each.location.path) not in own and not _of_package(facts, each)]
    yield from known
    yield from _of_scripts(facts, known)


def _of_package(facts: Facts, command: BootCommand) -> bool:
    return bool(facts.shipped.intact(str(command.location.path)))


def _periodic(facts: Facts) -> Iterator[BootCommand]:
    """What cron runs repeatedly and may affect logins; most of it is backups and cleanup."""
    if not any(facts.units.unit(f"{name}.service").started for name in ("cron", "crond", "cronie")):
        return
    tree = facts.tree
    shared = [*CRON_TABLES, *(f"{CRON_FOLDER}/{name}" for name in tree.children(CRON_FOLDER))]
    for path in (*shared, *OWN_CRON_TABLES):
        if facts.shipped.intact(path):
            continue
        for number, line in enumerate((tree.text(path) or "").split("\n")[:1000], start=1):
            match = _PERIODIC.fullmatch(line.strip())
            if match is None:
                continue
            command = match["rest"] if path in OWN_CRON_TABLES else match["rest"].partition(" ")[2].strip()
            if _touches(command) in (Step.FIREWALL, Step.NETWORK, Step.SERVICE, Step.ACCOUNT):
                yield BootCommand(command, Location(PurePosixPath(path), number, line))


def _started_by_others(facts: Facts) -> Iterator[Unit]:
    """Custom services that a timer, path or socket starts, or that are not plain boot units."""
    for name in facts.units.reached:
        stem, _, kind = name.rpartition(".")
        unit = facts.units.unit(name)
        if kind in ("timer", "path", "socket", "automount") and unit.present and not str(unit.path).startswith(STOCK):
            named = unit.values("Timer", "Unit") or unit.values("Path", "Unit") or unit.values("Socket", "Service")
            yield facts.units.unit(named[-1].text if named else f"{stem}.service")
    for unit in serving(facts.units):
        for name in (
            each.text for key in ("Wants", "Requires", "Upholds", "BindsTo") for each in unit.values("Unit", key)
        ):
            for word in name.split():
                if not str(facts.units.unit(word).path).startswith(STOCK):
                    yield facts.units.unit(word)


def _of_unit(facts: Facts, unit: Unit) -> Iterator[BootCommand]:
    if not unit.present or str(unit.path).startswith(STOCK):
        return
    for key in ("ExecStartPre", "ExecStart", "ExecStartPost", "ExecStop", "ExecStopPost"):
        for value in unit.values("Service", key):
            yield BootCommand(value.text.lstrip("-@:+!| "), value.location)


def _of_scripts(facts: Facts, commands: list[BootCommand]) -> Iterator[BootCommand]:
    """The lines of scripts in any language that a command names, except those of packages."""
    tree = facts.tree
    done = {str(each.location.path) for each in commands}
    paths = dict.fromkeys(path for each in commands for path in _PATH.findall(each.text))
    wanted = [path for path in paths if path not in done and not path.startswith(("/dev/", "/proc/", "/sys/", "/run/"))]
    tree.require(*(Read(path, depth=0, content=False) for path in wanted[:MOST_SCRIPTS]))
    small = []
    for path in wanted[:MOST_SCRIPTS]:
        try:
            entry = tree.entry(path)
        except LinkLoop:
            continue
        if (
            entry is not None
            and entry.is_file
            and entry.size <= LARGEST
            and not facts.shipped.known(str(tree.resolve(path)))
        ):
            small.append(path)
    tree.require(*(Read(path, depth=0, limit=LARGEST) for path in small))
    for path in small:
        data = tree.data(path) or b""
        if b"\0" in data[:4096]:
            continue
        for number, line in enumerate(data.decode("utf-8", "surrogateescape").split("\n"), start=1):
            if line.strip() and not line.lstrip().startswith("#"):
                yield BootCommand(line.strip(), Location(PurePosixPath(path), number, line))


def _conflicts(facts: Facts) -> Iterator[Gap]:
    """Custom units that stop others when they start."""
    for name in facts.units.reached:
        unit = facts.units.unit(name)
        if not unit.started or unit.name.startswith(("ssh.", "sshd.")):
            continue
        for key in (
            "Conflicts",
            "PropagatesStopTo",
            "StopPropagatedFrom",
            "FailureAction",
            "SuccessAction",
            "OnSuccess",
            "JobTimeoutAction",
        ):
            for value in unit.values("Unit", key):
                if not str(value.location.path).startswith(STOCK) and value.text not in ("shutdown.target", "none", ""):
                    what = f"what {key}={value.text} of {name} stops ({value.location})"
                    yield Gap(
                        "own-commands",
                        STEP,
                        what,
                        f"systemctl disable {name}, in rescue shell",
                        locations=(value.location,),
                    )


_NEEDED = (
    (Step.KEY, ("/home", "/root")),
    (
        Step.ACCOUNT,
        (
            "/etc/passwd",
            "/etc/shadow",
            "/etc/group",
            "/etc/nologin",
            "/run/nologin",
            "/var/run/nologin",
            "/etc/pam.d",
            "/etc/security",
            "/etc/nsswitch.conf",
            "/etc/hosts.deny",
            "/etc/hosts.allow",
        ),
    ),
    (
        Step.SESSION,
        ("/usr/bin", "/bin", "/dev", "/usr/lib", "/lib", "/etc/profile", "/etc/bash.bashrc", "/etc/environment"),
    ),
    (
        Step.SERVICE,
        (
            "/etc/ssh",
            "/run/sshd",
            "/var/run/sshd",
            "/usr",
            "/etc",
            "/run",
            "/var/empty",
            "/proc/sys",
            "/sys",
            "/var/run",
        ),
    ),
)


def _tmpfiles(facts: Facts) -> Iterator[Gap]:
    tree = facts.tree
    for folder in TMPFILES:
        for name in tree.children(folder):
            path = f"{folder}/{name}"
            if not name.endswith(".conf") or facts.shipped.intact(path):
                continue
            for number, line in enumerate((tree.text(path) or "").split("\n")[:1000], start=1):
                match = _TMPFILE.fullmatch(line.strip())
                if match is None:
                    continue
                for link in _needs(match[2], match[1]):
                    place = Location(PurePosixPath(path), number, line)
                    what = f"what {line.strip()[:80]} changes at boot ({place})"
                    yield Gap("own-commands", link, what, "remove the line, reboot, and try", locations=(place,))


def _needs(path: str, kind: str) -> tuple[Step, ...]:
    """The steps that depend on what such a line changes."""
    if path == "/":
        return (Step.KEY, Step.SESSION)
    if kind in "xX":
        return ()
    for link, places in _NEEDED:
        for place in places:
            # Creating directories below /run is what tmpfiles.d is for.
            below = path.startswith(place + "/") and place not in ("/run", "/var/run", "/etc", "/usr")
            if path.rstrip("/") == place or below:
                # sshd has its own account, and looks for the shell itself.
                return (
                    link,
                    *{"/etc/passwd": (STEP,), "/usr/bin": (Step.ACCOUNT,), "/bin": (Step.ACCOUNT,)}.get(place, ()),
                )
    return (STEP,) if path.startswith(("/etc/ssh", "/usr/")) else ()
