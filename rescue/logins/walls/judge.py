"""Which settings of sshd's unit stop a login, which certainly don't, and which nobody can tell.

What is said here was measured: each setting on an sshd of its own, on Debian 12 and 13, and a login of root and of a
user tried (tests/system/test_unit_walls.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import PurePosixPath

from rescue.accounts.database import Account
from rescue.facts import Facts
from rescue.formats.packages import systemd_version
from rescue.logins import pam
from rescue.logins.walls.needs import Need, key_files, of_account, of_service
from rescue.model import Location, Repair, Safety, Step, Symptom
from rescue.pam.stacks import Facility
from rescue.services.sandbox.calls import AT_START, LATER, filtered
from rescue.services.sandbox.sight import (
    PATH_KEYS,
    Kind,
    Mount,
    deciding,
    mounts,
    read_only,
    unresolved,
    without_exec,
)
from rescue.services.sandbox.values import bounding_set, families, hard_limit, listed, size, truth
from rescue.services.unit_edit import comment_out, insert_after, replace_value, without_word
from rescue.services.units import Unit
from rescue.sshd.listen import SOCKETS
from rescue.tree import LinkLoop, Read, Tree

EVERYBODY = ""
VOLATILE = ("/run", "/var/run", "/proc", "/sys", "/dev", "/tmp", "/var/tmp")  # noqa: S108  named, not used
"""What exists only on a running server: nothing says whether a path below it is there."""

HARMLESS_HIDDEN = tuple(
    PurePosixPath(path)
    for path in (
        "/boot", "/efi", "/srv", "/opt", "/mnt", "/media", "/lost+found", "/var/log", "/var/lib",
        "/var/cache", "/var/spool", "/var/backups", "/var/mail", "/var/www", "/usr/share", "/usr/src", "/usr/games",
        "/tmp", "/var/tmp",  # noqa: S108  named, not used
        "/usr/include", "/sys", "/home", "/root", "/etc/login.defs", "/etc/environment", "/etc/profile",
    )
)  # fmt: skip
"""What a login does without, as far as it holds nothing that it is found to need."""
WRITING_MODULES = frozenset(
    {
        "pam_faillock", "pam_tally2", "pam_mkhomedir", "pam_oddjob_mkhomedir", "pam_namespace", "pam_exec",
        "pam_script", "pam_abl", "pam_timestamp", "pam_ssh_agent_auth", "pam_google_authenticator",
    }
)  # fmt: skip
"""PAM modules that write, or mount, or start other programs: what they may do decides for them."""

NEEDED_CAPABILITIES = ("setuid", "setgid", "sys_chroot")
LOW_PORT = 1024


@dataclass(frozen=True, slots=True)
class Wall:
    """One setting that stops logins. user: whose; "" for everybody's. what: the part of a sentence that follows the
    setting ("hides /home from sshd, ..."). doubt: why it is not certain."""

    key: str
    location: Location
    step: Step
    symptom: Symptom
    what: str
    repair: Repair
    user: str = EVERYBODY
    doubt: str = ""
    words: str = ""


@dataclass(frozen=True, slots=True)
class Judgement:
    """walls: what stops. settled: the settings of which everything is known, whether they stop somebody or nobody."""

    walls: tuple[Wall, ...]
    settled: frozenset[str]


@dataclass
class _Judge:
    facts: Facts
    unit: Unit
    account: Account | None
    walls: list[Wall] = field(default_factory=list)
    open: set[str] = field(default_factory=set)

    def add(
        self,
        key: str,
        location: Location,
        step: Step,
        symptom: Symptom,
        what: str,
        repair: Repair | None = None,
        *,
        user: str = EVERYBODY,
        doubt: str = "",
        words: str = "",
    ) -> None:
        edit = repair or Repair(f"comment out {location}", Safety.SAFE, partial(comment_out, location=location))
        self.walls.append(Wall(key, location, step, symptom, what, edit, user, doubt, words))


def judged(facts: Facts, unit: Unit, account: Account | None) -> Judgement:
    """The settings of the unit, held against what a login of `account` needs; None: against what every login needs.

    Only those of the section Service. Raises NotCaptured.
    """
    judge = _Judge(facts, unit, account)
    for keys, function in _RULES:
        if any(each.section == "Service" and each.key in keys for each in unit.assignments):
            function(judge)
    every = frozenset(key for keys, _ in _RULES for key in keys)
    return Judgement(tuple(dict.fromkeys(judge.walls)), every - judge.open)


# -- what is seen of the disk ----------------------------------------------------------------------------------------


def _sight(judge: _Judge) -> None:
    judge.open |= unresolved(judge.unit)
    real = [_real(judge, each) for each in mounts(judge.unit)]
    missing = [each for each in real if not each.optional and _missing(judge, each)]
    # One that may be missing, and is, is left out by systemd.
    found = tuple(each for each in real if not (each.optional and _missing(judge, each)))
    for each in missing:
        place = each.source if each.kind is Kind.BIND else each.path
        repair = _optional(each)
        judge.add(
            each.key, each.location, Step.SERVICE, Symptom.REFUSED, f"names {place}, which does not exist", repair
        )
    needs = [*of_service(judge.facts)]
    keys: tuple[Need, ...] = ()
    if judge.account is not None:
        needs += of_account(judge.facts, judge.account)
        keys = key_files(judge.facts, judge.account)
    hit: set[Mount] = set(missing)
    for need in needs:
        hider = _hider(judge, found, need.path)
        if hider is not None:
            hit.add(hider)
            _hidden(judge, hider, need)
        elif need.runs and (blocker := without_exec(found, need.path)) is not None:
            hit.add(blocker)
            what = f"forbids to run {need.path}, {need.what}"
            judge.add(
                blocker.key, blocker.location, need.step, _unless_shell(need), what, _less(blocker), user=need.user
            )
    hiders = [_hider(judge, found, need.path) for need in keys]
    if keys and all(each is not None for each in hiders):
        first = hiders[0]
        assert first is not None
        hit.add(first)
        _hidden(judge, first, keys[0])
    for each in found:
        if each not in hit and not _harmless(judge, each, found):
            judge.open.add(each.key)


def _unless_shell(need: Need) -> Symptom:
    return Symptom.CLOSED if need.step is Step.ACCOUNT else need.symptom


def _real(judge: _Judge, mount: Mount) -> Mount:
    """The mount where its path really is: systemd follows links first."""
    try:
        path = judge.facts.tree.resolve(mount.path) if mount.path.is_absolute() else mount.path
    except LinkLoop:
        return mount
    return Mount(mount.kind, path, mount.key, mount.location, mount.word, mount.optional, mount.source)


def _known(path: PurePosixPath) -> bool:
    """Whether the disk tells what is at `path`."""
    return path.is_absolute() and not any(path.is_relative_to(each) for each in VOLATILE)


def _missing(judge: _Judge, mount: Mount) -> bool:
    path = mount.source if mount.kind is Kind.BIND else mount.path
    if path is None or mount.kind is Kind.EMPTY or not _known(path):
        return False
    judge.facts.tree.require(Read(str(path), depth=0, content=False))
    return judge.facts.tree.entry(path) is None


def _hider(judge: _Judge, found: tuple[Mount, ...], path: PurePosixPath) -> Mount | None:
    """The mount by which `path` is surely not what it is on the disk."""
    hider = deciding(found, path)
    if hider is None or hider.kind is not Kind.BIND or hider.source is None:
        return hider
    if hider.source == hider.path:
        return None
    instead = hider.source / path.relative_to(hider.path)
    judge.facts.tree.require(Read(str(instead), depth=0, content=False))
    if instead == PurePosixPath("/dev/null") or (_known(instead) and judge.facts.tree.entry(instead) is None):
        return hider
    judge.open.add(hider.key)
    return None


def _hidden(judge: _Judge, mount: Mount, need: Need) -> None:
    over = "" if mount.path == need.path else f" with {need.path}"
    judge.add(
        mount.key, mount.location, need.step, need.symptom, f"hides {mount.path}{over}, {need.what}", _less(mount),
        user=need.user, doubt=need.doubt,
        words="PTY allocation request failed on channel 0" if need.step is Step.SESSION else "",
    )  # fmt: skip


def _less(mount: Mount) -> Repair:
    """The smallest change by which the path is seen again."""
    place = mount.location
    if mount.key == "ProtectHome":
        edit = partial(replace_value, location=place, old=mount.word, new="read-only")
        return Repair(f"make it ProtectHome=read-only ({place})", Safety.SAFE, edit)
    if mount.kind is Kind.NO_EXEC and mount.path == PurePosixPath("/"):
        return Repair(f"comment out {place}", Safety.SAFE, partial(comment_out, location=place))
    edit = partial(without_word, location=place, word=mount.word)
    return Repair(f"remove {mount.word} from {place}", Safety.SAFE, edit)


def _optional(mount: Mount) -> Repair:
    edit = partial(replace_value, location=mount.location, old=mount.word, new=f"-{mount.word}")
    return Repair(f"let it be missing: -{mount.word} ({mount.location})", Safety.SAFE, edit)


def _harmless(judge: _Judge, mount: Mount, found: tuple[Mount, ...]) -> bool:
    if mount.kind in (Kind.WRITABLE, Kind.EXEC):
        return True
    if mount.kind is Kind.NO_EXEC:
        return any(mount.path.is_relative_to(each) for each in HARMLESS_HIDDEN)
    if mount.kind is Kind.READ_ONLY:
        proc = PurePosixPath("/proc")
        return not _writes(judge) and read_only((mount,), proc) is None and mount.path != proc
    if mount.kind is Kind.BIND and mount.source == mount.path:
        return True
    if mount.key == "ProtectHome":
        return True
    return any(mount.path.is_relative_to(each) for each in HARMLESS_HIDDEN) and not _writes(judge)


def _writes(judge: _Judge) -> bool:
    """Whether PAM asks a module that writes, for one of the accounts that are judged."""
    accounts = judge.facts.logins if judge.account is None else (judge.account,)
    stacks = (Facility.AUTH, Facility.ACCOUNT, Facility.SESSION)
    policies = [pam.policy(judge.facts, each) for each in accounts]
    return any(
        handler.name in WRITING_MODULES
        for policy in policies
        if policy is not None
        for each in stacks
        for handler in policy.service.stack(each)
    )


def _system(judge: _Judge) -> None:
    last = judge.unit.values("Service", "ProtectSystem")[-1:]
    if last and last[0].text.lower() == "strict" and _writes(judge):
        judge.open.add("ProtectSystem")


def _namespaces(judge: _Judge) -> None:
    if _writes(judge):
        judge.open.add("RestrictNamespaces")


# -- users, capabilities, system calls ---------------------------------------------------------------------------------


def _private_users(judge: _Judge) -> None:
    last = judge.unit.values("Service", "PrivateUsers")[-1:]
    if not last:
        return
    text = last[0].text.lower()
    if truth(text) or (text == "self" and (systemd_version(judge.facts.tree) or 0) >= 257):
        judge.add("PrivateUsers", last[0].location, Step.ACCEPT, Symptom.CLOSED,
                  "leaves sshd's users without any of their own files and rights")  # fmt: skip
    elif truth(text) is None:
        judge.open.add("PrivateUsers")


def _dynamic(judge: _Judge) -> None:
    last = judge.unit.values("Service", "DynamicUser")[-1:]
    if last and truth(last[0].text):
        if judge.unit.values("Service", "User"):
            judge.open.add("DynamicUser")
            return
        judge.add("DynamicUser", last[0].location, Step.SERVICE, Symptom.REFUSED,
                  "starts sshd as a user without any rights")  # fmt: skip


def _groups(judge: _Judge) -> None:
    for key in ("Group", "SupplementaryGroups"):
        values = list(listed(judge.unit, key))
        for word, location in values[-1:] if key == "Group" else values:
            if word.isdigit() or "%" in word:
                continue
            if all(each.name != word for each in judge.facts.accounts.groups):
                judge.add(key, location, Step.SERVICE, Symptom.REFUSED, f"names the group {word}, which does not exist")


def _capabilities(judge: _Judge) -> None:
    key = "CapabilityBoundingSet"
    left, lines = bounding_set(judge.unit)
    if not lines:
        return
    gone = [each for each in NEEDED_CAPABILITIES if each not in left]
    ports = [port for port in judge.facts.listening_ports if port < LOW_PORT]
    # One repair for all that is missing: else it would only lead to the next fault.
    wanted = [*NEEDED_CAPABILITIES, "chown", *(["net_bind_service"] if ports and not _by_socket(judge) else [])]
    added = " ".join(f"CAP_{each.upper()}" for each in wanted if each not in left)
    step, symptom, user, why = Step.ACCEPT, Symptom.CLOSED, EVERYBODY, "without which sshd can't change users"
    if not gone and "chown" not in left and judge.account is not None and judge.account.uid != 0:
        gone, step, user = ["chown"], Step.SESSION, judge.account.name
        why = f"without which {judge.account.name} gets no terminal"
    if not gone and "net_bind_service" not in left and "net_bind_service" in wanted:
        gone, step, symptom = ["net_bind_service"], Step.SERVICE, Symptom.REFUSED
        why = f"without which sshd can't listen on port {ports[0]}"
    if gone:
        names = " ".join(f"CAP_{each.upper()}" for each in gone)
        line = f"{key}={added}"
        place = lines[-1]
        repair = Repair(f"add {line} after {place}", Safety.SAFE, partial(insert_after, location=place, text=line))
        judge.add(key, place, step, symptom, f"takes {names} away, {why}", repair, user=user)
    elif judge.facts.release.is_red_hat and "audit_write" not in left:
        # Its sshd is built to report logins to the audit subsystem.
        judge.open.add(key)


def _by_socket(judge: _Judge) -> bool:
    return any(judge.facts.units.unit(name).started for name in SOCKETS)


def _secure_bits(judge: _Judge) -> None:
    key = "SecureBits"
    for word, location in listed(judge.unit, key):
        if word in ("noroot", "no-setuid-fixup"):
            judge.add(key, location, Step.ACCEPT, Symptom.CLOSED, "takes root's rights from sshd")
        elif word not in ("keep-caps", "keep-caps-locked", "noroot-locked", "no-setuid-fixup-locked"):
            judge.open.add(key)


def _calls(judge: _Judge) -> None:
    key = "SystemCallFilter"
    found = filtered(judge.unit)
    if not found.lines:
        return
    root = judge.account is not None and judge.account.uid == 0
    missing = found.missing & (AT_START | LATER) if root or judge.account is None else found.missing
    if not missing:
        if not found.surely:
            judge.open.add(key)
        return
    at_start = bool(missing & AT_START)
    step, symptom = (Step.SERVICE, Symptom.REFUSED) if at_start else (Step.ACCEPT, Symptom.CLOSED)
    alone = not missing & (AT_START | LATER)
    names = sorted(missing)
    shown = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
    place = found.lines[-1]
    if found.add:
        line = f"{key}={' '.join(found.add)}"
        repair = Repair(f"add {line} after {place}", Safety.SAFE, partial(insert_after, location=place, text=line))
    else:
        edit = partial(_without_all, locations=found.lines)
        weakens = "system calls of sshd and of sessions are no longer filtered"
        repair = Repair(f"comment out {key}= ({place})", Safety.UNSAFE, edit, weakens=weakens)
    user = judge.account.name if alone and judge.account is not None else EVERYBODY
    judge.add(key, place, step, symptom, f"forbids system calls that logins need: {shown}", repair, user=user)


def _without_all(tree: Tree, locations: tuple[Location, ...]) -> Tree:
    for each in sorted(locations, reverse=True):
        tree = comment_out(tree, each)
    return tree


def _families(judge: _Judge) -> None:
    key = "RestrictAddressFamilies"
    allowed, named, lines = families(judge.unit)
    if not lines:
        return
    versions = {source.version for source in judge.facts.client.sources}

    def has(family: str) -> bool:
        return (family in named) is allowed

    place = lines[-1]
    none = [
        name for name, version in (("AF_INET", 4), ("AF_INET6", 6)) if not has(name) and version in (versions or {4, 6})
    ]
    if not has("AF_INET") and not has("AF_INET6"):
        add = "AF_INET AF_INET6"
        judge.add(key, place, Step.SERVICE, Symptom.REFUSED, "leaves sshd without a network", _family(key, place, add))
    elif none and (versions or none != ["AF_INET6"]):
        other = "" if len(versions) == 1 else "clients of the other IP version get in"
        label = "IPv4" if none[0] == "AF_INET" else "IPv6"
        judge.add(key, place, Step.LISTEN, Symptom.REFUSED, f"leaves sshd without {label}",
                  _family(key, place, none[0]), doubt=other)  # fmt: skip
    if not has("AF_UNIX"):
        judge.open.add(key)


def _family(key: str, place: Location, names: str) -> Repair:
    line = f"{key}={names}"
    return Repair(f"add {line} after {place}", Safety.SAFE, partial(insert_after, location=place, text=line))


# -- limits ------------------------------------------------------------------------------------------------------------

LIMITS: dict[str, tuple[int, int]] = {
    "LimitNOFILE": (10, 64),
    "LimitAS": (12 << 20, 128 << 20),
    "LimitDATA": (1 << 20, 32 << 20),
    "LimitFSIZE": (0, 16 << 20),
    "LimitSTACK": (64 << 10, 512 << 10),
    "LimitCPU": (0, 60),
    "MemoryMax": (1 << 20, 64 << 20),
    "MemoryHigh": (1 << 20, 64 << 20),
    "TasksMax": (2, 32),
}
"""Up to the first number no login works; from the second on everything does; between them it depends."""
PROCESSES = (3, 64)
OF_SERVICE = ("LimitFSIZE", "LimitAS", "LimitDATA", "LimitCPU", "MemoryMax", "MemoryHigh")
"""With too little of these sshd does not even start."""
NOTHING_STARTS = {"LimitNOFILE": 4, "LimitSTACK": 16 << 10}
"""Of these sshd starts with a little more, and only its children fail."""
HIGHEST_FILES = 1 << 20


def _limits(judge: _Judge) -> None:
    for key, (stops, enough) in LIMITS.items():
        last = judge.unit.values("Service", key)[-1:]
        if not last:
            continue
        text = last[0].text
        number = hard_limit(text) if key.startswith("Limit") else size(text)
        if number is None or (number == 0 and not key.startswith("Limit")):
            if text != "infinity":
                judge.open.add(key)
        elif number <= stops:
            at_start = key in OF_SERVICE or number <= NOTHING_STARTS.get(key, -1)
            step, symptom = (Step.SERVICE, Symptom.REFUSED) if at_start else (Step.ACCEPT, Symptom.CLOSED)
            judge.add(key, last[0].location, step, symptom, "is too little for a login")
        elif number < enough or (key == "LimitNOFILE" and number > HIGHEST_FILES):
            judge.open.add(key)


def _processes(judge: _Judge) -> None:
    key = "LimitNPROC"
    last = judge.unit.values("Service", key)[-1:]
    if not last:
        return
    number = hard_limit(last[0].text)
    if number is None:
        if last[0].text != "infinity":
            judge.open.add(key)
    elif judge.account is not None and judge.account.uid != 0 and number <= PROCESSES[0]:
        judge.add(key, last[0].location, Step.SESSION, Symptom.CLOSED,
                  f"leaves {judge.account.name} no process for a shell", user=judge.account.name,
                  words="shell request failed on channel 0")  # fmt: skip
    elif number < PROCESSES[1] and (judge.account is None or judge.account.uid != 0):
        judge.open.add(key)


# -- files and programs that the unit names ----------------------------------------------------------------------------


def _directory(judge: _Judge) -> None:
    key = "WorkingDirectory"
    last = judge.unit.values("Service", key)[-1:]
    if not last or last[0].text.startswith("-") or last[0].text == "~":
        return
    path = PurePosixPath(last[0].text)
    if not path.is_absolute() or "%" in last[0].text or not _known(path):
        judge.open.add(key)
        return
    judge.facts.tree.require(Read(str(path), depth=0, content=False))
    entry = judge.facts.tree.entry(path)
    if entry is None or not entry.is_dir:
        word = last[0].text
        edit = partial(replace_value, location=last[0].location, old=word, new=f"-{word}")
        repair = Repair(f"let it be missing: -{word} ({last[0].location})", Safety.SAFE, edit)
        judge.add(key, last[0].location, Step.SERVICE, Symptom.REFUSED, f"names {path}, which does not exist", repair)


def _root(judge: _Judge) -> None:
    for key in ("RootDirectory", "RootImage", "NetworkNamespacePath"):
        last = judge.unit.values("Service", key)[-1:]
        if not last:
            continue
        path = PurePosixPath(last[0].text.lstrip("-"))
        if "%" in last[0].text or not path.is_absolute() or path == PurePosixPath("/"):
            judge.open.add(key)
            continue
        inside = path
        if key == "RootDirectory":
            inside = path / next(of_service(judge.facts)).path.relative_to("/")
        if key == "NetworkNamespacePath" and path.is_relative_to("/etc/netns"):
            judge.open.add(key)
            continue
        if not _known(inside):
            judge.open.add(key)
            continue
        judge.facts.tree.require(Read(str(inside), depth=0, content=False))
        if judge.facts.tree.entry(inside) is None:
            what = (
                f"starts sshd in {path}, which holds no sshd"
                if key == "RootDirectory"
                else f"names {path}, which does not exist"
            )
            judge.add(key, last[0].location, Step.SERVICE, Symptom.REFUSED, what)
        else:
            judge.open.add(key)


def _streams(judge: _Judge) -> None:
    for key in ("StandardInput", "StandardOutput", "StandardError"):
        last = judge.unit.values("Service", key)[-1:]
        kind, colon, name = last[0].text.partition(":") if last else ("", "", "")
        if not last or not colon or kind not in ("file", "append", "truncate"):
            if last and last[0].text.lower() not in _STREAMS:
                judge.open.add(key)
            continue
        path = PurePosixPath(name)
        needed = path if key == "StandardInput" else path.parent
        if "%" in name or not _known(needed):
            judge.open.add(key)
            continue
        judge.facts.tree.require(Read(str(needed), depth=0, content=False))
        if judge.facts.tree.entry(needed) is None:
            judge.add(key, last[0].location, Step.SERVICE, Symptom.REFUSED, f"names {needed}, which does not exist")


_STREAMS = ("journal", "inherit", "null", "syslog", "journal+console", "kmsg", "data")


def _credential(judge: _Judge) -> None:
    key = "LoadCredential"
    for word, location in listed(judge.unit, key):
        path = PurePosixPath(word.partition(":")[2])
        if not path.is_absolute() or "%" in word or not _known(path):
            judge.open.add(key)
            continue
        judge.facts.tree.require(Read(str(path), depth=0, content=False))
        if judge.facts.tree.entry(path) is None:
            judge.add(key, location, Step.SERVICE, Symptom.REFUSED, f"names {path}, which does not exist")


def _pam_name(judge: _Judge) -> None:
    last = judge.unit.values("Service", "PAMName")[-1:]
    if last:
        judge.add("PAMName", last[0].location, Step.SERVICE, Symptom.REFUSED,
                  "makes sshd itself a session of PAM, in which it does not start")  # fmt: skip


_RULES: tuple[tuple[tuple[str, ...], Callable[[_Judge], None]], ...] = (
    (PATH_KEYS, _sight),
    (("ProtectSystem",), _system),
    (("RestrictNamespaces",), _namespaces),
    (("PrivateUsers",), _private_users),
    (("DynamicUser",), _dynamic),
    (("Group", "SupplementaryGroups"), _groups),
    (("CapabilityBoundingSet",), _capabilities),
    (("SecureBits",), _secure_bits),
    (("SystemCallFilter",), _calls),
    (("RestrictAddressFamilies",), _families),
    (tuple(LIMITS), _limits),
    (("LimitNPROC",), _processes),
    (("WorkingDirectory",), _directory),
    (("RootDirectory", "RootImage", "NetworkNamespacePath"), _root),
    (("StandardInput", "StandardOutput", "StandardError"), _streams),
    (("LoadCredential",), _credential),
    (("PAMName",), _pam_name),
)


def of_package(facts: Facts, location: Location) -> bool:
    """Whether the line is one of its package's, unchanged: what a distribution ships lets people in."""
    path = str(location.path)
    if not path.startswith(("/usr/lib/systemd/", "/lib/systemd/")):
        return False
    intact = facts.shipped.intact(path)
    return intact is True or (intact is None and not facts.shipped.sums)


def walls(facts: Facts, unit: Unit) -> tuple[Wall, ...]:
    """Everything that stops a login at the unit: of each line what breaks first, once for everybody or once a user."""
    found = [each for account in (None, *facts.logins) for each in judged(facts, unit, account).walls]
    first: dict[tuple[str, Location, str], Wall] = {}
    for each in sorted(found, key=lambda wall: wall.step.order):
        if not of_package(facts, each.location):
            first.setdefault((each.key, each.location, each.user), each)
    for_all = {(each.key, each.location) for each in first.values() if each.user == EVERYBODY}
    return tuple(each for each in first.values() if each.user == EVERYBODY or (each.key, each.location) not in for_all)


def settled(facts: Facts, unit: Unit) -> frozenset[str]:
    """The settings of the unit that are judged for every account."""
    known = [judged(facts, unit, account).settled for account in facts.logins or (None,)]
    return frozenset.intersection(*known)
