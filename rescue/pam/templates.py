"""Sources to restore a lost configuration file from: a copy next to it, or its package's template.

Copies are those of dpkg, ucf(1), rpm and editors. Templates of PAM's common files are filled in as pam-auth-update(8)
does: with the profiles of /usr/share/pam-configs that are on by default, in the order of their priority.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from rescue.pam.stacks import module_present
from rescue.tree import Read, Tree

COPIES = (
    ".dpkg-old", ".ucf-old", ".rpmsave", ".rpmorig", "~", ".bak", ".orig", ".old", ".save", ".backup",
    ".dpkg-dist", ".ucf-dist", ".dpkg-new", ".rpmnew",
)  # fmt: skip
"""The names of copies: the administrator's own settings before the package's."""

SSHD_CONFIG = "/etc/ssh/sshd_config"
SHARED = {SSHD_CONFIG: "/usr/share/openssh/sshd_config"}
COMMON = ("common-account", "common-auth", "common-session")
PAM_SHARED, PROFILES = "/usr/share/pam", "/usr/share/pam-configs"
OTHERS_WRITE = 0o022
MOST_PROFILES = 50

TEMPLATE_READS = (
    *(Read(path, depth=0) for path in SHARED.values()),
    *(Read(f"{PAM_SHARED}/{name}", depth=0) for name in COMMON),
    Read(PROFILES, depth=1),
)


@dataclass(frozen=True, slots=True)
class TemplateSource:
    """A source for a file, and the content that it gives."""

    path: PurePosixPath
    text: str


@dataclass(slots=True)
class _Profile:
    """One file of /usr/share/pam-configs: fields by name, and the lines of the blocks."""

    fields: dict[str, str] = field(default_factory=dict)
    blocks: dict[str, list[str]] = field(default_factory=dict)

    @property
    def priority(self) -> int:
        digits = self.fields.get("priority", "0")
        return int(digits) if digits.isdigit() and len(digits) < 10 else 0


def blank(text: str) -> bool:
    """Whether a file has only empty lines and comments."""
    return all(not line.strip(" \t\r\0") or line.lstrip().startswith("#") for line in text.split("\n"))


def sources(tree: Tree, path: str) -> Iterator[TemplateSource]:
    """The sources to restore the file from, the best first. The directory of the file is captured. NotCaptured."""
    for ending in COPIES:
        copy = PurePosixPath(path + ending)
        tree.require(Read(str(copy), depth=0))
        entry = tree.lentry(copy)
        if entry is None or not entry.is_file or entry.uid != 0 or entry.mode & OTHERS_WRITE:
            continue
        text = tree.text_if_read(copy)
        if text is not None and not blank(text):
            yield TemplateSource(copy, text)
    made = _template(tree, path)
    if made is not None and not blank(made.text):
        yield made


def _template(tree: Tree, path: str) -> TemplateSource | None:
    tree.require(*TEMPLATE_READS)
    folder, _, name = path.rpartition("/")
    if folder == "/etc/pam.d" and name in COMMON:
        template = PurePosixPath(f"{PAM_SHARED}/{name}")
        text = tree.text_if_read(template)
        return (
            TemplateSource(template, _filled_in(tree, text, name.removeprefix("common-"))) if text is not None else None
        )
    if path in SHARED:
        text = tree.text_if_read(SHARED[path])
        return TemplateSource(PurePosixPath(SHARED[path]), text) if text is not None else None
    return None


def _filled_in(tree: Tree, text: str, facility: str) -> str:
    marks = {f"${facility}_primary": "primary", f"${facility}_additional": "additional"}
    made: list[str] = []
    for line in text.split("\n"):
        kind = marks.get(line.strip())
        made += _block(tree, facility, kind) if kind is not None else [line]
    return "\n".join(made)


def _block(tree: Tree, facility: str, kind: str) -> list[str]:
    """The lines of all profiles; "end": how many lines are jumped over, pam_deny behind a primary block among them."""
    lines: list[str] = []
    for profile in _profiles(tree):
        if profile.fields.get(f"{facility}-type", "additional").lower() != kind:
            continue
        first = profile.blocks.get(f"{facility}-initial") if not lines else None
        block = first or profile.blocks.get(facility, [])
        if all(module_present(tree, _module(line)) for line in block):
            lines += block
    behind = 1 if kind == "primary" else 0
    count = len(lines)
    filled = (line.replace("=end", f"={count - 1 - at + behind}") for at, line in enumerate(lines))
    return [f"{facility}\t{line}" for line in filled]


def _module(line: str) -> str:
    rest = line.partition("]")[2] if line.startswith("[") else line.partition("\t")[2] or line.partition(" ")[2]
    return next(iter(rest.split()), "")


def _profiles(tree: Tree) -> list[_Profile]:
    """Those that are on by default, the highest priority first."""
    names = [name for name in tree.children(PROFILES) if not name.startswith(".")][:MOST_PROFILES]
    found = [_read(tree.text_if_read(f"{PROFILES}/{name}") or "") for name in names]
    return sorted(
        (each for each in found if each.fields.get("default", "").lower() == "yes"), key=lambda each: -each.priority
    )


def _read(text: str) -> _Profile:
    made = _Profile()
    block: list[str] | None = None
    for line in text.split("\n"):
        if line[:1] in (" ", "\t") and line.strip() and block is not None:
            block.append(line.strip())
            continue
        name, colon, value = line.partition(":")
        if colon:
            key = name.strip().lower()
            made.fields[key] = value.strip()
            block = made.blocks.setdefault(key, [])
    return made
