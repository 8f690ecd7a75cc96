"""The last boot: how far it came, what failed, which interfaces, a crash loop, a saved console."""

from __future__ import annotations

from datetime import timedelta
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rescue.logs.console import of_console
from rescue.logs.events import Event, in_order, of_journal
from rescue.logs.last_boot import LastBoot, SeenInterface, last_boot
from rescue.logs.remembered import remembered
from rescue.tree import Tree
from tests.remembering import AT, BOOT, EMERGENCY, KERNEL, LATER, LINUX, SSHD, SYSTEMD, UP, Said, journal_of

pytestmark = pytest.mark.unit

LOG = PurePosixPath("/var/log/journal/x/system.journal")


def events(*boots: tuple[tuple[Said, ...], bytes, int]) -> tuple[Event, ...]:
    return in_order(each for said, boot, start in boots for each in of_journal(journal_of(said, boot, start), LOG))


def boot_of(*boots: tuple[tuple[Said, ...], bytes, int]) -> LastBoot:
    found = last_boot(events(*boots), boots[-1][1].hex())
    assert found is not None
    return found


def test_a_boot_that_came_up() -> None:
    boot = boot_of((UP, BOOT, 0))
    assert (boot.at, boot.whole, boot.came_up, boot.boots, boot.loop) == (AT, True, True, 1, 0)
    assert [name for name, _ in boot.targets] == ["network.target", "multi-user.target"]
    assert boot.listening == (("0.0.0.0", 22),)
    assert boot.interfaces == (SeenInterface("eno1", was="eth0"),)
    assert [each.detail("user") for each in boot.logins] == ["alice"]
    assert (boot.emergency, boot.panic, boot.failed) == (None, None, ())


def test_the_last_boot_is_the_one_that_the_journal_names() -> None:
    boot = boot_of((UP, BOOT, 0), (EMERGENCY, LATER, 600))
    assert (boot.at, boot.boots) == (AT + timedelta(seconds=600), 2)
    assert boot.emergency is not None
    assert not boot.came_up
    assert boot.failure("data.mount", "/nothing") is not None
    assert boot.failure("/data") is not None
    assert boot.failure("/dat", "mount") is None
    # A clock that went back does not make an older boot the last one.
    back = last_boot(events((UP, BOOT, 900), (EMERGENCY, LATER, 0)), LATER.hex())
    assert back is not None
    assert back.emergency is not None


def test_emergency_and_then_on_is_no_emergency() -> None:
    boot = boot_of(((*EMERGENCY, (SYSTEMD, "Reached target multi-user.target - Multi-User System.")), BOOT, 0))
    assert boot.came_up


@pytest.mark.parametrize(
    "boots, every, loop",
    [(4, 60, 4), (2, 60, 0), (4, 3600, 0)],
)
def test_a_crash_loop(boots: int, every: int, loop: int) -> None:
    short: tuple[Said, ...] = ((KERNEL, LINUX), (SYSTEMD, "Reached target local-fs.target - Local File Systems."))
    made = [(short, bytes([number + 1]) * 16, number * every) for number in range(boots)]
    assert boot_of(*made).loop == loop


def test_boots_that_came_up_or_were_shut_down_are_no_loop() -> None:
    assert boot_of(*((UP, bytes([number + 1]) * 16, number * 60) for number in range(5))).loop == 0
    ended: tuple[Said, ...] = ((KERNEL, LINUX), (SYSTEMD, "Reached target reboot.target - System Reboot."))
    assert boot_of(*((ended, bytes([number + 1]) * 16, number * 60) for number in range(5))).loop == 0


def test_interfaces_with_mac_address_and_link() -> None:
    networkd = {b"_UID": b"998", b"_SYSTEMD_UNIT": b"systemd-networkd.service"}
    said: tuple[Said, ...] = (
        (KERNEL, LINUX),
        (KERNEL, "e1000e 0000:00:1f.6 eth0: (PCI Express:2.5GT/s:Width x1) 52:54:00:12:34:56"),
        (KERNEL, "e1000e 0000:00:1f.6 eno1: renamed from eth0"),
        (networkd, "eno1: Gained carrier"),
        (networkd, "eno1: DHCPv4 address 192.0.2.2/24, gateway 192.0.2.1 acquired from 192.0.2.1"),
    )
    found = boot_of((said, BOOT, 0)).interface("eno1")
    assert found == SeenInterface("eno1", "52:54:00:12:34:56", "192.0.2.2", True, "eth0")
    assert boot_of((said, BOOT, 0)).interface("eth0") is None


