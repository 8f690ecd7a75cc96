"""Whether cloud-init writes the network's settings on a new instance, before the network is up (cloud-init's own docs,
"Disabling network configuration")."""

from __future__ import annotations

from pathlib import PurePosixPath

from rescue.formats.yaml_nodes import YamlError, YamlTooLarge, read_yaml
from rescue.tree import Read, ReadError, Tree

FOLDER = "/etc/cloud"
MAIN, MORE = f"{FOLDER}/cloud.cfg", f"{FOLDER}/cloud.cfg.d"
DISABLED = f"{FOLDER}/cloud-init.disabled"
HAS_RUN = "/var/lib/cloud/instance"
THERE = Read(FOLDER, depth=0, content=False)
READS = (Read(FOLDER, depth=2),)

MOST_FILES = 100


def present(tree: Tree) -> bool:
    """Whether it is there, and not switched off altogether."""
    return tree.entry(FOLDER) is not None and tree.entry(DISABLED) is None


def keeps_out(tree: Tree) -> bool:
    """Whether it is told to leave the network alone: "config: disabled" below "network". The last file counts."""
    more = [f"{MORE}/{name}" for name in tree.children(MORE)[:MOST_FILES] if name.endswith(".cfg")]
    told = [said for path in (MAIN, *more) if (said := _network(tree, PurePosixPath(path))) is not None]
    return bool(told) and told[-1] == "disabled"


def _network(tree: Tree, path: PurePosixPath) -> str | None:
    """What a file says under network and config; None where that is nothing, or it can't be read."""
    try:
        root = read_yaml(tree.text(path) or "")
    except (YamlError, YamlTooLarge, ReadError):
        return None
    found = root.get("network", "config") if root is not None else None
    return found.text if found is not None else None
