"""Keywords that take several words on a line: users, groups, files, methods, environment.

Source: process_server_config_line_depth in servconf.c, auth2_methods_valid in auth2.c of OpenSSH 8.4, 9.2, 10.0.
"""

from __future__ import annotations

from collections.abc import Callable

from rescue.sshd.language.algorithms import GSSAPI_EXCHANGES
from rescue.sshd.language.arguments import Arguments
from rescue.sshd.language.dialect import Dialect
from rescue.sshd.language.faults import BadLine, Fault
from rescue.sshd.language.keywords import ValueKind
from rescue.sshd.language.numbers import integer, seconds
from rescue.sshd.language.patterns import BadAddress, check_user
from rescue.sshd.language.qos import quality

Words = tuple[str, ...]

EMPTY_REFUSED = (10, 0)
"""From when a list keyword with nothing but a comment is surely refused; 9.2 surely takes it."""

ROOT_HOME = "/root"
"""What ``~`` in a file name means to sshd: root's home, for everybody."""

WHOLE_NAME = (8, 5)
"""Up to 8.4 surely, "~name" without a slash is a file in root's home; from 9.2 on it is that user's home."""

METHODS = frozenset({
    "none", "publickey", "password", "keyboard-interactive", "hostbased", "gssapi-with-mic", "gssapi-keyex",
})  # fmt: skip

PENALTY_TIMES = ("crash", "authfail", "noauth", "grace-exceeded", "refuseconnection", "max", "min")
PENALTY_COUNTS = ("max-sources4", "max-sources6")
PENALTY_MODES = frozenset({
    "overflow:deny-all", "overflow:permissive", "overflow6:deny-all", "overflow6:permissive",
})  # fmt: skip


def _refuse(name: str, word: str, why: str) -> BadLine:
    return BadLine(Fault.VALUE, f"{name} does not take {word}: {why}")


def _not_empty(name: str, words: Words, dialect: Dialect) -> Words:
    if not words and dialect.since(EMPTY_REFUSED):
        raise BadLine(Fault.MISSING, f"{name} needs a value")
    return words


def _users(name: str, arguments: Arguments, dialect: Dialect) -> Words:
    words = arguments.every()
    for word in words:
        try:
            check_user(word)
        except BadAddress as problem:
            raise _refuse(name, word, str(problem)) from problem
    return _not_empty(name, words, dialect)


def _groups(name: str, arguments: Arguments, dialect: Dialect) -> Words:
    return _not_empty(name, arguments.every(), dialect)


def _names(name: str, arguments: Arguments, dialect: Dialect) -> Words:
    words = arguments.every()
    if len(words) > 1 and "none" in (word.lower() for word in words):
        raise _refuse(name, "none", "it must stand alone")
    return _not_empty(name, words, dialect)


def _key_files(name: str, arguments: Arguments, dialect: Dialect) -> Words:
    words = tuple(tilde(name, word, dialect) for word in arguments.every())
    return _not_empty(name, words, dialect)


def tilde(name: str, word: str, dialect: Dialect) -> str:
    """A file name with its ``~`` or ``~user`` replaced (tilde_expand_filename in misc.c)."""
    if not word.startswith("~"):
        return word
    user, slash, rest = word[1:].partition("/")
    if not slash and dialect.before(WHOLE_NAME):
        user, rest = "", user
    home = dialect.home(user) if user else ROOT_HOME
    if home is None:
        raise _refuse(name, word, f"there is no user {user}")
    return f"{home.rstrip('/')}/{rest}"


def _accept_env(name: str, arguments: Arguments, dialect: Dialect) -> Words:
    words = arguments.every()
    for word in words:
        if "=" in word:
            raise _refuse(name, word, "it takes names, not values")
    return _not_empty(name, words, dialect)


def _set_env(name: str, arguments: Arguments, dialect: Dialect) -> Words:
    words = arguments.every()
    for word in words:
        if "=" not in word:
            raise _refuse(name, word, "it takes NAME=value")
    if not dialect.argv_split:
        return words
    first = {word.partition("=")[0]: word for word in reversed(words)}
    unique = tuple(word for word in dict.fromkeys(words) if first[word.partition("=")[0]] == word)
    return _not_empty(name, unique, dialect)


