"""login.defs(5): the settings of useradd(8), passwd(1) and pam_usertype, one word and its value a line."""

from __future__ import annotations

from rescue.tree import Read, Tree

LOGIN_DEFS = "/etc/login.defs"
LOGIN_DEFS_READ = Read(LOGIN_DEFS, depth=0)
_MOST_DIGITS = 9


def number(tree: Tree, name: str, default: int) -> int:
    """The value of a setting that is a number; `default` where there is none. The last line counts. NotCaptured."""
    tree.require(LOGIN_DEFS_READ)
    found = default
    for line in (tree.text_if_read(LOGIN_DEFS) or "").split("\n"):
        words = line.split()
        if words[:1] == [name] and len(words) > 1 and words[1].isascii() and words[1].isdigit():
            found = int(words[1][:_MOST_DIGITS])
    return found
