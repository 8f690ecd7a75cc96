"""Saved ipsets: the files of ``ipset save``, loaded as ``ipset restore -exist`` loads them (ipset(8)).

Loading stops at a line that fails: everything before it is in the kernel, nothing after it. A set holds at most
`maxelem` elements (65536 by default), and adding one more fails; but the kernel counts a large set in parts
(ip_set_hash_gen.h), so the disk does not show at which line such a set is full.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import PurePosixPath
from re import compile as compile_pattern
from typing import NamedTuple

from rescue.firewall.engine.addresses import AddressSet, union
from rescue.firewall.engine.ruleset import LoadProblem
from rescue.firewall.ipset.elements import FullSet, IpsetError, IpsetKernelError, Key, further, keys
from rescue.model import Location

LONGEST_NAME = 31
"""Maximum length of a set's name (IPSET_MAXNAMELEN, without the final NUL)."""

MAXELEM = 65536
MOST_ELEMENTS = 1 << 20
"""How many elements the lines of one file may stand for in total."""

TYPES = frozenset(
    ["bitmap:ip", "bitmap:ip,mac", "bitmap:port", "hash:ip", "hash:mac", "hash:ip,mac", "hash:net", "hash:net,net",
     "hash:ip,port", "hash:net,port", "hash:ip,port,ip", "hash:ip,port,net", "hash:net,port,net", "hash:net,iface",
     "hash:ip,mark", "list:set"]
)  # fmt: skip
"""A type names its dimensions after the colon."""

_ALIASES = {"iphash": "hash:ip", "nethash": "hash:net", "ipporthash": "hash:ip,port", "ipmap": "bitmap:ip",
            "portmap": "bitmap:port", "setlist": "list:set", "ipportiphash": "hash:ip,port,ip",
            "ipportnethash": "hash:ip,port,net", "macipmap": "bitmap:ip,mac"}  # fmt: skip

_VALUED = frozenset(
    ["family", "hashsize", "maxelem", "netmask", "bitmask", "timeout", "range", "size", "initval", "bucketsize",
     "packets", "bytes", "comment", "skbmark", "skbprio", "skbqueue", "markmask", "probes", "resize", "gc"]
)  # fmt: skip
"""Options with a value; "comment" has one only in an added element."""
_SWITCHES = frozenset(["counters", "forceadd", "skbinfo", "nomatch", "wildcard"])

_COMMANDS = {"-N": "create", "--create": "create", "n": "create", "-A": "add", "--add": "add", "-D": "del",
             "--del": "del", "-F": "flush", "--flush": "flush", "-X": "destroy", "--destroy": "destroy"}  # fmt: skip


class Member(NamedTuple):
    """One element. nomatch: an exception from a wider element of the set."""

    nomatch: bool
    line: int


@dataclass(eq=False)
class IpSet:
    """One set. version: of its addresses, None if it has none. line: where it is created. members: by their other
    dimensions. doubt: why its content is unknown."""

    name: str
    type: str
    version: int | None
    line: int
    options: Mapping[str, str] = field(default_factory=dict)
    members: dict[Key, Member] = field(default_factory=dict)
    count: int = 0
    doubt: str = ""

    @property
    def dimensions(self) -> tuple[str, ...]:
        return tuple(self.type.partition(":")[2].split(","))

    @property
    def maxelem(self) -> int | None:
        """The maximum number of elements; None if there is no such limit."""
        if not self.type.startswith("hash:") or "forceadd" in self.options:
            return None
        told = self.options.get("maxelem", "")
        return int(told, 0) if told.isascii() and told.isdigit() and int(told) else MAXELEM

    @cached_property
    def plain(self) -> str:
        """How its elements start: "ip" or "net" for a plain IPv4 address or network; else empty."""
        first = self.dimensions[0]
        usual = self.type.startswith("hash:") and self.version == 4 and "netmask" not in self.options
        return first if usual and first in ("ip", "net") else ""

    @cached_property
    def known(self) -> dict[str, Key | None]:
        """Cache of what elements have after their first part: most use one of a few ports there."""
        return {}

    @cached_property
    def most(self) -> int:
        return MOST_ELEMENTS if self.maxelem is None else self.maxelem

    @cached_property
    def groups(self) -> dict[Key, AddressSet]:
        """For each combination of the other dimensions, the addresses of the first one.

        The most specific network decides: an element with "nomatch" excludes its addresses from wider ones.
        """
        found: dict[Key, list[tuple[int, int, bool]]] = {}
        for key, member in self.members.items():
            low, high = key[0]
            found.setdefault(key[1:], []).append((low, high, member.nomatch))
        return {rest: _most_specific(self.version or 4, parts) for rest, parts in found.items()}

    @property
    def has_exceptions(self) -> bool:
        return any(member.nomatch for member in self.members.values())


