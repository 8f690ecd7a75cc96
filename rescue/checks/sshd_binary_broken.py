"""sshd can't start: the program or one of its libraries is missing or damaged.

Symptom: "ssh: connect to host SERVER port 22: Connection refused"; or, if a part that starts for each connection is
damaged, "kex_exchange_identification: Connection closed by remote host".

Cause: an interrupted upgrade, a file that a crash or a full disk left empty, a library removed or replaced by hand, a
tar file unpacked over the system, or a library of another version that /etc/ld.so.conf.d puts before the system's own
("version `GLIBC_2.38' not found"). From OpenSSH 9.8 on sshd consists of several programs (sshd-session, and from 10.0
on sshd-auth), and needs all of them.

Repair: restore a program's missing execute permission. Set aside an unusable library outside of the packages
(/usr/local, /opt), so that the system's own is used again. What is missing or damaged comes back only with its package,
which needs the network: in rescue shell, or on the provider's console.

See: ld.so(8), elf(5), dpkg(1) on --configure and --verify.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import PurePosixPath

from rescue.accounts.permissions import chmod
from rescue.facts import Facts
from rescue.formats.openssl import built_against, fits, release_of
from rescue.formats.packages import package_state
from rescue.formats.program_faults import ProgramFault
from rescue.formats.program_files import load
from rescue.logins import sshd_program
from rescue.logins.ssh_units import OTHERS, of_ending_server, serving, ssh_service
from rescue.logins.sshd_program import faults, installed, program
from rescue.model import Finding, Location, Repair, Safety, Severity, Step, Symptom
from rescue.tree import Entry, Read, Tree

STEP = Step.SERVICE
READS = sshd_program.READS

CHECK = "sshd-binary-broken"
INTERRUPTED = frozenset({"half-installed", "unpacked"})
AGAIN = "reinstreq"
OWN = ("/usr/local/", "/opt/", "/srv/", "/home/", "/root/")
"""Where no distribution package puts a library."""
ASIDE = "set-aside-"
"""A prefix, because ldconfig(8) accepts every name that begins with "lib"."""


def find(facts: Facts) -> Iterator[Finding]:
    if not installed(facts) or any(unit.name in OTHERS for unit in serving(facts.units)):
        return
    if _named_by_a_person(facts):
        return
    found = list(faults(facts))
    for fault in found:
        yield _broken(facts, fault)
    if not found:
        yield from _mismatch(facts)
    state = package_state(facts.tree, "openssh-server")
    if not found and state is not None and (state[1] == AGAIN or state[2] in INTERRUPTED):
        yield _interrupted(facts, " ".join(state))


def _named_by_a_person(facts: Facts) -> bool:
    """If a custom command's program is missing, the finding is about that file (sshd-dropin-broken)."""
    unit = ssh_service(facts.units)
    commands = unit.values("Service", "ExecStart") if unit else ()
    return (
        bool(commands)
        and str(commands[-1].location.path).startswith("/etc/")
        and (facts.tree.entry(program(facts)) is None)
    )


def _broken(facts: Facts, fault: ProgramFault) -> Finding:
    repairs = [_reinstall(facts)]
    if fault.mode:
        change = partial(chmod, path=fault.path, mode=0o755)
        repairs.insert(0, Repair(f"make {fault.path} executable (0755)", Safety.SAFE, change))
    elif fault.useless and fault.path.startswith(OWN):
        change = partial(_set_aside, path=fault.path)
        repairs.insert(0, Repair(f"set {fault.path} aside, so that the system's own is used", Safety.SAFE, change))
    return Finding(
        check=CHECK,
        step=Step.ACCEPT if fault.closed else STEP,
        severity=Severity.BROKEN,
        message=f"{fault.path} {fault.what}.",
        symptom=Symptom.CLOSED if fault.closed else of_ending_server(facts.units),
        locations=(Location(PurePosixPath(fault.path)),) if fault.path.startswith("/") else (),
        repairs=tuple(repairs),
        subject=fault.path,
    )


def _mismatch(facts: Facts) -> Iterator[Finding]:
    """sshd's own comparison of the OpenSSL that it loads with the one that it was built against."""
    main = program(facts)
    loaded = load(facts.tree, main)
    crypto = next((each for each in loaded.libraries if each.name.startswith("libcrypto.so")), None) if loaded else None
    if crypto is None or crypto.path is None or facts.openssh is None:
        return
    built = built_against(facts.tree.data_if_read(main) or b"")
    has = release_of(facts.tree.data_if_read(crypto.path) or b"")
    if built is None or has is None or fits(built, has, facts.openssh.version):
        return
    told = [".".join(map(str, each)) for each in (built, has)]
    yield Finding(
        check=CHECK,
        step=STEP,
        severity=Severity.DOUBTFUL,
        message=f"{main} was built against OpenSSL {told[0]} but loads {told[1]} ({crypto.path}): it exits with "
        '"OpenSSL version mismatch".',
        symptom=of_ending_server(facts.units),
        locations=(Location(PurePosixPath(main)), Location(PurePosixPath(crypto.path))),
        repairs=(_reinstall(facts),),
        subject=crypto.path,
        reason="some distributions removed this version check",
    )


def _set_aside(tree: Tree, path: str) -> Tree:
    """The tree where the loader does not find the library: neither its name nor the file that it links to."""
    changed: dict[str, Entry | None] = {}
    for real in dict.fromkeys((tree.resolve(path, follow_last=False), tree.resolve(path))):
        entry = tree.lentry(real)
        if entry is None or not str(real).startswith(OWN):
            raise ValueError(f"{real} belongs to the system")
        aside = real.with_name(ASIDE + real.name)
        tree.require(Read(str(aside), depth=0, content=False))
        if tree.lentry(aside) is not None:
            raise ValueError(f"{aside} already exists")
        changed |= {str(aside): entry, str(real): None}
    return tree.with_entries(changed)


def _interrupted(facts: Facts, state: str) -> Finding:
    return Finding(
        check=CHECK,
        step=STEP,
        severity=Severity.DOUBTFUL,
        message=f"The installation of openssh-server was interrupted: dpkg has it as {state!r}.",
        symptom=of_ending_server(facts.units),
        locations=(Location(PurePosixPath("/var/lib/dpkg/status")),),
        repairs=(
            Repair(
                "finish the interrupted dpkg run, in rescue shell",
                Safety.MANUAL,
                steps="dpkg --configure -a\napt-get -f install",
            ),
        ),
        subject="package",
        reason="every file that could be read is intact",
    )


def _reinstall(facts: Facts) -> Repair:
    command = "apt-get install --reinstall openssh-server"
    if facts.release.is_red_hat:
        command = "dnf reinstall openssh-server openssl-libs"
    elif facts.release.id == "alpine":
        command = "apk fix openssh-server"
    return Repair("reinstall the package in rescue shell", Safety.MANUAL, steps=f"rescue shell\n{command}")
