"""access.conf(5): who may log in from where, as pam_access reads it (pam_access.c of Linux-PAM 1.5)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import PurePosixPath
from re import compile as compile_pattern

from rescue.accounts.database import Account, Accounts
from rescue.model import Address, Location
from rescue.pam.stacks import Ruling
from rescue.tree import Read, Tree

DEFAULT = PurePosixPath("/etc/security/access.conf")
FOLDER = "/etc/security/access.d"
ACCESS_READS = (Read(str(DEFAULT), depth=0), Read(FOLDER, depth=1))

_BLANK = compile_pattern(r"[ \t,]+")


@dataclass(frozen=True, slots=True)
class _Asked:
    """Who logs in, and from where; source None if that is not known."""

    account: Account
    groups: frozenset[str]
    source: Address | None
    plain_groups: bool


Match = bool | None
"""Whether something fits; None if that is not to be told."""


def access(tree: Tree, account: Account, source: Address | None, arguments: tuple[str, ...]) -> Ruling:
    """What pam_access says, with its module's arguments. Raises NotCaptured where the file is not in the snapshot."""
    options = dict(word.partition("=")[::2] for word in arguments)
    if "fieldsep" in options or "listsep" in options:
        return Ruling(None)
    groups = Accounts(tree).groups_of(account)
    asked = _Asked(account, groups, source, plain_groups="nodefgroup" not in options)
    undecided: Location | None = None
    for path in _files(tree, options.get("accessfile")):
        for location, permission, users, origins in _entries(tree, path):
            fits = _both(_user_list(users, asked), _origin_list(origins, asked))
            if fits and undecided is None:
                return Ruling(permission == "+", location)
            if fits is None or fits:
                undecided = undecided or location
    return Ruling(True) if undecided is None else Ruling(None, undecided)


def _files(tree: Tree, named: str | None) -> tuple[PurePosixPath, ...]:
    if named is not None:
        tree.require(Read(named, depth=0))
        return (PurePosixPath(named),)
    tree.require(*ACCESS_READS)
    more = sorted(name for name in tree.children(FOLDER) if name.endswith(".conf"))
    return (DEFAULT, *(PurePosixPath(FOLDER) / name for name in more))


def _entries(tree: Tree, path: PurePosixPath) -> Iterator[tuple[Location, str, str, str]]:
    for number, line in enumerate((tree.text(path) or "").split("\n"), start=1):
        text = line.rstrip()
        fields = text.split(":", 2)
        if text.startswith("#") or len(fields) < 3 or fields[0].strip() not in ("+", "-"):
            continue
        yield Location(path, number, text), fields[0].strip(), fields[1], fields[2]


def _user_list(text: str, asked: _Asked) -> Match:
    return _list(_words(text), lambda word: _is_user(word, asked))


def _origin_list(text: str, asked: _Asked) -> Match:
    return _list(_words(text), lambda word: _is_origin(word, asked.source))


def _words(text: str) -> list[str]:
    return [word for word in _BLANK.split(text) if word]


def _list(words: list[str], fits: Callable[[str], Match]) -> Match:
    """list_match: one of the words before EXCEPT fits, and the list behind it does not."""
    at = next((index for index, word in enumerate(words) if word.upper() == "EXCEPT"), len(words))
    found: Match = False
    for word in words[:at]:
        one = fits(word)
        if one:
            found = True
            break
        found = None if one is None else found
    if found is False or at == len(words):
        return found
    excepted = _list(words[at + 1 :], fits)
    return _both(found, None if excepted is None else not excepted)


def _both(one: Match, other: Match) -> Match:
    if one is False or other is False:
        return False
    return None if None in (one, other) else True


def _is_user(word: str, asked: _Asked) -> Match:
    if word.startswith("@"):
        return None  # a netgroup
    if word.upper() == "ALL" or word.lower() == asked.account.name.lower():
        return True
    if word.startswith("(") and word.endswith(")"):
        return word[1:-1] in asked.groups
    if "@" in word:
        name, _, origin = word.partition("@")
        return _both(name.lower() == asked.account.name.lower(), _is_origin(origin, asked.source))
    return asked.plain_groups and word in asked.groups


def _is_origin(word: str, source: Address | None) -> Match:
    if word.upper() == "ALL":
        return True
    if word.upper() == "LOCAL" or word.startswith((":", "tty", "pts/")) or word in ("cron", "console"):
        return False  # somebody at the server itself
    if word.startswith("@"):
        return None
    network = _network(word)
    if network is None:
        return None  # a name, which only a name server can tell
    if source is None:
        return None
    return source.version == network.version and source in network


def _network(word: str) -> IPv4Network | IPv6Network | None:
    if word.endswith(".") and word.count(".") < 4:
        parts = word.rstrip(".").split(".")
        word = ".".join([*parts, *["0"] * (4 - len(parts))]) + f"/{8 * len(parts)}"
    try:
        return ip_network(word, strict=False)
    except ValueError:
        return None
