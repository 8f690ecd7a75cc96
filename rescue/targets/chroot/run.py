"""Run the server's own programs inside its root, isolated as far as a chroot with namespaces can be.

Own mounts, own process numbers, own host name; /dev of its own nodes, so that nothing there is this machine's;
/proc/sys and /sys for reading. The network is this machine's, so that packages can be fetched, but nothing inside may
change it or its firewall (CAP_NET_ADMIN is gone); with `network` false it is an empty one, in which everything may.

This is not a jail for hostile programs: they run as root on this machine's kernel. Import nothing once the root
is entered: it would come from the server.
"""

from __future__ import annotations

import errno
import json
import os
import signal
import sys
import termios
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from rescue.targets.chroot.setup import loopback_up, mount_dev, mount_proc, mount_resolver, resolver
from rescue.targets.host.syscalls import (
    CLONE_NEWIPC,
    CLONE_NEWNET,
    CLONE_NEWNS,
    CLONE_NEWPID,
    CLONE_NEWUTS,
    MOUNT_ATTR_NODEV,
    MOUNT_ATTR_NOEXEC,
    MOUNT_ATTR_NOSUID,
    MOUNT_ATTR_RDONLY,
    MS_BIND,
    MS_NODEV,
    MS_NOSUID,
    MS_PRIVATE,
    MS_REC,
    die_with_parent,
    drop_capability,
    mount,
    set_mount_attributes,
    unshare,
)
from rescue.targets.protocol import TargetError

NOT_FOUND, NOT_RUN = 127, 126
"""Exit statuses of a command that is not there, or can't be run, as shells give them."""

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

_NET_ADMIN, _SYS_MODULE, _SYS_RAWIO, _SYS_BOOT, _SYS_TIME = 12, 16, 17, 22, 25
_SHELLS = ("bash", "sh", "dash", "ash", "ksh", "mksh", "zsh")
_RC = "/run/rescue-shellrc"
_PASSWD_LIMIT = 1 << 20
_MACHINES = {3: "i386", 8: "mips", 20: "ppc", 21: "ppc64", 22: "s390x", 40: "arm", 62: "x86_64", 183: "aarch64",
             243: "riscv"}  # fmt: skip
_PASSED = ("TERM", "LANG", "COLORTERM", "http_proxy", "https_proxy", "no_proxy")


@dataclass(frozen=True, slots=True)
class Inside:
    """Where and how to run. root: the directory, a real path. name: the server's, for the prompt and as its host name.

    devices: this machine's nodes that may be used inside, such as the server's own disk.
    """

    root: Path
    name: str
    write: bool = True
    network: bool = True
    devices: tuple[Path, ...] = ()


def run_inside(where: Inside, command: Sequence[str] = ()) -> int:
    """Run `command`, or without one the server's shell, on this process's terminal, to its end: its exit status.

    128 and the signal's number where one ended it; `NOT_FOUND`, `NOT_RUN`. All that it started ends with it. Needs
    root. Raises TargetError where it can't be begun.
    """
    ours, theirs = os.pipe()
    before = _terminal()
    foreground = before is not None and os.tcgetpgrp(0) == os.getpgrp()
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if not child:
        os.close(ours)
        _guarded(lambda: _apart(where, tuple(command), theirs, foreground=foreground), theirs)
    os.close(theirs)
    first = 0
    try:
        with os.fdopen(ours, "rb") as stream:
            line = stream.readline()
            first = int(line) if line.strip().isdigit() else 0
            told = stream.read() if first else line
            _, status = os.waitpid(child, 0)
    except BaseException:
        # When the namespace's first process ends, all others end.
        for pid in (first, child):
            if pid:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        os.waitpid(child, 0)
        raise
    finally:
        _restore(before)
    if told:
        problem = json.loads(told)
        raise TargetError(problem["message"], problem["hint"])
    return os.waitstatus_to_exitcode(status)


# -- outside: the process that makes the namespaces -------------------------------------------------------------------


