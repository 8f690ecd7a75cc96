from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from rescue.examine import examine
from rescue.model import Client, Severity, Step, Symptom
from rescue.tree import Entry, Tree, directory, file
from tests.checking import causes, only_finding
from tests.remembering import AT, EMERGENCY, JOURNAL, KERNEL, LATER, LINUX, SYSTEMD, UP, Said, journal_of
from tests.trees import PROGRAM, server

pytestmark = pytest.mark.unit

NOW = Client(now=AT + timedelta(days=2))


def old(tree: Tree, minutes: int = -600) -> Tree:
    """The tree, with all of it written before the boots."""
    at = int((AT + timedelta(minutes=minutes)).timestamp()) * 10**9
    return tree.with_entries({path: replace(entry, mtime=at) for path, entry in tree.captured}, edited=False)


def of(said: tuple[Said, ...], more: dict[str, Entry | str | bytes | None] | None = None) -> Tree:
    return old(server({JOURNAL: journal_of(said), **(more or {})}))


def test_a_boot_that_ended_in_emergency_mode() -> None:
    finding = only_finding(of(EMERGENCY), "last-boot-failed", NOW)
    assert (finding.severity, finding.step, finding.symptom) == (Severity.DOUBTFUL, Step.BOOT, Symptom.TIMED_OUT)
    assert "2026-11-29 10:00 UTC" in finding.message
    assert "ended in emergency mode: Timed out waiting for device" in finding.message


def test_a_panic_and_a_crash_loop() -> None:
    panic = "Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)"
    said: tuple[Said, ...] = ((KERNEL, LINUX), (KERNEL, panic))
    assert panic in only_finding(of(said), "last-boot-failed", NOW).message
    files = {JOURNAL: journal_of(((KERNEL, LINUX),), LATER, 180)}
    for number in range(3):
        name = f"system@{number:032x}-{number:016x}-{number:016x}.journal"
        files[JOURNAL.replace("system.journal", name)] = journal_of(
            ((KERNEL, LINUX),), bytes([number + 1]) * 16, number * 60
        )
    assert "crash loop" in only_finding(old(server(dict(files))), "last-boot-failed", NOW).message


@pytest.mark.parametrize(
    "said",
    [
        (),
        UP[:-1],
        (*EMERGENCY, (SYSTEMD, "Reached target multi-user.target - Multi-User System.")),
        ((KERNEL, LINUX), (SYSTEMD, "Reached target local-fs.target - Local File Systems.")),
        ((KERNEL, LINUX), (SYSTEMD, "Failed to start fwupd.service - Firmware update daemon.")),
    ],
    ids=["no log", "came up", "went on", "cut off", "another unit failed"],
)
def test_boots_that_do_not_alarm(said: tuple[Said, ...]) -> None:
    assert causes(of(said), NOW) == []


def test_what_was_changed_since_may_have_mended_it() -> None:
    tree = of(EMERGENCY)
    fstab = tree.entry("/etc/fstab") or tree.entry("/etc/hostname")
    assert fstab is not None
    later = int((AT + timedelta(hours=2)).timestamp()) * 10**9
    assert causes(tree.with_entries({"/etc/hostname": replace(fstab, mtime=later)}, edited=False), NOW) == []
    assert causes(tree.write("/etc/hostname", "new\n"), NOW) == []
    # A fix of rescue's leaves its undo log, if it only changed a mode.
    fixed = {"/var/lib/rescue/fixes/20261129T120000Z": replace(directory(0o700), mtime=later)}
    assert causes(tree.with_entries(fixed, edited=False), NOW) == []


def test_a_saved_console_is_believed() -> None:
    text = f"[    0.0] {LINUX}\n[FAILED] Failed to mount data.mount - /data.\nYou are in emergency mode. x\n"
    finding = only_finding(old(server()), "last-boot-failed", replace(NOW, console=text))
    assert (
        finding.message == "The boot on the saved console ended in emergency mode: Failed to mount data.mount - /data."
    )
    assert causes(old(server()), replace(NOW, console=f"{LINUX}\nlab login: \n")) == []


FSTAB = "UUID=1234 /data ext4 defaults 0 2\n"


def test_the_boot_shows_what_another_check_finds() -> None:
    tree = of(EMERGENCY, {"/etc/fstab": "/dev/nowhere /data ext4 defaults,x 0 2\n/data2 /nothing\n"})
    found = [each for each in examine(tree, NOW).findings if each.step is Step.BOOT]
    assert all(
        each.seen.startswith("the last boot, of 2026-11-29 10:00 UTC, shows it: ")
        for each in found
        if each.check != "last-boot-failed"
    )


def test_a_boot_that_went_well_makes_a_doubt_of_what_nobody_changed() -> None:
    broken = {"/etc/ssh/sshd_config": "Port 22\nNoSuchKeyword yes\n"}
    sure = examine(old(server(dict(broken))), NOW).findings[0]
    assert sure.severity is Severity.BROKEN
    doubt = examine(of(UP, dict(broken)), NOW).findings[0]
    assert (doubt.check, doubt.severity) == (sure.check, Severity.DOUBTFUL)
    assert doubt.reason == (
        "the last boot, of 2026-11-29 10:00 UTC, went well: alice logged in from 203.0.113.7; nothing that was read "
        "has been changed since"
    )
    # Modes leave no trace in the time of a file: of them an earlier boot says nothing.
    closed = of(UP, {"/usr/sbin/sshd": file(PROGRAM, 0o600)})
    assert examine(closed, NOW).findings[0].severity is Severity.BROKEN
    changed = of(UP, dict(broken)).write("/etc/ssh/sshd_config", "NoSuchKeyword yes\n")
    assert examine(changed, NOW).findings[0].severity is Severity.BROKEN
