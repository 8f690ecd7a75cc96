"""Whether the programs of a login are intact: sshd, PAM's modules, the shell, and their libraries.

Decides: a program or library that was truncated, overwritten or replaced may fail in the middle of a login ("Connection
closed", a missing shell), or not start at all.

Not judged: a file that differs from its package (dpkg's MD5 lists; on other systems only whether it is truncated), one
that the loader must load first (/etc/ld.so.preload), and one that can't be read at all.

Supply: reinstall its package (dpkg -S FILE names it) in rescue shell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import PurePosixPath

from rescue.evidence._together import together
from rescue.facts import Facts
from rescue.formats.program_files import LARGEST, PRELOAD, USUAL_FILES, cut_off, program_files
from rescue.formats.shipped import SHIPPED_READS
from rescue.logins import pam, sshd_program
from rescue.logins.sshd_program import HELPERS, program
from rescue.model import Gap, Location, Step
from rescue.pam.stacks import MODULES as MODULE_FOLDERS
from rescue.tree import Read

STEP = Step.SERVICE
FOLDERS = ("/usr/lib/openssh", "/usr/libexec/openssh")
SYSTEM = "/usr/lib/systemd"
BOOT = (
    f"{SYSTEM}/systemd",
    f"{SYSTEM}/systemd-executor",
    f"{SYSTEM}/systemd-journald",
    f"{SYSTEM}/systemd-tmpfiles",
    f"{SYSTEM}/systemd-sysctl",
    "/usr/bin/systemd-tmpfiles",
)
NETWORK = (f"{SYSTEM}/systemd-networkd",)
ACCOUNT = (f"{SYSTEM}/systemd-user-sessions", "/usr/sbin/unix_chkpwd")
SESSION = (f"{SYSTEM}/systemd-logind", "/usr/bin/dbus-daemon")
"""Programs other than sshd that a login waits for, if dpkg's lists name them."""

READS = (
    *sshd_program.READS,
    *pam.READS,
    *SHIPPED_READS,
    Read(PRELOAD, depth=0),
    *(Read(f"{folder}/{name}", depth=0, limit=LARGEST) for folder in FOLDERS for name in HELPERS),
    *(
        Read(path, depth=0, limit=LARGEST)
        for path in (*USUAL_FILES, "/usr/bin/bash", "/usr/bin/dash", *BOOT, *NETWORK, *ACCOUNT, *SESSION)
    ),
)

MOST_TOLD = 3
SUPPLY = "reinstall its package"


def find(facts: Facts) -> Iterator[Gap]:
    seen: set[str] = set()
    shells = dict.fromkeys(account.shell or "/bin/sh" for account in facts.logins)
    main = program(facts)
    helpers = [f"{folder}/{name}" for folder in FOLDERS for name in HELPERS]
    parts: list[tuple[Step, str, Callable[[], list[str]]]] = [
        (STEP, "whether sshd's programs work", lambda: _all_files(facts, [main, *_there(facts, helpers)])),
        (Step.ACCOUNT, "whether PAM works", lambda: _modules(facts)),
        (
            Step.SESSION,
            "whether the login shell works",
            lambda: _all_files(facts, [each for each in shells if each[:1] == "/"]),
        ),
    ]
    parts += [
        (link, what, partial(_known, facts, programs))
        for link, programs, what in (
            (Step.BOOT, BOOT, "whether systemd works"),
            (Step.NETWORK, NETWORK, "whether systemd-networkd works"),
            (Step.ACCOUNT, ACCOUNT, "whether users get in after the boot"),
            (Step.SESSION, SESSION, "whether sessions are registered"),
        )
    ]
    # A library that systemd needs is also reported for the boot step.
    yield from together(
        partial(_part, facts, link, what, files, set() if link is Step.BOOT else seen) for link, what, files in parts
    )
    if (facts.tree.text(PRELOAD) or "").strip():
        place = Location(PurePosixPath(PRELOAD))
        what = "whether programs start with the preloaded libraries"
        for link in (STEP, Step.SESSION):
            yield Gap("program-content", link, f"{what} ({PRELOAD})", "move that file away", locations=(place,))


def _part(facts: Facts, link: Step, what: str, files: Callable[[], list[str]], seen: set[str]) -> list[Gap]:
    return list(_gap(link, what, _unsound(facts, files(), seen)))


def _known(facts: Facts, programs: Iterable[str]) -> list[str]:
    there = [path for path in programs if facts.shipped.known(path)]
    return [*there, *_all_files(facts, there)]


def _there(facts: Facts, paths: Iterable[str]) -> list[str]:
    return [path for path in paths if facts.tree.entry(path) is not None]


def _all_files(facts: Facts, programs: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(together(partial(program_files, facts.tree, each) for each in programs)))


def _modules(facts: Facts) -> list[str]:
    """The files of PAM's modules that sshd's stacks name."""
    tree = facts.tree
    found: dict[str, None] = {}
    for account in facts.logins:
        policy = pam.policy(facts, account)
        handlers = policy.service.handlers if policy is not None else ()
        for handler in (each for each in handlers if each.module):
            paths = (
                [handler.module]
                if handler.module.startswith("/")
                else [f"{each}/{handler.module}" for each in MODULE_FOLDERS]
            )
            tree.require(*(Read(path, depth=0, content=False) for path in paths[:1] if path == handler.module))
            here = next((path for path in paths if tree.lentry(path) is not None), None)
            if here is not None:
                found[here] = None
    return list(found)


def _unsound(facts: Facts, paths: Iterable[str], seen: set[str]) -> list[str]:
    paths = [path for path in paths if path not in seen]
    seen.update(paths)
    facts.tree.require(*(Read(path, depth=0, limit=LARGEST) for path in paths))
    altered = set(facts.shipped.altered(paths))
    return [path for path in paths if path in altered or _odd(facts, path)]


def _odd(facts: Facts, path: str) -> bool:
    """Whether a file can't be trusted: missing, unreadable, truncated, or in no package's list."""
    entry = facts.tree.entry(path)
    if entry is None or not entry.is_file:
        return True
    if ".so" in path and not entry.mode & 0o444:
        return True
    if facts.shipped.sums and facts.shipped.intact(path) is None and path.startswith("/usr/local/lib"):
        return True
    data = facts.tree.data(path)
    return data is not None and cut_off(data)


def _gap(link: Step, what: str, paths: list[str]) -> Iterator[Gap]:
    if not paths:
        return
    more = f" and {len(paths) - MOST_TOLD} more" if len(paths) > MOST_TOLD else ""
    named = ", ".join(paths[:MOST_TOLD]) + more
    places = tuple(Location(PurePosixPath(path)) for path in paths)
    yield Gap("program-content", link, f"{what}: changed since installation: {named}", SUPPLY, locations=places)
