"""Modules that ask who is in a file: pam_listfile, pam_shells, pam_securetty, pam_usertype, pam_localuser.

Each as its C file in Linux-PAM reads it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from rescue.accounts.database import Account, Accounts
from rescue.accounts.login_defs import number
from rescue.model import Location
from rescue.pam.stacks import Ruling
from rescue.tree import Read, Tree

SHELLS = PurePosixPath("/etc/shells")
SECURETTY = PurePosixPath("/etc/securetty")
FIRST_REGULAR, OVERFLOW = 1000, 65534
"""UID_MIN where login.defs(5) has none; the uid that pam_usertype takes for a system account."""
ITEMS = ("tty", "user", "rhost", "ruser", "group", "shell")
TTY = "ssh"
"""The terminal that sshd reports while PAM checks the account (auth-pam.c)."""

OTHERS_WRITE = 0o002


@dataclass(frozen=True, slots=True)
class ListOptions:
    """The arguments of pam_listfile. item and path are "" where they are not given."""

    item: str = ""
    path: str = ""
    denies: bool | None = None
    forgiving: bool = False
    applies: str = ""

    @classmethod
    def of(cls, arguments: tuple[str, ...]) -> ListOptions:
        """Parse the words of the line; the last of each kind counts."""
        given = dict(word.partition("=")[::2] for word in arguments)
        sense = {"deny": True, "allow": False}.get(given.get("sense", ""))
        item = given.get("item", "")
        return cls(
            item if item in ITEMS else "",
            given.get("file", ""),
            sense,
            given.get("onerr") == "succeed",
            given.get("apply", "") if item in ("tty", "rhost") else "",
        )


def list_file(tree: Tree, account: Account, source: str | None, arguments: tuple[str, ...]) -> Ruling:
    """What pam_listfile says; `source` is the client's address as PAM sees it, None if not known."""
    options = ListOptions.of(arguments)
    groups = Accounts(tree).groups_of(account)
    if options.applies and not _concerns(options.applies, account, groups):
        return Ruling(True, ignored=True)
    if options.denies is None or not options.path.startswith("/") or not options.item:
        return Ruling(options.forgiving, why="its arguments are incomplete or invalid")
    tree.require(Read(options.path, depth=0))
    place = Location(PurePosixPath(options.path))
    entry = tree.lentry(options.path)
    if entry is None:
        return Ruling(options.forgiving, place, f"the list {options.path} does not exist")
    if not entry.is_file or entry.mode & OTHERS_WRITE:
        return Ruling(False, place, f"the list {options.path} can be written by anybody, or is not a file")
    text = tree.text(options.path)
    if text is None:
        return Ruling(None, place, f"the list {options.path} is too large to be read")
    wanted = _wanted(options.item, account, source, groups)
    if wanted is None:
        return Ruling(None, place, "your address is not known")
    lines = [line.rstrip("\r") for line in text.split("\n")]
    if options.item == "tty":
        lines = [line.removeprefix("/dev/") for line in lines]
    at = next((number for number, line in enumerate(lines, start=1) if line and line in wanted), 0)
    if at:
        return Ruling(not options.denies, Location(place.path, at, lines[at - 1]), f"it is in the list {options.path}")
    return Ruling(options.denies, place, f"it is not in the list {options.path}")


def _concerns(applies: str, account: Account, groups: frozenset[str]) -> bool:
    return applies[1:] in groups if applies.startswith("@") else applies == account.name


def _wanted(item: str, account: Account, source: str | None, groups: frozenset[str]) -> frozenset[str] | None:
    """The lines that fit; None where that is not known, empty where PAM has nothing of the kind."""
    if item == "user":
        return frozenset({account.name})
    if item == "group":
        return groups
    if item == "shell":
        return frozenset({account.shell or "/bin/sh"})
    if item == "tty":
        return frozenset({TTY})
    if item == "rhost":
        return None if source is None else frozenset({source})
    return frozenset()


def shells(tree: Tree, account: Account) -> Ruling:
    """What pam_shells says: the account's shell must be a line of /etc/shells."""
    tree.require(Read(str(SHELLS), depth=0))
    place = Location(SHELLS)
    entry = tree.entry(SHELLS)
    shell = account.shell or "/bin/sh"
    if entry is None:
        return Ruling(False, place, f"{SHELLS} does not exist")
    if not entry.is_file or entry.mode & OTHERS_WRITE:
        return Ruling(False, place, f"{SHELLS} can be written by anybody, or is not a file")
    if shell in (tree.text(SHELLS) or "").split("\n"):
        return Ruling(True)
    return Ruling(False, place, f"the shell {shell} is not in {SHELLS}")


def securetty(tree: Tree, account: Account) -> Ruling:
    """What pam_securetty says: root only at a terminal that the file lists; without the file, anywhere."""
    if account.uid != 0:
        return Ruling(True)
    tree.require(Read(str(SECURETTY), depth=0))
    place = Location(SECURETTY)
    entry = tree.entry(SECURETTY)
    if entry is None:
        return Ruling(True)
    if not entry.is_file or entry.mode & OTHERS_WRITE:
        return Ruling(False, place, f"{SECURETTY} can be written by anybody, or is not a file")
    if TTY in (line.removeprefix("/dev/") for line in (tree.text(SECURETTY) or "").split("\n")):
        return Ruling(True)
    return Ruling(False, place, f"{SECURETTY} has no line {TTY!r}, so root may not log in over SSH")


def user_type(tree: Tree, account: Account, arguments: tuple[str, ...]) -> Ruling:
    """What pam_usertype says: "isregular" or "issystem", by UID_MIN of login.defs(5)."""
    first = number(tree, "UID_MIN", FIRST_REGULAR)
    system = account.uid < first or account.uid == OVERFLOW
    wanted = next((word for word in arguments if word in ("isregular", "issystem")), "")
    if not wanted:
        return Ruling(False, why="its arguments are incomplete")
    kind = "system" if system else "regular"
    return Ruling(system == (wanted == "issystem"), why=f"uid {account.uid} is one of a {kind} account")


def local_user(arguments: tuple[str, ...]) -> Ruling:
    """What pam_localuser says of an account of /etc/passwd."""
    if any(word.startswith("file=") for word in arguments):
        return Ruling(None, why="it looks into a file of its own")
    return Ruling(True)
