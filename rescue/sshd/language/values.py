"""Whether sshd takes the arguments of a line, and what they mean: one judge for each kind of keyword.

Source: process_server_config_line_depth in servconf.c of OpenSSH 8.4, 9.2 and 10.0. Words come back as `sshd -T`
spells them (flags in lower case, times in seconds, PermitRootLogin's two names for one thing as prohibit-password).
Where a bound between versions is not known, the line is not judged.
"""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from functools import lru_cache

from rescue.sshd.language.algorithms import Family, is_certificate, known_names, unknown_name
from rescue.sshd.language.arguments import Arguments
from rescue.sshd.language.dialect import Dialect
from rescue.sshd.language.faults import BadLine, Fault
from rescue.sshd.language.keywords import Keyword, ValueKind
from rescue.sshd.language.lists import LISTS, tilde
from rescue.sshd.language.numbers import INT_MAX, integer, octal, scaled, seconds, triple
from rescue.sshd.language.patterns import BadAddress, check_addresses
from rescue.sshd.language.places import Ports, forward, listen

Words = tuple[str, ...]

FLAG = {"yes": "yes", "no": "no"}
CHOICES: dict[ValueKind, dict[str, str]] = {
    ValueKind.FLAG: FLAG,
    ValueKind.ROOT_LOGIN: {
        **FLAG,
        "without-password": "prohibit-password",
        "prohibit-password": "prohibit-password",
        "forced-commands-only": "forced-commands-only",
    },
    ValueKind.ADDRESS_FAMILY: {"inet": "inet", "inet6": "inet6", "any": "any"},
    ValueKind.RHOSTS: {**FLAG, "shosts-only": "shosts-only"},
    ValueKind.COMPRESSION: {"yes": "yes", "delayed": "yes", "no": "no"},
    ValueKind.GATEWAY: {**FLAG, "clientspecified": "clientspecified"},
    ValueKind.FORWARDING: {"yes": "yes", "all": "yes", "no": "no", "remote": "remote", "local": "local"},
    ValueKind.FACILITY: {
        name.lower(): name for name in ("DAEMON", "USER", "AUTH", "AUTHPRIV", *(f"LOCAL{n}" for n in range(8)))
    },
    ValueKind.LOG_LEVEL: {
        "silent": "QUIET",
        "debug": "DEBUG1",
        **{name.lower(): name for name in ("QUIET", "FATAL", "ERROR", "INFO", "VERBOSE", "DEBUG1", "DEBUG2", "DEBUG3")},
    },
    ValueKind.HASH: {name.lower(): name for name in ("MD5", "SHA1", "SHA256", "SHA384", "SHA512")},
}
"""What sshd takes in any case, and how it calls it."""

TUNNELS = ("no", "point-to-point", "ethernet", "yes")
LISTED = {
    ValueKind.CIPHERS: Family.CIPHER,
    ValueKind.MACS: Family.MAC,
    ValueKind.EXCHANGES: Family.KEX,
    ValueKind.KEY_ALGORITHMS: Family.KEY,
    ValueKind.CA_ALGORITHMS: Family.KEY,
}
CA_PLAIN = (10, 0)
"""From when CASignatureAlgorithms surely takes no certificate algorithms any more."""

STARTUPS_CHECKED = (9, 2)
"""From when a MaxStartups of 0 is surely refused."""


def judge(keyword: Keyword, name: str, rest: str | None, dialect: Dialect, ports: Ports) -> Words:
    """The words of a line. Raises BadLine where this sshd stops over it.

    name: the keyword as written. rest: what follows it. ports: the number of a service's name (services(5)).
    """
    arguments = Arguments(name, rest, dialect, equals=keyword.kind is not ValueKind.SET_ENV)
    words = _judge(keyword.kind, name, arguments, dialect, ports)
    if keyword.kind is ValueKind.KEY_FILES and not dialect.argv_split:
        # servconf.c of 8.4 leaves this line at its first empty word, without a look at what follows.
        arguments.consume()
    arguments.finish()
    return words


