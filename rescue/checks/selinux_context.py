"""SELinux blocks sshd from your keys: home, .ssh or the key file has a wrong label.

Symptom: "me@SERVER: Permission denied (publickey)." although owner and modes are correct; audit.log says "avc: denied {
read } for ... comm=sshd name=authorized_keys".

Cause: with SELinux enforcing, modes are not enough. A restore without labels (rsync without -X, tar without --selinux),
files moved there from /tmp, a home outside of /home that the policy does not know, or a file that was edited from a
rescue system leaves files without a label, or with one that sshd may not read.

Repair: set the label that the policy has for ~/.ssh, or for a home, on files with a wrong one. If hardly any file has a
label, relabel the whole system (an empty file /.autorelabel, and a boot that takes minutes).

See: restorecon(8), selinux(8); ssh.fc and ssh.te of the reference policy.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import PurePosixPath

from rescue.accounts.database import PASSWD, Account
from rescue.facts import Facts
from rescue.formats.selinux_config import CONFIG, CONFIG_READ, enforcing
from rescue.logins.each_login import SSHD_READS, unless_elsewhere
from rescue.logins.forced import keys_of
from rescue.model import Finding, Location, Repair, Safety, Severity, Step, Symptom
from rescue.tree import SELINUX, Entry, Read, Tree

RELABEL = "/.autorelabel"
STEP = Step.KEY
READS = (*SSHD_READS, CONFIG_READ, Read(RELABEL, depth=0, content=False))

KEYS_TYPE, HOME_TYPE, ROOTS_HOME = "ssh_home_t", "user_home_dir_t", "admin_home_t"
DEFAULT = "unconfined_u:object_r:{}:s0"

UNREADABLE = frozenset({
    "unlabeled_t", "file_t", "default_t", "user_tmp_t", "tmp_t", "home_root_t", "var_t", "mnt_t", "root_t", "usr_t",
})  # fmt: skip
"""Types that sshd may not read: those of other places, or of files that no policy rule matches."""
READABLE = frozenset({KEYS_TYPE, HOME_TYPE, "user_home_t", "etc_t", "sshd_key_t"})


def find(facts: Facts) -> Iterator[Finding]:
    tree = facts.tree
    if not enforcing(tree) or tree.entry(RELABEL) is not None:
        return
    labelled = tree.entry(PASSWD)
    if labelled is None or labelled.xattr(SELINUX) is None:
        if facts.logins:
            yield _nothing_labelled()
        return
    for account in facts.logins:
        wrong = tuple(_wrong(facts, account))
        if wrong:
            yield unless_elsewhere(facts, account, _finding(account, wrong))


def _type(entry: Entry) -> str:
    """The type in the label; "" if there is none, which the kernel treats as unlabeled_t."""
    parts = (entry.xattr(SELINUX) or b"").rstrip(b"\0").decode("utf-8", "replace").split(":")
    return parts[2] if len(parts) > 2 else ""


def _wrong(facts: Facts, account: Account) -> Iterator[tuple[PurePosixPath, Entry, str]]:
    """What has a wrong label on the path to the keys: path, entry, and the correct type."""
    used = {key.location.path for key in keys_of(facts, account)}
    if not used or not account.home.startswith("/"):
        return
    home = PurePosixPath(account.home)
    wanted = [(home, ROOTS_HOME if account.uid == 0 else HOME_TYPE)]
    for path in sorted(used):
        if path.is_relative_to(home):
            below = (each for each in (path, *path.parents) if each != home and each.is_relative_to(home))
            wanted += [(each, KEYS_TYPE) for each in below]
    facts.tree.require(*(Read(str(path), depth=0) for path, _ in wanted))
    for path, right in wanted:
        entry = facts.tree.entry(path)
        if entry is None:
            continue
        found = _type(entry)
        if not found or found in UNREADABLE or (right == KEYS_TYPE and found == ROOTS_HOME):
            yield facts.tree.resolve(path), entry, right


def _finding(account: Account, wrong: tuple[tuple[PurePosixPath, Entry, str], ...]) -> Finding:
    told = ", ".join(f"{path} ({_type(entry) or 'no label'})" for path, entry, _ in wrong)
    return Finding(
        check="selinux-context",
        step=STEP,
        severity=Severity.BROKEN,
        message=f"SELinux blocks sshd from the keys of {account.name}: wrong labels on {told}.",
        symptom=Symptom.DENIED,
        locations=tuple(Location(path) for path, _, _ in wrong),
        repairs=(
            Repair(
                "set the policy's labels for homes and keys",
                Safety.SAFE,
                partial(_labelled, types=tuple((path, right) for path, _, right in wrong)),
            ),
        ),
        subject=account.name,
    )


def _nothing_labelled() -> Finding:
    return Finding(
        check="selinux-context",
        step=STEP,
        severity=Severity.DOUBTFUL,
        message=f"SELinux is enforcing ({CONFIG}), and not even {PASSWD} has a label: sshd may read nothing.",
        symptom=Symptom.DENIED,
        locations=(Location(PurePosixPath(CONFIG)), Location(PurePosixPath(PASSWD))),
        repairs=(Repair(f"relabel everything at the next boot ({RELABEL})", Safety.SAFE, _relabel),),
        reason="the labels may only be missing in this copy, and the boot may restore them",
    )


def _labelled(tree: Tree, types: tuple[tuple[PurePosixPath, str], ...]) -> Tree:
    for path, right in types:
        entry = tree.lentry(path)
        if entry is None:
            raise ValueError(f"{path} is missing")
        parts = (entry.xattr(SELINUX) or b"").rstrip(b"\0").decode("utf-8", "surrogateescape").split(":", 3)
        label = ":".join([*parts[:2], right, *parts[3:]]) if len(parts) > 2 else DEFAULT.format(right)
        others = tuple(pair for pair in entry.xattrs if pair[0] != SELINUX)
        raw = label.encode("utf-8", "surrogateescape") + b"\0"
        tree = tree.with_entries({str(path): replace(entry, xattrs=tuple(sorted((*others, (SELINUX, raw)))))})
    return tree


def _relabel(tree: Tree) -> Tree:
    return tree.write(RELABEL, "", mode=0o644, uid=0, gid=0)
