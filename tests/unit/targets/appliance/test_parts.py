"""What the appliance is made of: nothing else changes its digits, and each part of it does."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rescue.targets.appliance.parts import parts

pytestmark = pytest.mark.unit

STATUS = """\
Package: lvm2
Status: install ok installed
Architecture: amd64
Version: 2.03
Pre-Depends: init (>= 1)
Depends: libc6 (>= 2.36), dmsetup | dmold, udev:any
Description: text
 Depends: nothing

Package: libc6
Status: install ok installed
Architecture: amd64
Version: 2.36-9

Package: eudev
Status: install ok installed
Architecture: amd64
Version: 1
Provides: udev (= 252)

Package: init
Status: install ok installed
Architecture: amd64
Version: 1.65

Package: dmold
Status: hold ok installed
Architecture: amd64
Version: 0

Package: vim
Status: install ok installed
Architecture: amd64
Version: 9
Depends: vim-runtime
"""


class Here:
    """libguestfs' files, dpkg's record and a kernel below one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "guestfs/supermin.d").mkdir(parents=True)
        (folder / "boot").mkdir()
        self.put("guestfs/supermin.d/packages", "lvm2\nmissing\n")
        self.put("guestfs/supermin.d/daemon.tar.gz", "daemon")
        self.put("boot/vmlinuz-6.1", "kernel")
        self.put("status", STATUS)

    def put(self, path: str, text: str) -> None:
        (self.folder / path).write_text(text)
        os.utime(self.folder / path, (1, 1))

    def digits(self) -> str:
        places = f"/nonexistent:{self.folder / 'guestfs'}"
        return parts(places, self.folder / "status", [(str(self.folder / "boot"), "vmlinuz-*")])


@pytest.fixture
def here(tmp_path: Path) -> Here:
    return Here(tmp_path)


@pytest.mark.parametrize(
    "other",
    [
        "\nPackage: new\nStatus: install ok installed\nVersion: 1\nDepends: libc6\n",
        "\nPackage: dmsetup\nStatus: deinstall ok config-files\nVersion: 9\n",
    ],
)
def test_what_has_no_part_in_it_changes_nothing(here: Here, other: str) -> None:
    before = here.digits()
    assert len(before) == 16
    here.put("status", STATUS.replace("Version: 9", "Version: 10") + other)
    os.utime(here.folder / "status", (9, 9))
    assert here.digits() == before


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Version: 2.03", "Version: 2.04"),
        ("Version: 2.36-9", "Version: 2.36-10"),  # what it depends on
        ("Version: 1.65", "Version: 1.66"),  # before it is unpacked
        ("Version: 1\n", "Version: 2\n"),  # under the name that it provides
        ("Version: 0", "Version: 1"),  # as an alternative
        ("Package: vim", "Package: missing"),  # asked for, and not there before
        ("hold ok installed", "deinstall ok config-files"),
    ],
)
def test_each_package_of_it_counts(here: Here, old: str, new: str) -> None:
    before = here.digits()
    assert old in STATUS
    here.put("status", STATUS.replace(old, new))
    assert here.digits() != before


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("guestfs/supermin.d/daemon.tar.gz", "DAEMON-2"),
        ("guestfs/supermin.d/more.tar.gz", ""),
        ("boot/vmlinuz-6.2", "kernel"),
        ("boot/vmlinuz-6.1", "KERNEL-2"),
    ],
)
def test_libguestfs_own_files_and_the_kernels_count(here: Here, path: str, text: str) -> None:
    before = here.digits()
    here.put(path, text)
    assert here.digits() != before


@pytest.mark.parametrize("path", ["status", "guestfs/supermin.d/packages"])
def test_where_it_can_not_be_told_nothing_is(here: Here, path: str) -> None:
    (here.folder / path).unlink()
    assert here.digits() == ""
    assert parts("/nonexistent", here.folder / "status", []) == ""