def _judge(kind: ValueKind, name: str, arguments: Arguments, dialect: Dialect, ports: Ports) -> Words:
    if kind in CHOICES:
        return (_choice(name, arguments.need(), CHOICES[kind]),)
    if kind in LISTED:
        return (_algorithms(kind, name, arguments.need(), dialect),)
    if kind is ValueKind.PORT:
        return (str(_port(arguments.need(), ports)),)
    if kind is ValueKind.LISTEN:
        return listen(arguments, ports)
    if kind in (ValueKind.OPEN, ValueKind.LISTEN_FORWARD):
        return forward(name, arguments, dialect, ports, bare_port=kind is ValueKind.LISTEN_FORWARD)
    if kind in LISTS:
        return LISTS[kind](name, arguments, dialect)
    return SCALARS[kind](name, arguments)


def _bad(name: str, word: str, why: str = "", suggestion: str = "") -> BadLine:
    return BadLine(Fault.VALUE, f"{name} does not take {word}" + (f": {why}" if why else ""), suggestion)


@lru_cache(maxsize=4096)
def closest(word: str, known: tuple[str, ...]) -> str:
    """What a misspelt word was meant to be; "" unless exactly one known word is close."""
    near = get_close_matches(word.lower()[:64], [each.lower() for each in known], n=2, cutoff=0.8)
    if len(near) != 1:
        return ""
    return next(each for each in known if each.lower() == near[0])


def _choice(name: str, word: str, choices: dict[str, str]) -> str:
    value = choices.get(word.lower())
    if value is None:
        meant = closest(word, tuple(choices))
        raise _bad(name, word, f"it takes {', '.join(dict.fromkeys(choices))}", meant)
    return value


def _algorithms(kind: ValueKind, name: str, word: str, dialect: Dialect) -> str:
    if word.startswith("-") or not dialect.certain:
        return word
    names = word.removeprefix("+") if word.startswith("+") else word.removeprefix("^")
    unknown = unknown_name(LISTED[kind], names, dialect.version)
    if unknown is not None:
        left = known_names(LISTED[kind], names, dialect.version)
        raise BadLine(
            Fault.ALGORITHM,
            f"{name} does not take {unknown or word}: this version of sshd has no algorithm with that name",
            word.removesuffix(names) + left if left else "",
        )
    if LISTED[kind] is Family.KEY and any(piece.startswith("!") for piece in names.split(",")):
        raise _bad(name, word, "names can't be negated here")
    if kind is ValueKind.CA_ALGORITHMS and dialect.since(CA_PLAIN):
        certificate = next((piece for piece in names.split(",") if is_certificate(piece)), None)
        if certificate:
            raise _bad(name, certificate, "it is a certificate algorithm")
    return word


def _port(word: str, ports: Ports) -> int:
    number = ports(word)
    if number is None or number <= 0:
        raise _bad("Port", word, "a port is a number from 1 to 65535")
    return number


def _integer(name: str, arguments: Arguments) -> Words:
    word = arguments.need()
    number = integer(word)
    if number is None:
        raise _bad(name, word, f"it takes a number from 0 to {INT_MAX}")
    return (str(number),)


def _time(name: str, arguments: Arguments) -> Words:
    word = arguments.need()
    value = seconds(word)
    if value is None:
        raise _bad(name, word, "it takes a time such as 90, 2m or 1h")
    return (str(value),)


def _time_or_none(name: str, arguments: Arguments) -> Words:
    if (arguments.peek() or "").lower() == "none":
        arguments.take()
        return ("none",)
    words = _time(name, arguments)
    return ("none",) if words == ("0",) else words


def _word(name: str, arguments: Arguments) -> Words:
    word = arguments.need()
    return ("none",) if word.lower() == "none" else (word,)


def _file(name: str, arguments: Arguments) -> Words:
    """A file: sshd makes a relative name absolute from its working directory, which is / for a service."""
    word = tilde(name, arguments.need(), arguments.dialect)
    if word.lower() == "none" or word in ("internal", "SSH_AUTH_SOCK"):
        return (word.lower() if word != "SSH_AUTH_SOCK" else word,)
    return (word if word.startswith("/") else f"/{word}",)


def _file_pattern(name: str, arguments: Arguments) -> Words:
    word = tilde(name, arguments.need(), arguments.dialect)
    return ("none",) if word.lower() == "none" else (word,)


def _policy(name: str, arguments: Arguments) -> Words:
    return (arguments.need(),)


