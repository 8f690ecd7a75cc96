"""hostname(5): the server's name."""

from __future__ import annotations

from rescue.tree import Read, Tree

HOSTNAME = "/etc/hostname"
HOSTNAME_READ = Read(HOSTNAME, depth=0)

LONGEST = 64
"""Characters that the kernel takes (HOST_NAME_MAX)."""


def read_hostname(tree: Tree) -> str:
    """The first line that is not a comment; empty if there is none, or the file was not captured or read."""
    if not tree.covers(HOSTNAME):
        return ""
    lines = (line.strip() for line in (tree.text_if_read(HOSTNAME) or "").split("\n", 100)[:100])
    return next((line for line in lines if line and not line.startswith("#")), "")[:LONGEST]
