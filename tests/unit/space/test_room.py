"""When a file system lacks room, and how much."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rescue.space.room import GIB, MIB, Level, Resource, shortages, wanted_bytes, wanted_inodes
from rescue.tree import FileSystem
from tests.trees import ROOMY

pytestmark = pytest.mark.unit


def levels(filesystem: FileSystem) -> list[tuple[Resource, Level]]:
    return [(each.resource, each.level) for each in shortages(filesystem)]


@pytest.mark.parametrize(
    "filesystem",
    [
        ROOMY,
        FileSystem("/", "ext4", 8 * GIB, 700 * MIB, 300 * MIB, 524_288, 400_000),
        FileSystem("/", "xfs", 10 * GIB, 100 * MIB, 100 * MIB, 5_000_000, 700),
        FileSystem("/", "ext4", 2048 * GIB, 105 * GIB, 2 * GIB, 134_217_728, 130_000_000),
        FileSystem("/", "btrfs", 20 * GIB, 5 * GIB, 4 * GIB, 0, 0),
        FileSystem("/", "ext4", 1 * GIB, 80 * MIB, 30 * MIB, 65536, 30000),
        FileSystem("/", "squashfs", 1 * GIB, 0, 0, 4000, 0),
        FileSystem("/", "erofs", 1 * GIB, 0, 0, 4000, 0),
        FileSystem("/var/log", "tmpfs", 50 * MIB, 0, 0, 4000, 0),
        FileSystem("/", "ext4", 0, 0, 0, 0, 0),
    ],
)
def test_a_healthy_small_server_lacks_nothing(filesystem: FileSystem) -> None:
    assert shortages(filesystem) == ()


def test_no_block_at_all_is_told_from_the_reserve_of_root() -> None:
    assert levels(replace(ROOMY, free=0, available=0)) == [(Resource.BLOCKS, Level.NONE)]
    assert levels(replace(ROOMY, free=900 * MIB, available=0)) == [(Resource.BLOCKS, Level.RESERVE)]
    assert levels(replace(ROOMY, free=900 * MIB, available=30 * MIB)) == [(Resource.BLOCKS, Level.LOW)]


def test_inodes_run_out_alone() -> None:
    assert levels(replace(ROOMY, inodes_free=0)) == [(Resource.INODES, Level.NONE)]
    assert levels(replace(ROOMY, inodes_free=999)) == [(Resource.INODES, Level.LOW)]
    assert levels(replace(ROOMY, free=0, available=0, inodes_free=0)) == [
        (Resource.BLOCKS, Level.NONE),
        (Resource.INODES, Level.NONE),
    ]


def test_xfs_makes_its_inodes_from_blocks() -> None:
    assert levels(replace(ROOMY, type="xfs", free=0, available=0, inodes_free=0)) == [(Resource.BLOCKS, Level.NONE)]
    assert wanted_inodes(replace(ROOMY, type="xfs", inodes_free=0)) == 0


def test_the_goal_is_a_tenth_or_one_gibibyte() -> None:
    assert wanted_bytes(ROOMY) == 0
    assert wanted_bytes(replace(ROOMY, type="xfs", free=0, available=0)) == GIB
    assert wanted_bytes(FileSystem("/", "xfs", 2000 * MIB, 50 * MIB, 50 * MIB)) == 150 * MIB


def test_the_reserve_is_filled_before_anybody_gets_room() -> None:
    assert wanted_bytes(replace(ROOMY, free=0, available=0)) == GIB + GIB
    assert wanted_bytes(replace(ROOMY, free=700 * MIB, available=0)) == GIB + (GIB - 700 * MIB)
    assert wanted_bytes(replace(ROOMY, free=GIB + MIB, available=MIB)) == GIB - MIB


def test_two_percent_of_the_inodes_or_a_thousand_should_be_free() -> None:
    assert wanted_inodes(replace(ROOMY, inodes=1_000_000, inodes_free=0)) == 20_000
    assert wanted_inodes(replace(ROOMY, inodes=20_000, inodes_free=10)) == 990
    assert wanted_inodes(replace(ROOMY, inodes=4096, inodes_free=0)) == 409
    assert wanted_inodes(replace(ROOMY, inodes=1, inodes_free=0)) == 1
    assert wanted_inodes(replace(ROOMY, inodes=0, inodes_free=0)) == 0


@given(
    st.sampled_from(["ext4", "xfs", "btrfs", "vfat"]),
    st.integers(1, 1 << 45),
    st.integers(0, 1 << 45),
    st.integers(0, 1 << 45),
    st.integers(0, 1 << 32),
    st.integers(0, 1 << 32),
)
def test_what_reaches_its_goal_lacks_nothing(
    kind: str, size: int, free: int, available: int, inodes: int, inodes_free: int
) -> None:
    free, available = min(free, size), min(available, free, size)
    filesystem = FileSystem("/", kind, max(size, 16 * MIB), free, available, inodes, min(inodes_free, inodes))
    more, nodes = wanted_bytes(filesystem), wanted_inodes(filesystem)
    after = replace(
        filesystem, free=free + more, available=available + more, inodes_free=filesystem.inodes_free + nodes
    )
    assert shortages(after) == ()
    assert wanted_bytes(after) == 0
    assert wanted_inodes(after) == 0
