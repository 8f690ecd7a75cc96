"""Where an account's keys belong, how to add them, and where people put them by mistake. No check itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import PurePosixPath
from re import IGNORECASE
from re import compile as compile_pattern

from rescue.accounts.database import Account
from rescue.accounts.permissions import WRITE, Person, allows
from rescue.facts import Facts
from rescue.keys.authorized_keys import KeyFile, read_key_file
from rescue.keys.mending import mended
from rescue.logins.trust import walk_of
from rescue.model import Client
from rescue.tree import SELINUX, Entry, Read, Tree

DIRECTORY_MODE, FILE_MODE, CENTRAL_MODE = 0o700, 0o600, 0o644

USUAL = ".ssh/authorized_keys"
"""The first of sshd's own default (servconf.h)."""

KEYS_TYPE = b"ssh_home_t"
"""The SELinux types of ~/.ssh and the files in it (ssh.fc of the reference policy)."""

_NOWHERE = frozenset({"/", "/nonexistent", "/dev/null", "/var/empty", "/run/sshd", "/bin", "/sbin"})
"""What accounts without a home have instead."""

_MISNAMED = compile_pattern(
    r"authori[sz]ed[-_. ]?keys?2?(?:\.(?:txt|bak|old|orig|save|backup|pub|disabled|1))?~? *", IGNORECASE
)


def add_lines(tree: Tree, client: Client, name: str, lines: tuple[str, ...]) -> Tree:
    """The tree with `lines` in the account's key file, which sshd trusts.

    Raises ValueError if the account, its home or a file to write to is missing.
    """
    facts = Facts(tree, client)
    account = facts.accounts.get(name)
    if account is None:
        raise ValueError(f"the account {name} does not exist")
    files = facts.key_files(account)
    if not files:
        raise ValueError(f"sshd reads no key file for {name}")
    found = next((each for each in files if each.present and not each.unread), files[0])
    tree = _appended(tree, account, found, lines)
    return walk_of(Facts(tree, client), account).mended(found.path)


def make_whole(tree: Tree, client: Client, name: str, path: PurePosixPath) -> Tree:
    """The tree with badly pasted keys repaired, in a file that sshd trusts."""
    whole = mended(tree.data(path) or b"")
    account = Facts(tree, client).accounts.get(name)
    if whole is None or account is None:
        raise ValueError(f"{path} has no line that can be turned into a key")
    tree = tree.write(path, whole)
    return walk_of(Facts(tree, client), account).mended(path)


def _appended(tree: Tree, account: Account, found: KeyFile, lines: tuple[str, ...]) -> Tree:
    if found.present:
        old = tree.data(found.path)
        if old is None:
            raise ValueError(f"{found.path} is too large")
        end = b"\r\n" if old.endswith(b"\r\n") else b"\n"
        new = old if not old or old.endswith(b"\n") else old + end
        return tree.write(found.path, new + b"".join(line.encode("utf-8", "surrogateescape") + end for line in lines))
    tree = without_dead_links(tree, found.path)
    text = "".join(f"{line}\n" for line in lines)
    home = PurePosixPath(account.home) if account.home.startswith("/") else None
    if home is None or home == PurePosixPath("/") or not found.path.is_relative_to(home):
        # A central directory belongs to the administrator: users must not own its files.
        return tree.write(found.path, text, mode=CENTRAL_MODE, uid=0, gid=0)
    entry = tree.entry(home)
    if entry is None or not entry.is_dir:
        raise ValueError(f"the home directory {home} does not exist")
    made = [found.path]
    for above in reversed(found.path.parents):
        if above.is_relative_to(home) and tree.entry(above) is None:
            tree = tree.make_dir(above, mode=DIRECTORY_MODE, uid=account.uid, gid=account.gid)
            made.append(above)
    tree = tree.write(found.path, text, mode=FILE_MODE, uid=account.uid, gid=account.gid)
    return _labelled(tree, entry, made)


def without_dead_links(tree: Tree, path: PurePosixPath) -> Tree:
    """The tree without the dangling link at the path or above it: a new file replaces it, and nothing is written to the
    link's target."""
    link = dead_link(tree, path)
    return tree if link is None else tree.remove(link)


