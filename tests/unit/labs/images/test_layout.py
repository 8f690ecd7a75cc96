"""Layouts of the lab's disks."""

import pytest

from rescue.labs.images.layout import LAYOUTS, mapper_name

pytestmark = pytest.mark.unit

UUID = "01234567-89ab-cdef-0123-456789abcdef"


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_kernel_is_told_what_fstab_says_of_the_root(name: str) -> None:
    layout = LAYOUTS[name]
    fields = layout.fstab(UUID).split("\n")[0].split()
    words = dict(word.partition("=")[::2] for word in layout.kernel_words())
    assert fields[1] == "/"
    assert words["rootfstype"] == fields[2] == layout.filesystem
    assert all(option in fields[3].split(",") for option in words.get("rootflags", "").split(",") if option)
    assert fields[0] in (f"UUID={UUID}", words["root"])


def test_only_a_volume_group_has_a_var_of_its_own() -> None:
    mounts = {name: [line.split()[1] for line in each.fstab(UUID).splitlines()] for name, each in LAYOUTS.items()}
    assert mounts == {"ext4": ["/"], "btrfs": ["/"], "xfs": ["/"], "lvm": ["/", "/var"]}


def test_hyphens_are_doubled_in_the_device_mappers_names() -> None:
    assert mapper_name("root") == "/dev/mapper/server--vg-root"
