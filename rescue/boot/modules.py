"""Kernel modules: what the installed kernels have, and what modprobe.d(5) keeps from being loaded. Pure.

The kernel asks modprobe for "fs-TYPE", an alias. So `install NAME` counts, whose first line wins, and also
`blacklist NAME`, which hides a module from its aliases (but not from "modprobe NAME", and not as another's dependency).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from rescue.model import Location
from rescue.tree import Read, Tree

MODPROBE = ("/etc/modprobe.d", "/run/modprobe.d", "/usr/local/lib/modprobe.d", "/usr/lib/modprobe.d", "/lib/modprobe.d")
MODULES = "/lib/modules"
LISTS = ("modules.builtin", "modules.dep", "modules.alias")
LIST_LIMIT = 16 << 20
MOST_LINES, MOST_KERNELS = 20_000, 16
MODPROBE_READS = tuple(Read(folder, depth=1) for folder in MODPROBE)
MODULES_FILE = "/etc/modules"
LOAD_FOLDERS = ("/etc/modules-load.d", "/usr/local/lib/modules-load.d", "/usr/lib/modules-load.d")
LOAD_READS = (Read(MODULES_FILE, depth=0), *(Read(folder, depth=1) for folder in LOAD_FOLDERS))
MODULE_READS = (Read(MODULES, depth=1, content=False),)

_NOTHING = frozenset({"true", "false", ":"})
"""Programs that load nothing."""
_NAMED = {"ext2": "ext4", "ext3": "ext4", "iso9660": "isofs", "msdos": "msdos"}
"""Types whose module has another name."""
_NEEDS = {"vfat": ("fat",), "msdos": ("fat",)}


@dataclass(frozen=True, slots=True)
class TypeSupport:
    """What the kernels have of a file system type. known: their lists were there to be read."""

    known: bool
    built_in: bool
    module: bool


def kernels(tree: Tree) -> tuple[str, ...]:
    """The kernel versions with modules."""
    tree.require(*MODULE_READS)
    return tree.children(MODULES)[:MOST_KERNELS]


def support(tree: Tree, kind: str, versions: tuple[str, ...]) -> TypeSupport:
    """Whether any of these kernels has a file system of that type."""
    name = _NAMED.get(kind, kind).replace("-", "_")
    texts = {each: [] for each in LISTS}  # type: dict[str, list[str]]
    for version in versions:
        for each in LISTS:
            path = f"{MODULES}/{version}/{each}"
            tree.require(Read(path, depth=0, limit=LIST_LIMIT))
            text = tree.text(path)
            if text:
                texts[each].append(text)
    built_in = any(f"/{name}.ko" in text for text in texts["modules.builtin"])
    module = any(f"/{name}.ko" in text for text in texts["modules.dep"])
    module = module or any(f"alias fs-{kind} " in text for text in texts["modules.alias"])
    return TypeSupport(bool(texts["modules.dep"] and texts["modules.builtin"]), built_in, module)


def forbidden(tree: Tree, kind: str) -> Location | None:
    """The line that keeps the module of a file system type from being loaded; None if none does."""
    tree.require(*MODPROBE_READS)
    name = _NAMED.get(kind, kind)
    lines = list(_lines(tree))
    for words, place in lines:
        if words[:1] == ["blacklist"] and words[1:2] and _same(words[1], name):
            return place
        if words == ["alias", f"fs-{kind}", "off"]:
            return place
    for module in (name, *_NEEDS.get(kind, ())):
        for words, place in lines:
            if words[:1] == ["install"] and len(words) > 2 and _same(words[1], module):
                if PurePosixPath(words[2]).name in _NOTHING:
                    return place
                break  # the first line wins
    return None


def forbidden_module(tree: Tree, name: str) -> Location | None:
    """The line that keeps udev from loading a device's module, which it does by an alias; None if none does.

    One in modules-load.d(5) or /etc/modules is loaded by its name: of such a one, only ``install`` counts.
    """
    tree.require(*MODPROBE_READS, *LOAD_READS)
    lines = list(_lines(tree))
    for words, place in lines:
        if words[:1] == ["install"] and len(words) > 2 and _same(words[1], name):
            if PurePosixPath(words[2]).name in _NOTHING:
                return place
            return None  # the first line wins; what another command does is not known
    hidden = (place for words, place in lines if words[:1] == ["blacklist"] and words[1:2] and _same(words[1], name))
    return None if _named_at_boot(tree, name) else next(hidden, None)


def _named_at_boot(tree: Tree, name: str) -> bool:
    paths = [PurePosixPath(MODULES_FILE)]
    paths += [PurePosixPath(folder) / each for folder in LOAD_FOLDERS for each in tree.children(folder)]
    return any(
        _same(line.split()[0], name)
        for path in paths
        for line in (tree.text_if_read(path) or "").split("\n")[:MOST_LINES]
        if line.strip()
    )


def has_module(tree: Tree, name: str, version: str) -> bool:
    """Whether the kernel has the module as a file, by its own lists: not built in, and not unknown."""
    lists = ("modules.dep", "modules.builtin")
    tree.require(*(Read(f"{MODULES}/{version}/{each}", depth=0, limit=LIST_LIMIT) for each in lists))
    modules, built_in = (tree.text_if_read(f"{MODULES}/{version}/{each}") or "" for each in lists)
    spellings = [f"/{each}.ko" for each in (name.replace("-", "_"), name.replace("_", "-"))]
    return any(each in modules for each in spellings) and not any(each in built_in for each in spellings)


def _same(one: str, other: str) -> bool:
    return one.replace("-", "_") == other.replace("-", "_")


def _lines(tree: Tree) -> Iterator[tuple[list[str], Location]]:
    """The lines in their order; a file hides those of its name in later folders."""
    files: dict[str, str] = {}
    for folder in MODPROBE:
        for name in tree.children(folder):
            if name.endswith((".conf", ".alias")):
                files.setdefault(name, f"{folder}/{name}")
    for _, path in sorted(files.items()):
        entry = tree.entry(path)
        if entry is None or not entry.is_file:
            continue
        for number, line in enumerate((tree.text(path) or "").split("\n")[:MOST_LINES], 1):
            words = line.split()
            if words and not words[0].startswith("#"):
                yield words, Location(PurePosixPath(path), number, line.strip()[:200])
