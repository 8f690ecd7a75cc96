"""A full disk is found, told and mended; a disk with room says nothing."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from rescue.checks import disk_full
from rescue.examine import examine
from rescue.facts import Facts
from rescue.model import Client, Finding, Safety, Severity, Step, Symptom
from rescue.planner import Plan, any_repairs
from rescue.space.policy import DAY
from rescue.tree import Entry, FileSystem, Kind, NotCaptured, Read, Tree, directory
from tests.checking import causes, changed_paths, mended, mended_if_agreed, only_finding
from tests.trees import GIB, ROOMY, server

pytestmark = pytest.mark.unit

MIB = 1 << 20
FULL = replace(ROOMY, free=0, available=0)
NO_INODES = replace(ROOMY, inodes_free=0)


def blob(size: int = MIB, mtime: int = 0) -> Entry:
    return Entry(Kind.FILE, 0o640, size=size, allocated=size, mtime=mtime)


def full(changes: Mapping[str, Entry | str | bytes | None], filesystem: FileSystem = FULL) -> Tree:
    return server(changes, filesystem)


def with_mounts(tree: Tree, *more: FileSystem) -> Tree:
    made = tree.with_entries({})
    made.filesystems = tuple(sorted((*tree.filesystems, *more), key=lambda each: each.mount))
    return made


def kept_room(plan: Plan) -> int:
    return plan.after.facts.tree.filesystems[0].available


# -- what is found -----------------------------------------------------------------------------------------------------


def test_a_server_with_room_has_no_finding() -> None:
    assert causes(server()) == []


@pytest.mark.parametrize(
    "filesystem",
    [
        replace(ROOMY, free=GIB, available=65 * MIB),
        replace(ROOMY, size=2 * GIB, free=150 * MIB, available=30 * MIB),
        replace(ROOMY, inodes_free=1000),
        replace(ROOMY, type="xfs", inodes_free=0),
        replace(ROOMY, type="btrfs", inodes=0, inodes_free=0),
        replace(ROOMY, type="erofs", free=0, available=0, inodes_free=0, read_only=True),
    ],
    ids=["nearly full", "small", "few inodes", "xfs", "btrfs", "read-only image"],
)
def test_a_disk_that_is_merely_used_is_no_finding(filesystem: FileSystem) -> None:
    assert causes(server({}, filesystem)) == []


@pytest.mark.parametrize("mount", ["/boot", "/boot/efi", "/snap/core/1", "/home", "/mnt/data", "/run", "/tmp"])
def test_a_full_file_system_that_no_login_needs_is_no_finding(mount: str) -> None:
    assert causes(with_mounts(server(), replace(FULL, mount=mount))) == []


def test_a_full_root_hangs_the_login() -> None:
    finding = only_finding(full({"/var/log/app.log": blob(6 * GIB)}), "disk-full")
    assert (finding.step, finding.severity, finding.symptom) == (Step.DISK, Severity.BROKEN, Symptom.HANGS)
    assert finding.subject == "/"
    assert finding.message == (
        "The file system at / (20 GiB) is full: not even root can write there. Much of it is in /var/log (6 GiB)."
    )
    assert [(str(each.path), each.text) for each in finding.locations] == [("/", ""), ("/var/log/app.log", "6 GiB")]


def test_the_reserve_of_root_is_told() -> None:
    finding = only_finding(full({}, replace(FULL, free=900 * MIB)), "disk-full")
    assert finding.severity is Severity.BROKEN
    assert "only the 900 MiB reserved for root are left" in finding.message


def test_btrfs_without_room_for_metadata_is_told() -> None:
    finding = only_finding(full({}, replace(FULL, type="btrfs", free=5 * GIB, inodes=0, inodes_free=0)), "disk-full")
    assert "btrfs has no space for metadata" in finding.message


def test_little_room_is_doubtful_with_its_reason() -> None:
    finding = only_finding(full({}, replace(ROOMY, free=GIB, available=20 * MIB)), "disk-full")
    assert finding.severity is Severity.DOUBTFUL
    assert "20 MiB left" in finding.message
    assert finding.reason


def test_no_inode_is_told_apart_from_no_room() -> None:
    finding = only_finding(full({}, NO_INODES), "disk-full")
    assert finding.severity is Severity.BROKEN
    assert "no inodes left: no file can be created" in finding.message
    assert only_finding(full({}, replace(ROOMY, inodes_free=12)), "disk-full").severity is Severity.DOUBTFUL


def test_a_full_log_partition_is_found_beside_a_root_with_room() -> None:
    logs = FileSystem("/var/log", "ext4", 2 * GIB, 0, 0, 131072, 100000)
    tree = with_mounts(
        server({"/var/log/a.log": "", "/var/log/a.log.1": blob(GIB), "/var/crash/x.crash": blob(GIB)}), logs
    )
    finding = only_finding(tree, "disk-full")
    assert finding.subject == "/var/log"
    assert changed_paths(mended_if_agreed(tree)) == ["/var/log/a.log.1"]


# -- what is asked for -------------------------------------------------------------------------------------------------


def test_nothing_is_captured_on_a_disk_with_room() -> None:
    assert disk_full.READS == ()
    assert list(disk_full.find(Facts(Tree({"/": directory()}, [Read("/", 0)], [ROOMY])))) == []


def test_everything_is_asked_for_at_once_on_a_full_one() -> None:
    with pytest.raises(NotCaptured) as caught:
        list(disk_full.find(Facts(Tree({"/": directory()}, [Read("/", 0)], [FULL]))))
    tree = Tree({"/": directory()}, [Read("/", 0), *caught.value.reads], [FULL])
    assert [finding.check for finding in disk_full.find(Facts(tree))] == ["disk-full"]


# -- how it is mended --------------------------------------------------------------------------------------------------


def repair_titles(finding: Finding) -> list[tuple[Safety, str]]:
    return [(each.safety, each.title) for each in finding.repairs]


def test_rotated_logs_and_caches_go_and_nothing_else() -> None:
    tree = full(
        {
            "/var/cache/apt/archives/a.deb": blob(GIB),
            "/var/log/syslog": blob(),
            "/var/log/syslog.1": blob(700 * MIB, mtime=2),
            "/var/log/syslog.2": blob(700 * MIB, mtime=1),
            "/var/lib/mysql/ibdata1": blob(9 * GIB),
        }
    )
    finding = only_finding(tree, "disk-full")
    assert repair_titles(finding) == [
        (Safety.UNSAFE, "free space on /: delete 1 file of package caches and 2 rotated logs: frees 2.4 GiB")
    ]
    assert finding.repairs[0].irreversible
    assert finding.repairs[0].weakens == "deleted logs can't be brought back by undo"
    plan = mended_if_agreed(tree)
    assert sorted(changed_paths(plan)) == ["/var/cache/apt/archives/a.deb", "/var/log/syslog.1", "/var/log/syslog.2"]
    assert plan.irreversible
    assert kept_room(plan) >= GIB  # what root keeps to itself is refilled first


def test_a_huge_log_keeps_its_newest_part() -> None:
    tree = full({"/var/log/app.log": blob(300 * MIB)}, FileSystem("/", "ext4", 2 * GIB, 0, 0, 131072, 100000))
    plan = mended_if_agreed(tree)
    (change,) = plan.changes
    assert change.after is not None
    assert (change.after.size, change.frees) == (8 * MIB, 292 * MIB)
    assert "keep the last 8 MiB of /var/log/app.log: frees 292 MiB" in plan.mends[0].repair.title


def test_what_is_left_to_decide_is_listed() -> None:
    finding = only_finding(full({"/var/log/audit/audit.log": blob(6 * GIB)}), "disk-full")
    (manual,) = finding.repairs
    assert (manual.safety, manual.edit) == (Safety.MANUAL, None)
    assert "6 GiB in /var/log/audit: the audit log: ask whoever must keep it" in manual.steps.split("\n")


def test_too_few_logs_are_not_deleted_in_vain() -> None:
    finding = only_finding(full({"/var/log/a.log": "", "/var/log/a.log.1": blob(10 * MIB)}), "disk-full")
    assert [each.safety for each in finding.repairs] == [Safety.MANUAL]


def test_inodes_are_freed_from_rotated_logs() -> None:
    small = FileSystem("/", "ext4", 2 * GIB, GIB, GIB, 20000, 0)
    logs = {f"/var/log/a.log.{turn}": blob(4096, mtime=-turn) for turn in range(1, 1500)}
    plan = mended_if_agreed(full({"/var/log/a.log": "", **logs}, small))
    assert len(plan.changes) == 1000
    assert "frees 3.9 MiB and 1000 inodes" in plan.mends[0].repair.title


def test_old_temporary_files_go_only_with_consent() -> None:
    small = FileSystem("/", "ext4", 2 * GIB, GIB, GIB, 20000, 0)
    files = {f"/tmp/sess_{number}": blob(0, mtime=80 * DAY) for number in range(1500)}
    tree = full({"/var/log/syslog": blob(0, mtime=100 * DAY), **files}, small)
    finding = only_finding(tree, "disk-full")
    assert "/tmp (1501 files)" in finding.message
    assert [each.safety for each in finding.repairs] == [Safety.UNSAFE]
    assert len(mended(tree, choose=any_repairs).changes) == 1000


def test_directories_with_many_files_are_listed_where_nothing_may_go() -> None:
    small = FileSystem("/", "ext4", 2 * GIB, GIB, GIB, 20000, 0)
    files = {f"/var/log/data/{number}": blob(0) for number in range(1500)}
    (manual,) = only_finding(full(files, small), "disk-full").repairs
    assert manual.safety is Safety.MANUAL
    assert "1501 files in /var/log/data" in manual.steps.split("\n")


def test_a_hostile_name_in_the_logs_is_only_a_name() -> None:
    tree = full(
        {"/var/log/\x1b[2J\n.log": blob(6 * GIB), "/var/log/..1": blob(GIB), "/var/log/a\udcff.log": blob(6 * GIB)}
    )
    assert only_finding(tree, "disk-full").repairs[0].safety is Safety.UNSAFE


def test_the_edit_works_on_the_tree_that_it_is_given() -> None:
    tree = full({"/var/log/a.log": "", "/var/log/a.log.1": blob(3 * GIB), "/var/log/a.log.2": blob(3 * GIB, mtime=-1)})
    edit = only_finding(tree, "disk-full").repairs[0].edit
    assert edit is not None
    other = tree.remove("/var/log/a.log.2")
    assert [str(change.path) for change in edit(other).since(other)] == []
    refilled = full({"/var/log/b.log": "", "/var/log/b.log.1": blob(3 * GIB)})
    assert [str(change.path) for change in edit(refilled).since(refilled)] == ["/var/log/b.log.1"]


def test_the_manual_is_whole() -> None:
    manual = disk_full.__doc__ or ""
    assert all(f"\n\n{word}" in manual for word in ("Symptom:", "Cause:", "Repair:", "See:"))
    assert examine(server(), Client()).findings == ()
