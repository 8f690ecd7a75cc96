"""What a boot loader starts by default: GRUB's grub.cfg and grubenv, and entries of the Boot Loader Specification.

Of grub.cfg the parts that `grub-mkconfig` writes are read: menu entries, submenus, "set default=". A default by number,
title or id, through submenus ("1>2"), from grubenv's saved_entry or next_entry (GRUB manual, "Simple configuration").
Entries in /boot/loader/entries count where grub.cfg says blscfg, the newest version first.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from rescue.model import Location
from rescue.tree import Read, Tree

GRUB_CONFIGS = ("/boot/grub/grub.cfg", "/boot/grub2/grub.cfg")
ENTRIES = "/boot/loader/entries"
READS = (
    *(Read(path, depth=0, limit=4 << 20) for path in GRUB_CONFIGS),
    *(Read(str(PurePosixPath(path).with_name("grubenv")), depth=0) for path in GRUB_CONFIGS),
    Read(ENTRIES, depth=1),
    Read("/boot", depth=1, content=False),
)

GRUBENV_SIZE = 1024
"""Bytes of an environment block, whatever it holds (grub-editenv)."""
MOST_ENTRIES, DEEPEST, MOST_LINES = 500, 8, 50_000

_ENTRY = re.compile(r"\s*(menuentry|submenu)\s+(.*)\{\s*$")
_DEFAULT = re.compile(r"\s*set\s+default=(.*)$")
_LINUX = re.compile(r"\s*(?:linux(?:16|efi)?)\s+(\S+)(.*)$")
_INITRD = re.compile(r"\s*(?:initrd(?:16|efi)?)\s+(.+)$")
_PARTS = re.compile(r"\d+|[A-Za-z]+|~")


@dataclass(slots=True)
class BootEntry:
    """One entry of the menu. titles: how a default may name it (title, id), through its submenus in `above`."""

    title: str
    id: str
    location: Location
    kernel: str = ""
    initrds: tuple[str, ...] = ()
    options: str = ""
    kernel_at: Location | None = None
    initrd_at: Location | None = None
    above: tuple[BootEntry, ...] = ()
    numbers: tuple[int, ...] = ()
    below: list[BootEntry] = field(default_factory=list, repr=False)

    @property
    def path(self) -> str:
        """By what a default names it: ids, or titles, with ">" between them."""
        return ">".join(each.id or each.title.replace(">", ">>") for each in (*self.above, self))


@dataclass(frozen=True, slots=True)
class BootMenu:
    """What is started. chosen: the default entry, None where it names none that is there. chosen_by: the line of
    grub.cfg or grubenv that decides. saved: it is grubenv's."""

    entries: tuple[BootEntry, ...]
    chosen: BootEntry | None
    chosen_by: Location | None
    saved: bool


def read_menu(tree: Tree) -> BootMenu | None:
    """The menu of the boot loader; None where there is none that is read here."""
    tree.require(*READS)
    path = next((PurePosixPath(each) for each in GRUB_CONFIGS if tree.text(each)), None)
    if path is None:
        return None
    text = tree.text(path) or ""
    environment = _environment(tree.text(path.with_name("grubenv")) or "")
    top = list(_entries(path, text))
    if re.search(r"^\s*blscfg\b", text, re.MULTILINE):
        top = [*_specified(tree), *top]
    for number, entry in enumerate(top):
        _numbered(entry, (number,), (), 0)
    leaves = tuple(leaf for entry in top for leaf in _leaves(entry))[:MOST_ENTRIES]
    wanted, place, saved = _default(path, text, environment)
    return BootMenu(leaves, _named(top, wanted), place, saved)


def _entries(path: PurePosixPath, text: str) -> Iterator[BootEntry]:
    stack: list[BootEntry | None] = []
    for number, line in enumerate(text.split("\n")[:MOST_LINES], 1):
        bare = line.strip()
        opened = _ENTRY.match(line)
        if opened is not None:
            title, name = _titled(opened[2])
            entry = BootEntry(title, name, Location(path, number, bare[:200]))
            above = next((each for each in reversed(stack) if each is not None), None)
            if above is not None:
                above.below.append(entry)
            else:
                yield entry
            stack.append(entry)
        elif bare.endswith("{") and not bare.startswith("#"):
            stack.append(None)
        elif bare == "}" and stack:
            stack.pop()
        elif stack and (entry_here := stack[-1]) is not None:
            _filled(entry_here, line, Location(path, number, bare[:200]))


def _filled(entry: BootEntry, line: str, place: Location) -> None:
    if (linux := _LINUX.match(line)) is not None:
        entry.kernel, entry.options, entry.kernel_at = linux[1], linux[2].strip(), place
    elif (initrd := _INITRD.match(line)) is not None:
        entry.initrds, entry.initrd_at = tuple(initrd[1].split()), place


def _titled(words: str) -> tuple[str, str]:
    """The title and the id of a menu entry's line."""
    try:
        parts = shlex.split(words)
    except ValueError:
        parts = words.split()
    name = ""
    for at, part in enumerate(parts[:-1]):
        if part in ("--id", "$menuentry_id_option", "${menuentry_id_option}"):
            name = parts[at + 1]
    return (parts[0] if parts else ""), name


