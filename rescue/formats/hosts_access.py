"""hosts.allow and hosts.deny: whom TCP wrappers let in (hosts_access(5), hosts_options(5); libwrap 7.6.q as Debian
builds it). Nothing that the files name is run or looked up: what hangs on a name server or a program is undecided."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from ipaddress import IPv6Address
from pathlib import PurePosixPath
from re import ASCII, DOTALL
from re import compile as compile_pattern

from rescue.formats.except_list import in_list
from rescue.model import Address, Known, Location, both
from rescue.tree import Read, Tree

ALLOW, DENY = PurePosixPath("/etc/hosts.allow"), PurePosixPath("/etc/hosts.deny")
HOSTS_READS = (Read(str(ALLOW), depth=0), Read(str(DENY), depth=0))

DAEMON = "sshd"
"""What sshd calls itself here, sshd-session of OpenSSH 9.8 and later too."""

LONGEST_LINE = 2047
"""Bytes of a line, with those that continue it and its newline (BUFLEN of tcpd.h)."""

DEEPEST = 4
"""How many files of patterns are read inside one another; libwrap has no limit, and never comes back from a circle."""

_SEPARATORS = compile_pattern(r"[, \t\r\n]+")
_BY_NAME = {"KNOWN", "UNKNOWN", "LOCAL", "PARANOID"}
_NUMERIC = compile_pattern(r"[0-9.*?/]+", ASCII)
_PART = compile_pattern(r"0[xX](?P<hex>[0-9a-fA-F]{1,40})|0(?P<octal>[0-7]{0,40})|(?P<decimal>[1-9][0-9]{0,40})", ASCII)
_INTEGER = compile_pattern(r"\s*[+-]?[0-9]{1,9}", ASCII)
_OPTION = compile_pattern(r"([^= \t\r\n]*)[ \t\r\n]*=?[ \t\r\n]*(.*)", DOTALL)
_FIELD = compile_pattern(r"(?<!\\):")

_WITHOUT_VALUE, _MAY_HAVE_VALUE = {"keepalive", "allow", "deny"}, {"rfc931", "nice"}
_WITH_VALUE = {"user", "group", "umask", "linger", "spawn", "twist", "setenv", "severity", "banners", "aclexec"}
_LAST = {"allow", "deny", "twist"}
_HANGS_ON_MORE = {"user", "group", "aclexec"}
"""Options that turn the client away if a name is not known, or a program says so."""
_NUMBERS = {
    "umask": compile_pattern(r"[0-7]{1,4}", ASCII),
    "linger": compile_pattern(r"[0-9]{1,9}", ASCII),
    "nice": compile_pattern(r"([0-9]{1,2})?", ASCII),
    "rfc931": compile_pattern(r"([1-9][0-9]{0,2})?", ASCII),
}
_LEVELS = {"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"}
_FACILITIES = {
    "kern", "user", "mail", "daemon", "auth", "authpriv", "lpr", "news", "uucp", "cron", "ftp",
    *(f"local{number}" for number in range(8)),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class HostsAccessLine:
    """One rule: daemons, clients and options. first, last: the numbers of its lines in the file, from 1.

    unfinished: it has no newline or is too long, where libwrap stops reading: it is no rule then, and in hosts.deny
    it turns everybody away.
    """

    path: PurePosixPath
    first: int
    last: int
    text: str
    daemons: str
    clients: str
    options: str | None = None
    unfinished: bool = False

    @property
    def location(self) -> Location:
        return Location(self.path, self.first, self.text)


@dataclass(frozen=True, slots=True)
class Ruling:
    """What the files say. allowed: None if unknown; line: what decides, or what depends on more than the
    disk; None where no line fits, which lets the client in."""

    allowed: Known
    line: HostsAccessLine | None = None


def hosts_access(tree: Tree, source: Address | None) -> Ruling:
    """What libwrap says to `source`; with None, to somebody whose address no line names. Raises `NotCaptured`."""
    doubts: list[HostsAccessLine] = []
    possible: set[bool] = set()
    for line, fits in _that_may_fit(tree, source):
        says = _options(line.options, usual=line.path == ALLOW)
        possible.update((True, False) if says is None else (says,))
        if fits and len(possible) == 1:
            return Ruling(says, line)
        doubts.append(line)
        if fits:
            return Ruling(None, doubts[0])
    return Ruling(None, doubts[0]) if False in possible else Ruling(True)


def first_that_may_fit(tree: Tree, source: Address) -> HostsAccessLine | None:
    """The first rule that fits `source`, or may; None if none does."""
    return next((line for line, _ in _that_may_fit(tree, source)), None)


def _that_may_fit(tree: Tree, source: Address | None) -> Iterator[tuple[HostsAccessLine, Known]]:
    """The rules that fit, or may fit (None), in the order in which libwrap looks at them."""
    tree.require(*HOSTS_READS)
    for path in (ALLOW, DENY):
        for line in lines_for_sshd(tree, path):
            if line.unfinished:
                if path == DENY:
                    yield line, True
                break
            fits = both(_server(line), _clients(tree, line.clients, source))
            if fits is not False:
                yield line, fits


def lines_for_sshd(tree: Tree, path: PurePosixPath) -> Iterator[HostsAccessLine]:
    """The rules of one file that are, or may be, about sshd."""
    for line in rules(path, tree.text(path) or ""):
        if line.unfinished or _server(line) is not False:
            yield line


def admits_somebody(line: HostsAccessLine) -> bool:
    """Whether a rule admits those whom it names, or denies all but some: then it may be intended."""
    says = _options(line.options, usual=line.path == ALLOW)
    return not line.unfinished and (says is not False or "EXCEPT" in line.clients.upper().split())


def rules(path: PurePosixPath, text: str) -> Iterator[HostsAccessLine]:
    """The rules of a file, as table_match of hosts_access.c splits them; what it passes over is left out."""
    joined, first = "", 1
    physical = text.split("\n")
    for number, part in enumerate(physical[:-1], start=1):
        joined += part
        if part.endswith("\\"):
            joined = joined[:-1]
            continue
        if _length(joined) >= LONGEST_LINE:
            yield HostsAccessLine(path, first, number, joined[:LONGEST_LINE], "", "", unfinished=True)
            return
        line = _rule(path, first, number, joined)
        if line is not None:
            yield line
        joined, first = "", number + 1
    if joined or physical[-1]:
        yield HostsAccessLine(path, first, len(physical), joined + physical[-1], "", "", unfinished=True)


def _length(text: str) -> int:
    return len(text.encode("utf-8", "surrogateescape"))


def _rule(path: PurePosixPath, first: int, last: int, text: str) -> HostsAccessLine | None:
    daemons, clients = _split(text)
    if text.startswith("#") or clients is None:  # elsewhere # is a letter like others
        return None
    clients, options = _split(clients)
    return HostsAccessLine(path, first, last, text, daemons, clients, options)


def _split(text: str) -> tuple[str, str | None]:
    """What is before the first colon outside of brackets, and what is behind it; None if there is none."""
    depth = 0
    for at, letter in enumerate(text):
        depth += (letter == "[") - (letter == "]")
        if letter == ":" and depth == 0:
            return text[:at], text[at + 1 :]
    return text, None


def words(text: str) -> list[str]:
    """The words of a list of daemons or clients."""
    return [word for word in _SEPARATORS.split(text) if word]


def _server(line: HostsAccessLine) -> Known:
    return in_list(words(line.daemons), _daemon)


def _daemon(word: str) -> Known:
    name, at, _ = word[1:].partition("@")
    if not _text(word[0] + name, DAEMON):
        return False
    return None if at else True  # which of the server's addresses was dialled is not known


def _clients(tree: Tree, text: str, source: Address | None) -> Known:
    return in_list(words(text), lambda word: _client(tree, word, source))


def _client(tree: Tree, word: str, source: Address | None) -> Known:
    user, at, host = word[1:].partition("@")
    if not at:
        return _host(tree, word, source)
    # sshd gives no user to ask about: libwrap asks the client's identd, and hears "unknown" from almost all.
    named = word[0] + user
    known = True if named.upper() == "ALL" else None
    return both(_host(tree, host, source), known)


def _host(tree: Tree, word: str, source: Address | None, depth: int = 0) -> Known:
    if word.startswith("@"):
        return None  # a netgroup
    if word.startswith("/"):
        return _file(tree, word, source, depth)
    if word.upper() == "ALL":
        return True
    if word.upper() in _BY_NAME:
        return None
    if source is None:
        return _stranger(word)
    if "/" in word:
        return _masked(word, source)
    if word.startswith("["):
        return _bracketed(word) == source
    if _text(word, str(source)):
        return True
    return False if _is_numeric(word) else None


def _stranger(word: str) -> Known:
    """A client on the network that no address or network names."""
    if word in ("*", "[::]/0"):
        return True
    return False if _is_numeric(word) else None


def _is_numeric(word: str) -> bool:
    return _NUMERIC.fullmatch(word) is not None or word.startswith("[") or "/" in word


def _file(tree: Tree, word: str, source: Address | None, depth: int) -> Known:
    if depth >= DEEPEST:
        return None
    tree.require(Read(word, depth=0))
    text = tree.text(word)
    if text is None:
        return False if tree.entry(word) is None else None
    found: Known = False
    for each in text.split():
        one = _host(tree, each, source, depth + 1)
        if one:
            return True
        found = None if one is None else found
    return found


def _text(pattern: str, value: str) -> bool:
    """string_match: how a pattern fits a name or the text of an address."""
    low, value = pattern.lower(), value.lower()
    if "*" in low or "?" in low:
        return fnmatchcase(value, low.replace("[", "[[]"))
    if low.startswith("."):
        return len(value) > len(low) and value.endswith(low)
    if low == "all":
        return True
    if low.endswith("."):
        return value.startswith(low)
    return value == low


def _masked(word: str, source: Address) -> bool:
    """masked_match: over IPv4 a network whose host part is not zero fits nobody, and so does /0."""
    net, _, mask = word.partition("/")
    length = _atoi(mask)
    if source.version == 6:
        base = _bracketed(net)
        if base is None or not 0 <= length <= 128:
            return False
        return int(base) >> 128 - length == int(source) >> 128 - length
    base4, ones = _quad(net), _quad(mask)
    if ones is None and 0 < length <= 32:
        ones = 0xFFFFFFFF << (32 - length) & 0xFFFFFFFF
    return base4 is not None and ones is not None and int(source) & ones == base4


def _atoi(text: str) -> int:
    """atoi(3): the digits at the beginning count; without any it is 0."""
    found = _INTEGER.match(text)
    return int(found[0]) if found else 0


def _quad(text: str) -> int | None:
    """dot_quad_addr: four numbers, also octal (0377) or hexadecimal; inet_addr(3) has no 255.255.255.255."""
    parts = [_PART.fullmatch(part) for part in text.split(".")]
    if len(parts) != 4:
        return None
    value = 0
    for part in parts:
        if part is None:
            return None
        base = 16 if part["hex"] else 10 if part["decimal"] else 8
        number = int(part["hex"] or part["decimal"] or part["octal"] or "0", base)
        if number > 0xFF:
            return None
        value = value << 8 | number
    return None if value == 0xFFFFFFFF else value


def _bracketed(word: str) -> IPv6Address | None:
    """An IPv6 address in brackets; without them it would end at its first colon."""
    try:
        return IPv6Address(word[1:-1]) if word.startswith("[") and word.endswith("]") else None
    except ValueError:
        return None


def _options(text: str | None, *, usual: bool) -> Known:
    """What a rule that fits says, after its options (process_options): a mistake in them turns the client away."""
    doubt = False
    fields = _FIELD.split(text) if text is not None else []
    for number, field in enumerate(fields, start=1):
        found = _OPTION.fullmatch(field.strip(" \t\r\n"))
        key, value = (found[1].lower(), found[2]) if found else ("", "")
        if not _well_formed(key, value, last=number == len(fields)) or key in ("deny", "twist"):
            return False
        if key == "allow":
            return None if doubt else True
        doubt = doubt or key in _HANGS_ON_MORE or (key in _NUMBERS and not _NUMBERS[key].fullmatch(value))
    return None if doubt and usual else usual


def _well_formed(key: str, value: str, *, last: bool) -> bool:
    if key in _LAST and not last:
        return False
    if key == "severity":
        facility, _, level = value.rpartition(".")
        return level in _LEVELS and (not facility or facility in _FACILITIES)
    if key in _WITHOUT_VALUE:
        return not value
    return key in _MAY_HAVE_VALUE or (key in _WITH_VALUE and bool(value))
