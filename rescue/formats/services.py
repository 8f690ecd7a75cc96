"""services(5): the names of ports."""

from __future__ import annotations

from collections.abc import Iterator

from rescue.tree import Read, Tree

SERVICES = "/etc/services"
SERVICES_READ = Read(SERVICES, depth=0)


def read_services(tree: Tree) -> Iterator[tuple[str, int, str]]:
    """Each name with its port and protocol, aliases among them; of one name the first counts (getservbyname(3))."""
    for line in (tree.text(SERVICES) or "").split("\n"):
        words = line.partition("#")[0].split()
        port, _, protocol = words[1].partition("/") if len(words) > 1 else ("", "", "")
        if port.isascii() and port.isdigit() and len(port) < 6 and int(port) < 1 << 16:
            yield from ((name, int(port), protocol) for name in (words[0], *words[2:]))
