"""The directories that hold most, each byte told once."""

from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rescue.space.usage import MOST, DirectoryUse, Usage, captured_usage, measured, top_directories
from rescue.tree import Entry, FileSystem, Kind, Tree, symlink

pytestmark = pytest.mark.unit


def blob(size: int, nlink: int = 1, ident: tuple[int, int] = (0, 0)) -> Entry:
    return Entry(Kind.FILE, 0o644, size=size, allocated=size, nlink=nlink, ident=ident)


def tops(tree: Tree, count: int = 10, *, by_inodes: bool = False) -> list[tuple[str, int]]:
    usage = captured_usage(tree, "/", [PurePosixPath("/")])
    return [
        (str(each.path), each.inodes if by_inodes else each.bytes)
        for each in top_directories(usage, count, by_inodes=by_inodes)
    ]


FS = FileSystem("/", "ext4", 1 << 30, 0, 0, 1000, 0)


def test_the_directory_that_holds_it_is_named_and_not_its_parents() -> None:
    tree = Tree.of({"/var/log/app/a.log": blob(1000), "/var/log/b.log": blob(10), "/etc/x": blob(5)}, [FS])
    assert tops(tree) == [("/var/log/app", 1000)]


def test_a_parent_is_named_for_what_is_its_own() -> None:
    tree = Tree.of({"/var/log/app/a.log": blob(1000), "/var/log/b.log": blob(400)}, [FS])
    assert tops(tree) == [("/var/log/app", 1000), ("/var/log", 400)]


def test_many_small_directories_count_for_their_parent() -> None:
    tree = Tree.of({f"/srv/{number}/x": blob(10) for number in range(100)}, [FS])
    assert tops(tree) == [("/srv", 1000)]


def test_inodes_are_counted_apart_from_bytes() -> None:
    tree = Tree.of({"/big/x": blob(10**6)} | {f"/many/{number}": blob(0) for number in range(50)}, [FS])
    assert tops(tree) == [("/big", 10**6)]
    assert tops(tree, by_inodes=True)[0] == ("/many", 51)


def test_a_file_with_two_names_counts_once() -> None:
    tree = Tree.of({"/a/x": blob(1000, 2, (1, 7)), "/b/y": blob(1000, 2, (1, 7))}, [FS])
    assert sum(each for _, each in tops(tree)) == 1000


def test_other_file_systems_and_links_are_left_out() -> None:
    tree = Tree.of(
        {"/srv/x": blob(1000), "/a": blob(10), "/l": symlink("/srv")}, [FS, FileSystem("/srv", "ext4", 1, 0, 0)]
    )
    usage = captured_usage(tree, "/", [PurePosixPath("/")])
    assert usage.bytes == 10
    assert [(str(each.path), each.bytes) for each in usage.files] == [("/a", 10)]


def test_a_scanner_may_leave_small_directories_out() -> None:
    usage = Usage(
        "/",
        (DirectoryUse(PurePosixPath("/"), 1000, 10), DirectoryUse(PurePosixPath("/a/b/c"), 900, 5)),
        (),
        1000,
        10,
    )
    assert [(str(each.path), each.bytes) for each in top_directories(usage)] == [("/a/b/c", 900), ("/", 100)]


paths = st.lists(st.sampled_from("abc"), min_size=1, max_size=5).map(lambda parts: "/" + "/".join(parts) + "/file")


@given(st.dictionaries(paths, st.integers(0, 100), max_size=30), st.booleans())
def test_no_byte_is_reported_twice_and_nineteen_twentieths_are_in_sight(files: dict[str, int], by_inodes: bool) -> None:
    tree = Tree.of({path: blob(size) for path, size in files.items()}, [FS])
    usage = captured_usage(tree, "/", [PurePosixPath("/")])
    found = tops(tree, 10**6, by_inodes=by_inodes)
    total = usage.inodes if by_inodes else usage.bytes
    assert total == (len(tree) if by_inodes else sum(files.values()))
    assert sum(each for _, each in found) <= total
    assert total - sum(each for _, each in found) <= max(1, total // 20)


def test_each_disk_is_looked_at_once_and_memory_not_at_all() -> None:
    disks = (
        FileSystem("/", "ext4", 10, source="/dev/vda1"),
        FileSystem("/home", "btrfs", 40, source="/dev/vdb"),
        FileSystem("/home/old", "btrfs", 40, source="/dev/vdb"),
        FileSystem("/srv", "ext4", 10, source="/dev/vda1"),
        FileSystem("/tmp", "tmpfs", 80, source="tmpfs"),
        FileSystem("/var/lib/docker/overlay2/x/merged", "overlay", 10, source="overlay"),
        FileSystem("/var", "xfs", 90, source="/dev/vda3"),
    )
    assert measured(disks) == ("/", "/var", "/home", "/home/old")
    assert measured((FileSystem("/", "overlay", 10, source="overlay"),)) == ("/",)
    assert len(measured(FileSystem(f"/{number}", "ext4", source=str(number)) for number in range(99))) == MOST
