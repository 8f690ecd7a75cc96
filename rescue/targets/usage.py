"""What fills one of a target's file systems: every directory's total, and the largest files.

As du(1) with ``-x`` counts: blocks, not sizes; a file with several names once; no other file system.
"""

from __future__ import annotations

import heapq
import os
import stat
from base64 import b64decode
from pathlib import PurePosixPath
from shlex import quote

from rescue.space.usage import DirectoryUse, FileUse, Usage
from rescue.targets.appliance.launch import Handle
from rescue.targets.appliance.target import GuestfsTarget
from rescue.targets.bundle.target import BundleTarget
from rescue.targets.files.directory import DirectoryTarget
from rescue.targets.host.openat import Root
from rescue.targets.protocol import Target, TargetError

MAX_INODES = 20_000_000
"""Beyond this a scan ends and says that it is not complete."""

LARGEST = 50
_WORTH = 1_000
"""A directory is told if it holds at least one in so many of the bytes, or of the inodes, that are used."""
_LINES = 2_000


def scan_usage(target: Target, mount: str = "/", largest: int = LARGEST) -> Usage:
    """The usage of the file system mounted at `mount` of the target. Takes seconds for a million files.

    Raises TargetError if the target can't be scanned.
    """
    if isinstance(target, DirectoryTarget):
        return _walk(target.looking_root, mount, largest)
    if isinstance(target, GuestfsTarget):
        return _ask_appliance(target.handle, mount, largest)
    if isinstance(target, BundleTarget):
        return target.usage(mount)
    raise TargetError(f"{target.name}: its disk usage can't be scanned", "Mount it, and name its directory.")


class _Sums:
    """The totals of every directory, added up from the leaves at the end, without recursion."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.parents: list[int] = []
        self.bytes: list[int] = []
        self.inodes: list[int] = []

    def add(self, path: str, parent: int, allocated: int) -> int:
        self.paths.append(path)
        self.parents.append(parent)
        self.bytes.append(allocated)
        self.inodes.append(1)
        return len(self.paths) - 1

    def total_up(self) -> None:
        # A directory is always added after the one it is in.
        for index in range(len(self.paths) - 1, 0, -1):
            self.bytes[self.parents[index]] += self.bytes[index]
            self.inodes[self.parents[index]] += self.inodes[index]

    def worth_telling(self) -> tuple[DirectoryUse, ...]:
        least_bytes, least_inodes = max(1, self.bytes[0] // _WORTH), max(2, self.inodes[0] // _WORTH)
        return tuple(
            DirectoryUse(PurePosixPath(path), self.bytes[index], self.inodes[index])
            for index, path in enumerate(self.paths)
            if not index or self.bytes[index] >= least_bytes or self.inodes[index] >= least_inodes
        )


def _walk(root: Root, mount: str, largest: int) -> Usage:
    sums, files, complete = _Sums(), _Largest(largest), True
    seen: set[int] = set()
    try:
        top = root.open_directory(mount)
    except OSError as problem:
        raise TargetError(f"{mount} can't be read: {problem.strerror}", "Run it as root (sudo).") from problem
    try:
        found = os.fstat(top)
    finally:
        os.close(top)
    device, counted = found.st_dev, 1
    left = [sums.add(mount, 0, found.st_blocks * 512)]
    while left:
        index = left.pop()
        path = sums.paths[index]
        base = "" if path == "/" else path
        try:
            directory = root.open_directory(path)
        except OSError:
            complete = False
            continue
        try:
            with os.scandir(directory) as names:
                for each in names:
                    told = each.stat(follow_symlinks=False)
                    if told.st_dev != device:
                        continue
                    counted += 1
                    if stat.S_ISDIR(told.st_mode):
                        left.append(sums.add(f"{base}/{each.name}", index, told.st_blocks * 512))
                        continue
                    if told.st_nlink > 1:
                        if told.st_ino in seen:
                            continue
                        seen.add(told.st_ino)
                    sums.bytes[index] += told.st_blocks * 512
                    sums.inodes[index] += 1
                    if stat.S_ISREG(told.st_mode):
                        files.offer(told.st_blocks * 512, base, each.name)
        except OSError:
            complete = False
        finally:
            os.close(directory)
        if counted > MAX_INODES:
            complete = False
            break
    sums.total_up()
    return Usage(mount, sums.worth_telling(), files.sorted(), sums.bytes[0], sums.inodes[0], complete)


class _Largest:
    """The largest files seen, few of them kept."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._heap: list[tuple[int, str, str]] = []

    def offer(self, allocated: int, base: str, name: str) -> None:
        if len(self._heap) < self._count:
            heapq.heappush(self._heap, (allocated, base, name))
        elif allocated > self._heap[0][0]:
            heapq.heapreplace(self._heap, (allocated, base, name))

    def sorted(self) -> tuple[FileUse, ...]:
        return tuple(
            FileUse(PurePosixPath(f"{base}/{name}"), allocated)
            for allocated, base, name in sorted(self._heap, key=lambda each: (-each[0], each[1], each[2]))
            if allocated
        )


# -- in the appliance -----------------------------------------------------------------------------------------------


def _ask_appliance(handle: Handle, mount: str, largest: int) -> Usage:
    """Scan with du(1) and find(1) in the appliance, which send only the largest."""
    below = f"cd {quote('/sysroot' + mount)} 2>/dev/null || exit 1;"
    top = PurePosixPath(mount)
    sizes = {top / path: size for size, path in _told(handle, f"{below} du -x -B1 -0 . 2>/dev/null", mount)}
    inodes = {top / path: count for count, path in _told(handle, f"{below} du -x --inodes -0 . 2>/dev/null", mount)}
    if top not in sizes:
        raise TargetError(f"{mount}: its disk usage can't be scanned", "Mount it, and name its directory.")
    directories = tuple(DirectoryUse(path, size, inodes.get(path, 1)) for path, size in sizes.items())
    files: dict[str, FileUse] = {}
    for blocks, rest in _told(handle, f"{below} find . -xdev -type f -printf '%b\\t%i\\t%p\\0' 2>/dev/null", mount):
        # For a file with several names, report one.
        inode, _, path = rest.partition("\t")
        files.setdefault(inode, FileUse(top / path, blocks * 512))
    listed = sorted((use for use in files.values() if use.bytes), key=lambda use: (-use.bytes, str(use.path)))
    return Usage(mount, directories, tuple(listed[:largest]), sizes[top], inodes.get(top, len(sizes)))


def _told(handle: Handle, command: str, mount: str) -> list[tuple[int, str]]:
    """The number and the rest of each line of `command`, the largest numbers only and first."""
    try:
        text = handle.debug("sh", [f"({command}) | sort -z -n -r | head -z -n {_LINES} | base64 -w 0"])
    except RuntimeError as problem:
        raise TargetError(
            f"{mount}: its disk usage can't be scanned: {problem}", "Mount it, and name its directory."
        ) from problem
    lines = (line.partition("\t") for line in b64decode(text).decode("utf-8", "surrogateescape").split("\0"))
    return [(int(number), rest) for number, _, rest in lines if number.isdigit()]
