"""Option values that iptables' targets, or the kernel behind them, reject.

From extensions/libxt_*.c and libip*t_*.c of iptables 1.8.9, and net/netfilter/xt_*.c; checked against both backends.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import log
from re import ASCII
from re import compile as compile_pattern

from rescue.firewall.engine.packet import MAX_PORT
from rescue.firewall.iptables.given import Check, Given, Place, file_name, one_of, service_class, value_of, words
from rescue.firewall.iptables.option_types import EVERY, number_range
from rescue.firewall.iptables.option_values import address_range, host, leading_number, mask_length, number, port
from rescue.firewall.names import RuleError

# -- the targets ------------------------------------------------------------------------------------------------------

_CLASS = compile_pattern(r"\s*[-+]?(?:0[xX])?[0-9a-fA-F]+:\s*[-+]?(?:0[xX])?[0-9a-fA-F]+.*", ASCII)


def _classify(given: Given, place: Place) -> None:
    if not _CLASS.fullmatch(given["--set-class"].values[0]):
        raise RuleError(f"not a class, such as 1:10: {given['--set-class'].values[0]!r}")


_TCP_OPTIONS = {"wscale": 3, "mss": 2, "sack-permitted": 4, "sack": 5, "timestamp": 8, "md5": 19}


def _strip(given: Given, place: Place) -> None:
    text = value_of(given, "--strip-options")
    seen: set[int] = set()
    for word in text.split(",") if text is not None else ():
        option = _TCP_OPTIONS.get(word) or number(word, 255)
        if option < 2 or option in seen:
            raise RuleError(f"not an option of TCP, or twice: {word!r}")
        seen.add(option)


_EVENTS = ("new", "related", "destroy", "reply", "assured", "protoinfo", "helper", "mark", "natseqinfo", "secmark")


_HELPERS = {
    "ftp": (6,), "sip": (6, 17), "tftp": (17,), "irc": (6,), "amanda": (17,), "RAS": (17,), "Q.931": (6,),
    "H.245": (6,),
    "netbios-ns": (17,), "pptp": (6,), "sane": (6,), "snmp": (17,), "snmp_trap": (17,),
}  # fmt: skip
"""The kernel's own conntrack helpers, and their protocols; programs may add others."""


def _ct(given: Given, place: Place) -> None:
    tracked = "--notrack" not in given
    if tracked and (helper := value_of(given, "--helper")) is not None and place.only not in _HELPERS.get(helper, ()):
        raise RuleError(f"there is no helper {helper!r} for the protocol of the rule")
    if tracked and "--timeout" in given:
        raise RuleError("--timeout needs a policy, and no file can define one")
    for name in ("--zone", "--zone-orig", "--zone-reply"):
        if (text := value_of(given, name)) is not None and text.lower() != "mark":
            number(text, 65535)
    for name, known in (("--ctevents", _EVENTS), ("--expevents", ("new",))):
        for word in given[name].values[0].split(",") if name in given else ():
            if word not in known:
                raise RuleError(f"not an event of a connection: {word!r}")


_TUPLES = ("ct", "src", "dst", "sport", "dport", "proto", "spi")


def _hmark(given: Given, place: Place) -> None:
    text = value_of(given, "--hmark-tuple")
    for word in text.lower().split(",") if text is not None else ():
        if not word or not any(name.startswith(word) for name in _TUPLES):
            raise RuleError(f"not a part of packets: {word!r}")
    if {"--hmark-tuple", "--hmark-src-prefix", "--hmark-dst-prefix", "--hmark-sport-mask", "--hmark-dport-mask",
        "--hmark-spi-mask", "--hmark-proto-mask"}.isdisjoint(given):  # fmt: skip
        raise RuleError("HMARK needs --hmark-tuple")


def _led(given: Given, place: Place) -> None:
    text = value_of(given, "--led-delay")
    if text is not None and not text.lower().startswith("inf"):
        number(text, EVERY)


def _prefix(name: str) -> Check:
    def check(given: Given, place: Place) -> None:
        if "\n" in (value_of(given, name) or ""):
            raise RuleError(f"{name} continues on the next line")

    return check


def _nfqueue(given: Given, place: Place) -> None:
    if (text := value_of(given, "--queue-balance")) is None:
        return
    ends = number_range(text, 65535)
    if len(ends) != 2 or ends[0] >= ends[1] or ends[1] - ends[0] == 65535:
        raise RuleError(f"not a range of queues: {text!r}")


_SPAN = compile_pattern(
    r"\s*([-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?)(|s|secs?|ms|msecs?|us|usecs?)", ASCII
)


def _span(text: str) -> int:
    """A time in microseconds, in 32 bits."""
    whole = leading_number(text)
    if whole is not None and not whole[1]:
        return whole[0] & EVERY
    found = _SPAN.fullmatch(text.lower())
    if found is None:
        raise RuleError(f"not a time, such as 250ms: {text!r}")
    return int(float(found[1]) * {"": 1, "s": 1_000_000, "m": 1000, "u": 1}[found[2][:1]]) & EVERY


def _rate_estimator(given: Given, place: Place) -> None:
    interval, average = (_span(given[f"--rateest-{name}"].values[0]) for name in ("interval", "ewmalog"))
    if interval > (1 << 5) * 250_000:
        raise RuleError("--rateest-interval is too large")
    steps = 0
    for steps in range(1, 33):
        if steps == 32 or interval / -log(1 - 1 / (1 << steps)) > average:
            break
    if not 0 < steps - 1 < 31:
        raise RuleError("--rateest-ewmalog is out of range")


