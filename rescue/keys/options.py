"""The options before a key in authorized_keys, as sshauthopt_parse reads them (auth-options.c, sshd(8))."""

from __future__ import annotations

from datetime import UTC, datetime
from re import compile as compile_pattern

FLAGS = ("restrict", "cert-authority")
SWITCHES = (
    "port-forwarding", "agent-forwarding", "x11-forwarding", "touch-required", "verify-required", "pty", "user-rc",
)  # fmt: skip
"""Flags that a "no-" before them turns off."""
ONCE = ("command", "principals", "from")
"""Options with a value that may occur only once in a line."""
VALUES = (*ONCE, "expiry-time", "environment", "permitopen", "permitlisten", "tunnel")

MAX_TUNNEL = 0x7FFFFFFF - 2
MAX_PORT = 65535
MAX_HOST = 1025

_ENVIRONMENT = compile_pattern(r"[A-Za-z0-9_]+=")
_NUMBER = compile_pattern(r"\s*\+?(\d{1,10})")
_TIME_FORMATS = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}


class OptionError(ValueError):
    """sshd refuses the whole line; the text says why."""


def parse_options(text: str) -> tuple[tuple[str, str], ...]:
    """The options of one line, names in lower case, "" for flags. Raises OptionError if sshd refuses the line."""
    found: list[tuple[str, str]] = []
    at = 0
    while at < len(text):
        name, value, at = _one(text, at)
        if name in ONCE and any(known == name for known, _ in found):
            raise OptionError(f'the option "{name}" stands there twice')
        _check(name, value)
        found.append((name, value))
        if at >= len(text):
            break
        if text[at] != ",":
            raise _unknown(text, at)
        at += 1  # a comma before the blank that ends the options does no harm
    return tuple(found)


def _one(text: str, at: int) -> tuple[str, str, int]:
    """The option that begins at `at`: name, value, and where it ends."""
    rest = text[at : at + 32].lower()
    for name in FLAGS:
        if rest.startswith(name):
            return name, "", at + len(name)
    for name in SWITCHES:
        for full in (name, f"no-{name}"):
            if rest.startswith(full):
                return full, "", at + len(full)
    for name in VALUES:
        if rest.startswith(name + "="):
            value, end = _dequote(text, at + len(name) + 1, name)
            return name, value, end
    raise _unknown(text, at)


def _unknown(text: str, at: int) -> OptionError:
    word = text[text.rfind(",", 0, at) + 1 :].partition(",")[0]
    return OptionError(f"{word[:40]!r} is neither an option that sshd knows nor a key type")


def _dequote(text: str, at: int, name: str) -> tuple[str, int]:
    if not text.startswith('"', at):
        raise OptionError(f'the value of "{name}" must stand in quotation marks')
    at += 1
    made = []
    while at < len(text) and text[at] != '"':
        if text.startswith('\\"', at):
            at += 1
        made.append(text[at])
        at += 1
    if at >= len(text):
        raise OptionError(f'the quotation mark after "{name}" is not closed')
    return "".join(made), at + 1


def _check(name: str, value: str) -> None:
    if name == "expiry-time":
        parse_time(value)
    elif name == "environment" and not _ENVIRONMENT.match(value):
        raise OptionError('"environment" must be NAME=value')
    elif name == "tunnel" and value.lower() != "any" and not _within(value, MAX_TUNNEL):
        raise OptionError('"tunnel" must be a number or "any"')
    elif name in ("permitopen", "permitlisten"):
        _check_permit(name, value)


def _check_permit(name: str, value: str) -> None:
    if name == "permitlisten" and ":" not in value:
        value = f"*:{value}"
    if value.startswith("["):
        host, closed, after = value.partition("]")
        port = after[1:] if closed and after[:1] in (":", "/") else ""
    else:
        cut = next((at for at, char in enumerate(value) if char in ":/"), len(value))
        host, port = value[:cut], value[cut + 1 :]
    # A service's name is a port as well (a2port asks getservbyname).
    named = port.isascii() and port.replace("-", "").isalnum() and not port.isdigit()
    if len(host) >= MAX_HOST or not (port == "*" or named or (_within(port, MAX_PORT) and int(port) > 0)):
        raise OptionError(f'"{name}" must be host:port')


def _within(text: str, limit: int) -> bool:
    match = _NUMBER.fullmatch(text)
    return match is not None and int(match[1]) <= limit


def parse_time(text: str) -> datetime:
    """The time of expiry-time: YYYYMMDD[HHMM[SS]][Z], in UTC with "Z" or "UTC", else naive: the server's local time.

    Raises OptionError for what parse_absolute_time of misc.c refuses.
    """
    stamp, utc = text, False
    for mark in ("z", "utc"):
        if len(text) > len(mark) and text.lower().endswith(mark):
            stamp, utc = text[: -len(mark)], True
            break
    form = _TIME_FORMATS.get(len(stamp))
    if form is None or not (stamp.isascii() and stamp.isdigit()):
        raise OptionError('"expiry-time" must be YYYYMMDD or YYYYMMDDHHMM')
    try:
        found = datetime.strptime(stamp, form)
    except ValueError as problem:
        raise OptionError('"expiry-time" is no date') from problem
    if found.year < 1970:
        raise OptionError('"expiry-time" is before 1970')
    return found.replace(tzinfo=UTC) if utc else found
