"""Programs and libraries that are missing, empty, cut off, or not executable."""

from __future__ import annotations

import pytest

from rescue.model import Severity, Symptom
from rescue.tree import Entry, file
from tests.checking import causes, changed_paths, mended, only_finding
from tests.programs import LOADER, cache, elf
from tests.trees import DPKG_STATUS, PROGRAM, server

pytestmark = pytest.mark.unit

SSHD, SESSION, AUTH = "/usr/sbin/sshd", "/usr/lib/openssh/sshd-session", "/usr/lib/openssh/sshd-auth"
STATUS = "/var/lib/dpkg/status"
NEW: dict[str, Entry | str | bytes | None] = {STATUS: DPKG_STATUS.replace("1:9.2p1-2+deb12u6", "1:10.0p1-7")}


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
        "/etc/ld.so.cache": file(cache("/opt/audit/libaudit.so.1")),
    }
    assert causes(server(libraries)) == []
    finding = only_finding(server({**libraries, "/etc/ld.so.cache": None}), "sshd-binary-broken")
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


LIBC = elf(name="libc.so.6", versions=("GLIBC_2.2.5", "GLIBC_2.34"))
CRYPTO = "/usr/local/lib64/libcrypto.so.3"


def with_crypto(wants: str, *, cached: bool = True) -> dict[str, Entry | str | bytes | None]:
    """A server on which somebody's own libcrypto stands before the system's."""
    needs = {"libc.so.6": (wants,)}
    return {
        SSHD: file(elf("libcrypto.so.3", "libc.so.6", interpreter=LOADER, wants={"libc.so.6": ("GLIBC_2.34",)}), 0o755),
        LOADER: file(b"x", 0o755),
        "/usr/lib/x86_64-linux-gnu/libc.so.6": LIBC,
        "/usr/lib/x86_64-linux-gnu/libcrypto.so.3": elf("libc.so.6", wants={"libc.so.6": ("GLIBC_2.34",)}),
        CRYPTO: elf("libc.so.6", wants=needs),
        "/etc/ld.so.cache": file(cache(*[CRYPTO] * cached, "/lib/x86_64-linux-gnu/libcrypto.so.3")),
    }


def test_a_library_that_asks_for_a_version_that_is_not_there_is_set_aside() -> None:
    tree = server(with_crypto("GLIBC_9.34"))
    finding = only_finding(tree, "sshd-binary-broken")
    assert "GLIBC_9.34" in finding.message
    assert finding.subject == CRYPTO
    plan = mended(tree)
    assert changed_paths(plan) == [CRYPTO, "/usr/local/lib64/set-aside-libcrypto.so.3"]


@pytest.mark.parametrize(("version", "cached"), [("GLIBC_2.34", True), ("GLIBC_2.2.5", True), ("GLIBC_9.34", False)])
def test_a_library_of_ones_own_that_fits_or_is_not_taken(version: str, cached: bool) -> None:
    assert causes(server(with_crypto(version, cached=cached))) == []


def test_sshd_of_a_newer_system_is_not_to_be_mended_by_setting_it_aside() -> None:
    newer = elf("libc.so.6", interpreter=LOADER, wants={"libc.so.6": ("GLIBC_2.38",)})
    finding = only_finding(server({**with_crypto("GLIBC_2.34"), SSHD: file(newer, 0o755)}), "sshd-binary-broken")
    assert "GLIBC_2.38" in finding.message
    assert [each.edit for each in finding.repairs] == [None]


def test_a_runpath_counts_before_the_cache() -> None:
    own = elf("libcrypto.so.3", "libc.so.6", interpreter=LOADER, runpath="/opt/ssh/lib")
    broken = {"/opt/ssh/lib/libcrypto.so.3": elf("libc.so.6", wants={"libc.so.6": ("GLIBC_9.34",)})}
    tree = server({**with_crypto("GLIBC_2.34"), SSHD: file(own, 0o755), **broken})
    assert only_finding(tree, "sshd-binary-broken").subject == "/opt/ssh/lib/libcrypto.so.3"


def test_what_is_preloaded_has_to_fit_too_and_may_be_missing() -> None:
    changes = with_crypto("GLIBC_2.34")
    assert causes(server({**changes, "/etc/ld.so.preload": "/opt/gone.so\n"})) == []
    broken: dict[str, str | bytes] = {
        "/etc/ld.so.preload": "/opt/x.so\n",
        "/opt/x.so": elf("libc.so.6", wants={"libc.so.6": ("GLIBC_9.9",)}),
    }
    finding = only_finding(server({**changes, **broken}), "sshd-binary-broken")
    assert finding.subject == "/opt/x.so"


def test_the_interpreter_has_to_be_executable_for_root_too() -> None:
    tree = server({**with_crypto("GLIBC_2.34"), LOADER: file(b"x", 0o644)})
    finding = only_finding(tree, "sshd-binary-broken")
    assert finding.subject == LOADER
    assert changed_paths(mended(tree)) == [LOADER]


def test_a_library_in_a_directory_of_ones_own_counts_where_the_loaders_cache_names_it() -> None:
    # ldconfig leaves out what is no library, and the loader goes by its cache, or by its own directories alone.
    own, usual = "/usr/local/lib/libz.so.1", "/usr/lib/x86_64-linux-gnu/libz.so.1"
    files = {SSHD: file(elf("libz.so.1"), 0o755), own: file(b"\x7fELF"), usual: file(PROGRAM)}
    assert causes(server({**files, "/etc/ld.so.cache": file(cache(usual))})) == []
    assert causes(server({**files, "/etc/ld.so.cache": file(cache(own, usual))})) == ["sshd-binary-broken"]
    assert causes(server(files)) == []


def with_openssl(built: int, has: str, version: str = "1:9.2p1-2+deb12u6") -> dict[str, Entry | str | bytes | None]:
    main = elf("libcrypto.so.3", interpreter=LOADER)
    number = b"\xbf" + built.to_bytes(4, "little") + b"\xbb\0\0\0\x30"
    return {
        STATUS: DPKG_STATUS.replace("1:9.2p1-2+deb12u6", version),
        SSHD: file(main + number + b"OpenSSL version mismatch. Built against %lx\0", 0o755),
        LOADER: file(b"x", 0o755),
        "/usr/lib/x86_64-linux-gnu/libcrypto.so.3": elf() + f"\0OpenSSL {has} 25 Aug 2026\0".encode(),
    }


@pytest.mark.parametrize(
    ("built", "has", "version", "found"),
    [
        (0x30000070, "3.0.22", "1:9.2p1-1", False),
        (0x30000070, "3.2.1", "1:9.2p1-1", True),
        (0x300000F0, "3.0.7", "1:9.2p1-1", False),
        (0x30000070, "3.2.1", "1:9.4p1-1", False),
        (0x30000000, "3.2.1", "1:9.2p1-1", False),
    ],
)
def test_openssl_of_another_release(built: int, has: str, version: str, found: bool) -> None:
    tree = server(with_openssl(built, has, version))
    assert causes(tree) == (["sshd-binary-broken"] if found else [])
    if found:
        finding = only_finding(tree, "sshd-binary-broken")
        assert finding.severity is Severity.DOUBTFUL
        assert f"loads {has}" in finding.message