def _idle_timer(given: Given, place: Place) -> None:
    seconds = number(given["--timeout"].values[0], EVERY)
    if not 0 < seconds < ((1 << 31) - 1) // 1000:
        raise RuleError("--timeout is 0 or too large")
    file_name(given, "--label")


def _tee(given: Given, place: Place) -> None:
    if not host(given["--gateway"].values[0], place.version, place.names):
        raise RuleError("--gateway is not an address")


def _ecn(given: Given, place: Place) -> None:
    if place.only != 6 and not {"--ecn-tcp-remove", "--ecn-tcp-cwr", "--ecn-tcp-ece"}.isdisjoint(given):
        raise RuleError("ECN needs its protocol before it: -p tcp")


def _prefixes(given: Given, place: Place) -> None:
    for name in ("--src-pfx", "--dst-pfx"):
        base, slash, mask = given[name].values[0].partition("/")
        length = mask_length(mask, 6) if slash else 128
        if length is None or length > 64 or host(base, 6, place.names) & ((1 << (128 - length)) - 1):
            raise RuleError(f"not a prefix of 64 bits at most: {given[name].values[0]!r}")


def _set(given: Given, place: Place) -> None:
    if {"--add-set", "--del-set", "--map-set"}.isdisjoint(given):
        raise RuleError("SET needs --add-set, --del-set or --map-set")
    if "--add-set" not in given and not {"--exist", "--timeout"}.isdisjoint(given):
        raise RuleError("--exist and --timeout need --add-set")
    if ("--map-set" in given) is {"--map-mark", "--map-prio", "--map-queue"}.isdisjoint(given):
        raise RuleError("--map-set needs --map-mark, --map-prio or --map-queue, and they need it")
    if (text := value_of(given, "--timeout")) is not None:
        number(text, EVERY - 1)


def _clusterip(given: Given, place: Place) -> None:
    if given and {"--new", "--hashmode", "--clustermac", "--total-nodes", "--local-node"} - set(given):
        raise RuleError("CLUSTERIP needs --new, --hashmode, --clustermac, --total-nodes and --local-node")
    one_of(given, "--hashmode", ("sourceip", "sourceip-sourceport", "sourceip-sourceport-destport"))


def _tcpmss(given: Given, place: Place) -> None:
    if (text := value_of(given, "--set-mss")) is not None:
        number(text, 65535 - (20 if place.version == 4 else 40))


def nat_ports(text: str, place: Place, *, shifted: bool = True) -> None:
    """Raises RuleError unless this is a port or port range for a nat target (parse_ports() in libxt_NAT.c)."""
    if place.protocol not in (1, 6, 17, 33, 132):
        raise RuleError("a port needs -p tcp or -p udp before it")
    first, dash, last = text.partition("-")
    if not dash or leading_number(text) is None:
        port(text, place.names)
        return
    low = number(first, 65535)
    end, slash, offset = last.partition("/")
    if number(end, 65535) < low:
        raise RuleError(f"a range that ends before it begins: {text!r}")
    if slash:
        if not shifted:
            raise RuleError("a range of ports can't be shifted here")
        base = leading_number(offset)
        if base is None or not 0 < base[0] <= MAX_PORT:
            _named(offset, place)


def _named(text: str, place: Place) -> None:
    if text not in place.names.services:
        raise RuleError(f"unknown port: {text!r}")


def nat_addresses(text: str, place: Place) -> None:
    """Raises RuleError unless this is an address or address range, optionally with ports (parse_to())."""
    address, colon, ports = text.partition(":")
    if "[" in text:
        address, closed, rest = text[text.index("[") + 1 :].partition("]")
        if not closed or place.version == 4:
            raise RuleError(f"not an address: {text!r}")
        _, colon, ports = rest.partition(":")
    elif ":" in ports:
        address, colon, ports = text, "", ""
    if colon:
        nat_ports(ports, place)
        if not address or (len(address) == 2 and "[" not in text):
            return  # "22:80" is accepted as ports only, too
    for each in address.split("-", maxsplit=1):
        address_range(each, place.version, whole=True)


def _to_addresses(name: str) -> Check:
    return lambda given, place: nat_addresses(given[name].values[0], place)


def _to_ports(*, shifted: bool = True) -> Check:
    def check(given: Given, place: Place) -> None:
        if (text := value_of(given, "--to-ports")) is not None:
            nat_ports(text, place, shifted=shifted)

    return check


TARGET_CHECKS: Mapping[str, Check] = {
    "AUDIT": words("--type", "accept", "drop", "reject", exact=False),
    "CLASSIFY": _classify,
    "CLUSTERIP": _clusterip,
    "CT": _ct,
    "DNAT": _to_addresses("--to-destination"),
    "DNPT": _prefixes,
    "DSCP": service_class("--set-dscp-class"),
    "ECN": _ecn,
    "HMARK": _hmark,
    "IDLETIMER": _idle_timer,
    "LED": _led,
    "LOG": _prefix("--log-prefix"),
    "MASQUERADE": _to_ports(),
    "NFLOG": _prefix("--nflog-prefix"),
    "NFQUEUE": _nfqueue,
    "RATEEST": _rate_estimator,
    "REDIRECT": _to_ports(shifted=False),
    "SET": _set,
    "SNAT": _to_addresses("--to-source"),
    "SNPT": _prefixes,
    "TCPMSS": _tcpmss,
    "TCPOPTSTRIP": _strip,
    "TEE": _tee,
}
