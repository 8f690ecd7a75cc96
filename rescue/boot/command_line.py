"""The kernel's command line: what a parameter is set to, and the same without some words of it."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from rescue.model import Location
from rescue.network.managers import GRUB_SETTINGS
from rescue.tree import Read, Tree

READS = (Read(GRUB_SETTINGS, depth=0),)
QUOTED = re.compile(r"(?<=\s)[\w.-]+=\"[^\"]*\s[^\"]*\"")
"""A value in quotes is one word, to the kernel and to systemd."""


def kernel_words(options: str) -> list[str]:
    """The words that are the kernel's own, without those that have blanks: what follows "--" is for init."""
    return QUOTED.sub("", options.partition(" -- ")[0]).split()


def values(options: str, name: str) -> list[tuple[str, str]]:
    """Each word that sets the parameter, with its value, in order; "-" and "_" are the same in a name."""
    found = []
    for word in kernel_words(options):
        key, _, value = word.strip('"').partition("=")
        if key.replace("-", "_") == name:
            found.append((word, value.strip('"')))
    return found


def without_words(tree: Tree, place: Location, words: tuple[str, ...]) -> Tree:
    """The tree whose boot entry at `place`, and /etc/default/grub, lack these words; ValueError if it has changed."""
    lines = (tree.text(place.path) or "").split("\n")
    at = place.line - 1
    if not 0 <= at < len(lines) or lines[at].strip()[:200] != place.text:
        raise ValueError(f"{place} has changed since")
    if place.path.suffix == ".conf":  # an entry of the Boot Loader Specification
        lines = [_without(line, words) if line.split()[:1] == ["options"] else line for line in lines]
    else:
        lines[at] = _without(lines[at], words)
    tree = tree.write(PurePosixPath(place.path), "\n".join(lines))
    text = tree.text(GRUB_SETTINGS)
    if text is None:
        return tree
    made = "\n".join(
        _without(line, words) if line.startswith("GRUB_CMDLINE_LINUX") else line for line in text.split("\n")
    )
    return tree if made == text else tree.write(PurePosixPath(GRUB_SETTINGS), made)


def _without(line: str, words: tuple[str, ...]) -> str:
    """The line without these words, each with one blank."""
    for word in words:
        line = re.sub(rf"[ \t]{re.escape(word)}(?=[\s\"']|$)", "", line)
        line = re.sub(rf"(?<=[\"']){re.escape(word)}(?:[ \t]|(?=[\"']))", "", line)
    return line
