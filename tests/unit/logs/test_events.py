"""Events of journals and text logs: what counts, from whom, and when it was."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import PurePosixPath
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rescue.logs.events import Event, in_order, meaning, of_journal, of_text
from rescue.logs.journal_file import JournalFile, written_entries
from rescue.logs.sayings import SAYINGS, Kind
from tests.remembering import ACCEPTED, AT, EMERGENCY, FINGERPRINT, KERNEL, LINUX, SSHD, SYSTEMD, UP, entry, journal_of

pytestmark = pytest.mark.unit

LOG = PurePosixPath("/var/log/auth.log")
HOUR = AT - timedelta(hours=1)
STAMP = "Nov 29 10:00:00 server"


def of(text: str, written: datetime = AT, zone: str = "UTC", path: PurePosixPath = LOG) -> list[Event]:
    return list(of_text(text.encode("utf-8", "surrogateescape"), path, ZoneInfo(zone), written))


def test_the_entries_of_a_journal_are_read_newest_first() -> None:
    entries = list(JournalFile(journal_of(UP)).entries())
    assert [each.value(b"MESSAGE").decode() for each in entries] == [message for _, message in reversed(UP)]
    assert [each.realtime for each in entries] == sorted((each.realtime for each in entries), reverse=True)
    assert entries[0].value(b"SYSLOG_IDENTIFIER") == b"sshd"
    assert entries[0].value(b"NO_SUCH") == b""


def test_a_journal_gives_events_with_their_details() -> None:
    (login,) = [each for each in of_journal(journal_of(UP), LOG) if each.kind is Kind.LOGIN]
    assert login.at == AT + timedelta(seconds=5)
    assert [login.detail(name) for name in ("user", "address", "method", "key_type", "fingerprint", "no")] == [
        "alice", "203.0.113.7", "publickey", "ED25519", FINGERPRINT, "",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "fields",
    [
        {b"_UID": b"1000", b"SYSLOG_IDENTIFIER": b"sshd"},
        {b"_UID": b"1000", b"_COMM": b"sshd"},
        {b"SYSLOG_IDENTIFIER": b"sshd"},
        {b"_UID": b"0", b"SYSLOG_IDENTIFIER": b"apache2"},
    ],
)
def test_what_others_log_in_a_programs_name_does_not_count(fields: dict[bytes, bytes]) -> None:
    assert of_journal(journal_of([(fields, ACCEPTED)]), LOG) == ()


@pytest.mark.parametrize(
    "fields",
    [
        {**SYSTEMD, b"_PID": b"812"},
        {**SYSTEMD, b"_UID": b"1000", b"_PID": b"900"},
        {**KERNEL, b"SYSLOG_IDENTIFIER": b"systemd"},
    ],
)  # fmt: skip
def test_a_users_own_systemd_does_not_count(fields: dict[bytes, bytes]) -> None:
    assert of_journal(journal_of([(fields, "Reached target multi-user.target - Multi-User System.")]), LOG) == ()


def test_sudo_counts_though_it_is_a_users() -> None:
    fields = {b"_UID": b"1000", b"_COMM": b"sudo", b"_EXE": b"/usr/bin/sudo", b"SYSLOG_IDENTIFIER": b"sudo"}
    message = "   alice : TTY=pts/0 ; PWD=/home/alice ; USER=root ; COMMAND=/usr/sbin/ufw enable"
    (event,) = of_journal(journal_of([(fields, message)]), LOG)
    assert (event.kind, event.detail("user"), event.detail("command")) == (Kind.SUDO, "alice", "/usr/sbin/ufw enable")


@pytest.mark.parametrize(
    "line, at",
    [
        (f"{STAMP} sshd[9]: {ACCEPTED}", HOUR),
        (f"2026-11-29T10:00:00.123456+01:00 server sshd-session[9]: {ACCEPTED}", HOUR + timedelta(microseconds=123456)),
        (f"2026-11-29T10:00:00Z server sshd[9]: {ACCEPTED}", AT),
        (f"Dec 31 23:59:59 server sshd[9]: {ACCEPTED}", datetime(2025, 12, 31, 22, 59, 59, tzinfo=UTC)),
        (f"Feb 29 10:00:00 server sshd[9]: {ACCEPTED}", None),
        (f"1970-01-01T00:00:00Z server sshd[9]: {ACCEPTED}", None),
        (f"9999-99-99T99:99:99Z server sshd[9]: {ACCEPTED}", None),
    ],
)  # fmt: skip
def test_the_time_of_a_line(line: str, at: datetime | None) -> None:
    (event,) = of(line + "\n", zone="Europe/Berlin")
    assert (event.kind, event.at) == (Kind.LOGIN, at)


@pytest.mark.parametrize(
    "line",
    [
        f"{STAMP} apache2[9]: {ACCEPTED}",
        f"{STAMP} sshd[9]: Invalid user {ACCEPTED}",
        f"{STAMP} sshd[9]: error: x Accepted publickey",
        f"{STAMP} systemd[812]: Reached target Multi-User System.",
        f"{STAMP} evil: kernel: {LINUX}",
        ACCEPTED,
        "",
        "\0" * 200,
    ],
)
def test_lines_that_do_not_count(line: str) -> None:
    assert of(line) == []


def test_dmesg_names_no_program_and_is_the_kernels() -> None:
    (event,) = of(f"[    0.000000] {LINUX}\n", path=PurePosixPath("/var/log/dmesg"))
    assert (event.kind, event.at) == (Kind.BOOT, None)


def test_a_packed_log_is_read_and_a_damaged_one_is_not() -> None:
    import gzip

    packed = gzip.compress(f"{STAMP} sshd[9]: {ACCEPTED}\n".encode())
    assert len(of_text(packed, LOG, UTC, AT)) == 1
    assert of_text(packed[:12] + b"junk", LOG, UTC, AT) == ()


def test_what_the_journal_and_a_text_log_tell_is_told_once() -> None:
    both = [*of(f"Nov 29 10:00:05 server sshd[9]: {ACCEPTED}\n"), *of_journal(journal_of(UP), LOG)]
    assert [each.kind for each in in_order(both)].count(Kind.LOGIN) == 1
    again = of("".join(f"Nov 29 1{hour}:00:00 server sshd[9]: {ACCEPTED}\n" for hour in (0, 1)))
    assert len(in_order(again)) == 2


def test_a_message_that_many_entries_share_is_found_in_each() -> None:
    entries = [entry(number * 60, SSHD, "Server listening on :: port 22.") for number in range(9)]
    found = of_journal(written_entries(entries, b"1" * 16), LOG)
    assert sorted(each.at for each in found if each.at) == [AT + timedelta(minutes=number) for number in range(9)]


def test_what_is_said_all_day_crowds_out_nothing() -> None:
    attempts = [(SSHD, f"Failed password for root from 198.51.100.9 port {number} ssh2") for number in range(3000)]
    found = of_journal(journal_of([*UP, *attempts]), LOG)
    kinds = [each.kind for each in found]
    assert kinds.count(Kind.FAILED_LOGIN) == 500
    assert {Kind.LOGIN, Kind.BOOT, Kind.TARGET, Kind.LISTENING} <= set(kinds)
    newest = max(int(each.message.split()[-2]) for each in found if each.kind is Kind.FAILED_LOGIN)
    assert newest == 2999


def test_a_file_full_of_the_word_is_read_in_little_time() -> None:
    data = journal_of(UP) + b"MESSAGE=" * 200_000
    assert len(of_journal(data, LOG)) <= len(UP)


def test_the_clock_of_1970_gives_no_time() -> None:
    entries = [entry(-1_795_946_000, *said) for said in EMERGENCY]
    assert {each.at for each in of_journal(written_entries(entries, b"1" * 16), LOG)} == {None}


SAID = {
    Kind.FAILED_LOGIN: ("sshd", "Failed password for root from 198.51.100.9 port 4711 ssh2"),
    Kind.SSHD_ERROR: ("sshd", "error: Bind to port 22 on 0.0.0.0 failed: Address already in use."),
    Kind.NO_SPACE: ("rsyslogd", "file '/var/log/syslog'[9] write error - No space left on device"),
    Kind.READ_ONLY: ("kernel", "EXT4-fs (vda1): Remounting filesystem read-only"),
    Kind.FILE_SYSTEM: ("kernel", "EXT4-fs error (device vda1): ext4_lookup:1600: inode #2: comm ls: deleted inode"),
    Kind.OOM: ("kernel", "Out of memory: Killed process 812 (sshd) total-vm:15424kB, anon-rss:0kB"),
    Kind.PANIC: ("kernel", "Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)"),
    Kind.DROPPED: ("kernel", "[UFW BLOCK] IN=eth0 SRC=203.0.113.7 DST=192.0.2.2 LEN=60 DF PROTO=TCP SPT=5 DPT=22"),
    Kind.TARGET: ("systemd", "Reached target Multi-User System."),
    Kind.UNIT_FAILED: ("systemd", "ssh.service: Failed with result 'exit-code'."),
    Kind.EMERGENCY: ("systemd", "Started emergency.service - Emergency Shell."),
    Kind.ADDRESS: ("systemd-networkd", "ens3: DHCPv4 address 192.0.2.2/24, gateway 192.0.2.1 acquired from 192.0.2.1"),
    Kind.LINK: ("kernel", "e1000e 0000:00:1f.6 eno1: NIC Link is Up 1000 Mbps Full Duplex, Flow Control: Rx/Tx"),
    Kind.INTERFACE: ("dhclient", "Listening on LPF/ens3/52:54:00:12:34:56"),
    Kind.BAN: ("fail2ban", "2026-11-29 10:00:00,000 fail2ban.actions [9]: NOTICE  [sshd] Ban 203.0.113.7"),
    Kind.SHUTDOWN: ("systemd-logind", "System is rebooting."),
    Kind.FSCK: ("systemd-fsck", "/dev/vda1: UNEXPECTED INCONSISTENCY; RUN fsck MANUALLY."),
}  # fmt: skip


@pytest.mark.parametrize("kind", SAID)
def test_what_programs_say(kind: Kind) -> None:
    program, message = SAID[kind]
    told = meaning(message, program)
    assert told is not None
    assert told[0] is kind


@pytest.mark.parametrize("kind", sorted(set(SAID) - {Kind.NO_SPACE}))
def test_from_another_program_it_means_nothing(kind: Kind) -> None:
    assert meaning(SAID[kind][1], "evil") is None


def test_a_message_of_any_length_is_matched_in_little_time() -> None:
    # Catastrophic backtracking would never end.
    for saying in SAYINGS:
        for filler in ("a", " ", "x: ", "[", "1.", "SRC=1 "):
            meaning(saying.mark.decode() + filler * 2000, None)
            meaning(filler * 2000 + saying.mark.decode(), None)


@given(st.data())
def test_a_damaged_journal_is_read_without_an_error(data: st.DataObject) -> None:
    made = bytearray(journal_of(UP))
    for _ in range(data.draw(st.integers(1, 20))):
        made[data.draw(st.integers(8, len(made) - 1))] = data.draw(st.sampled_from([0, 1, 6, 8, 16, 255]))
    cut = bytes(made[: data.draw(st.integers(208, len(made)))])
    assert len(of_journal(cut, LOG)) <= 400_000
    assert len(list(JournalFile(cut).entries())) <= len(cut)


@given(st.binary(max_size=400))
def test_junk_is_read_without_an_error(junk: bytes) -> None:
    found = of_text(b"Nov 29 10:00:00 server sshd[9]: Accepted " + junk, LOG, UTC, AT)
    assert all(each.kind in Kind for each in found)
