"""A root shell that is always there: what a provider's web console is for a person, for a program.

The lab's initial file system starts a small shell script on the machine's second serial line. It takes scripts from
this computer and runs them as root, however locked out everybody is: no network, no SSH server and no account is
needed, and a boot that ended in the emergency shell will do.
"""

from __future__ import annotations

import codecs
import re
import socket
import time
from collections.abc import Callable
from pathlib import Path

from rescue.labs.errors import LabError
from rescue.labs.machines.console import ENVIRONMENT, Ended

READY = "lab: the console listens"
"""On the first serial line, once scripts are taken."""

SETTINGS = " ".join(f"{name}={value}" for name, value in ENVIRONMENT.items())

LISTENER = f"""\
exec < /dev/ttyS1 > /dev/ttyS1 2>&1
stty raw -echo
echo "{READY}" > /dev/ttyS0
while read -r word length number; do
    [ "$word" = lab-script ] || continue
    head -c "$length" > /run/lab/script
    (
        cd /root
        exec env -i {SETTINGS} /bin/sh -eu /run/lab/script < /dev/null
    )
    echo "lab: script $number ended $?"
done
"""
"""The machine's side. `raw`, so that no byte means anything to the terminal's driver."""

UNIT = """\
[Unit]
DefaultDependencies=no
Conflicts=shutdown.target
Before=shutdown.target
IgnoreOnIsolate=yes

[Service]
ExecStart=/bin/sh /run/lab/console
Restart=always
StandardOutput=null
StandardError=null
"""
"""Like debug-shell.service of systemd: it does not wait for file systems, and stays in the emergency shell."""

LONGEST = 60_000
"""Bytes of a script. The serial line's buffer in the kernel takes 64 KiB, and beyond it bytes are lost."""

KEPT = 1 << 20
"""Bytes of output that are kept: the last ones."""


class ConsoleError(LabError):
    """The machine's console does not answer."""


def run(path: Path, script: str, limit: float, waiting: Callable[[], None] = lambda: None) -> Ended:
    """Run `script` (POSIX shell, which stops at the first failure) as root over the console's socket at `path`.

    limit: seconds. `waiting` is called every second meanwhile and may raise. Raises ConsoleError, also where a script
    is too long.
    """
    data = script.encode()
    if len(data) > LONGEST:
        raise ConsoleError(f"a script of {len(data)} bytes is too long for the console, which takes {LONGEST}")
    number = time.monotonic_ns()
    end = re.compile(rb"lab: script %d ended (\d+)\n" % number)
    heard = bytearray()
    try:
        with socket.socket(socket.AF_UNIX) as line:
            line.connect(str(path))
            line.sendall(b"lab-script %d %d\n" % (len(data), number) + data)
            deadline = time.monotonic() + limit
            line.settimeout(1.0)
            while not (found := end.search(heard)):
                waiting()
                if time.monotonic() > deadline:
                    raise ConsoleError(f"a script did not end within {limit:.0f} s; it printed:\n{_text(heard)}")
                heard += _more(line)
                del heard[:-KEPT]
    except OSError as problem:
        raise ConsoleError(f"the console is gone: {problem}") from problem
    return Ended(int(found[1]), _text(heard[: found.start()]))


def _more(line: socket.socket) -> bytes:
    """What comes within the line's time-out; may be nothing."""
    try:
        more = line.recv(1 << 16)
    except TimeoutError:
        return b""
    if not more:
        raise ConsoleError("QEMU has closed the console")
    return more


def _text(data: bytes | bytearray) -> str:
    return codecs.decode(data, "utf-8", "replace").replace("\r\n", "\n")
