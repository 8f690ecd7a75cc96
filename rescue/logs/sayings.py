"""What programs write into logs that bears on a login: the message's beginning, and what it means. Pure.

One table for the journal, for text logs and for a saved console. A message counts only from the program that writes it:
what others log, strangers may have chosen. The texts are those of OpenSSH 7.4 to 10, systemd 241 to 257, Linux 4.18 to
6.12, and of the programs named.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What an event is."""

    LOGIN = "login"
    FAILED_LOGIN = "failed login"
    BOOT = "boot"
    SHUTDOWN = "shutdown"
    TARGET = "target reached"
    UNIT_FAILED = "unit failed"
    EMERGENCY = "emergency mode"
    PANIC = "kernel panic"
    LISTENING = "sshd listens"
    SSHD_ERROR = "sshd error"
    ADDRESS = "address"
    INTERFACE = "interface"
    LINK = "link"
    NO_SPACE = "no space"
    READ_ONLY = "read-only"
    FILE_SYSTEM = "file system error"
    FSCK = "fsck"
    OOM = "out of memory"
    DROPPED = "packet dropped"
    BAN = "ban"
    SUDO = "sudo"
    PACKAGE = "package"
    EDITED = "file changed"
    FIX = "fix by rescue"


SSHD = frozenset({"sshd", "sshd-session", "sshd-auth"})
SYSTEMD = frozenset({"systemd"})
KERNEL = frozenset({"kernel"})
NETWORKD = frozenset({"systemd-networkd", "systemd-network"})
"""The second as the kernel cuts it: 15 letters."""
DHCP = frozenset({"dhclient", "dhcpcd", "NetworkManager", *NETWORKD})
FSCK = frozenset({"systemd-fsck", "fsck", *SYSTEMD})
ANYBODY = frozenset[str]()


@dataclass(frozen=True, slots=True)
class Saying:
    """kind: what it means. mark: bytes that every such line holds, rare in others. pattern: of the whole message, from
    its beginning; its groups are the event's details. programs: who may say it."""

    kind: Kind
    mark: bytes
    pattern: re.Pattern[str]
    programs: frozenset[str]


def _said(kind: Kind, programs: frozenset[str], mark: str, pattern: str) -> Saying:
    return Saying(kind, mark.encode(), re.compile(pattern), programs)


_NAME = r"(?P<interface>[A-Za-z][\w.:-]{0,14})"
_MAC = r"(?P<mac>[0-9a-f]{2}(?::[0-9a-f]{2}){5})"
_ADDRESS = r"(?P<address>[0-9a-fA-F:.]{2,45})"
_UNIT = r"(?P<unit>[\w:@.\\-]{1,200}\.(?:service|socket|mount|swap|device|target|automount|path|timer|slice|scope))"

