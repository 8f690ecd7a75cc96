"""sshd's programs and what they need to start. Shared by their checks; no check itself."""

from __future__ import annotations

from collections.abc import Iterator
from re import search

from rescue.facts import Facts
from rescue.formats.packages import PACKAGE_READS, PROGRAM_LIMIT, SSHD
from rescue.formats.program_faults import ProgramFault, program_faults
from rescue.formats.program_files import PROGRAM_READS
from rescue.logins.ssh_units import SERVICES, ssh_service
from rescue.services.units import UNIT_READS
from rescue.tree import Read

SPLIT, SPLIT_AGAIN = (9, 8), (10, 0)
"""The releases from which sshd starts sshd-session for each connection, and that starts sshd-auth for the login."""

HELPERS = {"sshd-session": ("SshdSessionPath", SPLIT), "sshd-auth": ("SshdAuthPath", SPLIT_AGAIN)}
FOLDERS = ("/usr/lib/openssh", "/usr/libexec/openssh", "/usr/lib/ssh", "/usr/libexec/ssh", "/usr/libexec")
"""Debian's; Red Hat's; Arch's and Alpine's; SUSE's; OpenSSH's own."""

SPECIAL = "@-:+!|"
READS = (
    *PACKAGE_READS,
    *UNIT_READS,
    *(Read(path, depth=0, limit=PROGRAM_LIMIT) for path in SSHD),
    *(Read(f"{folder}/{name}", depth=0, limit=PROGRAM_LIMIT) for folder in FOLDERS for name in HELPERS),
    *PROGRAM_READS,
    Read("/etc/ssh", depth=2),
)


def installed(facts: Facts) -> bool:
    """Whether there is an SSH server: its program, or a unit for it."""
    facts.tree.require(*(Read(path, depth=0, content=False) for path in SSHD))
    return any(facts.tree.lentry(path) is not None for path in SSHD) or ssh_service(facts.units) is not None


def program(facts: Facts) -> str:
    """The program that the service starts; if it does not say, the one that is installed."""
    for name in SERVICES:
        commands = facts.units.unit(name).values("Service", "ExecStart")
        if commands and commands[-1].text.split():
            path = commands[-1].text.split()[0].lstrip(SPECIAL).strip('"')
            if path.startswith("/") and path.rpartition("/")[2].startswith("sshd"):
                return path
    return next((path for path in SSHD if facts.tree.entry(path) is not None), SSHD[0])


def faults(facts: Facts) -> Iterator[ProgramFault]:
    """The faults of sshd's programs, in the order they run. If one is missing, later ones are not checked."""
    main = program(facts)
    facts.tree.require(Read(main, depth=0, limit=PROGRAM_LIMIT))
    own = list(program_faults(facts.tree, main))
    yield from own
    if own or facts.openssh is None:
        return
    for name, (keyword, since) in HELPERS.items():
        if facts.openssh.version >= since:
            path = _helper(facts, name, keyword)
            yield from program_faults(facts.tree, path, closed=True)


def _helper(facts: Facts, name: str, keyword: str) -> str:
    given = facts.sshd.globals(keyword)
    if given:
        facts.tree.require(Read(given[0].words[0], depth=0, limit=PROGRAM_LIMIT))
        return given[0].words[0]
    built_in = search(
        rb"\0(/[\w./+-]{1,200}/" + name.encode() + rb")\0", facts.tree.data_if_read(program(facts)) or b""
    )
    if built_in:
        # The sshd binary contains the paths of its own build.
        path = built_in[1].decode("ascii", "replace")
        facts.tree.require(Read(path, depth=0, limit=PROGRAM_LIMIT))
        return path
    paths = [f"{folder}/{name}" for folder in FOLDERS]
    usual = paths[0] if facts.release.is_debian else paths[1] if facts.release.is_red_hat else paths[2]
    return next((path for path in paths if facts.tree.lentry(path) is not None), usual)