def _specified(tree: Tree) -> list[BootEntry]:
    """The entries of the Boot Loader Specification, as blscfg of Red Hat's GRUB sorts them."""
    found = []
    names = [name for name in tree.children(ENTRIES) if name.endswith(".conf")]
    for name in sorted(names, key=_version, reverse=True)[:MOST_ENTRIES]:
        path = PurePosixPath(ENTRIES) / name
        entry = BootEntry("", name.removesuffix(".conf"), Location(path))
        for number, line in enumerate((tree.text(path) or "").split("\n")[:1000], 1):
            key, _, value = line.strip().partition(" ")
            place, value = Location(path, number, line.strip()[:200]), value.strip()
            if key == "title":
                entry.title = value
            elif key == "linux":
                entry.kernel, entry.kernel_at = value, place
            elif key == "initrd":
                entry.initrds, entry.initrd_at = (*entry.initrds, *value.split()), place
            elif key == "options":
                entry.options = f"{entry.options} {value}".strip()
        found.append(entry)
    return found


def _version(name: str) -> tuple[tuple[int, int, str], ...]:
    """Sorts as rpmvercmp does: numbers by their value and above words, "~" before everything."""
    parts = _PARTS.findall(name.removesuffix(".conf"))
    return tuple((2, int(part), "") if part.isdigit() else (0 if part == "~" else 1, 0, part) for part in parts)


def _numbered(entry: BootEntry, numbers: tuple[int, ...], above: tuple[BootEntry, ...], depth: int) -> None:
    entry.numbers, entry.above = numbers, above
    for number, each in enumerate(entry.below if depth < DEEPEST else []):
        _numbered(each, (*numbers, number), (*above, entry), depth + 1)


def _leaves(entry: BootEntry) -> Iterator[BootEntry]:
    if entry.below and len(entry.above) < DEEPEST:
        for each in entry.below:
            yield from _leaves(each)
    else:
        yield entry


def _environment(text: str) -> dict[str, str]:
    pairs = (line.partition("=") for line in text.split("\n") if not line.startswith("#"))
    return {name: value for name, equals, value in pairs if equals}


def _default(path: PurePosixPath, text: str, environment: dict[str, str]) -> tuple[str, Location | None, bool]:
    """What the default is called, the line that says so, and whether it stands in grubenv."""
    environment_path = path.with_name("grubenv")
    found: tuple[str, Location | None, bool] = ("0", None, False)
    for number, line in enumerate(text.split("\n")[:MOST_LINES], 1):
        told = _DEFAULT.match(line)
        if told is None:
            continue
        value = told[1].strip().strip("\"'")
        place = Location(path, number, line.strip()[:200])
        variable = re.fullmatch(r"\$\{?(\w+)\}?", value)
        if variable is None:
            found = (value or "0", place, False)
        elif environment.get(variable[1]):
            saved = environment[variable[1]]
            found = (saved, Location(environment_path, 0, f"{variable[1]}={saved}"[:200]), True)
            if variable[1] == "next_entry":
                return found  # for one boot, the next one
        elif variable[1] == "saved_entry":
            found = ("0", place, True)
    return found


def _named(entries: list[BootEntry], wanted: str) -> BootEntry | None:
    """The entry of that number, title or id; the first one where there is none, as GRUB takes it."""
    if not entries:
        return None
    head, _, rest = wanted.partition(">")
    chosen = next((each for each in entries if head in (each.id, each.title) and head), None)
    if chosen is None and head.isascii() and head.isdigit() and int(head) < len(entries):
        chosen = entries[int(head)]
    chosen = chosen or entries[0]
    return _named(chosen.below, rest) if chosen.below else chosen


def kernel_version(path: str) -> str:
    """ "6.1.0-57-amd64" of "/boot/vmlinuz-6.1.0-57-amd64"."""
    return PurePosixPath(path).name.partition("-")[2]


def on_the_server(tree: Tree, path: str) -> PurePosixPath | None:
    """Where a file that the boot loader names lies below the server's root; None where it does not.

    The boot loader counts from the file system that it lies on: /boot may be one of its own, and a subvolume of btrfs
    may stand before it.
    """
    bare = PurePosixPath("/") / re.sub(r"^\([^)]*\)", "", path).lstrip("/")
    tails = [bare, *(PurePosixPath("/").joinpath(*bare.parts[at:]) for at in (2, 3) if len(bare.parts) > at)]
    candidates = [str(each) for tail in tails for each in (tail, PurePosixPath(f"/boot{tail}"))]
    # Snapshots and data sets have longer names ("/@/.snapshots/1/snapshot/boot/...", "/ROOT/debian@/boot/...").
    candidates.append(f"/boot/{bare.name}")
    tree.require(*(Read(each, depth=0, content=False) for each in candidates))
    return next((PurePosixPath(each) for each in candidates if tree.entry(each) is not None), None)


def with_saved(text: str, name: str) -> str:
    """An environment block in which saved_entry is `name`: always `GRUBENV_SIZE` bytes. ValueError where it is full."""
    head = "# GRUB Environment Block\n"
    gone = ("#", "saved_entry=", "next_entry=")
    lines = [line for line in text.split("\n") if "=" in line and not line.startswith(gone)]
    made = head + "".join(f"{line}\n" for line in [*lines, f"saved_entry={name}"])
    size = len(made.encode("utf-8", "surrogateescape"))
    if size > GRUBENV_SIZE:
        raise ValueError("the environment block of GRUB is full")
    return made + "#" * (GRUBENV_SIZE - size)
