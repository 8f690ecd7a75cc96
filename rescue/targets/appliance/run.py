"""Run a command of the server inside the appliance that reads its disk, not on this machine.

It has the appliance's kernel, processes, devices and an empty network, and a chroot in the server's root; whatever it
does there ends with the appliance. The bindings' own call (guestfs_command) gives neither the exit status nor what goes
to standard error, and nothing before the end: so the command is started beside libguestfs' daemon, its output goes to
files of the appliance's own, and these are read as they grow. (guestfs_debug "sh" runs a line of sh in the appliance.)
"""

from __future__ import annotations

import base64
import shlex
import time
from collections.abc import Callable, Sequence

from rescue.targets.appliance.launch import Handle
from rescue.targets.chroot.run import PATH
from rescue.targets.protocol import TargetError

INPUT_LIMIT = 1 << 20
"""Bytes that can be given to the command: they go there in small calls."""

_PLACE = "/tmp/rescue-inside"  # noqa: S108 - the appliance's own, where nobody else is
_CHUNK = 60_000
"""Bytes a call: the kernel takes no argument above 128 KiB (execve(2)), and base64 makes four of three."""
_READ = 512 << 10
"""Bytes read a call: a message of libguestfs holds 4 MiB."""
_FIRST_WAIT, _LONGEST_WAIT = 0.05, 0.4
_ENDING = 50
_ENVIRONMENT = {
    "PATH": PATH, "HOME": "/root", "USER": "root", "LOGNAME": "root", "LANG": "C.UTF-8", "TERM": "dumb",
    # As in `rescue.targets.chroot.run`: nothing is booted here.
    "SYSTEMD_OFFLINE": "1",
}  # fmt: skip

_START = f"""cd {_PLACE}
(unshare --mount --pid --uts --ipc --net --fork --kill-child sh ./script <input >output 2>errors &
 echo $! >process; wait $!; echo $? >ended; mv ended status) </dev/null >/dev/null 2>&1 &
"""
_KILL = f"cd {_PLACE}; kill -KILL $(cat process); test -e status && echo ended || true"

Words = Sequence[str]
Sink = Callable[[bytes], None]


def run_in_appliance(
    handle: Handle, points: Sequence[str], command: Words, *, name: str, write: bool, typed: bytes, out: Sink, err: Sink
) -> int:
    """Run `command` in the root that is mounted in the appliance, to its end: its exit status, as shells give it.

    points: where the server's file systems are mounted, "/" among them. name: the host name that it sees, or empty.
    typed: what it reads, at most INPUT_LIMIT bytes. out, err: given what it says, as it comes. 127: there is no such
    program; 126: it can't be run. Raises TargetError where the appliance fails; what was started is ended first.
    """
    try:
        _sh(handle, f"rm -rf {_PLACE}; mkdir -m 700 {_PLACE}; : >{_PLACE}/input")
        _put(handle, "script", _script(points, command, name, write=write))
        _put(handle, "input", typed)
        _sh(handle, _START)
        ended = False
        try:
            status = _follow(handle, out, err)
            ended = True
        finally:
            if not ended:
                _end(handle)
    except (RuntimeError, ValueError) as problem:
        raise TargetError(
            f"the command did not finish in the libguestfs appliance: {problem}",
            "Check the server: rescue inspect. If you trust the image, --backend kernel runs the command here.",
        ) from problem
    return status


def _script(points: Sequence[str], command: Words, name: str, *, write: bool) -> bytes:
    """What the first process of the namespaces does, as sh(1) reads it."""
    flags = "remount,bind,nodev,noatime,exec,suid" + ("" if write else ",ro")
    lines = ["mount --make-rprivate /"]
    # In these namespaces only: outside, the file systems stay as they were mounted.
    lines += [f"mount -o {flags} {shlex.quote('/sysroot' + point.rstrip('/'))}" for point in points]
    lines += [
        *([f"echo {shlex.quote(name)} >/proc/sys/kernel/hostname"] if name else []),
        "mount -t proc proc /sysroot/proc 2>/dev/null",
        "mount -t sysfs -o ro sysfs /sysroot/sys 2>/dev/null",
        "mount --rbind /dev /sysroot/dev 2>/dev/null",
        "mount -t tmpfs -o mode=755 run /sysroot/run 2>/dev/null && mkdir -m 1777 /sysroot/run/lock",
        "ip link set lo up 2>/dev/null",
    ]
    words = [*(f"{key}={value}" for key, value in _ENVIRONMENT.items()), "chroot", "/sysroot", *command]
    lines.append("exec env -i " + " ".join(map(shlex.quote, words)))
    return "\n".join([*lines, ""]).encode("utf-8", "surrogateescape")


def _put(handle: Handle, name: str, data: bytes) -> None:
    for at in range(0, len(data), _CHUNK):
        text = base64.b64encode(data[at : at + _CHUNK]).decode()
        _sh(handle, f"echo {text} | base64 -d >>{_PLACE}/{name}")


def _follow(handle: Handle, out: Sink, err: Sink) -> int:
    """Pass on the command's output until it ends. Returns its exit status."""
    seen, wait = [0, 0], _FIRST_WAIT
    while True:
        # The status is read first: then the output before it is complete.
        parts = [
            f"tail -c +{at + 1} {name} | head -c {_READ} | base64 -w 0; echo"
            for at, name in zip(seen, ("output", "errors"), strict=True)
        ]
        told = _sh(handle, f"cd {_PLACE}; if [ -e status ]; then cat status; else echo; fi; {'; '.join(parts)}")
        # The answer lacks trailing empty lines.
        status, *texts = [*told.split("\n"), "", ""][:3]
        chunks = [base64.b64decode(text) for text in texts]
        for number, (sink, chunk) in enumerate(zip((out, err), chunks, strict=True)):
            seen[number] += len(chunk)
            if chunk:
                sink(chunk)
        if any(chunks):
            wait = _FIRST_WAIT
        elif status:
            return int(status)
        else:
            time.sleep(wait)
            wait = min(2 * wait, _LONGEST_WAIT)


def _end(handle: Handle) -> None:
    """End what was started, so that the file systems can be unmounted in order."""
    try:
        for _ in range(_ENDING):
            if _sh(handle, _KILL):
                return
            time.sleep(_FIRST_WAIT)
    except RuntimeError:
        return  # the appliance is gone, and all in it


def _sh(handle: Handle, line: str) -> str:
    """A command line in the appliance: what it printed. Raises RuntimeError."""
    return str(handle.debug("sh", [line])).rstrip("\n")
