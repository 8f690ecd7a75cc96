"""Option values that iptables' matches, or the kernel behind them, reject.

From extensions/libxt_*.c and libip*t_*.c of iptables 1.8.9, and net/netfilter/xt_*.c; checked against both backends.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from re import ASCII
from re import compile as compile_pattern

from rescue.firewall.engine.icmp import icmp_type
from rescue.firewall.iptables.given import Check, Given, Place, file_name, one_of, service_class, value_of, words
from rescue.firewall.iptables.option_types import EVERY, number_range
from rescue.firewall.iptables.option_values import (
    Option,
    address_range,
    address_types,
    integer,
    leading_number,
    mask_length,
    number,
    port_list,
    port_range,
    protocol_number,
    rate_of,
    state_names,
    tcp_flags,
)
from rescue.firewall.names import Names, RuleError

# -- the matches ------------------------------------------------------------------------------------------------------


def _limit(given: Given, place: Place) -> None:
    if (rate := value_of(given, "--limit")) is not None:
        found, seconds = rate_of(rate)
        if 10_000 * seconds < found:
            raise RuleError(f"a rate that is too fast: {rate!r}")
    if place.backend == "legacy":
        found, seconds = rate_of(rate or "3/hour")
        average = 10_000 * seconds // found
        burst = number(value_of(given, "--limit-burst") or "5", 10_000)
        if not burst or _credits(average * burst & EVERY) < _credits(average):
            raise RuleError("--limit-burst is 0, or too large for the rate")


def _credits(rate: int) -> int:
    """The cost of a rate, in the kernel's 32 bits (user2credits() in net/netfilter/xt_limit.c)."""
    a_second = 32_000
    return rate // 10_000 * a_second & EVERY if rate > EVERY // a_second else rate * a_second // 10_000


_MODES = frozenset(["srcip", "srcport", "dstip", "dstport"])


def _hashlimit(given: Given, place: Place) -> None:
    file_name(given, "--hashlimit-name")
    rate = value_of(given, "--hashlimit-upto") or value_of(given, "--hashlimit-above") or ""
    octets = hashlimit_bytes(rate)
    if octets is None:
        found, seconds = rate_of(rate)
        if 1_000_000 * seconds < found:
            raise RuleError(f"a rate that is too fast: {rate!r}")
    mode = value_of(given, "--hashlimit-mode")
    if mode is not None and not _MODES.issuperset(word for word in mode.replace("|", ",").split(",") if word):
        raise RuleError(f"not a list of srcip, srcport, dstip and dstport: {mode!r}")
    burst = value_of(given, "--hashlimit-burst")
    if burst is not None:
        number_of, rest = leading_number(burst) or (0, "")
        if not number_of or (not rest and number_of > 1_000_000):
            raise RuleError(f"--hashlimit-burst takes 1 to 1000000: {burst!r}")
        number_of *= _FACTORS.get(rest[:1], 1)
        if octets is None and number_of > 1_000_000:
            raise RuleError(f"--hashlimit-burst takes 1 to 1000000: {burst!r}")
        if octets is not None and number_of < octets:
            raise RuleError(f"--hashlimit-burst is less than the rate: {burst!r}")
    for name in ("--hashlimit-srcmask", "--hashlimit-dstmask"):
        if (mask := value_of(given, name)) is not None and mask_length(mask, place.version) is None:
            raise RuleError(f"a mask with holes: {mask!r}")
    for name in ("--hashlimit-htable-gcinterval", "--hashlimit-htable-expire"):
        if (interval := value_of(given, name)) is not None and not number(interval, EVERY):
            raise RuleError(f"{name} can't be 0")
    interval = value_of(given, "--hashlimit-rate-interval")
    if interval is not None and not 0 < integer(interval) < 1 << 31:
        raise RuleError(f"not a number of seconds: {interval!r}")


_FACTORS = {"k": 1024, "m": 1024 * 1024}


