"""Users, groups and password states, as glibc reads passwd(5), group(5) and shadow(5) (nss_files).

A line that glibc can't parse does not exist for any program. Password hashes are looked at for their kind and
dropped: no object here holds one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import PurePosixPath
from re import compile as compile_pattern

from rescue.accounts.hashes import flaw, scheme_of
from rescue.model import Location
from rescue.tree import Read, Tree

PASSWD = "/etc/passwd"  # noqa: S105  a file's name
SHADOW = "/etc/shadow"
GROUP = "/etc/group"
_PASSWD, _SHADOW, _GROUP = PurePosixPath(PASSWD), PurePosixPath(SHADOW), PurePosixPath(GROUP)
ACCOUNT_READS = tuple(Read(path, depth=0) for path in (PASSWD, SHADOW, GROUP))

NO_LOGIN_SHELLS = frozenset({"nologin", "false", "true", "sync", "halt", "shutdown"})
"""Programs that are not shells; services have them in passwd(5)."""

MAX_ID = 0xFFFFFFFF
MAX_DIGITS = 100
SPACE = " \t\n\v\f\r"

_NUMBER = compile_pattern(r"[ \t\n\v\f\r]*([+-]?[0-9]+)")


class Password(StrEnum):
    """The states of a password field (crypt(5), shadow(5)).

    NONE: empty, the account opens without a password. HASH: a password opens it. LOCKED: a hash behind "!", which
    passwd -u brings back. DISABLED: no password can match ("*", "!", "!!").
    """

    NONE = "none"
    HASH = "hash"
    LOCKED = "locked"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class Account:
    """One line of passwd(5). `shell` and `home` are as written; an empty shell means /bin/sh.

    password: the state of passwd's own second field; None where it says that shadow(5) has it ("x"). flaw: as that of
    `Shadow`.
    """

    name: str
    uid: int
    gid: int
    home: str
    shell: str
    location: Location
    password: Password | None = None
    flaw: str = ""

    @property
    def has_login_shell(self) -> bool:
        """False if the shell only refuses logins (nologin, false). Does not check that it exists."""
        return self.shell.strip().rpartition("/")[2] not in NO_LOGIN_SHELLS


@dataclass(frozen=True, slots=True)
class Group:
    """One line of group(5)."""

    name: str
    gid: int
    members: tuple[str, ...]
    location: Location


@dataclass(frozen=True, slots=True)
class Shadow:
    """One line of shadow(5) without its hash.

    scheme: how the password is hashed ("yescrypt"), "" if it is not. exclamation: the field begins with "!", which
    sshd takes for a locked account where PAM is off (auth.c, LOCKED_PASSWD_PREFIX). lastchg and expire are days since
    1970-01-01, minimum, maximum, warn and inactive are days; None where the field is empty. flaw: why no password can
    match the field, though it is not meant as a lock; "" where there is none.
    """

    name: str
    password: Password
    scheme: str
    exclamation: bool
    lastchg: int | None
    minimum: int | None
    maximum: int | None
    warn: int | None
    inactive: int | None
    expire: int | None
    location: Location
    flaw: str = ""


class Accounts:
    """The accounts and groups of a tree. Raises NotCaptured when made on a tree without the three files."""

    def __init__(self, tree: Tree) -> None:
        tree.require(*ACCOUNT_READS)
        self._passwd = tree.text(PASSWD) or ""
        self._group = tree.text(GROUP) or ""
        self._shadow = tree.text(SHADOW)

    @cached_property
    def entries(self) -> tuple[Account, ...]:
        """Every valid line of passwd, duplicate names included, as getpwent(3) gives them."""
        return tuple(
            account
            for number, line in _lines(self._passwd)
            if (account := _parse_account(line, Location(_PASSWD, number, _redacted(line)))) is not None
        )

    @cached_property
    def _by_name(self) -> dict[str, Account]:
        found: dict[str, Account] = {}
        for account in self.entries:
            found.setdefault(account.name, account)
        return found

    @cached_property
    def users(self) -> tuple[Account, ...]:
        """The accounts in the order of passwd; the first line of each name counts."""
        return tuple(self._by_name.values())

    def get(self, name: str) -> Account | None:
        """The account that getpwnam(3) finds."""
        return self._by_name.get(name)

    def by_uid(self, uid: int) -> Account | None:
        """The account that getpwuid(3) finds: the first line with that uid."""
        return self._by_uid.get(uid)

    @cached_property
    def _by_uid(self) -> dict[int, Account]:
        found: dict[int, Account] = {}
        for account in self.entries:
            found.setdefault(account.uid, account)
        return found

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """Every valid line of group."""
        return tuple(
            group
            for number, line in _lines(self._group)
            if (group := _parse_group(line, Location(_GROUP, number, _redacted(line)))) is not None
        )

    def group(self, gid: int) -> Group | None:
        """The group that getgrgid(3) finds: the first line with that gid."""
        return self._groups_by_gid.get(gid)

    @cached_property
    def _groups_by_gid(self) -> dict[int, Group]:
        found: dict[int, Group] = {}
        for group in self.groups:
            found.setdefault(group.gid, group)
        return found

    def gids_of(self, account: Account) -> frozenset[int]:
        """The primary and the supplementary groups that initgroups(3) sets."""
        return frozenset({account.gid, *(each.gid for each in self.groups if account.name in each.members)})

    def groups_of(self, account: Account) -> frozenset[str]:
        """The names of `gids_of`, as sshd's AllowGroups sees them (groupaccess.c)."""
        return frozenset(found.name for gid in self.gids_of(account) if (found := self.group(gid)) is not None)

    def members(self, gid: int) -> frozenset[str]:
        """The names of all members of the group, by primary group or by the group's list."""
        listed = self.group(gid)
        return frozenset(
            {*(each.name for each in self.entries if each.gid == gid), *(listed.members if listed is not None else ())}
        )

    @property
    def has_shadow(self) -> bool:
        """Whether there is a shadow file at all."""
        return self._shadow is not None

    @cached_property
    def _shadows(self) -> dict[str, Shadow]:
        found: dict[str, Shadow] = {}
        for number, line in _lines(self._shadow or ""):
            shadow = _parse_shadow(line, Location(_SHADOW, number, _redacted(line)))
            if shadow is not None:
                found.setdefault(shadow.name, shadow)
        return found

    def shadow(self, name: str) -> Shadow | None:
        """The line that getspnam(3) finds; None if there is none or glibc can't parse it (a CR at its end)."""
        return self._shadows.get(name)

    def password(self, account: Account) -> Password:
        """The state of the password with which `account` logs in; DISABLED where shadow(5) has no line for it."""
        if account.password is not None:
            return account.password
        shadow = self.shadow(account.name)
        return Password.DISABLED if shadow is None else shadow.password

    def password_flaw(self, account: Account) -> str:
        """Why no password can match the account's field, though it is not meant as a lock; "" where there is none."""
        if account.password is not None:
            return account.flaw
        shadow = self.shadow(account.name)
        return "" if shadow is None else shadow.flaw

    def password_location(self, account: Account) -> Location:
        """The line with the account's password."""
        shadow = self.shadow(account.name) if account.password is None else None
        return account.location if shadow is None else shadow.location


