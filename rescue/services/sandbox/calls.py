"""System calls that a login needs, and which of them SystemCallFilter= takes away (systemd.exec(5)).

Measured: each call was denied alone, on Debian 12's sshd, PAM and bash, on x86-64, and a login tried. Other
systems need about the same: one of these that is missing breaks the login, but a list that has them all need not be
enough.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from rescue.model import Location
from rescue.services.sandbox.values import words
from rescue.services.units import Unit

AT_START = frozenset(
    """
    access arch_prctl bind brk chdir close close_range connect execve exit_group fcntl fstatfs futex getdents64
    getegid geteuid getgid getpid getppid getrandom getsid getsockname getsockopt getuid listen lseek mmap mprotect
    munmap newfstatat openat ppoll prctl pread64 prlimit64 read recvmsg rseq rt_sigaction rt_sigprocmask sendmsg
    sendto set_robust_list set_tid_address setgroups setsockopt socket statfs umask write
    """.split()  # noqa: SIM905  a table
)
"""Without one of these sshd does not even listen."""

LATER = frozenset(
    """
    accept alarm chroot clock_nanosleep clone clone3 dup dup2 epoll_create1 epoll_ctl epoll_wait faccessat2
    ftruncate getgroups getpeername getpgrp getpriority ioctl keyctl pipe2 poll pselect6 readlink recvfrom rename
    rt_sigreturn setgid setpriority setresgid setresuid setsid setuid socketpair sysinfo timerfd_create
    timerfd_settime uname wait4
    """.split()  # noqa: SIM905  a table
)
"""Without one of these it listens, and no login ends in a shell."""

OF_USERS = frozenset({"setreuid", "chown", "setfsgid", "setregid", "setfsuid"})
"""Needed for a login of anybody but root."""

NEEDED = AT_START | LATER | OF_USERS

GROUPS: dict[str, frozenset[str]] = {
    name: frozenset(calls.split())
    for name, calls in {
        "@basic-io": "close close_range dup dup2 lseek pread64 read write",
        "@chown": "chown",
        "@default": """
            arch_prctl brk clock_nanosleep execve exit_group futex getegid geteuid getgid getgroups getpgrp getpid
            getppid getrandom getsid getuid mmap mprotect munmap prlimit64 rseq rt_sigreturn set_robust_list
            set_tid_address
        """,
        "@file-system": """
            access chdir close faccessat2 fcntl fstatfs ftruncate getdents64 newfstatat openat readlink rename
            statfs
        """,
        "@io-event": "epoll_create1 epoll_ctl epoll_wait poll ppoll pselect6",
        "@ipc": "pipe2",
        "@keyring": "keyctl",
        "@mount": "chroot",
        "@network-io": """
            accept bind connect getpeername getsockname getsockopt listen recvfrom recvmsg sendmsg sendto setsockopt
            socket socketpair
        """,
        "@privileged": "chown chroot setfsuid setgroups setresuid setreuid setuid",
        "@process": "clone clone3 prctl wait4",
        "@resources": "setpriority",
        "@setuid": "setgid setgroups setregid setresgid setresuid setreuid setuid",
        "@signal": "rt_sigaction rt_sigprocmask",
        "@timer": "alarm timerfd_create timerfd_settime",
        "@system-service": " ".join(NEEDED - {"chroot"}),
    }.items()
}
"""The groups that hold calls which a login needs, of these alone (systemd 252's; later ones have them, too)."""

NOTHING = frozenset(
    [
        "@aio",
        "@clock",
        "@cpu-emulation",
        "@debug",
        "@memlock",
        "@module",
        "@obsolete",
        "@pkey",
        "@raw-io",
        "@reboot",
        "@swap",
    ]
)
"""Groups in which a login needs nothing."""

SERVICE_CALLS, OF_MOUNT = "@system-service", ("@mount", "chroot")
"""The first allowed together with one of the others is enough for a login."""

GIVEN_BACK: dict[str, tuple[str, ...]] = {
    "@mount": ("chroot",),
    "@resources": ("setpriority",),
    "@privileged": ("@chown", "@setuid", "chroot", "setfsgid", "setfsuid"),
}
"""What of a group is enough for a login; of others only the whole: releases differ in the calls that they make."""

EVERYTHING = "@known"


@dataclass(frozen=True, slots=True)
class Filter:
    """What is left by all lines. missing: needed calls that are not; surely: nothing else can be missing either.

    add: the names that, allowed on a further line, give a login all that it needs; () if none surely do.
    """

    missing: frozenset[str] = frozenset()
    surely: bool = True
    add: tuple[str, ...] = ()
    lines: tuple[Location, ...] = field(default=())


def filtered(unit: Unit) -> Filter:
    """The first line says whether those named are allowed or denied; later ones add to the list, or take from it."""
    allowed: bool | None = None
    named: set[str] = set()
    unknown: set[str] = set()
    granted: list[str] = []
    taken: list[str] = []
    lines: list[Location] = []
    for value in unit.values("Service", "SystemCallFilter"):
        inverted = value.text.startswith("~")
        if allowed is None:
            allowed = not inverted
            if allowed:
                named |= GROUPS["@default"]
        lines.append(value.location)
        for word in words(value.text.removeprefix("~")):
            name = word.partition(":")[0]
            calls = _calls(name)
            if calls is None:
                unknown.add(name)
                continue
            # A later line of the other kind takes names off the list.
            named = named | calls if allowed is not inverted else named - calls
            (taken if inverted else granted).append(name)
            if inverted:
                granted = [each for each in granted if each != name and not (_calls(each) or frozenset()) <= calls]
            else:
                taken = [each for each in taken if each != name and not _given_back(each, granted)]
    if allowed is None:
        return Filter()
    missing = frozenset(NEEDED - named if allowed else NEEDED & named)
    begun = not allowed or EVERYTHING in granted or SERVICE_CALLS in granted
    complete = not allowed or EVERYTHING in granted or (begun and any(each in granted for each in OF_MOUNT))
    # A single call that is not known to be needed may be needed elsewhere.
    surely = not unknown and complete and all(each in NOTHING or each in NEEDED for each in taken)
    return Filter(missing, surely, _to_add(missing, taken) if begun and not unknown else (), tuple(lines))


def _calls(name: str) -> frozenset[str] | None:
    """The needed calls of a name; None for a group that nobody knows."""
    if name == EVERYTHING:
        return NEEDED
    if name in NOTHING:
        return frozenset()
    return GROUPS.get(name, None if name.startswith("@") else frozenset({name}))


def _given_back(name: str, granted: list[str]) -> bool:
    return all(each in granted for each in GIVEN_BACK.get(name, (name,)))


def _to_add(missing: frozenset[str], taken: list[str]) -> tuple[str, ...]:
    found: dict[str, None] = {}
    left = set(missing)
    for name in taken:
        calls = _calls(name) or frozenset()
        if calls & missing:
            found.update(dict.fromkeys(GIVEN_BACK.get(name, (name,))))
            left -= calls
    return tuple(dict.fromkeys((*found, *sorted(left))))