def hashlimit_bytes(rate: str) -> int | None:
    """hashlimit's rate in bytes a second, as stored; None if it counts packets (parse_bytes())."""
    before, found, _ = rate.partition("b/s")
    amount = integer(rate)
    if not found or not before or not amount:
        return None
    octets = amount * _FACTORS.get(before[-1], 1)
    if not 0 < octets < 1 << 64:
        raise RuleError(f"a rate that is too fast: {rate!r}")
    cost = EVERY // ((octets >> 4 & EVERY) + 1)
    return (EVERY // cost - 1) << 4


_DATE = compile_pattern(r"([0-9]+)(?:-([0-9]*)(?:-([0-9]*)(?:T([0-9]*)(?::([0-9]*)(?::([0-9]*))?)?)?)?)?", ASCII)
_DATE_LIMITS = (2038, 12, 31, 23, 59, 59)
_DAYS = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")


def _time(given: Given, place: Place) -> None:
    clocks = {}
    for name in ("--timestart", "--timestop"):
        value = value_of(given, name)
        if value is not None:
            clocks[name] = _time_of_day(value)
    for name in ("--datestart", "--datestop"):
        value = value_of(given, name)
        if value is not None:
            _date(value)
    for day in _segments(value_of(given, "--weekdays"), 3):
        found = leading_number(day.removeprefix("-"))
        if not day.startswith(_DAYS) and (found is None or found[1] or not found[0]):
            raise RuleError(f"not a day of the week, such as Mon: {day!r}")
    for day in _segments(value_of(given, "--monthdays"), 2):
        found = leading_number(day)
        if (found is not None and (found[1] or found[0] > 31)) or (found is None and day):
            raise RuleError(f"not a day of the month: {day!r}")
    starts, stops = clocks.get("--timestart", 0), clocks.get("--timestop", 24 * 3600 - 1)
    if "--contiguous" in given and starts < stops:
        raise RuleError("--contiguous is for times that end before they begin")


_DIGITS = compile_pattern(r"[0-9]+", ASCII)


def _segments(text: str | None, size: int) -> list[str]:
    """The parts between commas, truncated to a size; an empty last one does not count (my_strseg())."""
    parts = (text or "").split(",")
    if parts[-1] == "":
        parts.pop()
    return [part[:size] for part in parts]


def _time_of_day(text: str) -> int:
    parts = text.split(":")
    limits = (23, 59, 59)
    if len(parts) not in (2, 3):
        raise RuleError(f"not a time of day, such as 18:30: {text!r}")
    seconds = 0
    for part, most, size in zip(parts, limits, (3600, 60, 1), strict=False):
        value = int(part) if _DIGITS.fullmatch(part) else 0 if not part else most + 1
        if value > most:
            raise RuleError(f"not a time of day, such as 18:30: {text!r}")
        seconds += value * size
    return seconds


def _date(text: str) -> None:
    found = _DATE.fullmatch(text)
    parts = [int(part or 0) for part in found.groups() if part is not None] if found else []
    if not parts or parts[0] < 1970 or any(part > most for part, most in zip(parts, _DATE_LIMITS, strict=False)):
        raise RuleError(f"not a date, such as 2026-11-25: {text!r}")


_HEX = compile_pattern(r" *(?:[0-9A-Fa-f]{2} ?)*")
_LONGEST = 128


def _string(given: Given, place: Place) -> None:
    text = value_of(given, "--string")
    if text is not None and not 0 < len(text.encode("utf-8", "surrogateescape")) <= _LONGEST:
        raise RuleError("a text that is too long" if text else "an empty text")
    if (pattern := value_of(given, "--hex-string")) is not None:
        _hex_string(pattern)
    if value_of(given, "--algo") not in ("bm", "kmp"):
        raise RuleError(f"no way to search: {value_of(given, '--algo')!r} (bm or kmp)")
    start, end = value_of(given, "--from"), value_of(given, "--to")
    if start is not None and end is not None and number(start, 65535) > number(end, 65535):
        raise RuleError("--from is behind --to")


def _hex_string(text: str) -> None:
    """parse_hex_string() of libxt_string.c."""
    wrong = RuleError("not a text with hexadecimal digits between two |")
    if not text:
        raise wrong
    at = size = 0
    hexadecimal = False
    while at < len(text):
        if size >= _LONGEST:
            raise RuleError("a text that is too long")
        literal = False
        if text[at] == "\\":
            if hexadecimal:
                raise wrong
            literal = True
        elif text[at] == "|":
            hexadecimal = not hexadecimal
            while hexadecimal and text[at + 1 : at + 2] == " ":
                at += 1
            if at + 1 >= len(text):
                break
            at += 1
        if literal:
            if at + 1 >= len(text):
                raise wrong
            at += 2
        elif hexadecimal:
            if at + 2 >= len(text) or not _PAIR.fullmatch(text[at : at + 2]):
                raise wrong
            at += 3 if text[at + 2] == " " else 2
        else:
            at += 1
        size += 1
    if not size:
        raise RuleError("an empty text")


_PAIR = compile_pattern(r"[0-9A-Fa-f]{2}")


_IPV4_TYPES = frozenset(["BROADCAST", "BLACKHOLE", "PROHIBIT", "THROW", "NAT", "XRESOLVE"])


def _address_type(given: Given, place: Place) -> None:
    for name in ("--src-type", "--dst-type"):
        if (text := value_of(given, name)) is not None:
            wrong = address_types(text) & _IPV4_TYPES
            if wrong and place.version == 6:
                raise RuleError(f"{min(wrong)} is not an IPv6 address type")


def _recent(given: Given, place: Place) -> None:
    file_name(given, "--name")
    hits = number(value_of(given, "--hitcount") or "0", EVERY)
    if hits > 65535:  # 255 before Linux 6.11
        raise RuleError("--hitcount is 65535 at most")
    for name in ("--set", "--remove"):
        if name in given and ("--seconds" in given or hits):
            raise RuleError(f"{'--hitcount' if hits else '--seconds'} can't be used with {name}")


def _cgroup(given: Given, place: Place) -> None:
    if ("--cgroup" in given) is ("--path" in given):
        raise RuleError("cgroup needs --cgroup or --path, and not both")


_PACKET_TYPES = ("unicast", "broadcast", "multicast", "otherhost", "bcast", "mcast", "host")


def _statistic(given: Given, place: Place) -> None:
    one_of(given, "--mode", ("random", "nth"))
    if value_of(given, "--mode") == "random" and "--probability" not in given:
        raise RuleError("--probability is missing")
    if value_of(given, "--mode") == "nth" and "--every" not in given:
        raise RuleError("--every is missing")
    every, packet = value_of(given, "--every"), value_of(given, "--packet")
    if every is not None and packet is not None and number(packet, EVERY) >= number(every, EVERY):
        raise RuleError("--packet is not less than --every")


def _icmp(given: Given, place: Place) -> None:
    try:
        icmp_type(given["--icmp-type" if place.version == 4 else "--icmpv6-type"].values[0], place.version)
    except ValueError as problem:
        raise RuleError(str(problem)) from problem


def _tcp(given: Given, place: Place) -> None:
    for name in ("--sport", "--dport"):
        if (text := value_of(given, name)) is not None:
            port_range(text, place.names)
    if (option := value_of(given, "--tcp-option")) is not None and not number(option, 255):
        raise RuleError("there is no TCP option 0")
    if "--tcp-flags" in given:
        for text in given["--tcp-flags"].values:
            tcp_flags(text)


def _segment_size(given: Given, place: Place) -> None:
    ends = number_range(given["--mss"].values[0], 65535)
    if len(ends) > 1 and ends[1] < ends[0]:
        raise RuleError("a range that ends before it begins")


_CHUNKS = {
    "DATA": "----IUBE", "INIT": "--------", "INIT_ACK": "--------", "SACK": "--------", "HEARTBEAT": "--------",
    "HEARTBEAT_ACK": "--------", "ABORT": "-------T", "SHUTDOWN": "--------", "SHUTDOWN_ACK": "--------",
    "ERROR": "--------", "COOKIE_ECHO": "--------", "COOKIE_ACK": "--------", "ECN_ECNE": "--------",
    "ECN_CWR": "--------", "SHUTDOWN_COMPLETE": "-------T", "I_DATA": "----IUBE", "RE_CONFIG": "--------",
    "PAD": "--------", "ASCONF": "--------", "ASCONF_ACK": "--------", "FORWARD_TSN": "--------",
    "I_FORWARD_TSN": "--------",
}  # fmt: skip


def _sctp(given: Given, place: Place) -> None:
    for name in ("--sport", "--dport"):
        if (text := value_of(given, name)) is not None:
            port_range(text, Names(services={}))  # services(5) has no names for SCTP
    if "--chunk-types" in given:
        which, chunks = given["--chunk-types"].values
        if which.upper() not in ("ANY", "ALL", "ONLY"):
            raise RuleError(f"--chunk-types takes all, any or only: {which!r}")
        if chunks.upper() in ("ALL", "NONE"):
            return
        for chunk in filter(None, chunks.split(",")):
            name, _, flags = chunk.partition(":")
            known = _CHUNKS.get(name.upper())
            if known is None or any(flag.upper() not in known for flag in flags):
                raise RuleError(f"not a chunk of SCTP: {chunk!r}")


_DCCP = ("request", "response", "data", "ack", "dataack", "closereq", "close", "reset", "sync", "syncack", "invalid")


def _dccp(given: Given, place: Place) -> None:
    for word in filter(None, (value_of(given, "--dccp-types") or "").split(",")):
        if word.lower() not in _DCCP:
            raise RuleError(f"not a type of DCCP packets: {word!r}")


def _multiport(given: Given, place: Place) -> None:
    for name in ("--sports", "--dports", "--ports"):
        if (text := value_of(given, name)) is not None:
            port_list(text, place.names)


_STATUSES = ("NONE", "EXPECTED", "SEEN_REPLY", "ASSURED", "CONFIRMED")


def _conntrack(given: Given, place: Place) -> None:
    if (states := value_of(given, "--ctstate")) is not None:
        state_names(states)
    for word in given["--ctstatus"].values[0].upper().split(",") if "--ctstatus" in given else ():
        if not word or not any(name.startswith(word) for name in _STATUSES):
            raise RuleError(f"not a status of a connection: {word!r}")
    one_of(given, "--ctdir", ("original", "reply"), exact=False)


def _state(given: Given, place: Place) -> None:
    state_names(given["--state"].values[0], translated=False)


def _ip_range(given: Given, place: Place) -> None:
    for name in ("--src-range", "--dst-range"):
        if (text := value_of(given, name)) is not None:
            address_range(text, place.version)


_OWNERS = compile_pattern(r"[-:]")


def _owner(given: Given, place: Place) -> None:
    for name, known in (("--uid-owner", place.names.users), ("--gid-owner", place.names.groups)):
        text = value_of(given, name)
        if text is None or (known is not None and text in known):
            continue
        try:
            ends = [number(part, EVERY - 1) for part in _OWNERS.split(text, maxsplit=1)]
        except RuleError:
            if known is None:  # the names of the server are not known
                continue
            raise RuleError(f"there is no {'user' if name == '--uid-owner' else 'group'} {text!r}") from None
        if ends[-1] < ends[0]:
            raise RuleError(f"a range that ends before it begins: {text!r}")


def _owner_in_order(options: Sequence[Option]) -> None:
    for at, option in enumerate(options):
        if option.name == "--suppl-groups" and all(each.name != "--gid-owner" for each in options[:at]):
            raise RuleError("--suppl-groups needs --gid-owner before it")


def _policy_in_order(options: Sequence[Option]) -> None:
    given = {option.name: option for option in options}
    one_of(given, "--dir", ("in", "out"))
    one_of(given, "--pol", ("none", "ipsec"))
    elements: list[dict[str, Option]] = [{}]
    for option in options:
        if option.name == "--next":
            elements.append({})
            if len(elements) > 4:
                raise RuleError("more than four elements of a policy")
        elif option.name in ("--dir", "--pol", "--strict"):
            continue
        elif option.name in elements[-1]:
            raise RuleError(f"{option.name} twice")
        else:
            elements[-1][option.name] = option
    for element in elements:
        one_of(element, "--mode", ("transport", "tunnel"))
        if (text := value_of(element, "--proto")) is not None and protocol_number(text) not in (50, 51, 108):
            raise RuleError("--proto takes ah, esp or ipcomp")
    if value_of(given, "--pol") == "none":
        if "--strict" in given or len(elements) > 1:
            raise RuleError("--pol none can't have --strict")
        return
    for element in elements:
        if "--strict" in given and not element:
            raise RuleError("--strict needs an element of a policy")
        mode = element.get("--mode")
        tunnel = mode is not None and (mode.values[0] == "tunnel") is not mode.negated
        if ("--tunnel-src" in element or "--tunnel-dst" in element) and not tunnel:
            raise RuleError("--tunnel-src and --tunnel-dst need the mode tunnel")


def _connbytes(given: Given, place: Place) -> None:
    ends = number_range(given["--connbytes"].values[0], (1 << 64) - 1)
    if len(ends) > 1 and ends[1] < ends[0]:
        raise RuleError("a range that ends before it begins")
    one_of(given, "--connbytes-dir", ("original", "reply", "both"))
    one_of(given, "--connbytes-mode", ("packets", "bytes", "avgpkt"))


def _cluster(given: Given, place: Place) -> None:
    nodes = number(given["--cluster-total-nodes"].values[0], EVERY)
    one, several = value_of(given, "--cluster-local-node"), value_of(given, "--cluster-local-nodemask")
    mask = 1 << (number(one, EVERY) - 1) if one is not None else number(several or "0", EVERY)
    if mask >= 1 << nodes:
        raise RuleError("the node is none of --cluster-total-nodes")


def _connlabel(given: Given, place: Place) -> None:
    text = given["--label"].values[0]
    found = leading_number(text.removeprefix("-"))
    if found is None or found[1]:
        raise RuleError(f"there is no label {text!r}")  # the names are in a file that no package provides
    value = found[0] & EVERY
    if value >> 31 or value & 65535 > 127 or text.startswith("-"):
        raise RuleError(f"not a label from 0 to 127: {text!r}")


_INSTRUCTION = compile_pattern(r"\s*[-+]?[0-9]+\s+[-+]?[0-9]+\s+[-+]?[0-9]+\s+[-+]?[0-9]+", ASCII)


def _bpf(given: Given, place: Place) -> None:
    text = value_of(given, "--bytecode")
    if text is None:
        raise RuleError("--object-pinned needs a program that nothing has loaded yet")
    head, comma, rest = text.partition(",")
    parts = [part for at, part in enumerate(rest.split(",")) if part or at < rest.count(",")]
    found = _DIGITS.fullmatch(head.strip())
    if not comma or not found or not 0 < int(head) <= 64 or int(head) != len(parts):
        raise RuleError("not a program for bpf")
    if any(not _INSTRUCTION.match(part) for part in parts):
        raise RuleError("not a program for bpf")


def _ipvs(given: Given, place: Place) -> None:
    one_of(given, "--vdir", ("original", "reply"), exact=False)
    one_of(given, "--vmethod", ("gate", "ipip", "masq"), exact=False)
    if "--ipvs" in given and given["--ipvs"].negated and len(given) > 1:
        raise RuleError("! --ipvs can't be used with another option")


def _interfaces(given: Given, place: Place) -> None:
    for name in ("--physdev-in", "--physdev-out"):
        if len((value_of(given, name) or "").encode("utf-8", "surrogateescape")) > 15:
            raise RuleError(f"not the name of a network interface: {value_of(given, name)!r}")


def _u32(given: Given, place: Place) -> None:
    """u32_parse() in libxt_u32.c: tests joined by "&&", each "place=values"."""
    for test in given["--u32"].values[0].split("&&"):
        location, equals, values = test.partition("=")
        if not equals or not _LOCATION.fullmatch(location) or not _VALUES.fullmatch(values):
            raise RuleError("not a test of u32, such as 6&0xFF=1")
        numbers = [*_OPERATOR.split(location), *_SEPARATOR.split(values)]
        for text in numbers:
            number(text.strip(), EVERY)
        if len(_OPERATOR.split(location)) > 11 or values.count(",") > 9:
            raise RuleError("a test of u32 that is too long")


_NUMBER = r"\s*\+?(?:0[xX][0-9a-fA-F]+|[0-9]+)\s*"
_LOCATION = compile_pattern(rf"{_NUMBER}(?:(?:&|<<|>>|@){_NUMBER})*", ASCII)
_VALUES = compile_pattern(rf"{_NUMBER}(?::{_NUMBER})?(?:,{_NUMBER}(?::{_NUMBER})?)*", ASCII)
_OPERATOR = compile_pattern(r"&|<<|>>|@")
_SEPARATOR = compile_pattern(r"[,:]")


# -- the matches of IPv6's headers ------------------------------------------------------------------------------------

_HEADERS = {
    "hop-by-hop": 0, "protocol": 255, "hop": 0, "route": 43, "frag": 44, "auth": 51, "esp": 50, "none": 59, "dst": 60,
    "prot": 255,
}  # fmt: skip
_FLAGGED = frozenset([0, 43, 44, 50, 51, 59, 60, 255])


def _headers(given: Given, place: Place) -> None:
    text = given["--header"].values[0]
    words = [word for word in text.split(",") if word]
    for word in words:
        try:
            known = protocol_number(word) if not leading_number(word) and word != "all" else -1
        except RuleError:
            known = _HEADERS.get(word, -1)
        if known not in _FLAGGED:
            raise RuleError(f"not a header of IPv6: {word!r}")
    if not words:
        raise RuleError(f"not a header of IPv6: {text!r}")


def _header_options(name: str) -> Check:
    def check(given: Given, place: Place) -> None:
        text = value_of(given, name)
        if text is None:
            return
        parts = text.split(",")
        if len(parts) > 16 or (len(parts) == 16 and ":" in parts[-1]):
            raise RuleError("too many options of a header")
        for part in parts:
            kind, colon, size = part.partition(":")
            found = leading_number(kind.removeprefix("-"))
            length = leading_number(size.removeprefix("-"))
            if found is None or found[1] or (colon and (length is None or length[1] or not found[0] & 0xFF)):
                raise RuleError(f"not an option of a header: {part!r}")

    return check


_MOBILITY = (
    "binding-refresh-request", "brr", "home-test-init", "hoti", "careof-test-init", "coti", "home-test", "hot",
    "careof-test", "cot", "binding-update", "bu", "binding-acknowledgement", "ba", "binding-error", "be",
)  # fmt: skip


def _mobility(given: Given, place: Place) -> None:
    text = value_of(given, "--mh-type")
    if text is None:
        return
    first, colon, last = text.partition(":")
    types = []
    for word, default in ((first, 0), (last, 255)) if colon else ((first, 0),):
        if colon and not word:
            types.append(default)
            continue
        low = word.lower()
        exact = [name for name in _MOBILITY if name == low] or [name for name in _MOBILITY if name.startswith(low)]
        types.append(_MOBILITY.index(exact[0]) // 2 if exact else number(word, 255))
    if len(types) > 1 and types[0] > types[1]:
        raise RuleError(f"a range that ends before it begins: {text!r}")


def _routing_in_order(options: Sequence[Option]) -> None:
    said: dict[str, Option] = {}
    for option in options:
        kind = said.get("--rt-type")
        if option.name in ("--rt-0-res", "--rt-0-addrs") and (
            kind is None or kind.negated or number(kind.values[0], EVERY)
        ):
            raise RuleError(f"{option.name} needs --rt-type 0 before it")
        if option.name == "--rt-0-not-strict" and "--rt-0-addrs" not in said:
            raise RuleError("--rt-0-not-strict needs --rt-0-addrs before it")
        if option.name == "--rt-0-addrs":
            addresses = option.values[0].split(",")
            if len(addresses) > 16:
                raise RuleError("too many addresses")
            for address in addresses:
                address_range(address, 6)
        said[option.name] = option


MATCH_CHECKS: Mapping[str, Check] = {
    "addrtype": _address_type,
    "bpf": _bpf,
    "cgroup": _cgroup,
    "cluster": _cluster,
    "connbytes": _connbytes,
    "connlabel": _connlabel,
    "conntrack": _conntrack,
    "dccp": _dccp,
    "dscp": service_class("--dscp-class"),
    "dst": _header_options("--dst-opts"),
    "hashlimit": _hashlimit,
    "hbh": _header_options("--hbh-opts"),
    "icmp": _icmp,
    "icmp6": _icmp,
    "iprange": _ip_range,
    "ipv6header": _headers,
    "ipvs": _ipvs,
    "limit": _limit,
    "mh": _mobility,
    "multiport": _multiport,
    "owner": _owner,
    "physdev": _interfaces,
    "pkttype": words("--pkt-type", *_PACKET_TYPES, exact=False),
    "recent": _recent,
    "sctp": _sctp,
    "state": _state,
    "statistic": _statistic,
    "string": _string,
    "tcp": _tcp,
    "tcpmss": _segment_size,
    "time": _time,
    "u32": _u32,
}

IN_ORDER: Mapping[str, Callable[[Sequence[Option]], None]] = {
    "owner": _owner_in_order,
    "policy": _policy_in_order,
    "rt": _routing_in_order,
}
