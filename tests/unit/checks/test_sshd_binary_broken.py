"""Programs and libraries that are missing, empty, cut off, or not executable."""

from __future__ import annotations

from struct import pack

import pytest

from rescue.model import Severity, Symptom
from rescue.tree import Entry, file
from tests.checking import causes, changed_paths, mended, only_finding
from tests.trees import DPKG_STATUS, PROGRAM, server

pytestmark = pytest.mark.unit

SSHD, SESSION, AUTH = "/usr/sbin/sshd", "/usr/lib/openssh/sshd-session", "/usr/lib/openssh/sshd-auth"
STATUS = "/var/lib/dpkg/status"
NEW: dict[str, Entry | str | bytes | None] = {STATUS: DPKG_STATUS.replace("1:9.2p1-2+deb12u6", "1:10.0p1-7")}
LOADER = "/lib64/ld-linux-x86-64.so.2"


def elf(*needed: str, interpreter: str = "") -> bytes:
    """A program for x86-64 with an interpreter and a dynamic section that names libraries."""
    strings = b"\0" + b"".join(name.encode() + b"\0" for name in needed)
    at, offsets = 1, []
    for name in needed:
        offsets.append(at)
        at += len(name) + 1
    start = 64 + 56 * 3
    loader = interpreter.encode() + b"\0"
    text_at, dynamic_at = start, start + len(loader) + len(strings)
    dynamic = b"".join(pack("<QQ", 1, offset) for offset in offsets)
    dynamic += pack("<QQ", 5, text_at + len(loader)) + pack("<QQ", 0, 0)
    total = dynamic_at + len(dynamic)
    head = b"\x7fELF\x02\x01\x01" + bytes(9) + pack("<HHIQQQIHHHHHH", 3, 62, 1, 0, 64, 0, 0, 64, 56, 3, 0, 0, 0)
    headers = pack("<IIQQQQQQ", 1, 5, 0, 0, 0, total, total, 1)
    headers += pack("<IIQQQQQQ", 2, 6, dynamic_at, dynamic_at, 0, len(dynamic), len(dynamic), 8)
    kind = 3 if interpreter else 0
    headers += pack("<IIQQQQQQ", kind, 4, text_at, text_at, 0, len(loader), len(loader), 1)
    return head + headers + loader + strings + dynamic


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (None, "is not there"),
        (file(b"", 0o755), "is empty"),
        (file(bytes(4096), 0o755), "nothing but zeros"),
        (file(b"GIF89a", 0o755), "is no program"),
        (file(elf("libc.so.6")[:150], 0o755), "cut off"),
    ],
)
def test_a_program_that_is_missing_or_damaged(content: Entry | None, what: str) -> None:
    finding = only_finding(server({SSHD: content}), "sshd-binary-broken")
    assert what in finding.message
    assert finding.symptom is Symptom.REFUSED
    assert all(repair.edit is None for repair in finding.repairs)


def test_a_program_that_is_not_executable_is_made_so() -> None:
    plan = mended(server({SSHD: file(PROGRAM, 0o644)}))
    assert changed_paths(plan) == [SSHD]
    entry = plan.after.facts.tree.entry(SSHD)
    assert entry is not None
    assert entry.mode & 0o7777 == 0o755


@pytest.mark.parametrize("path", [SESSION, AUTH])
def test_the_parts_of_newer_versions(path: str) -> None:
    assert causes(server({path: None})) == []
    finding = only_finding(server({**NEW, path: None}), "sshd-binary-broken")
    # Measured with Debian 13's: sshd does not start without them, and does with one that can't be executed in the end.
    assert (finding.subject, finding.symptom) == (path, Symptom.REFUSED)
    assert only_finding(server({**NEW, path: file(PROGRAM, 0o644)}), "sshd-binary-broken").symptom is Symptom.REFUSED
    assert only_finding(server({**NEW, path: file(b"", 0o755)}), "sshd-binary-broken").symptom is Symptom.CLOSED


def test_a_library_that_is_missing_however_deep() -> None:
    libraries: dict[str, Entry | str | bytes | None] = {
        SSHD: file(elf("libpam.so.0", "libc.so.6", interpreter=LOADER), 0o755),
        LOADER: file(b"x", 0o755),
        "/usr/lib/x86_64-linux-gnu/libpam.so.0": elf("libaudit.so.1", "libc.so.6"),
        "/usr/lib/x86_64-linux-gnu/libc.so.6": elf(),
        "/opt/audit/libaudit.so.1": elf("libc.so.6"),
        "/etc/ld.so.conf.d/audit.conf": "# own\n/opt/audit\n",
    }
    assert causes(server(libraries)) == []
    finding = only_finding(server({**libraries, "/etc/ld.so.conf.d/audit.conf": None}), "sshd-binary-broken")
    assert "libaudit.so.1" in finding.message
    empty = server({**libraries, "/usr/lib/x86_64-linux-gnu/libc.so.6": ""})
    assert "is empty" in only_finding(empty, "sshd-binary-broken").message
    assert LOADER in only_finding(server({**libraries, LOADER: None}), "sshd-binary-broken").message


def test_a_package_that_was_cut_off_is_a_doubt() -> None:
    status = DPKG_STATUS.replace("install ok installed", "install ok half-installed", 1)
    assert only_finding(server({STATUS: status}), "sshd-binary-broken").severity is Severity.DOUBTFUL


def test_somebodys_own_script_is_left_alone() -> None:
    assert causes(server({SSHD: file("#!/bin/sh\nexec /opt/sshd\n", 0o755)})) == []


def test_sshd_itself_says_where_its_parts_are() -> None:
    own = file(PROGRAM + b"\0/opt/ssh/libexec/sshd-session\0/opt/ssh/libexec/sshd-auth\0", 0o755)
    finding = only_finding(
        server({**NEW, SSHD: own, "/opt/ssh/libexec/sshd-auth": file(PROGRAM, 0o755)}), "sshd-binary-broken"
    )
    assert finding.subject == "/opt/ssh/libexec/sshd-session"


def test_a_library_in_a_directory_of_ones_own_counts_where_the_loaders_cache_names_it() -> None:
    # ldconfig leaves out what is no library, and the loader goes by its cache.
    own, usual = "/usr/local/lib/libz.so.1", "/usr/lib/x86_64-linux-gnu/libz.so.1"
    files = {
        SSHD: file(elf("libz.so.1"), 0o755),
        own: file(b"\x7fELF"),
        usual: file(PROGRAM),
        "/etc/ld.so.conf": "/usr/local/lib\n",
    }
    assert causes(server({**files, "/etc/ld.so.cache": b"glibc-ld.so.cache1.1\0" + usual.encode() + b"\0"})) == []
    for cache in (b"glibc-ld.so.cache1.1\0" + own.encode() + b"\0", None):
        assert causes(server({**files, "/etc/ld.so.cache": cache})) == ["sshd-binary-broken"]
