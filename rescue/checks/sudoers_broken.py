"""You get in but can't become root: sudo rejects its own rules.

Symptom: the login works; then "sudo: /etc/sudoers is world writable", "sudo: no valid sudoers sources found, quitting",
or "me is not in the sudoers file".

Cause: /etc/sudoers belongs to somebody else or is writable by others (`chmod -R 777 /etc`), is missing, or has an
unreadable line that somebody typed without visudo. sudo 1.9.3 and later ignore only that line; older ones reject
everything. sudo also ignores a whole file in /etc/sudoers.d that others can write to, and the whole directory if that
is writable. /etc/sudo.conf and sudo's plug-ins must belong to root too (`chown -R` over the whole disk).

Repair: restore owner and mode (root's; 0440 for rules, the rest not writable by others); comment out an unreadable
line. Nobody gets a right that they did not have.

See: sudoers(5), visudo(8).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import PurePosixPath

from rescue.accounts.permissions import chmod
from rescue.accounts.sudoers import SUDOERS, SUDOERS_READS, SudoersFile, SudoersLine, secured, sudoers_files
from rescue.facts import Facts
from rescue.formats.packages import package_version
from rescue.formats.shipped import SHIPPED_READS
from rescue.logins.becoming_root import WHY, concerned, who_needs_sudo
from rescue.logins.each_login import SSHD_READS
from rescue.model import Finding, Location, Repair, Safety, Severity, Step, Symptom
from rescue.text.line_edit import line_of
from rescue.tree import Read, Tree

STEP = Step.SESSION
SUDO = "/usr/bin/sudo"
CONF = "/etc/sudo.conf"
PLUGINS = tuple(f"{folder}/sudoers.so" for folder in ("/usr/libexec/sudo", "/usr/lib/sudo", "/usr/libexec"))
READS = (
    *SSHD_READS,
    *SUDOERS_READS,
    *SHIPPED_READS,
    *(Read(path, depth=0, content=False) for path in (SUDO, *PLUGINS)),
    Read(CONF, depth=0),
)

MODE = 0o440
OTHERS_WRITE = 0o022
FORGIVING = (1, 9, 3)
"""The first sudo release that ignores a line it can't read."""


def find(facts: Facts) -> Iterator[Finding]:
    if facts.tree.entry(SUDO) is None or not who_needs_sudo(facts):
        return
    files = sudoers_files(facts.tree)
    if not files:
        put = Repair(f"restore {SUDOERS} from the package sudo", Safety.MANUAL)
        yield _finding(f"{SUDOERS} is missing, so sudo works for nobody.", (Location(SUDOERS),), (put,), str(SUDOERS))
        return
    for each in files:
        if each.refused and _matters(facts, each):
            yield _refused(each)
        elif not each.refused:
            yield from (_unread(facts, line) for line in each.lines if line.problem and _counts(facts, line))
    yield from _own_files(facts)


def _own_files(facts: Facts) -> Iterator[Finding]:
    """sudo's own settings and plug-ins, which must belong to root (sudo_secure_file)."""
    for path, what in ((CONF, "sudo ignores its settings"), *((each, "sudo does not load it") for each in PLUGINS)):
        entry = facts.tree.entry(path)
        fault = secured(entry) if entry is not None else ""
        if entry is None or not fault:
            continue
        real = facts.tree.resolve(path)
        repair = Repair(f"make {path} owned and writable by root only", Safety.SAFE, partial(_roots, path=real))
        if path != CONF and entry.mode & OTHERS_WRITE and not facts.shipped.intact(path):
            # Others could have replaced it with their own program: it must not be given to root.
            repair = Repair("reinstall the package sudo: others could write to it", Safety.MANUAL)
        yield _finding(f"{path} {fault}, so {what}.", (Location(real),), (repair,), path)


def _matters(facts: Facts, each: SudoersFile) -> bool:
    """The main file always matters; another one if it has a rule for a judged account."""
    if each.path == SUDOERS or each.folder:
        return True
    return any(concerned(facts, account, line.who) for account in who_needs_sudo(facts) for line in each.lines)


def _counts(facts: Facts, line: SudoersLine) -> bool:
    if not _forgiving(facts):
        return True
    return any(concerned(facts, account, line.who) for account in who_needs_sudo(facts))


def _forgiving(facts: Facts) -> bool:
    release = package_version(facts.tree, "sudo")
    return release is None or release >= FORGIVING


def _refused(each: SudoersFile) -> Finding:
    what = "sudo works for nobody" if each.path == SUDOERS else "its rules are ignored"
    if each.folder:
        what = "all rules in it are ignored"
        folder = Repair(
            f"make {each.path} owned and writable by root only", Safety.SAFE, partial(_roots, path=each.path)
        )
        return _finding(f"{each.path} {each.refused}, so {what}.", (Location(each.path),), (folder,), str(each.path))
    repair = Repair(f"give {each.path} to root, mode {MODE:04o}", Safety.SAFE, partial(_own, path=each.path))
    return _finding(f"{each.path} {each.refused}, so {what}.", (Location(each.path),), (repair,), str(each.path))


def _unread(facts: Facts, line: SudoersLine) -> Finding:
    what = "sudo ignores it" if _forgiving(facts) else "sudo works for nobody"
    return _finding(
        f"{line.location} can't be read ({line.problem}), so {what}.",
        (line.location,),
        (Repair(f"comment out {line.location}", Safety.SAFE, partial(_commented, location=line.location)),),
        str(line.location),
    )


def _finding(message: str, places: tuple[Location, ...], repairs: tuple[Repair, ...], subject: str) -> Finding:
    return Finding(
        check="sudoers-broken",
        step=STEP,
        severity=Severity.DOUBTFUL,
        message=message,
        symptom=Symptom.OK,
        locations=places,
        repairs=repairs,
        subject=subject,
        reason=WHY,
    )


def _own(tree: Tree, path: PurePosixPath) -> Tree:
    return tree.set_mode(path, mode=MODE, uid=0, gid=0)


def _roots(tree: Tree, path: PurePosixPath) -> Tree:
    """The tree where it belongs to root and nobody else may write to it."""
    entry = tree.entry(path)
    if entry is None:
        raise ValueError(f"{path} is missing")
    return chmod(tree, path, entry.mode & ~OTHERS_WRITE).set_mode(path, uid=0, gid=0)


def _commented(tree: Tree, location: Location) -> Tree:
    """The tree with the line commented out; with a space, because "#1000" would mean a UID."""
    lines, at = line_of(tree, location)
    last = at
    while lines[last].rstrip("\r").endswith("\\") and last + 1 < len(lines):
        last += 1
    lines[at : last + 1] = [f"# {line}" for line in lines[at : last + 1]]
    return tree.write(location.path, "\n".join(lines))
