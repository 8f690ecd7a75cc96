"""What may go, in which order, and what never does."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rescue.space.policy import DAY, Loss, Removal, candidates, make_room, prune, reads, without
from rescue.space.summary import freed, summary
from rescue.tree import Entry, FileSystem, Kind, NotCaptured, Read, Tree, directory, file, symlink

pytestmark = pytest.mark.unit

MIB, GIB = 1 << 20, 1 << 30
FULL = FileSystem("/", "ext4", 20 * GIB, 0, 0, 1_000_000, 500_000)
OWN, OTHER = "a" * 32, "b" * 32
SEQUENCE = "@" + "c" * 32 + "-" + "0" * 16 + "-" + "1" * 16 + ".journal"


def blob(size: int = MIB, mtime: int = 0, allocated: int | None = None, nlink: int = 1) -> Entry:
    taken = size if allocated is None else allocated
    return Entry(Kind.FILE, 0o644, size=size, allocated=taken, mtime=mtime, nlink=nlink)


def tree(entries: Mapping[str, Entry | str | bytes], *others: FileSystem, full: FileSystem = FULL) -> Tree:
    return Tree.of({"/etc/machine-id": OWN + "\n", **entries}, [full, *others])


def may_go(entries: Mapping[str, Entry | str | bytes], *others: FileSystem, temporary: bool = False) -> list[str]:
    return [str(each.path) for each in candidates(tree(entries, *others), "/", temporary=temporary)]


# -- what goes ---------------------------------------------------------------------------------------------------------


def test_the_order_is_that_of_the_loss() -> None:
    found = candidates(
        tree(
            {
                "/var/log/app.log": blob(300 * MIB),
                "/var/crash/_usr_bin_x.0.crash": blob(),
                "/var/log/syslog": blob(),
                "/var/log/syslog.1": blob(),
                f"/var/log/journal/{OWN}/system{SEQUENCE}": blob(),
                "/var/cache/pacman/pkg/a-1-x86_64.pkg.tar.zst": blob(),
                "/var/cache/apt/archives/a_1_amd64.deb": blob(),
            }
        ),
        "/",
    )
    assert [str(each.loss) for each in found] == [
        "package cache",
        "package cache",
        "archived journal",
        "rotated log",
        "crash dump",
        "large log",
    ]
    assert found[1].path.name == "a-1-x86_64.pkg.tar.zst"


@pytest.mark.parametrize(
    "path",
    [
        "/var/cache/apt/archives/vim_9_amd64.deb",
        "/var/cache/apt/archives/partial/vim_9_amd64.deb",
        "/var/cache/apt/pkgcache.bin",
        "/var/cache/dnf/baseos-1234/packages/vim.rpm",
        "/var/cache/libdnf5/fedora-1234/repodata/primary.xml.gz",
        "/var/cache/yum/x86_64/7/base/packages/vim.rpm",
        "/var/cache/zypp/packages/oss/x86_64/vim.rpm",
        "/var/cache/apk/APKINDEX.1234.tar.gz",
        "/var/lib/apt/lists/deb.debian.org_debian_dists_bookworm_main_binary-amd64_Packages",
        "/var/lib/snapd/cache/1234",
        "/var/crash/202401071200/vmcore",
        "/var/lib/systemd/coredump/core.nginx.0.1234.5678.9.zst",
        "/var/log/nginx/access.log.2.gz",
    ],
)
def test_caches_dumps_and_rotated_logs_may_go(path: str) -> None:
    assert may_go({path: blob()}) == [path]


def test_rotated_logs_go_oldest_first() -> None:
    assert may_go(
        {
            "/var/log/syslog": blob(),
            "/var/log/syslog.1": blob(mtime=30),
            "/var/log/syslog.2.gz": blob(mtime=20),
            "/var/log/nginx/access.log": blob(),
            "/var/log/nginx/access.log.1": blob(mtime=25),
        }
    ) == ["/var/log/syslog.2.gz", "/var/log/nginx/access.log.1", "/var/log/syslog.1"]


def test_the_newest_of_logs_that_carry_their_date_may_be_live_and_stays() -> None:
    logs = {f"/var/log/tomcat/catalina.2024-01-{day:02}.log": blob(mtime=day) for day in range(1, 5)}
    assert may_go(logs) == list(logs)[:3]


def test_a_number_behind_no_log_is_data() -> None:
    assert may_go({"/var/log/app/shard.1": blob(), "/var/log/app/shard.2": blob()}) == []


def test_journals_that_are_closed_or_of_another_machine_go() -> None:
    journal = "/var/log/journal"
    assert may_go(
        {
            f"{journal}/{OWN}/system.journal": blob(),
            f"{journal}/{OWN}/user-1000.journal": blob(),
            f"{journal}/{OWN}/system{SEQUENCE}": blob(mtime=2),
            f"{journal}/{OWN}/system@{'0' * 16}-{'1' * 16}.journal~": blob(mtime=1),
            f"{journal}/{OWN}.web/system.journal": blob(),
            f"{journal}/{OTHER}/system.journal": blob(mtime=3),
            f"{journal}/remote/remote-a.journal": blob(),
        }
    ) == [
        f"{journal}/{OWN}/system@{'0' * 16}-{'1' * 16}.journal~",
        f"{journal}/{OWN}/system{SEQUENCE}",
        f"{journal}/{OTHER}/system.journal",
    ]


@pytest.mark.parametrize("machine_id", ["", "uninitialized\n", "\x00" * 40])
def test_no_journal_is_foreign_while_the_own_machine_is_unknown(machine_id: str) -> None:
    assert may_go({"/etc/machine-id": machine_id, f"/var/log/journal/{OTHER}/system.journal": blob()}) == []


def test_a_large_log_keeps_its_newest_part() -> None:
    log = replace(blob(300 * MIB), uid=33, mode=0o640)
    (found,) = candidates(tree({"/var/log/app.log": log}), "/")
    assert (found.keep, found.bytes, found.inodes) == (8 * MIB, 292 * MIB, 0)
    after = without(tree({"/var/log/app.log": log}), [found]).entry("/var/log/app.log")
    assert after == replace(log, size=8 * MIB, allocated=8 * MIB)


def test_on_a_small_disk_less_is_large() -> None:
    small = replace(FULL, size=100 * MIB)
    (found,) = candidates(tree({"/var/log/app.log": blob(60 * MIB)}, full=small), "/")
    assert (found.keep, found.bytes) == (MIB, 59 * MIB)


def test_a_log_of_no_great_size_stays_whole() -> None:
    assert may_go({"/var/log/app.log": blob(30 * MIB)}) == []


def test_a_log_is_as_large_as_its_blocks() -> None:
    assert may_go({"/var/log/app.log": blob(size=1 << 40, allocated=MIB)}) == []
    (found,) = candidates(tree({"/var/log/app.log": blob(size=1 << 40, allocated=GIB)}), "/")
    assert found.bytes == GIB - 8 * MIB


def test_failed_logins_are_cut_between_two_records() -> None:
    size = 300 * MIB // 384 * 384
    (found,) = candidates(tree({"/var/log/btmp": blob(size)}), "/")
    assert found.keep is not None
    assert found.keep >= 8 * MIB
    assert (size - found.keep) % 384 == 0
    assert (size - found.keep) % 4096 == 0


def test_logs_of_containers_are_logs() -> None:
    base = "/var/lib/docker/containers/1234"
    found = candidates(
        tree(
            {
                f"{base}/1234-json.log": blob(GIB),
                f"{base}/1234-json.log.1": blob(),
                f"{base}/config.v2.json": blob(GIB),
                f"{base}/mounts/data.log": blob(GIB),
                "/var/lib/containers/storage/overlay-containers/12/userdata/ctr.log": blob(2 * GIB),
            }
        ),
        "/",
    )
    assert [(str(each.path), each.loss) for each in found] == [
        (f"{base}/1234-json.log.1", Loss.ROTATED),
        ("/var/lib/containers/storage/overlay-containers/12/userdata/ctr.log", Loss.LOG),
        (f"{base}/1234-json.log", Loss.LOG),
    ]


# -- what stays --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "/var/cache/apt/archives/lock",
        "/var/cache/debconf/config.dat-old",
        "/var/cache/dnf/download_lock.pid",
        "/var/lib/apt/lists/lock",
        "/var/lib/apt/extended_states",
        "/var/lib/dpkg/status",
        "/var/lib/mysql/ibdata1",
        "/var/lib/mysql/binlog.000001",
        "/var/lib/snapd/state.json",
        "/var/log/mysql/mysql-bin.000001",
        "/var/log/mysql/mysql-bin.index",
        "/var/log/audit/audit.log",
        "/var/log/audit/audit.log.1",
        "/var/log/lastlog",
        "/var/log/wtmp",
        "/var/log/backups/app.log.1.gz",
        "/var/log/site.sql.gz",
        "/var/log/movie.mkv",
        "/var/mail/alice",
        "/var/spool/mail/alice",
        "/var/backups/dpkg.status.1.gz",
        "/var/crash/notes.txt",
        "/home/alice/app.log.1",
        "/srv/app.log",
        "/tmp/old",
    ],
)
def test_what_is_no_log_cache_or_dump_stays(path: str) -> None:
    beside = {"/var/log/audit/audit.log": blob(GIB), "/var/log/backups/app.log": blob()}
    assert may_go({**beside, path: blob(GIB)}) == []


@pytest.mark.parametrize(
    "entry",
    [
        replace(blob(GIB, nlink=2), ident=(1, 2)),
        replace(blob(GIB), flags=0x10),
        replace(blob(GIB), flags=0x20),
        symlink("/home/alice/diary"),
        directory(),
        Entry(Kind.FIFO, 0o644),
        Entry(Kind.BLOCK, 0o644, rdev=1),
    ],
    ids=["second name", "immutable", "append-only", "link", "directory", "fifo", "device"],
)
def test_only_plain_files_with_one_name_go(entry: Entry) -> None:
    assert may_go({"/var/log/app.log": "", "/var/log/app.log.1": entry, "/var/log/x.log": entry}) == []


def test_links_in_the_log_directory_lead_nowhere() -> None:
    entries = {
        "/home/alice/a.log": blob(GIB),
        "/home/alice/a.log.1": blob(GIB),
        "/var/log/alice": symlink("/home/alice"),
    }
    assert may_go(entries) == []


def test_a_log_directory_that_was_moved_is_found() -> None:
    assert may_go({"/var/log": symlink("/data/log"), "/data/log/a.log": "", "/data/log/a.log.1": blob()}) == [
        "/data/log/a.log.1"
    ]


@pytest.mark.parametrize("target", ["/home/alice", "/home/log", "/", "/etc", "/var/lib", "log"])
def test_a_log_directory_that_leads_to_people_s_files_is_left_alone(target: str) -> None:
    entries = {f"{target.rstrip('/')}/a.log.1": blob(), f"{target.rstrip('/')}/a.log": blob(GIB)}
    below = entries if target.startswith("/") else {}
    assert may_go({**below, "/var/log": symlink(target)}) == []


def test_other_file_systems_are_left_alone() -> None:
    entries: dict[str, Entry | str | bytes] = {
        "/var/log/app/a.log": "",
        "/var/log/app/a.log.1": blob(),
        "/var/log/b.log": "",
        "/var/log/b.log.1": blob(),
    }
    assert may_go(entries, FileSystem("/var/log/app", "ext4", GIB, GIB, GIB)) == ["/var/log/b.log.1"]


def test_temporary_files_go_only_if_asked_for_and_old() -> None:
    entries = {
        "/var/log/syslog": blob(mtime=100 * DAY),
        "/tmp/old": blob(mtime=89 * DAY),
        "/tmp/new": blob(mtime=91 * DAY),
        "/tmp/work.sqlite": blob(mtime=0),
        "/tmp/backup-1": blob(mtime=0),
        "/var/tmp/old": blob(mtime=69 * DAY),
        "/var/tmp/new": blob(mtime=71 * DAY),
    }
    assert may_go(entries) == []
    assert may_go(entries, temporary=True) == ["/tmp/old", "/var/tmp/old"]


def test_without_a_log_no_temporary_file_is_old() -> None:
    assert may_go({"/tmp/old": blob(mtime=1), "/tmp/new": blob(mtime=100 * DAY)}, temporary=True) == []


# -- how much ----------------------------------------------------------------------------------------------------------

LOGS: dict[str, Entry | str | bytes] = {
    "/var/log/a.log": "",
    **{f"/var/log/a.log.{turn}": blob(mtime=-turn) for turn in range(1, 11)},
}


def test_no_more_goes_than_was_asked_for() -> None:
    assert [each.path.name for each in prune(tree(LOGS), "/", 3 * MIB)] == ["a.log.10", "a.log.9", "a.log.8"]
    assert len(prune(tree(LOGS), "/", 3 * MIB + 1)) == 4
    assert prune(tree(LOGS), "/", 0) == ()


def test_all_that_helps_goes_if_it_is_not_enough() -> None:
    assert len(prune(tree(LOGS), "/", GIB)) == 10


def test_inodes_are_freed_by_count() -> None:
    empty = {path: (blob(0) if path != "/var/log/a.log" else "") for path in LOGS}
    assert len(prune(tree(empty), "/", 0, 4)) == 4
    assert prune(tree(empty), "/", MIB) == ()


def test_no_log_is_shortened_for_inodes() -> None:
    assert prune(tree({"/var/log/app.log": blob(GIB)}), "/", 0, 10) == ()


def test_what_a_larger_file_makes_needless_stays() -> None:
    found = prune(tree({**LOGS, "/var/crash/x.crash": blob(GIB)}), "/", 20 * MIB)
    assert [each.path.name for each in found] == ["x.crash"]


def test_the_file_system_gets_the_room_that_was_wanted() -> None:
    before = tree({"/var/log/app.log": blob(6 * GIB)})
    after = make_room(before, "/")
    (filesystem,) = after.filesystems
    assert filesystem.free == 6 * GIB - 8 * MIB
    assert filesystem.available == filesystem.free - filesystem.size // 20
    assert make_room(after, "/").since(after) == ()


def test_a_file_system_that_is_not_there_is_an_error() -> None:
    with pytest.raises(ValueError, match="/data"):
        make_room(tree({}), "/data")


def test_a_snapshot_without_the_areas_asks_for_all_of_them_at_once() -> None:
    small = Tree({"/": directory(), "/var": directory()}, [Read("/", 1)], [FULL])
    with pytest.raises(NotCaptured) as caught:
        prune(small, "/", MIB)
    wanted = {each.path for each in caught.value.reads}
    assert {"/var/log", "/var/cache/apt", "/var/lib/docker/containers", "/etc/machine-id"} <= wanted
    assert not any(each.content for each in reads() if each.path != "/etc/machine-id")


def test_a_hundred_thousand_hostile_names_are_judged() -> None:
    names = ["app.log.{}", "{}\n.log.1", "\udcff{}.gz", "-rf {}.log.old", "a" * 200 + "{}.1.2.3.gz"]
    entries = {"/var/log/" + names[at % 5].format(at): blob(4096) for at in range(100_000)}
    found = candidates(tree({**entries, "/var/log/app.log": ""}), "/")
    assert len(found) < 100_000
    assert {each.loss for each in found} == {Loss.ROTATED}


files = st.dictionaries(
    st.sampled_from(
        ["/var/log/a.log", "/var/log/b.log.2.gz", "/var/log/d-20240101", "/var/crash/x.crash", "/var/log/btmp"]
        + [f"/var/log/a.log.{turn}" for turn in range(6)]
        + [f"/var/cache/apt/archives/{name}.deb" for name in "abc"]
    ),
    st.builds(blob, st.integers(0, 40 * MIB), st.integers(0, 9), nlink=st.integers(1, 2)),
)


@given(st.lists(st.text(st.sampled_from("a.-_019gzlog~\n\udcff"), min_size=1, max_size=20), max_size=10))
@example(["..gz", "..1", "...old", "..-20240101"])
def test_no_name_is_too_odd(names: list[str]) -> None:
    good = {f"/var/log/{name}": blob(GIB) for name in names if name not in (".", "..")}
    assert {str(each.path) for each in candidates(tree(good), "/")} <= set(good)


def test_a_preallocated_log_with_little_in_it_stays() -> None:
    assert may_go({"/var/log/app.log": blob(size=MIB, allocated=GIB)}) == []


@given(files, st.integers(0, 100 * MIB), st.integers(0, 8))
def test_the_room_is_what_was_promised_and_none_of_it_is_needless(
    entries: dict[str, Entry], bytes_wanted: int, inodes_wanted: int
) -> None:
    before = tree(entries, full=replace(FULL, size=64 * MIB))
    taken = prune(before, "/", bytes_wanted, inodes_wanted)
    (filesystem,) = without(before, taken).filesystems
    assert (filesystem.free, filesystem.inodes_free - 500_000) == freed(taken)
    everything = freed(candidates(before, "/"))
    if everything[0] >= bytes_wanted and everything[1] >= inodes_wanted:
        assert freed(taken) >= (bytes_wanted, 0)
        assert freed(taken)[1] >= inodes_wanted
        for each in taken:
            rest = freed([other for other in taken if other is not each])
            assert rest[0] < bytes_wanted or rest[1] < inodes_wanted


# -- in words ----------------------------------------------------------------------------------------------------------


def test_a_summary_says_what_goes_and_what_it_frees() -> None:
    before = tree({**LOGS, "/var/log/app.log": blob(300 * MIB), "/var/cache/apt/archives/a.deb": blob()})
    assert summary(prune(before, "/", GIB)) == (
        "delete 1 file of package caches and 10 rotated logs, keep the last 8 MiB of /var/log/app.log: frees 303 MiB"
    )


def test_many_shortened_logs_are_counted() -> None:
    before = tree({f"/var/log/{name}.log": blob(100 * MIB) for name in "abc"})
    assert summary(prune(before, "/", GIB)) == "keep the last 8 MiB of 3 large logs: frees 276 MiB"


def test_a_summary_of_inodes_counts_them() -> None:
    found = [Removal(each.path, each.loss, 0, 1) for each in prune(tree(LOGS), "/", 0, 2)]
    assert summary(found, inodes=True) == "delete 2 rotated logs: frees 0 bytes and 2 inodes"


def test_a_file_s_content_is_no_matter() -> None:
    assert may_go({"/var/log/a.log": "", "/var/log/a.log.1": file(b"\0\xff")}) == ["/var/log/a.log.1"]
