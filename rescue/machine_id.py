"""machine-id(5): the number that stays with an installation whatever it is called."""

from __future__ import annotations

from re import compile as compile_pattern

from rescue.tree import Read, Tree

MACHINE_ID = "/etc/machine-id"
MACHINE_ID_READ = Read(MACHINE_ID, depth=0)
FORM = compile_pattern(r"[0-9a-f]{32}")


def machine_id(tree: Tree) -> str:
    """The number; empty where there is none."""
    told = (tree.text_if_read(MACHINE_ID) or "").strip()
    return told if FORM.fullmatch(told) else ""
