"""A root shell that is always there: what a provider's web console is for a person, for a program.

The lab's initial file system starts a small shell script on the machine's second serial line. It takes scripts from
this computer and runs them as root, however locked out everybody is: no network, no SSH server and no account is
needed, and a boot that ended in the emergency shell will do.
"""

from __future__ import annotations

import codecs
import os
import re
import select
import socket
import termios
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
while read -r word length number rows columns term; do
    case $word in
    lab-script)
        head -c "$length" > /run/lab/script
        (
            cd /root
            exec env -i {SETTINGS} /bin/sh -eu /run/lab/script < /dev/null
        )
        echo "lab: script $number ended $?" ;;
    lab-shell)
        stty sane rows "$rows" columns "$columns"
        echo "lab: shell $number begins"
        (
            cd /root
            shell=/bin/bash
            [ -x "$shell" ] || shell=/bin/sh
            exec env -i {SETTINGS} TERM="$term" "$shell" -i
        )
        ended=$?
        stty raw -echo
        echo "lab: shell $number ended $ended" ;;
    esac
done
"""
"""The machine's side. `raw`, so that no byte means anything to the terminal's driver, but in an interactive shell."""

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


LEAVE = b"\x1d"
"""Ctrl-], by which telnet and `virsh console` are left."""
END_OF_INPUT = b"\x04"


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


def shell(path: Path, keyboard: int, screen: int, waiting: Callable[[], None] = lambda: None) -> int | None:
    """An interactive root shell over the console's socket at `path`, until it is left: its exit status.

    keyboard, screen: file descriptors, which may be a terminal's. None where `LEAVE` was typed: then the shell is there
    still, whatever it does. `waiting` is called every second and may raise. Raises ConsoleError.
    """
    number = time.monotonic_ns()
    begin, end = b"lab: shell %d begins\r\n" % number, b"lab: shell %d ended " % number
    columns, rows = os.get_terminal_size(screen) if os.isatty(screen) else (80, 24)
    term = re.sub(r"[^\w.+-]", "", os.environ.get("TERM", "")) or "dumb"
    try:
        with socket.socket(socket.AF_UNIX) as line:
            line.connect(str(path))
            line.sendall(b"lab-shell 0 %d %d %d %s\n" % (number, rows, columns, term.encode()))
            line.settimeout(1.0)
            heard = b""
            # What is typed before it would be lost.
            while begin not in heard:
                waiting()
                heard += _more(line)
            with _unbuffered(keyboard):
                return _relay(line, keyboard, screen, heard.partition(begin)[2], end, waiting)
    except OSError as problem:
        raise ConsoleError(f"the console is gone: {problem}") from problem


def _relay(
    line: socket.socket, keyboard: int, screen: int, heard: bytes, end: bytes, waiting: Callable[[], None]
) -> int | None:
    """Carry bytes both ways until `end` and a status are heard."""
    watched = [line.fileno(), keyboard]
    while True:
        shown, mark, rest = heard.partition(end)
        if mark and b"\n" in rest:
            _write(screen, shown)
            return int(rest.split()[0])
        # A part of the mark may have come.
        kept = 0 if mark else next((n for n in range(len(end) - 1, 0, -1) if shown.endswith(end[:n])), 0)
        _write(screen, shown[: len(shown) - kept])
        heard = shown[len(shown) - kept :] + mark + rest
        waiting()
        readable, _, _ = select.select(watched, [], [], 1.0)
        if keyboard in readable:
            typed = os.read(keyboard, 1024)
            if LEAVE in typed:
                return None
            if not typed:
                watched.remove(keyboard)
            line.sendall(typed)
        if not readable and keyboard not in watched:
            # Told while a command runs it is that command's, or lost to the change of the terminal's mode.
            line.sendall(END_OF_INPUT)
        if line.fileno() in readable:
            heard += _more(line)


@contextmanager
def _unbuffered(keyboard: int) -> Iterator[None]:
    """Each key goes to the machine as it is typed, Ctrl-C too; the terminal is put back afterwards."""
    if not os.isatty(keyboard):
        yield
        return
    before = termios.tcgetattr(keyboard)
    # What was typed before is kept.
    tty.setraw(keyboard, termios.TCSADRAIN)
    try:
        yield
    finally:
        termios.tcsetattr(keyboard, termios.TCSADRAIN, before)


def _write(screen: int, data: bytes) -> None:
    while data:
        data = data[os.write(screen, data) :]


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