def home_of(tree: Tree, name: str) -> str | None:
    """The account's home directory, for callers that have only the passwd file."""
    for number, line in _lines(tree.text(PASSWD) or ""):
        account = _parse_account(line, Location(_PASSWD, number)) if line.startswith(f"{name}:") else None
        if account is not None:
            return account.home
    return None


def ids(tree: Tree, path: str) -> dict[str, int] | None:
    """The names in passwd or group with their IDs, the first line of each name; None if there is no such file."""
    text = tree.text(path)
    if text is None:
        return None
    found: dict[str, int] = {}
    for _, line in _lines(text):
        name, _, number = [*line.split(":", 3), *[""] * 3][:3]
        if (value := _number(number)) is not None:
            found.setdefault(name, value)
    return found


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """The lines that nss_files parses, with their numbers: leading blanks, blank lines and comments are skipped."""
    for number, line in enumerate(text.split("\n"), start=1):
        line = line.partition("\0")[0].lstrip(SPACE)
        if line and line[0] not in "#+-":
            yield number, line


def _number(text: str) -> int | None:
    """A number of 32 bits as strtoul(3) reads it; None if it is not a number, or too large."""
    match = _NUMBER.fullmatch(text) if len(text) < MAX_DIGITS else None
    value = int(match[1]) if match is not None else -1
    return value if 0 <= value <= MAX_ID else None


def _parse_account(line: str, location: Location) -> Account | None:
    name, word, uid_text, gid_text, _, home, shell = [*line.split(":", 6), *[""] * 6][:7]
    uid, gid = _number(uid_text), _number(gid_text)
    if uid is None or gid is None:
        return None
    own = word != "x"
    return Account(name, uid, gid, home, shell, location, _state(word) if own else None, flaw(word) if own else "")


def _parse_group(line: str, location: Location) -> Group | None:
    name, _, gid_text, listed = [*line.split(":", 3), *[""] * 3][:4]
    gid = _number(gid_text)
    if gid is None:
        return None
    return Group(name, gid, tuple(member for each in listed.split(",") if (member := each.lstrip(SPACE))), location)


def _parse_shadow(line: str, location: Location) -> Shadow | None:
    fields = line.split(":", 8)
    if len(fields) == 6 and not fields[5].strip(SPACE):
        fields.pop()  # the old form, which ends after the maximum
    # glibc wants something to stand where a field begins, be it only the next colon.
    if len(fields) not in (5, 8, 9) or (len(fields) < 9 and not fields[-1]):
        return None
    days: list[int | None] = []
    for field in fields[2:]:
        value = _number(field)
        if value is None and field:
            return None
        # The fields are signed to programs: -1 means that nothing is set.
        days.append(None if value in (None, MAX_ID) else _signed(value))
    days += [None] * (7 - len(days))
    word = fields[1]
    state = _state(word)
    scheme = scheme_of(word.lstrip("!*")) if state in (Password.HASH, Password.LOCKED) else ""
    return Shadow(
        fields[0],
        state,
        scheme,
        word.startswith("!"),
        days[0],
        days[1],
        days[2],
        days[3],
        days[4],
        days[5],
        location,
        flaw(word),
    )


def _signed(value: int | None) -> int | None:
    return value if value is None or value <= MAX_ID >> 1 else value - MAX_ID - 1


def _state(word: str) -> Password:
    if not word:
        return Password.NONE
    bare = word.lstrip("!*")
    if bare == word:
        # A traditional DES hash has 13 characters and no "$"; anything shorter can't match (crypt(5)).
        whole = word.startswith(("$", "_")) or (len(word) > 12 and not flaw(word))
        return Password.HASH if whole else Password.DISABLED
    return Password.LOCKED if _state(bare) is Password.HASH else Password.DISABLED


def _redacted(line: str) -> str:
    """The line as it may be shown: the password field is replaced unless it only says that there is none."""
    fields = line.split(":")
    if len(fields) > 1 and fields[1] not in ("", "x", "*", "!", "!!", "!*", "*LK*"):
        fields[1] = "..."
    return ":".join(fields)
