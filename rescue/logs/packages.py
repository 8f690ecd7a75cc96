"""What was installed, upgraded and removed: packages that a login needs, by the logs of dpkg, dnf and zypper. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, tzinfo
from pathlib import PurePosixPath

from rescue.logs.events import Event
from rescue.logs.lines import local, text_of
from rescue.logs.sayings import Kind
from rescue.text.safe import cut
from rescue.text.secrets import hide_secrets

MOST = 20_000
"""Lines of one log that are looked at: the last ones."""

DECIDING = re.compile(
    r"(?:openssh|dropbear|systemd|udev|ufw|nftables|iptables|ip6tables|ipset|firewalld|shorewall|fail2ban|crowdsec|sshguard|libpam|pam|libnss|nss|sssd"
    r"|linux-(?:image|modules)|kernel|grub|shim|initramfs|dracut|netplan|network-manager|NetworkManager|ifupdown|networkd|isc-dhcp|dhcpcd|dhclient"
    r"|dhcp-client|wicked|libc6|libc-bin|glibc|libssl|openssl|libselinux|selinux|apparmor|cloud-init|cloud-guest|google-|waagent|walinuxagent"
    r"|amazon-|sudo|login|passwd|shadow|util-linux|bash|zsh|docker|containerd|wireguard|tailscale|openvpn|base-files|usrmerge|usr-is-merged|crypto-policies"
    r"|filesystem|setup|authselect|dbus|lvm2|mdadm|cryptsetup)(?=$|[-:.\d\w])"
)
_DPKG = re.compile(
    r"(?P<at>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) (?P<what>install|upgrade|remove|purge) "
    r"(?P<package>[\w.+:-]{1,100}) (?P<old>\S{1,80}) (?P<new>\S{1,80})"
)
_DNF = re.compile(
    r"(?P<at>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:Z|[+-]\d{4}|[+-]\d\d:\d\d)) \S{1,20} "
    r"(?P<what>Installed|Upgraded?|Removed|Erased|Downgraded?): (?P<package>\S{1,160})"
)
_ZYPP = re.compile(
    r"(?P<at>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)\|(?P<what>install|remove)\s*"
    r"\|(?P<package>[^|]{1,100})\|(?P<new>[^|]{1,80})\|"
)


_APT_START = re.compile(r"Start-Date: (?P<day>\d{4}-\d\d-\d\d)  (?P<time>\d\d:\d\d:\d\d)")
_APT_COMMAND = "Commandline: "


def of_packages(data: bytes, path: PurePosixPath, zone: tzinfo) -> Iterator[Event]:
    """The packages of `DECIDING`, one event for each change; and apt's commands, by its own history."""
    lines = text_of(data).decode("utf-8", "surrogateescape").split("\n")[-MOST:]
    started: datetime | None = None
    for line in lines:
        if (start := _APT_START.match(line)) is not None:
            started = local(f"{start['day']} {start['time']}", zone)
        elif line.startswith(_APT_COMMAND) and started is not None:
            command = hide_secrets("", [line.removeprefix(_APT_COMMAND)])[0]
            yield Event(started, Kind.PACKAGE, f"ran: {cut(command, 120)}", path, (("what", "command"),))
        match = _DPKG.match(line) or _DNF.match(line) or _ZYPP.match(line)
        if match is None or DECIDING.match(match["package"]) is None:
            continue
        at = _at(match["at"], zone)
        if at is not None:
            what = match["what"].lower()
            yield Event(at, Kind.PACKAGE, _words(what, match), path, (("package", match["package"]), ("what", what)))


def _at(text: str, zone: tzinfo) -> datetime | None:
    return local(text, zone) if "T" not in text else local_with_offset(text)


def local_with_offset(text: str) -> datetime | None:
    """A time as "2026-11-25T14:01:00+0100"."""
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S%z")
    except (ValueError, OverflowError):
        return None


def _words(what: str, match: re.Match[str]) -> str:
    package = match["package"].partition(":")[0]
    named = match.groupdict()
    old, new = named.get("old") or "", named.get("new") or ""
    done = {"install": "installed", "upgrade": "upgraded", "remove": "removed", "purge": "removed"}.get(what, what)
    if done == "upgraded" and old and new:
        return f"{package} upgraded from {old} to {new}"
    if done == "installed" and new:
        return f"{package} {new} installed"
    return f"{package} {done}"
