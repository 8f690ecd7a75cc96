"""A saved serial console, read for what the boot loader, the kernel, systemd and sshd say when a boot goes wrong. Pure."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from rescue.logs.events import Event, meaning
from rescue.logs.last_boot import LastBoot, last_boot
from rescue.logs.sayings import Kind


def of_console(text: str, name: PurePosixPath) -> LastBoot | None:
    """The last boot that a saved serial console shows; None where nothing in it tells of one."""
    return last_boot(console_events(text, name))


MOST_LINES = 200_000
_ESCAPES = re.compile(r"\x1b\[[0-9;?]{0,20}[A-Za-z]|\x1b[()][A-Z0-9]|[\x00-\x08\x0e-\x1a]")
_STAMP = re.compile(
    r"(?:<\d{1,3}>)?(?:\[ {0,8}\d[\d.]{1,20}\] ?)?(?:\[ {0,4}(?P<mark>OK|FAILED|DEPEND|TIME|\*{1,6} *)\s{0,4}\] )?"
)
_WHO = re.compile(r"(?P<program>[\w./-]{1,40})\[(?P<pid>\d{1,10})\]: ")


def console_events(text: str, name: PurePosixPath) -> tuple[Event, ...]:
    """What a saved console tells, in its order. Who wrote a line is not known there, and everybody is believed."""
    found = []
    for number, raw in enumerate(_ESCAPES.sub("", text).split("\n")):
        if number >= MOST_LINES:
            break
        line = raw.strip("\r ")[:2000]
        line = line[_end(_STAMP.match(line)) :]
        line = line[_end(_WHO.match(line)) :]
        told = meaning(line, None) or _console_only(line)
        if told is not None:
            found.append(Event(None, told[0], line[:300], name, told[1]))
    return tuple(found)


def _end(match: re.Match[str] | None) -> int:
    return match.end() if match is not None else 0


_CONSOLE = (
    (Kind.PANIC, r"VFS: (?:Cannot open root device|Unable to mount root fs).*"),
    (Kind.PANIC, r"end Kernel panic.*"),
    (Kind.EMERGENCY, r"You are in (?:emergency|rescue) mode.*"),
    (Kind.EMERGENCY, r"Welcome to emergency mode.*"),
    (Kind.EMERGENCY, r"(?:Give root password for maintenance|Press Enter for maintenance|Cannot open access to console, the root account is locked).*"),
    (Kind.EMERGENCY, r"(?:ALERT!|Gave up waiting for (?:root file system|root|suspend/resume) device).*"),
    (Kind.EMERGENCY, r"\(initramfs\).*"),
    (Kind.EMERGENCY, r"BusyBox v\S+ .*built-in shell.*"),
    (Kind.EMERGENCY, r"(?:Generating \"/run/initramfs/rdsosreport\.txt\"|Entering emergency mode\.|dracut-initqueue.*timeout|Warning: /dev/\S+ does not exist).*"),
    (Kind.EMERGENCY, r"dracut:/?# ?.*"),
    (Kind.PANIC, r"(?:error: )?(?:no such device: [0-9a-fA-F-]{4,36}|file `/.{1,200}' not found|unknown filesystem|no such partition|you need to load the kernel first|out of memory)\.?.*"),
    (Kind.PANIC, r"(?:grub rescue>|grub>).*"),
    (Kind.PANIC, r"(?:No bootable device|Boot failed: not a bootable disk|Operating system not found|Missing operating system|Reboot and Select proper Boot device|No Boot Device Found).*"),
    (Kind.PANIC, r"(?:BdsDxe: failed to load|Failed to boot both default and fallback entries|Unable to find a bootable option).*"),
    (Kind.PANIC, r"(?:Initramfs unpacking failed|Failed to execute /init|No working init found|Run /init as init process failed|Failed to execute default target|\[!!!!!!\].*).*"),
    (Kind.PANIC, r"(?:.*error while loading shared libraries: lib(?:systemd|c|selinux|crypt)\S*.*)"),
    (Kind.PANIC, r".*(?:Kernel Offset: disabled|Attempted to kill init!).*"),
    (Kind.PANIC, r"(?:Failed to load SELinux policy|systemd\[1\]: Freezing execution|Freezing execution).*"),
    (Kind.FILE_SYSTEM, r".*(?:UNEXPECTED INCONSISTENCY; RUN fsck MANUALLY|Failed to mount /|superblock|Structure needs cleaning|mount: .*(?:wrong fs type|can't find|special device)).*"),
    (Kind.FSCK, r".*(?:fsck (?:failed|exited) with|Checking in progress on \d|Please enter passphrase for disk|Enter passphrase for).*"),
    (Kind.UNIT_FAILED, r"A start job is running for .*"),
    (Kind.OOM, r".*(?:invoked oom-killer|Out of memory: ).*"),
    (Kind.SSHD_ERROR, r".*(?:sshd: no hostkeys available|Bad configuration option|Bind to port \d+ .* failed|sshd.*fatal: ).*"),
    (Kind.ADDRESS, r"ci-info: .*"),
    (Kind.TARGET, r"\S+ login: ?.*"),
)  # fmt: skip
"""What only a console shows: the boot loader's, the initramfs' and the kernel's own words before any log is written."""
_CONSOLE_PATTERNS = tuple((kind, re.compile(pattern)) for kind, pattern in _CONSOLE)


def _console_only(line: str) -> tuple[Kind, tuple[tuple[str, str], ...]] | None:
    for kind, pattern in _CONSOLE_PATTERNS:
        if pattern.fullmatch(line):
            # A prompt of getty, which multi-user.target starts.
            return kind, (("target", "multi-user.target"),) if kind is Kind.TARGET else (("what", line[:300]),)
    return None
