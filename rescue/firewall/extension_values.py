"""What iptables' extensions, or the kernel behind them, refuse of their options: a line of which the table is lost.

From extensions/libxt_*.c and libipt_*.c of iptables 1.8.9, and net/netfilter/xt_*.c; held against both backends.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from re import compile as compile_pattern

from rescue.firewall.icmp import icmp_type
from rescue.firewall.matches import Option, Refused, number
from rescue.firewall.targets import EVERY

_NUMBER = compile_pattern(r"[+]?0*([1-9][0-9]*)")
_RATE = compile_pattern(r"([+]?[0-9]+)[^/]*(?:/([a-z]+))?")
_BYTES = compile_pattern(r"[0-9]+(?:k|m)?b(?:/s(?:ec)?)?")
_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
SCALE = 10_000
"""XT_LIMIT_SCALE: the fastest rate, in packets each second."""
_CLOCK = compile_pattern(r"0?([0-9]|1[0-9]|2[0-3]):[0-5]?[0-9](:[0-5]?[0-9])?")
_DATE = compile_pattern(r"[0-9]{4}(-[0-9]{1,2}(-[0-9]{1,2}(T[0-9]{1,2}(:[0-9]{1,2}(:[0-9]{1,2})?)?)?)?)?")
_DAYS = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")
_HEX = compile_pattern(r"(?:\s*[0-9A-Fa-f]{2})*\s*")
_ADDRESS_TYPES = frozenset(
    ["UNSPEC", "UNICAST", "LOCAL", "BROADCAST", "ANYCAST", "MULTICAST", "BLACKHOLE", "UNREACHABLE", "PROHIBIT", "THROW",
     "NAT", "XRESOLVE"]
)  # fmt: skip
_PACKET_TYPES = ("unicast", "broadcast", "multicast", "host", "otherhost", "outgoing")
_CLASSES = frozenset(
    ["BE", "EF", *(f"CS{one}" for one in range(8)), *(f"AF{one}{two}" for one in range(1, 5) for two in range(1, 4))]
)
_MODES = frozenset(["srcip", "srcport", "dstip", "dstport"])

_Given = Mapping[str, Option]


def check_values(module: str, given: _Given, version: int) -> None:
    """Raises Refused where the match's options have values that it does not take."""
    check = _CHECKS.get(module)
    if check is not None:
        check(given, version)


def _value(given: _Given, name: str) -> str | None:
    option = given.get(name)
    return option.values[0] if option is not None and option.values else None


def _needs(given: _Given, name: str) -> str:
    value = _value(given, name)
    if value is None:
        raise Refused(f"{name} is missing")
    return value


def _range(given: _Given, name: str, most: int) -> None:
    value = _value(given, name)
    for part in (value or "").split(":"):
        if part:
            number(part, most)


def _rate(text: str) -> None:
    found = _RATE.fullmatch(text.lower())
    unit = next((size for name, size in _UNITS.items() if name.startswith(found[2] or "second")), 0) if found else 0
    packets = int(found[1]) if found else 0
    if not packets or not unit:
        raise Refused(f"not a rate, such as 5/minute: {text!r}")
    if packets > SCALE * unit:
        raise Refused(f"a rate that is too fast: {text!r}")


def _limit(given: _Given, version: int) -> None:
    if (rate := _value(given, "--limit")) is not None:
        _rate(rate)
    _range(given, "--limit-burst", SCALE)


def _hashlimit(given: _Given, version: int) -> None:
    rate = _value(given, "--hashlimit-upto") or _value(given, "--hashlimit-above")
    if rate is not None and not _BYTES.fullmatch(rate.lower()):
        _rate(rate)
    mode = _value(given, "--hashlimit-mode")
    if mode is not None and not _MODES.issuperset(mode.split(",")):
        raise Refused(f"not a list of srcip, srcport, dstip and dstport: {mode!r}")
    for side in ("src", "dst"):
        _range(given, f"--hashlimit-{side}mask", 32 if version == 4 else 128)


