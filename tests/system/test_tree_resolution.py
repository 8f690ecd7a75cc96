"""Our look-ups against the kernel's, in real directories seen through chroot(2)."""

from __future__ import annotations

import json
import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from rescue.tree import Entry, Tree, directory, file, symlink

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(os.geteuid() != 0, reason="chroot(2) needs root"),
]

names = st.sampled_from(["a", "b", "c"])
targets = st.lists(st.sampled_from(["a", "b", "c", "..", "."]), min_size=1, max_size=4).flatmap(
    lambda parts: st.booleans().map(lambda absolute: ("/" if absolute else "") + "/".join(parts))
)
items = st.one_of(st.just("file"), st.just("dir"), targets)
farms = st.dictionaries(st.lists(names, min_size=1, max_size=3).map("/".join), items, max_size=10)
paths = st.lists(st.sampled_from(["a", "b", "c", "..", "."]), min_size=1, max_size=5).map("/".join)


def plant(root: Path, farm: dict[str, str]) -> Tree:
    """The farm as real files and as a tree; what has no directory to lie in is left out of both."""
    entries: dict[str, Entry | str | bytes] = {}
    for name in sorted(farm):
        place, kind = root / name, farm[name]
        above = "/" + name.rpartition("/")[0]
        if above != "/" and entries.get(above) != directory():
            continue
        if kind == "file":
            place.write_text(name)
            entries["/" + name] = file(name)
        elif kind == "dir":
            place.mkdir()
            entries["/" + name] = directory()
        else:
            place.symlink_to(kind)
            entries["/" + name] = symlink(kind)
    return Tree.of(entries)


def in_chroot(root: Path, path: str) -> str | None:
    """What the kernel finds at `path`: "dir", a file's text, or None."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.chroot(root)
        os.chdir("/")
        found: str | None
        try:
            found = "dir" if Path("/" + path).is_dir() else Path("/" + path).read_text()
        except OSError:
            found = None
        os.write(writer, json.dumps(found).encode())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(writer)
    with os.fdopen(reader) as stream:
        told: str | None = json.loads(stream.read())
    return told


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@example(farm={"a": "file"}, path="a/..")
@example(farm={"a": "b", "b": "a"}, path="a")
@example(farm={"a": "dir", "a/b": "../../..", "c": "file"}, path="a/b/c")
@given(farm=farms, path=paths)
def test_a_look_up_finds_what_the_kernel_finds(farm: dict[str, str], path: str) -> None:
    with TemporaryDirectory() as made:
        tree = plant(Path(made), farm)
        found = tree.entry("/" + path)
        ours = None if found is None else "dir" if found.is_dir else tree.text("/" + path)
        assert ours == in_chroot(Path(made), path)
