"""Logs for tests: a journal as systemd's programs would have filled it, and syslog's files."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from rescue.logs.journal_file import JournalEntry, written_entries

AT = datetime(2026, 11, 29, 10, 0, tzinfo=UTC)
BOOT, LATER = b"1" * 16, b"2" * 16
MACHINE = "0123456789abcdef0123456789abcdef"
JOURNAL = f"/var/log/journal/{MACHINE}/system.journal"

ROOT = {b"_UID": b"0"}
KERNEL = {b"_TRANSPORT": b"kernel", b"SYSLOG_IDENTIFIER": b"kernel"}
SYSTEMD = {b"_UID": b"0", b"_PID": b"1", b"SYSLOG_IDENTIFIER": b"systemd"}
SSHD = {b"_UID": b"0", b"SYSLOG_IDENTIFIER": b"sshd"}

FINGERPRINT = "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
ACCEPTED = f"Accepted publickey for alice from 203.0.113.7 port 51000 ssh2: ED25519 {FINGERPRINT}"
LINUX = "Linux version 6.1.0-25-amd64 (debian-kernel@lists.debian.org)"

Said = tuple[dict[bytes, bytes], str]


def entry(seconds: int, fields: dict[bytes, bytes], message: str, boot: bytes = BOOT) -> JournalEntry:
    """An entry, so many seconds after `AT`."""
    realtime = int((AT + timedelta(seconds=seconds)).timestamp()) * 1_000_000
    made = (*fields.items(), (b"MESSAGE", message.encode("utf-8", "surrogateescape")))
    return JournalEntry(max(seconds, 0) + 1, realtime, max(seconds, 0) * 1_000_000, boot, made)


def journal_of(said: Sequence[Said], boot: bytes = BOOT, start: int = 0) -> bytes:
    """A journal of one boot: a message a second."""
    return written_entries([entry(start + number, *each, boot) for number, each in enumerate(said)], boot)


UP: tuple[Said, ...] = (
    (KERNEL, LINUX),
    (KERNEL, "e1000e 0000:00:1f.6 eno1: renamed from eth0"),
    (SYSTEMD, "Reached target network.target - Network."),
    (SSHD, "Server listening on 0.0.0.0 port 22."),
    (SYSTEMD, "Reached target multi-user.target - Multi-User System."),
    (SSHD, ACCEPTED),
)
"""A boot that came up, and a login."""
EMERGENCY: tuple[Said, ...] = (
    (KERNEL, LINUX),
    (SYSTEMD, "Timed out waiting for device dev-disk-by\\x2duuid-1234.device - /dev/disk/by-uuid/1234."),
    (SYSTEMD, "Dependency failed for data.mount - /data."),
    (SYSTEMD, "Reached target emergency.target - Emergency Mode."),
)
"""One that ended in emergency mode."""