def _recent(given: _Given, version: int) -> None:
    counted = [name for name in ("--seconds", "--hitcount", "--reap", "--rttl") if name in given]
    for name in ("--set", "--remove"):
        if name in given and counted:
            raise Refused(f"{counted[0]} can't be used with {name}")
    if "--reap" in given and "--seconds" not in given:
        raise Refused("--reap needs --seconds")


def _time(given: _Given, version: int) -> None:
    for name in ("--timestart", "--timestop"):
        value = _value(given, name)
        if value is not None and not _CLOCK.fullmatch(value):
            raise Refused(f"not a time of day, such as 18:30: {value!r}")
    for name in ("--datestart", "--datestop"):
        value = _value(given, name)
        if value is not None and not _DATE.fullmatch(value):
            raise Refused(f"not a date, such as 2026-11-25: {value!r}")
    for day in (_value(given, "--weekdays") or "Mo").split(","):
        if not day.startswith(_DAYS) and not (day.isdigit() and 1 <= int(day) <= 7):
            raise Refused(f"not a day of the week, such as Mon: {day!r}")
    for day in (_value(given, "--monthdays") or "1").split(","):
        number(day, 31)


def _string(given: _Given, version: int) -> None:
    if _needs(given, "--algo") not in ("bm", "kmp", "fsm"):
        raise Refused(f"no way to search: {_value(given, '--algo')!r} (bm or kmp)")
    pieces = (_value(given, "--hex-string") or "").split("|")
    if not all(_HEX.fullmatch(piece) for piece in pieces[1::2]) or len(pieces) % 2 == 0:
        raise Refused("not a text with hexadecimal digits between two |")


def _address_type(given: _Given, version: int) -> None:
    for name in ("--src-type", "--dst-type"):
        for word in (_value(given, name) or "LOCAL").upper().split(","):
            if word not in _ADDRESS_TYPES:
                raise Refused(f"not a type of addresses: {word!r}")


def _packet_type(given: _Given, version: int) -> None:
    word = _needs(given, "--pkt-type").lower()
    if not word or not any(name.startswith(word) for name in _PACKET_TYPES):
        raise Refused(f"not a type of packets: {word!r}")


def _dscp(given: _Given, version: int) -> None:
    _range(given, "--dscp", 63)
    word = _value(given, "--dscp-class")
    if word is not None and word.upper() not in _CLASSES:
        raise Refused(f"not a class of service: {word!r}")


def _statistic(given: _Given, version: int) -> None:
    mode = _needs(given, "--mode")
    if mode not in ("random", "nth"):
        raise Refused(f"neither random nor nth: {mode!r}")
    if mode == "random":
        text = _needs(given, "--probability")
        try:
            inside = 0 <= float(text) <= 1
        except ValueError:
            inside = False
        if not inside:
            raise Refused(f"not a probability from 0 to 1: {text!r}")
        return
    number(_needs(given, "--every"), EVERY)
    number(_needs(given, "--packet"), EVERY)


def _icmp(given: _Given, version: int) -> None:
    name = "--icmp-type" if version == 4 else "--icmpv6-type"
    word = _needs(given, name)
    kind, slash, code = word.partition("/")
    if kind.isdigit():
        if int(kind) > 255 or (slash and not (code.isdigit() and int(code) <= 255)):
            raise Refused(f"not a type of ICMP: {word!r}")
    elif (word != "any" or version == 6) and icmp_type(word, version) is None:
        raise Refused(f"not a type of ICMP: {word!r}")


def _tcp(given: _Given, version: int) -> None:
    option = _value(given, "--tcp-option")
    if option is not None and not number(option, 255):
        raise Refused("there is no TCP option 0")


_CHECKS: Mapping[str, Callable[[_Given, int], None]] = {
    "addrtype": _address_type,
    "conntrack": lambda given, version: _range(given, "--ctexpire", EVERY),
    "dscp": _dscp,
    "hashlimit": _hashlimit,
    "icmp": _icmp,
    "icmp6": _icmp,
    "length": lambda given, version: _range(given, "--length", 65535),
    "limit": _limit,
    "pkttype": _packet_type,
    "recent": _recent,
    "statistic": _statistic,
    "string": _string,
    "tcp": _tcp,
    "time": _time,
}