def _tunnel(name: str, arguments: Arguments) -> Words:
    word = arguments.need()
    if word not in TUNNELS:
        raise _bad(name, word, f"it takes {', '.join(TUNNELS)}", closest(word, TUNNELS))
    return (word,)


def _startups(name: str, arguments: Arguments) -> Words:
    word = arguments.need()
    numbers = triple(word)
    if len(numbers) == 3:
        begin, rate, full = numbers
        good = begin <= full and 1 <= rate <= 100
    else:
        good = len(numbers) == 1
    if not good:
        raise _bad(name, word, "it takes a number, or start:rate:full")
    return tuple(str(number) for number in numbers)


def _source_startups(name: str, arguments: Arguments) -> Words:
    if arguments.peek() == "none":
        arguments.take()
        return ("none",)
    return _integer(name, arguments)


def _block_size(name: str, arguments: Arguments) -> Words:
    word = arguments.need()
    numbers = triple(word)[:2]
    if not numbers or not 0 <= numbers[0] <= 32 or (len(numbers) == 2 and not 0 <= numbers[1] <= 128):
        raise _bad(name, word, "it takes a mask for IPv4 and one for IPv6, such as 32:128")
    # Where IPv6's is left out it is 0, not the default: all of IPv6 counts as one source.
    return (f"{numbers[0]}:{numbers[1] if len(numbers) == 2 else 0}",)


def _addresses(name: str, arguments: Arguments) -> Words:
    word = arguments.need()
    try:
        check_addresses(word)
    except BadAddress as problem:
        raise _bad(name, word, str(problem)) from problem
    return (word,)


def _rekey(name: str, arguments: Arguments) -> Words:
    word = arguments.need()
    size = 0 if word == "default" else scaled(word)
    if size is None or (size != 0 and size < 16):
        raise _bad(name, word, "it takes an amount of data such as 1G, and a time")
    following = arguments.peek()
    if following is None:
        return (str(size),)
    if following == "none":
        arguments.take()
        return (str(size),)
    return (str(size), *_time(name, arguments))


def _octal(name: str, arguments: Arguments) -> Words:
    word = arguments.need()
    value = octal(word)
    if value is None or value > 0o777:
        raise _bad(name, word, "it takes an octal mask such as 0177")
    return (f"0{value:o}",)


def _text(name: str, arguments: Arguments) -> Words:
    if not arguments.text:
        raise BadLine(Fault.MISSING, f"{name} needs a value")
    arguments.consume()
    return ("none",) if arguments.text.lower() == "none" else (arguments.text,)


def _version_text(name: str, arguments: Arguments) -> Words:
    if "\r" in arguments.text:
        raise _bad(name, "a carriage return")
    return _text(name, arguments)


def _command(name: str, arguments: Arguments) -> Words:
    text = arguments.text
    if not text.startswith("/") and text.lower() != "none":
        raise _bad(name, text or "nothing", "a program is named with its whole path, from /")
    arguments.consume()
    return ("none",) if text.lower() == "none" else (text,)


def _routing_domain(name: str, arguments: Arguments) -> Words:
    raise BadLine(Fault.VALUE, f"{name} does not work on Linux")


Scalar = Callable[[str, Arguments], Words]

SCALARS: dict[ValueKind, Scalar] = {
    ValueKind.INTEGER: _integer,
    ValueKind.TIME: _time,
    ValueKind.TIME_OR_NONE: _time_or_none,
    ValueKind.WORD: _word,
    ValueKind.FILE: _file,
    ValueKind.FILE_PATTERN: _file_pattern,
    ValueKind.ENVIRONMENT_POLICY: _policy,
    ValueKind.TUNNEL: _tunnel,
    ValueKind.STARTUPS: _startups,
    ValueKind.SOURCE_STARTUPS: _source_startups,
    ValueKind.BLOCK_SIZE: _block_size,
    ValueKind.ADDRESSES: _addresses,
    ValueKind.REKEY: _rekey,
    ValueKind.OCTAL: _octal,
    ValueKind.TEXT: _text,
    ValueKind.VERSION_TEXT: _version_text,
    ValueKind.COMMAND: _command,
    ValueKind.ROUTING_DOMAIN: _routing_domain,
}