SAYINGS = (
    _said(Kind.LOGIN, SSHD, "Accepted ", r"Accepted (?P<method>[\w/-]{1,40}) for (?P<user>\S{1,256}) from (?P<address>\S{2,64}) port "
          r"(?P<source_port>\d{1,5}) ssh2(?:: (?P<key_type>[\w-]{2,40}) (?P<fingerprint>(?:SHA256|MD5):\S{20,64}))?"),
    _said(Kind.LOGIN, SSHD, "Accepted ", r"Accepted (?P<method>publickey) for (?P<user>\S{1,256}) from (?P<address>\S{2,64}) port "
          r"(?P<source_port>\d{1,5}) ssh2: (?P<key_type>[\w-]{2,40}) ID "),
    _said(Kind.FAILED_LOGIN, SSHD, "Failed ", r"Failed (?P<method>[\w/-]{1,40}) for (?P<user>\S{1,256}) from (?P<address>\S{2,64}) port \d"),
    _said(Kind.LISTENING, SSHD, "Server listening on ", rf"Server listening on {_ADDRESS} port (?P<port>\d{{1,5}})\."),
    _said(Kind.SSHD_ERROR, SSHD, "error: ", r"error: (?P<what>(?:Bind to port|Could not load host key|Unable to load host key|@@@|Permissions"
          r"|Could not get shadow|AuthorizedKeysCommand|Unsafe |beginning MaxStartups|kex_protocol_error|PAM: ).*)"),
    _said(Kind.SSHD_ERROR, SSHD, "fatal: ", r"fatal: (?P<what>(?:Cannot bind|No supported|bad ownership|Missing privilege|Privilege separation"
          r"|PRNG|login_init|Access denied for user|daemon\(\)|mm_answer|setresuid|chroot|Can't).*)"),
    _said(Kind.SSHD_ERROR, SSHD, "sshd: no hostkeys", r"(?P<what>sshd: no hostkeys available -- exiting\.)"),
    _said(Kind.SSHD_ERROR, SSHD, "bad configuration option", r"(?P<what>.*(?:Bad configuration option|terminating, \d+ bad configuration option).*)"),
    _said(Kind.SSHD_ERROR, SSHD, "Authentication refused:", r"(?P<what>Authentication refused: .*)"),
    _said(Kind.SSHD_ERROR, SSHD, "not allowed because", r"(?P<what>User .* from .* not allowed because .*)"),
    _said(Kind.SSHD_ERROR, SSHD, "refused connect from", r"(?P<what>refused connect from .*)"),
    # The kernel.
    _said(Kind.BOOT, KERNEL, "Linux version ", r"Linux version (?P<version>\S{1,80})"),
    _said(Kind.INTERFACE, KERNEL, "renamed from ", rf"(?:\S{{1,40}} \S{{1,40}} )?{_NAME}: renamed from (?P<old>\S{{1,15}})"),
    _said(Kind.INTERFACE, KERNEL, "(PCI Express", rf"\S{{1,40}} \S{{1,40}} {_NAME}: \(PCI Express:.*\) {_MAC}"),
    _said(Kind.LINK, KERNEL, "ink is ", rf"(?:\S{{1,40}} \S{{1,40}} )?{_NAME}: (?:NIC )?[Ll]ink is [Uu]p\b"),
    _said(Kind.LINK, KERNEL, "link becomes ready", rf"(?:IPv6: )?ADDRCONF\(NETDEV_\w+\): {_NAME}: link becomes ready"),
    _said(Kind.NO_SPACE, KERNEL, "o space left on device", r"(?P<what>.*[Nn]o space left on device.*)"),
    _said(Kind.READ_ONLY, KERNEL, "emounting filesystem read-only", r"(?P<what>.*[Rr]emounting filesystem read-only.*)"),
    _said(Kind.READ_ONLY, KERNEL, "forced readonly", r"(?P<what>BTRFS.*forced readonly.*)"),
    _said(Kind.FILE_SYSTEM, KERNEL, "EXT4-fs error", r"(?P<what>EXT4-fs error .*)"),
    _said(Kind.FILE_SYSTEM, KERNEL, "XFS (", r"(?P<what>XFS \(.*(?:[Cc]orruption|Internal error|[Mm]etadata I/O error|Log inconsistent).*)"),
    _said(Kind.FILE_SYSTEM, KERNEL, "BTRFS", r"(?P<what>BTRFS (?:error|critical).*)"),
    _said(Kind.FILE_SYSTEM, KERNEL, "I/O error, dev ", r"(?P<what>.*I/O error, dev .*)"),
    _said(Kind.OOM, KERNEL, "illed process ", r"(?:Out of memory|Memory cgroup out of memory).*Killed process (?P<pid>\d{1,10}) \((?P<process>[^)]{1,64})\).*"),
    _said(Kind.PANIC, KERNEL, "Kernel panic", r"(?P<what>Kernel panic - not syncing.*)"),
    _said(Kind.DROPPED, KERNEL, "SRC=", r"(?P<prefix>\[UFW (?:BLOCK|LIMIT BLOCK)\]|\S{0,40}(?i:drop|reject|block|den)\S{0,40}:?)\s.{0,200}?"
          r"SRC=(?P<address>[0-9a-f:.]{2,45}) .{0,300}?PROTO=TCP .{0,60}?DPT=(?P<port>\d{1,5})\b"),
    # systemd.
    _said(Kind.TARGET, SYSTEMD, "eached target ", r"Reached target (?P<target>(?:multi-user|graphical|network|network-online|rescue|emergency|local-fs|sysinit"
          r"|basic|default|shutdown|reboot|poweroff|halt|final)\.target|Multi-User System|Graphical Interface|Network(?: is Online)?|Rescue Mode"
          r"|Emergency Mode|Local File Systems|System Initialization|Basic System|(?:System )?(?:Shutdown|Reboot|Power Off|Halt)|Final Step)\b"),
    _said(Kind.UNIT_FAILED, SYSTEMD, "ailed with result", rf"{_UNIT}: (?:Unit entered failed state|Failed with result '(?P<result>[\w-]{{1,40}})')"),
    _said(Kind.UNIT_FAILED, SYSTEMD, "Dependency failed for ", r"Dependency failed for (?P<what>.{1,300})"),
    _said(Kind.UNIT_FAILED, SYSTEMD, "Timed out waiting for device", r"(?P<what>Timed out waiting for device .{1,300})"),
    _said(Kind.UNIT_FAILED, SYSTEMD, "Failed to ", r"(?P<what>Failed to (?:start|mount|listen on|activate) .{1,300})"),
    _said(Kind.UNIT_FAILED, SYSTEMD, "ordering cycle", r"(?P<what>.{0,200}: Found ordering cycle on .{1,200})"),
    _said(Kind.EMERGENCY, SYSTEMD, "mergency", r"(?P<what>Started (?:emergency\.service - )?Emergency Shell.*)"),
    _said(Kind.EMERGENCY, SYSTEMD, "escue Shell", r"(?P<what>Started (?:rescue\.service - )?Rescue Shell.*)"),
    _said(Kind.SHUTDOWN, frozenset({"systemd-shutdown", "systemd-shutdow", "systemd-logind", *SYSTEMD}), "hutting down",
          r"(?P<what>(?:Shutting down\.|System is (?:rebooting|powering down).*))"),
    _said(Kind.SHUTDOWN, frozenset({"systemd-logind"}), "System is ", r"(?P<what>System is (?:rebooting|powering down).*)"),
    _said(Kind.FSCK, FSCK, "fsck", r"(?P<what>.*(?:UNEXPECTED INCONSISTENCY|fsck failed with|was not cleanly unmounted, check forced).*)"),
    # The network.
    _said(Kind.ADDRESS, DHCP, "bound to ", rf"bound to {_ADDRESS}"),
    _said(Kind.ADDRESS, DHCP, "leased ", rf"{_NAME}: leased {_ADDRESS}"),
    _said(Kind.ADDRESS, NETWORKD, "DHCPv4 address ", rf"{_NAME}: DHCPv4 address {_ADDRESS}/\d{{1,2}}"),
    _said(Kind.ADDRESS, frozenset({"NetworkManager"}), "dhcp4 (", rf".{{0,80}}dhcp4 \({_NAME}\): .{{0,40}}address[ =]{{1,3}}{_ADDRESS}"),
    _said(Kind.LINK, NETWORKD, "Gained carrier", rf"{_NAME}: Gained carrier"),
    _said(Kind.INTERFACE, frozenset({"dhclient"}), "LPF/", rf"Listening on LPF/{_NAME}/{_MAC}"),
    _said(Kind.ADDRESS, frozenset({"cloud-init", "cloud-init-local"}), "ci-info: |", rf"ci-info: \|\s{{1,16}}{_NAME}\s{{1,16}}\|\s{{1,8}}True\s{{1,8}}\|"
          rf"\s{{1,40}}(?P<address>[0-9a-f.:]{{2,45}})(?:/\d{{1,3}})?\s{{1,60}}\|[^|\n]{{1,60}}\|[^|\n]{{1,60}}\|\s{{1,8}}(?P<mac>[0-9a-f:]{{17}}|\.)"),
    _said(Kind.LINK, DHCP, "link not ready", rf"{_NAME}: (?P<what>(?:carrier lost|link not ready).*)"),
    # Who keeps others out, and who changes things.
    _said(Kind.BAN, frozenset({"fail2ban-server", "fail2ban.actions", "fail2ban"}), "] Ban ", r"(?:\S.{0,80} )?\[(?P<jail>[\w.-]{1,60})\] Ban (?P<address>[0-9a-f:./]{2,45})"),
    _said(Kind.SUDO, frozenset({"sudo"}), "COMMAND=", r"\s*(?P<user>\S{1,64}) : .*?COMMAND=(?P<command>\S.*)"),
)  # fmt: skip

MARKS = (*dict.fromkeys(saying.mark for saying in SAYINGS), b"No space left on device")
"""What stands in a message that means something: only such ones are taken apart."""

NO_SPACE_ANYBODY = re.compile(r".*No space left on device.*")

DECIDING_COMMAND = re.compile(
    r"(?:\S*/)?(?:ufw|iptables(?:-\w+)?|ip6tables(?:-\w+)?|nft|firewall-cmd|ipset|netplan|ifup|ifdown|ip|nmcli|systemctl|service|sshd|usermod|userdel"
    r"|passwd|chage|chmod|chown|chsh|deluser|gpasswd|sed|tee|cp|mv|rm|ln|vi|vim|nano|emacs|visudo|vipw|apt|apt-get|dpkg|dnf|yum|zypper|reboot|shutdown"
    r"|poweroff|mkfs\S*|fdisk|parted|update-grub|grub-\S+|update-initramfs|dracut|do-release-upgrade|setenforce|semanage|fail2ban-client|cscli|csf"
    r"|wg|wg-quick|tailscale|hostnamectl|timedatectl|sysctl|modprobe|mount|umount|bash|sh)\b"
)
"""Commands that may change whether somebody can log in."""