def _guarded(work: Any, pipe: int) -> NoReturn:
    """Do `work` in a separate process, which reports a failure through `pipe`. Never returns."""
    status = 1
    try:
        status = work()
    except TargetError as problem:
        _told(pipe, str(problem), problem.hint)
    except OSError as problem:
        named = f" ({problem.filename!r})" if problem.filename else ""
        _told(
            pipe, f"can't enter the server's file system: {problem.strerror}{named}", "It needs root: sudo rescue ..."
        )
    except KeyboardInterrupt:
        status = 130
    finally:
        os._exit(status)


def _told(pipe: int, message: str, hint: str) -> None:
    with suppress(OSError):
        os.write(pipe, json.dumps({"message": message, "hint": hint}).encode())


def _apart(where: Inside, command: tuple[str, ...], pipe: int, *, foreground: bool) -> int:
    die_with_parent(signal.SIGKILL)
    apart = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC
    unshare(apart if where.network else apart | CLONE_NEWNET)
    mount("", "/", "", MS_REC | MS_PRIVATE)
    if where.name:
        with suppress(OSError):
            Path("/proc/sys/kernel/hostname").write_text(where.name)
    go, ready = os.pipe()
    first = os.fork()
    if not first:
        os.close(ready)
        os.read(go, 1)
        _guarded(lambda: _first(where, command, pipe, foreground=foreground), pipe)
    os.write(pipe, b"%d\n" % first)
    os.close(pipe)
    os.close(ready)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    _, status = os.waitpid(first, 0)
    return _as_shells_do(status)


def _first(where: Inside, command: tuple[str, ...], pipe: int, *, foreground: bool) -> int:
    """Process 1 inside: outside the chroot, so that programs can tell that they are in one; takes leave of orphans."""
    die_with_parent(signal.SIGKILL)
    shell = os.fork()
    if not shell:
        _guarded(lambda: _enter(where, command, pipe, foreground=foreground), pipe)
    os.close(pipe)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    while True:
        ended, status = os.wait()
        if ended == shell:
            return _as_shells_do(status)


def _as_shells_do(status: int) -> int:
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


# -- inside -----------------------------------------------------------------------------------------------------------


def _enter(where: Inside, command: tuple[str, ...], pipe: int, *, foreground: bool) -> int:
    root = str(where.root)
    mount(root, root, "", MS_BIND | MS_REC)
    off = MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NOSUID
    set_mount_attributes(root, on=MOUNT_ATTR_NODEV | (0 if where.write else MOUNT_ATTR_RDONLY), off=off)
    name_servers = resolver()
    nodes = [(path.name, path.stat()) for path in where.devices]
    os.chdir(root)
    os.chroot(".")
    # From here on no path of the server's, whatever its links say, leads out of its root.
    os.umask(0)
    mount_proc()
    mount_dev(nodes)
    mount("tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755")
    Path("/run/lock").mkdir(mode=0o1777)
    os.umask(0o022)
    mount_resolver(name_servers)
    if not where.network:
        loopback_up()
    for number in (_SYS_MODULE, _SYS_RAWIO, _SYS_BOOT, _SYS_TIME, *((_NET_ADMIN,) if where.network else ())):
        drop_capability(number)
    words, program = _what_to_run(where.name, command)
    os.chdir(_home())
    if foreground:
        _take_terminal()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE, signal.SIGTTOU):
        signal.signal(number, signal.SIG_DFL)
    return _run(program, words, _environment(where.name, program), pipe)


def _what_to_run(name: str, command: tuple[str, ...]) -> tuple[list[str], str]:
    """The words, and the program's path."""
    if command:
        return list(command), command[0]
    shell = _shell()
    if shell.endswith("/bash"):
        Path(_RC).write_text(f"PS1='{prompt(name)}\\u@\\h:\\w\\$ '\nalias ll='ls -l'\n")
        return [shell, "--rcfile", _RC], shell
    Path(_RC).write_text(f"PS1='{prompt(name)}'\"root:\\$PWD# \"\n")
    return [shell], shell


