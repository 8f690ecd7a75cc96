"""The system-wide crypto policy of Red Hat's systems (crypto-policies(7)), and settings that come before it."""

from __future__ import annotations

from pathlib import PurePosixPath

from rescue.model import Location
from rescue.tree import Read, Tree

POLICY = PurePosixPath("/etc/crypto-policies/config")
READS = (Read(str(POLICY), depth=0),)


def policy_of(tree: Tree, place: Location) -> str | None:
    """The crypto policy that a line belongs to; None if the line is the administrator's own."""
    real = str(tree.resolve(place.path))
    if not real.startswith(("/usr/", str(POLICY.parent))):
        return None
    return policy(tree) or "from its packages"


def policy(tree: Tree) -> str:
    """The name of the system-wide policy; "" if there is none."""
    tree.require(*READS)
    lines = (line.partition("#")[0].strip() for line in (tree.text(POLICY) or "").split("\n"))
    return next((line for line in lines if line), "")


def in_own_file(tree: Tree, path: PurePosixPath, text: str) -> Tree:
    """The tree with a file of its own that sshd reads before the policy's. ValueError if it is there already."""
    tree.require(Read(str(path), depth=0))
    if tree.lentry(path) is not None:
        raise ValueError(f"{path} already exists")
    return tree.write(path, text, mode=0o600)