def test_text_logs_are_cut_at_the_kernels_first_words() -> None:
    kern = (
        f"Nov 28 10:00:00 server kernel: [    0.000000] {LINUX}\n"
        "Nov 28 10:00:01 server systemd[1]: Reached target Multi-User System.\n"
        f"Nov 29 10:00:00 server kernel: [    0.000000] {LINUX}\n"
        "Nov 29 10:00:02 server systemd[1]: Dependency failed for /data.\n"
        "Nov 29 10:00:02 server systemd[1]: Reached target Emergency Mode.\n"
    )
    known = remembered(Tree.of({"/var/log/messages": kern}), AT, whole=False)
    boot = last_boot(known.events)
    assert boot is not None
    assert (boot.at, boot.boots, boot.came_up) == (AT, 2, False)
    assert boot.emergency is not None
    assert boot.source == PurePosixPath("/var/log/messages")


def test_nothing_is_told_where_there_is_no_log() -> None:
    assert last_boot(()) is None
    assert remembered(Tree.of({}), AT, whole=True).events == ()


CONSOLES = {
    "[    1.2] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)": "panic",
    "VFS: Cannot open root device \"UUID=1234\" or unknown-block(0,0): error -6": "panic",
    "error: file `/boot/vmlinuz-6.1.0-25-amd64' not found.": "panic",
    "error: no such device: 1a2b3c4d-0000-0000-0000-000000000000.": "panic",
    "grub rescue>": "panic",
    "You are in emergency mode. After logging in, type \"journalctl -xb\" to view": "emergency",
    "Cannot open access to console, the root account is locked.": "emergency",
    "Gave up waiting for root file system device.  Common problems:": "emergency",
    "ALERT!  UUID=1234 does not exist.  Dropping to a shell!": "emergency",
    "(initramfs) ": "emergency",
    "Generating \"/run/initramfs/rdsosreport.txt\"": "emergency",
    "No bootable device.": "panic",
    "[!!!!!!] Failed to start early service.": "panic",
    "/sbin/init: error while loading shared libraries: libsystemd-shared-252.so: no such file": "panic",
}  # fmt: skip


@pytest.mark.parametrize("line", CONSOLES)
def test_what_a_console_shows(line: str) -> None:
    boot = of_console(f"[    0.000000] {LINUX}\r\n\x1b[0;1;31m{line}\x1b[0m\r\n", PurePosixPath("console"))
    assert boot is not None
    assert (boot.panic if CONSOLES[line] == "panic" else boot.emergency) is not None
    assert not boot.came_up


def test_a_console_that_shows_a_login_prompt_came_up() -> None:
    text = f"{LINUX}\n[  OK  ] Reached target \x1b[0;1;39mnetwork.target\x1b[0m - Network.\n\nserver login: "
    boot = of_console(text, PurePosixPath("console"))
    assert boot is not None
    assert boot.came_up
    assert boot.reached("network.target")


def test_of_a_console_with_two_boots_the_last_one_counts() -> None:
    boot = of_console(f"{LINUX}\nYou are in emergency mode. x\n{LINUX}\nserver login: \n", PurePosixPath("console"))
    assert boot is not None
    assert boot.emergency is None
    assert boot.boots == 2


@given(st.text(max_size=300))
def test_any_text_is_taken_for_a_console(text: str) -> None:
    for each in (text, f"{LINUX}\n{text}"):
        boot = of_console(each, PurePosixPath("console"))
        assert boot is None or boot.at is None


def test_sshd_errors_are_kept() -> None:
    boot = boot_of(
        (((KERNEL, LINUX), (SSHD, "error: Bind to port 22 on 0.0.0.0 failed: Address already in use.")), BOOT, 0)
    )
    assert [each.detail("what") for each in boot.sshd_errors] == [
        "Bind to port 22 on 0.0.0.0 failed: Address already in use."
    ]