def _most_specific(version: int, parts: list[tuple[int, int, bool]]) -> AddressSet:
    if not any(nomatch for _, _, nomatch in parts):
        return union(version, (AddressSet(version, (low, high)) for low, high, _ in parts))
    made = AddressSet.nothing(version)
    for size in sorted({high - low for low, high, _ in parts}, reverse=True):
        here = [(low, high, nomatch) for low, high, nomatch in parts if high - low == size]
        out, within = (
            union(version, (AddressSet(version, (low, high)) for low, high, nomatch in here if nomatch is wanted))
            for wanted in (True, False)
        )
        made = (made - out) | within
    return made


@dataclass(eq=False, frozen=True, slots=True)
class IpSets:
    """The sets of one file, and the lines that do not load. whole: whether the whole file was read."""

    path: PurePosixPath
    sets: Mapping[str, IpSet]
    problems: tuple[LoadProblem, ...] = ()
    whole: bool = True


@lru_cache(maxsize=2)
def read_sets(text: str, path: PurePosixPath) -> IpSets:
    """What the kernel holds after restoring the file. The sets must not be modified."""
    sets: dict[str, IpSet] = {}
    left, full = MOST_ELEMENTS, ""
    run, began = "", 0  # the set that the latest lines add to, and the first of these lines
    for number, line in enumerate(text.split("\n"), start=1):
        if not line or line.isspace() or line.startswith("#"):
            continue
        try:
            added_to = _usual(line, number, sets)
            if added_to:
                left -= 1
            else:
                added_to = _added_to(line)
                left -= _obey(line, number, sets)
            if left < 0:
                return IpSets(path, sets, whole=False)
        except FullSet as problem:
            full = full or str(problem)
        except IpsetError as problem:
            lost = "what comes after it"
            if not isinstance(problem, IpsetKernelError):
                _not_sent(sets.get(run), began, number)
            return IpSets(path, sets, (LoadProblem(str(problem), Location(path, number, line[:200]), lost),))
        if full:
            _doubted(line, sets, full)
        if added_to != run:
            run, began = added_to, number
    return IpSets(path, sets)


SENT_AT_ONCE = 20
"""How many elements certainly reach the kernel in one message: ipset(8) batches those added to the same set."""


def _added_to(line: str) -> str:
    words = line.split(None, 2)
    return words[1] if len(words) > 1 and _COMMANDS.get(words[0], words[0]) == "add" else ""


def _not_sent(held: IpSet | None, began: int, number: int) -> None:
    """If ipset stops at a line that it can't parse, the elements batched for `held` are lost."""
    if held is None or held.doubt:
        return
    if number - began > SENT_AT_ONCE:
        held.doubt = f"which of its elements are loaded where the load ends, at line {number}"
        return
    for key in [key for key, member in held.members.items() if member.line >= began]:
        del held.members[key]


COUNTED_WHOLE = 2048
"""Sets of up to this many elements are counted as one part."""


def _doubted(line: str, sets: Mapping[str, IpSet], full: str) -> None:
    for name in line.split()[1:2]:
        if name in sets:
            sets[name].doubt = full


_BYTE = "(0|[1-9][0-9]{0,2})"
_USUAL = compile_pattern(rf"add (\S+) {_BYTE}\.{_BYTE}\.{_BYTE}\.{_BYTE}(?:/([1-9][0-9]?))?(?:,([^\s\"]+))?")
"""With a zero before a number it is octal, which `elements` reads."""

MOST_KNOWN = 1000
"""How many boundaries of a set's elements are cached."""


def _usual(line: str, number: int, sets: Mapping[str, IpSet]) -> str:
    """Fast path for the usual line: an element that starts with an IPv4 address or network.

    Returns the set that it is added to; nothing for any other line.
    """
    found = _USUAL.fullmatch(line)
    held = sets.get(found[1]) if found is not None else None
    if found is None or held is None or not held.plain or held.doubt:
        return ""
    name, one, two, three, four, prefix, more = found.groups()
    ends = _further(held, more)
    if ends is None:
        return ""
    bits = int(prefix) if prefix is not None else 32
    first = int(one) << 24 | int(two) << 16 | int(three) << 8 | int(four)
    if max(len(one), len(two), len(three), len(four)) > 2 and max(int(one), int(two), int(three), int(four)) > 255:
        return ""
    if bits > 32 or (bits < 32 and held.plain != "net"):
        return ""
    size = 1 << (32 - bits)
    first &= -size
    key = ((first, first + size), *ends)
    members = held.members
    if key not in members:
        if held.count >= held.most:
            return ""
        held.count += 1
    members[key] = Member(False, number)
    return name