def prompt(name: str) -> str:
    """The prompt's prefix: whose root this is. `name` has been made safe."""
    return f"(server {name}) " if name else "(server) "


def _shell() -> str:
    """Root's login shell if it is usable, else a common one."""
    wanted = ["/bin/bash", "/usr/bin/bash", "/bin/sh", "/usr/bin/sh"]
    with suppress(OSError), Path("/etc/passwd" if Path("/etc/passwd").is_file() else os.devnull).open("rb") as stream:
        for line in stream.read(_PASSWD_LIMIT).decode("utf-8", "surrogateescape").split("\n"):
            fields = line.split(":")
            if len(fields) == 7 and fields[2] == "0" and fields[6].rpartition("/")[2] in _SHELLS:
                wanted.insert(0, fields[6])
                break
    for shell in wanted:
        if shell.startswith("/") and os.access(shell, os.X_OK) and Path(shell).is_file():
            return shell
    raise TargetError(
        "the server has no usable shell (/bin/bash, /bin/sh)",
        "Its disk may be damaged or incomplete: see rescue inspect and rescue mount.",
    )


def _home() -> str:
    return "/root" if Path("/root").is_dir() else "/"


def _environment(name: str, shell: str) -> dict[str, str]:
    made = {each: os.environ[each] for each in _PASSED if each in os.environ}
    made.setdefault("TERM", "linux")
    made["LANG"] = "C.UTF-8"
    return made | {
        "PATH": PATH, "HOME": _home(), "USER": "root", "LOGNAME": "root", "SHELL": shell,
        # What asks whether a service is to be started is told that nothing is booted here (systemctl(1)).
        "SYSTEMD_OFFLINE": "1", "debian_chroot": prompt(name).strip("() "), "ENV": _RC,
    }  # fmt: skip


def _run(program: str, words: list[str], environment: dict[str, str], pipe: int) -> int:
    os.set_inheritable(pipe, False)
    try:
        os.environ["PATH"] = PATH
        os.execvpe(program, words, environment)  # noqa: S606 - the server's own program, as asked for
    except OSError as problem:
        if problem.errno == errno.ENOEXEC and (other := _foreign(program)):
            raise TargetError(
                f"the server's programs are built for {other}, and this machine is {os.uname().machine}",
                "They can't run here. inspect, fix and mount still work.",
            ) from problem
        missing = isinstance(problem, FileNotFoundError)
        print(f"rescue: {words[0]!r}: {problem.strerror} (on the server)", file=sys.stderr, flush=True)
        return NOT_FOUND if missing else NOT_RUN


def _foreign(program: str) -> str:
    """The processor that `program` is built for if this machine's differs (elf(5)); else empty."""
    for path in (program, *(f"{each}/{program}" for each in PATH.split(":"))):
        with suppress(OSError), Path(path).open("rb") as stream:
            head = stream.read(20)
            if head[:4] != b"\x7fELF":
                continue
            machine = int.from_bytes(head[18:20], "little" if head[5] == 1 else "big")
            return _MACHINES.get(machine, f"another processor (ELF machine {machine})")
    return ""


# -- the terminal -----------------------------------------------------------------------------------------------------


def _terminal() -> list[Any] | None:
    try:
        return termios.tcgetattr(0) if os.isatty(0) else None
    except termios.error:
        return None


def _take_terminal() -> None:
    """A process group of its own in the foreground: Ctrl-C is for what runs inside."""
    os.setpgid(0, 0)
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    with suppress(OSError):
        os.tcsetpgrp(0, os.getpgrp())


def _restore(before: list[Any] | None) -> None:
    if before is None:
        return
    kept = signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    try:
        with suppress(OSError, termios.error):
            os.tcsetpgrp(0, os.getpgrp())
            termios.tcsetattr(0, termios.TCSADRAIN, before)
    finally:
        signal.signal(signal.SIGTTOU, kept)