def _gssapi_exchanges(name: str, arguments: Arguments, dialect: Dialect) -> Words:
    word = arguments.need()
    for piece in word.split(","):
        if not piece:
            break
        if piece not in GSSAPI_EXCHANGES:
            raise _refuse(name, piece, "this version of sshd has no algorithm with that name")
    return (word,)


def _key_options(name: str, arguments: Arguments, dialect: Dialect) -> Words:
    words = [word.lower() for word in arguments.every()]
    for word in words:
        if word not in ("none", "touch-required", "verify-required"):
            raise _refuse(name, word, "it takes none, touch-required and verify-required")
    return tuple(word for word in ("touch-required", "verify-required") if word in words) or ("none",)


def _methods(name: str, arguments: Arguments, dialect: Dialect) -> Words:
    words: list[str] = []
    while (word := arguments.take()) is not None:
        if not word and not dialect.argv_split:
            break
        if words and "any" in (word, words[0]):
            raise _refuse(name, "any", "it must stand alone")
        unknown = _unknown_method(word)
        if word != "any" and unknown is not None:
            raise _refuse(name, unknown or "an empty list", "there is no such method")
        words.append(word)
    if not words:
        raise BadLine(Fault.MISSING, f"{name} needs a value")
    return tuple(words)


def _unknown_method(methods: str) -> str | None:
    return next((each for each in methods.split(",") if each.partition(":")[0] not in METHODS), None)


def _subsystem(name: str, arguments: Arguments, dialect: Dialect) -> Words:
    words = [arguments.need()]
    command = arguments.take()
    if command is None or (not command):
        raise BadLine(Fault.MISSING, f"{name} {words[0]} needs a command")
    words.append(command)
    while (word := arguments.take()) is not None and (word or dialect.argv_split):
        words.append(word)
    return tuple(words)


def _penalties(name: str, arguments: Arguments, dialect: Dialect) -> Words:
    words = arguments.every()
    for word in words:
        if word.lower() in ("yes", "no"):
            if word != words[-1]:
                raise _refuse(name, word, "nothing may follow it")
            continue
        key, _, value = word.partition(":")
        good = word in PENALTY_MODES
        good = good or (key in PENALTY_TIMES and seconds(value) is not None)
        good = good or (key in PENALTY_COUNTS and integer(value) is not None)
        # Later versions know more kinds of penalties than these.
        if not good and (key in (*PENALTY_TIMES, *PENALTY_COUNTS) or dialect.before((10, 1))):
            raise _refuse(name, word, "it takes yes, no, or pairs such as authfail:5s")
    return _not_empty(name, words, dialect)


def _channel_timeouts(name: str, arguments: Arguments, dialect: Dialect) -> Words:
    words: list[str] = []
    while (word := arguments.take()) is not None:
        if word.lower() == "none":
            if words or arguments.peek() is not None:
                raise _refuse(name, "none", "it must stand alone")
        else:
            kind, _, value = word.partition("=")
            if not kind or seconds(value) is None:
                raise _refuse(name, word, "it takes pairs such as session=5m")
        words.append(word)
    return _not_empty(name, tuple(words), dialect)


ListJudge = Callable[[str, Arguments, Dialect], Words]

LISTS: dict[ValueKind, ListJudge] = {
    ValueKind.NAMES: _names,
    ValueKind.KEY_FILES: _key_files,
    ValueKind.USERS: _users,
    ValueKind.GROUPS: _groups,
    ValueKind.ACCEPT_ENV: _accept_env,
    ValueKind.SET_ENV: _set_env,
    ValueKind.GSSAPI_EXCHANGES: _gssapi_exchanges,
    ValueKind.KEY_OPTIONS: _key_options,
    ValueKind.METHODS: _methods,
    ValueKind.SUBSYSTEM: _subsystem,
    ValueKind.PENALTIES: _penalties,
    ValueKind.CHANNEL_TIMEOUT: _channel_timeouts,
    ValueKind.QOS: quality,
}
