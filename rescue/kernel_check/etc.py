"""A folder that a program sees as its /etc while it loads the target's rules: the target's files, nothing of this host.

nft reads included files by name, and iptables looks up names in /etc/services, /etc/hosts and /etc/passwd. In a mount
namespace (mount_namespaces(7)) a program sees the target's files instead; the program itself is this system's, and
nothing of the target is executed.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

from rescue.kernel_check.errors import ProofError
from rescue.tree import NotCaptured, Tree

NAMES = ("services", "protocols", "hosts", "passwd", "group")
"""The files of the target's /etc that define names."""

USUAL = ("services", "protocols")
"""Those for which this system's own are used if the target has none (it may keep them elsewhere, as in /usr/etc)."""

OWN = ("ld.so.cache", "ld.so.conf")
"""The files of this system's /etc that its programs need to start."""

SWITCH = "".join(f"{name}: files\n" for name in ("passwd", "group", "hosts", "networks", "protocols", "services"))
"""nsswitch.conf(5): no name is looked up over the network, as there is none when rules are loaded."""

_SWAP = 'mount --bind "$1" /etc; shift; exec "$@"'

ETC = PurePosixPath("/etc")


@contextmanager
def etc_of(tree: Tree, files: Iterable[PurePosixPath]) -> Iterator[tuple[str, ...]]:
    """The command that runs another one with the target's `files` (below /etc) as its /etc. Raises ProofError."""
    with tempfile.TemporaryDirectory(prefix="rescue-proof-") as name:
        folder = Path(name)
        for each in (*OWN, *USUAL):
            with suppress(FileNotFoundError):
                (folder / each).write_bytes((Path("/etc") / each).read_bytes())
        (folder / "nsswitch.conf").write_text(SWITCH)
        for each in NAMES:
            with suppress(NotCaptured):
                _copy(tree, ETC / each, folder)
        for path in files:
            _copy(tree, path, folder)
        yield ("unshare", "--mount", "sh", "-eu", "-c", _SWAP, "sh", name)


def _copy(tree: Tree, path: PurePosixPath, folder: Path) -> None:
    data = tree.data(path)
    if data is None:
        return
    if not path.is_relative_to(ETC) or ".." in path.parts:
        raise ProofError(f"the rules are read from {path}, too, which is outside /etc", "This can't be proven here.")
    to = folder / path.relative_to(ETC)
    to.parent.mkdir(parents=True, exist_ok=True)
    to.write_bytes(data)
