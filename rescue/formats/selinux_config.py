"""SELinux's own settings (selinux_config(5)): whether a boot enforces it, and which policy."""

from __future__ import annotations

from rescue.tree import Read, Tree

CONFIG = "/etc/selinux/config"
CONFIG_READ = Read(CONFIG, depth=0)


def selinux_settings(tree: Tree) -> dict[str, str]:
    """The settings; of two lines with one name the last counts."""
    found = {}
    for line in (tree.text(CONFIG) or "").split("\n"):
        name, equals, value = line.strip().partition("=")
        if equals:
            found[name.strip()] = value.strip()
    return found


def enforcing(tree: Tree) -> bool:
    """Whether the system boots with SELinux enforcing."""
    return selinux_settings(tree).get("SELINUX", "").lower() == "enforcing"