def dead_link(tree: Tree, path: PurePosixPath) -> PurePosixPath | None:
    """The dangling link at the path or above it."""
    for each in (*reversed(path.parents), path):
        entry = tree.lentry(each)
        if entry is not None and entry.is_link and tree.entry(each) is None:
            return each
    return None


def _labelled(tree: Tree, home: Entry, made: Iterable[PurePosixPath]) -> Tree:
    """New key files with the SELinux type that sshd may read; unchanged if the home has no label."""
    parts = (home.xattr(SELINUX) or b"").rstrip(b"\0").split(b":", 3)
    if len(parts) < 3:
        return tree
    label = b":".join([parts[0], parts[1], KEYS_TYPE, *parts[3:]]) + b"\0"
    for path in made:
        real = tree.resolve(path)
        entry = tree.lentry(real)
        if entry is not None:
            others = tuple(pair for pair in entry.xattrs if pair[0] != SELINUX)
            labelled = replace(entry, xattrs=tuple(sorted((*others, (SELINUX, label)))))
            tree = tree.with_entries({str(real): labelled})
    return tree


def home_missing(facts: Facts, account: Account) -> bool:
    """Whether the account's home is missing, and every file that sshd reads for it would be in it."""
    home = PurePosixPath(account.home)
    if not account.home.startswith("/") or str(home) in _NOWHERE:
        return False
    facts.tree.require(Read(str(home), depth=0))
    files = facts.key_files(account)
    inside = bool(files) and all(each.path.is_relative_to(home) for each in files)
    return inside and facts.tree.entry(home) is None


def overlooked(facts: Facts, account: Account) -> KeyFile | None:
    """The file that sshd reads by default, if its settings name others and no key is in them.

    None unless it holds a key that would open the account: the client's, if that is known.
    """
    setting = facts.effective(account).setting("AuthorizedKeysFile")
    if setting.location is None or not account.home.startswith("/"):
        return None
    named = facts.key_files(account)
    if any(each.unread or _opens(facts, each) for each in named):
        return None
    usual = PurePosixPath(account.home) / USUAL
    if usual in {each.path for each in named}:
        return None
    facts.tree.require(Read(str(usual), depth=0))
    found = read_key_file(facts.tree, usual)
    return found if _opens(facts, found) and _own(facts, account, usual) else None


def _opens(facts: Facts, found: KeyFile) -> bool:
    wanted = facts.client.key.split()[1:2] if facts.client.key is not None else None
    return any(wanted is None or [key.blob] == wanted for key in found.keys)


def misplaced(facts: Facts, account: Account) -> Iterator[tuple[PurePosixPath, tuple[str, ...]]]:
    """Misnamed or misplaced files that hold keys, with those lines unchanged.

    Only files that nobody but the account and root could have written: a key in any other may belong to anyone.
    """
    known = {found.path for found in facts.key_files(account)}
    for path in _candidates(facts, account):
        if path in known or not _own(facts, account, path):
            continue
        lines = tuple(key.location.text for key in read_key_file(facts.tree, path).keys)
        if lines:
            yield path, lines


def places(facts: Facts, account: Account) -> tuple[Read, ...]:
    """The directories where rescue looks for misplaced keys."""
    if not account.home.startswith("/") or account.home.strip("/") == "":
        return ()
    home = PurePosixPath(account.home)
    named = (found.path.parent for found in facts.key_files(account))
    folders = dict.fromkeys((*named, home / ".ssh", home / "ssh", home))
    return tuple(Read(str(folder), depth=1, content=False) for folder in folders)


def _candidates(facts: Facts, account: Account) -> Iterator[PurePosixPath]:
    tree, reads = facts.tree, places(facts, account)
    tree.require(*reads)
    folders = [PurePosixPath(read.path) for read in reads]
    found = [folder / name for folder in folders for name in tree.children(folder) if _MISNAMED.fullmatch(name)]
    tree.require(*(Read(str(path), depth=0) for path in found))
    yield from found


def _own(facts: Facts, account: Account, path: PurePosixPath) -> bool:
    entry = facts.tree.lentry(path)
    above = facts.tree.entry(path.parent)
    if entry is None or above is None or not entry.is_file or entry.uid not in (0, account.uid):
        return False
    stranger = Person(-1, frozenset())
    return not entry.mode & 0o020 and not allows(entry, stranger, WRITE) and not allows(above, stranger, WRITE)
