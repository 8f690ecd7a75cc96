"""A small program given to libguestfs as its QEMU: it asks us how to call QEMU, and then executes that.

libguestfs calls "its QEMU" to learn what it can (with -help and the like) and then to start its appliance. Only the
latter has the option -append. The program is kept in the cache, because libguestfs caches what it has learnt by the
file's size and time (lib/qemu.c): it has the time of the QEMU that it replaces.
"""

from __future__ import annotations

import os
import select
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rescue.targets.protocol import TargetError

_QEMU, _ASK = "RESCUE_QEMU", "RESCUE_ASK_QEMU"
_LIMIT = 1 << 20
"""Bytes of a call that are read."""

_PROGRAM = """#!{python} -IS
import os, sys
program, ask, words = os.environ["RESCUE_QEMU"], os.environ["RESCUE_ASK_QEMU"], sys.argv[1:]
if "-append" in words:
    import socket
    with socket.socket(socket.AF_UNIX) as asked:
        asked.connect(ask)
        asked.sendall(b"\\0".join(os.fsencode(word) for word in words) + b"\\0")
        asked.shutdown(socket.SHUT_WR)
        told = b"".join(iter(lambda: asked.recv(65536), b""))
    if not told:
        sys.exit(1)
    program, *words = told.split(b"\\0")
os.execv(program, [program, *words])
"""
_SHEBANG_LIMIT = 120
"""Characters of a first line that every kernel takes (fs/binfmt_script.c: 127, and 255 by now)."""


class Listener:
    """Waits for the program to ask."""

    def __init__(self, program: str, room: Path, cache: Path) -> None:
        """program: the real QEMU. room: a private directory for the socket. Raises OSError, TargetError."""
        self.program = program
        self.script = _script(program, cache)
        self._path = room / "ask"
        self._socket = socket.socket(socket.AF_UNIX)
        self._asked: socket.socket | None = None
        self._socket.bind(str(self._path))
        self._socket.listen(1)

    def asked(self, alive: Callable[[], bool]) -> list[str] | None:
        """QEMU's arguments, the program first; None once nobody will ask (`alive` is false)."""
        while not select.select([self._socket], [], [], 0.1)[0]:
            if not alive():
                return None
        self._asked, _ = self._socket.accept()
        self._asked.settimeout(60)
        told = b"".join(iter(lambda: self._asked.recv(65536) if self._asked else b"", b""))
        if len(told) > _LIMIT:
            raise TargetError("libguestfs calls QEMU with too many arguments")
        return [self.program, *(os.fsdecode(word) for word in told.split(b"\0")[:-1])]

    def answer(self, words: list[str]) -> None:
        """Reply with the arguments for QEMU."""
        assert self._asked is not None
        self._asked.sendall(b"\0".join(os.fsencode(word) for word in words))
        self._asked.close()
        self._asked = None

    @contextmanager
    def told(self) -> Iterator[None]:
        """The environment through which the program finds us."""
        before = {name: os.environ.get(name) for name in (_QEMU, _ASK)}
        os.environ.update({_QEMU: self.program, _ASK: str(self._path)})
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value

    def close(self) -> None:
        """Later requests get an error. May be called twice."""
        if self._asked is not None:
            self._asked.close()
            self._asked = None
        self._socket.close()
        with suppress(OSError):
            self._path.unlink()


def _script(program: str, cache: Path) -> Path:
    """The program, made or found in the cache. Raises OSError, TargetError."""
    text = _PROGRAM.format(python=sys.executable)
    if any(letter.isspace() for letter in sys.executable) or len(text.partition("\n")[0]) > _SHEBANG_LIMIT:
        raise TargetError("the path of this Python can't be used in a #! line")
    path = cache / "qemu"
    time = Path(program).stat().st_mtime_ns
    with suppress(OSError):
        if path.read_text() == text and path.stat().st_mtime_ns == time and os.access(path, os.X_OK):
            return path
    new = cache / f"qemu-{os.getpid()}"
    new.unlink(missing_ok=True)
    new.write_text(text)
    new.chmod(0o700)
    os.utime(new, ns=(time, time))
    new.rename(path)
    return path