def _further(held: IpSet, text: str | None) -> Key | None:
    """The rest of an element after its first part, if it is easy to parse."""
    if text is None:
        return () if held.type in ("hash:ip", "hash:net") else None
    known = held.known
    if text not in known:
        if len(known) >= MOST_KNOWN:
            return further(held, text)
        known[text] = further(held, text)
    return known[text]


def _obey(line: str, number: int, sets: dict[str, IpSet]) -> int:
    """Execute a line; returns how many elements it stands for."""
    words = line.split() if '"' not in line else list(_quoted(line))
    words = [word for word in words if word not in ("-exist", "-!", "--exist")] if "exist" in line else words
    command = _COMMANDS.get(words[0], words[0])
    if command in ("COMMIT", "save", "list"):
        return 0
    if len(words) < 2 or command not in ("create", "add", "del", "flush", "destroy"):
        raise IpsetError(f"not a command that is known here: {words[0][:40]!r}")
    name = words[1]
    if command == "create":
        _create(name, words[2:], number, sets)
        return 0
    held = sets.get(name)
    if held is None:
        refused = IpsetKernelError if command in ("flush", "destroy") else IpsetError
        raise refused(f"there is no set {name[:40]!r}")
    if held.doubt and command == "add":
        return 0  # what part of it is loaded is not known already
    if command == "destroy":
        del sets[name]
    elif command == "flush":
        held.members.clear()
        held.count = 0
    elif len(words) < 3:
        raise IpsetError("an element is missing")
    elif command == "del":
        _delete(held, words[2], sets)
    else:
        return _add(held, words, number, sets)
    return 0


def _quoted(line: str) -> Iterator[str]:
    """The words of a line with a quoted comment, which can't contain quotes itself."""
    for at, part in enumerate(line.split('"')):
        if at % 2:
            yield part
        else:
            yield from part.split()


def _create(name: str, words: list[str], number: int, sets: dict[str, IpSet]) -> None:
    if not words or len(name.encode("utf-8", "surrogateescape")) > LONGEST_NAME:
        raise IpsetError(f"not a set: {name[:40]!r}")
    type_name = _ALIASES.get(words[0], words[0])
    if type_name not in TYPES:
        raise IpsetError(f"unknown set type {words[0][:40]!r}")
    options: dict[str, str] = {}
    rest = iter(words[1:])
    for word in rest:
        if word in _SWITCHES or word == "comment":
            options[word] = ""
        elif word in _VALUED and (value := next(rest, None)) is not None:
            options[word] = value
        elif word in ("-4", "-6"):
            options["family"] = "inet" if word == "-4" else "inet6"
        else:
            raise IpsetError(f"not an option of a set: {word[:40]!r}")
    family = options.get("family", "inet")
    if family not in ("inet", "ipv4", "inet6", "ipv6"):
        raise IpsetError(f"not a family: {family[:40]!r}")
    dimensions = type_name.partition(":")[2].split(",")
    version = (6 if family.endswith("6") else 4) if {"ip", "net"} & set(dimensions) else None
    held = sets.get(name)
    if held is not None:
        if held.type != type_name or held.version != version:
            raise IpsetKernelError(f"the set {name!r} already exists with another type")
        return
    doubt = "its addresses are compared by a mask" if "bitmask" in options else ""
    sets[name] = IpSet(name, type_name, version, number, options, doubt=doubt)


def _add(held: IpSet, words: list[str], number: int, sets: Mapping[str, IpSet]) -> int:
    nomatch = wildcard = False
    rest = iter(words[3:])
    for word in rest:
        if word == "nomatch":
            nomatch = True
        elif word == "wildcard":
            wildcard = True
        elif word in _VALUED or word in ("before", "after"):
            next(rest, None)
        elif word not in _SWITCHES:
            raise IpsetError(f"not an option of an element: {word[:40]!r}")
    added = 0
    for key, count in keys(held, words[2], sets, wildcard=wildcard):
        added += count
        if key not in held.members:
            over = held.count + count > held.most
            held.count += count
            if over and held.most <= COUNTED_WHOLE:
                raise IpsetKernelError(f"the set {held.name} is full: it holds {held.most} elements at most (maxelem)")
            if over:
                raise FullSet(
                    f"{held.name} gets more elements than it holds (maxelem {held.most}), where the load ends"
                )
        held.members[key] = Member(nomatch, number)
        if added > MOST_ELEMENTS:
            break
    return added


def _delete(held: IpSet, element: str, sets: Mapping[str, IpSet]) -> None:
    for key, count in keys(held, element, sets, wildcard=False):
        if held.members.pop(key, None) is not None:
            held.count -= count
