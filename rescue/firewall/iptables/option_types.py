"""The value types of the options of iptables' extensions, and which options are required, optional or exclusive.

The tables are those of extensions/libxt_*.c of iptables 1.8.9 (``struct xt_option_entry``); values are parsed as in
libxtables/xtoptions.c: numbers as by strtoul(3) with base 0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from re import IGNORECASE
from re import compile as compile_pattern

from rescue.firewall.iptables.option_values import (
    Option,
    host,
    host_network,
    leading_number,
    mask_length,
    number,
    port_or_name,
    protocol_number,
)
from rescue.firewall.names import Names, RuleError

EVERY = (1 << 32) - 1
_MAXIMA = {"u8": 255, "u16": 65535, "u32": EVERY, "u64": (1 << 64) - 1}


@dataclass(frozen=True, slots=True)
class Type:
    """The value of an option: its kind, and its bounds (for a text: its length in bytes)."""

    kind: str
    low: int = 0
    high: int = 0


def _types(lines: str) -> Mapping[str, Mapping[str, Type]]:
    """From lines "name option=kind,low,high ..."."""
    made: dict[str, dict[str, Type]] = {}
    for line in lines.strip().split("\n"):
        name, *options = line.split()
        of = made.setdefault(name, {})
        for option in options:
            word, _, told = option.partition("=")
            kind, *bounds = told.split(",")
            of[f"--{word}"] = Type(kind, *(int(bound) for bound in bounds))
    return made


TYPES = _types(
    """
ah ahspi=r32 ahlen=u32
cgroup cgroup=u32
cluster cluster-total-nodes=u32,1,32 cluster-local-node=u32,1,32 cluster-local-nodemask=u32,1,32 cluster-hash-seed=u32
connbytes connbytes=r64
connlabel label=text,1
connlimit connlimit-upto=u32 connlimit-above=u32 connlimit-mask=length
connmark mark=mark
conntrack ctproto=protocol ctorigsrc=network ctorigdst=network ctreplsrc=network ctrepldst=network ctexpire=r32
conntrack ctorigsrcport=ports ctorigdstport=ports ctreplsrcport=ports ctrepldstport=ports
cpu cpu=u32
dccp sport=ports dport=ports dccp-option=u8,1,255
devgroup src-group=mark dst-group=mark
dscp dscp=u8,0,63
dst dst-len=u32
ecn ecn-ip-ect=u8,0,3
esp espspi=r32
frag fragid=r32 fraglen=u32
hashlimit hashlimit-srcmask=length hashlimit-dstmask=length hashlimit-htable-size=u32 hashlimit-htable-max=u32
hashlimit hashlimit-htable-gcinterval=u32 hashlimit-htable-expire=u32 hashlimit-name=text,1
hbh hbh-len=u32
hl hl-eq=u8 hl-lt=u8 hl-gt=u8
ipcomp ipcompspi=r32
ipvs vproto=protocol vaddr=network vport=port vportctl=port
length length=r16
limit limit-burst=u32,0,10000
mac mac-source=mac
mark mark=mark
nfacct nfacct-name=text,1
osf ttl=u32,0,2 log=u32,0,2
policy reqid=u32 spi=u32 tunnel-src=network tunnel-dst=network proto=protocol
quota quota=u64
realm realm=mark
recent seconds=u32,1 hitcount=u32 mask=host
rt rt-type=u32 rt-segsleft=r32 rt-len=u32
srh srh-next-hdr=u8 srh-hdr-len-eq=u8 srh-hdr-len-gt=u8 srh-hdr-len-lt=u8 srh-segs-left-eq=u8 srh-segs-left-gt=u8
srh srh-segs-left-lt=u8 srh-last-entry-eq=u8 srh-last-entry-gt=u8 srh-last-entry-lt=u8 srh-tag=u16 srh-psid=network
srh srh-nsid=network srh-lsid=network
statistic probability=float,0,1 every=u32,1 packet=u32
string from=u16 to=u16
tcpmss mss=r16
tos tos=tos
ttl ttl-eq=u8 ttl-lt=u8 ttl-gt=u8
udp sport=ports dport=ports
CLUSTERIP clustermac=mac total-nodes=u16,0,16 local-node=u16,0,16 hash-init=u32
CONNMARK set-xmark=mark set-mark=mark and-mark=u32 or-mark=u32 xor-mark=u32 left-shift-mark=u8,0,31
CONNMARK right-shift-mark=u8,0,31 ctmask=u32 nfmask=u32 mask=u32
DNPT src-pfx=network dst-pfx=network
DSCP set-dscp=u8,0,63
ECN ecn-tcp-cwr=u8,0,1 ecn-tcp-ece=u8,0,1 ecn-ip-ect=u8,0,3
HL hl-set=u8 hl-dec=u8,1 hl-inc=u8,1
HMARK hmark-src-prefix=length hmark-dst-prefix=length hmark-sport-mask=u16 hmark-dport-mask=u16 hmark-spi-mask=u32
HMARK hmark-sport=u16 hmark-dport=u16 hmark-spi=u32 hmark-proto-mask=u16 hmark-rnd=u32 hmark-mod=u32,1 hmark-offset=u32
IDLETIMER timeout=u32
LED led-trigger-id=text,0,31
LOG log-level=level log-prefix=text,1
MARK set-xmark=mark set-mark=mark and-mark=u32 or-mark=u32 xor-mark=u32
NETMAP to=network
NFLOG nflog-group=u16 nflog-prefix=text,1 nflog-range=u32 nflog-size=u32 nflog-threshold=u16
NFQUEUE queue-num=u16 queue-balance=r16
SNPT src-pfx=network dst-pfx=network
SYNPROXY wscale=u32 mss=u32
TCPMSS set-mss=u16
TEE gateway=host
TOS set-tos=tos and-tos=u8 or-tos=u8 xor-tos=u8
TPROXY on-port=port on-ip=host tproxy-mark=mark
TTL ttl-set=u8 ttl-dec=u8,1 ttl-inc=u8,1
"""
)
"""The options that accept only certain values."""


def _relations(lines: str) -> Mapping[str, tuple[tuple[str, ...], ...]]:
    """From lines "name a|b c|d": groups of options."""
    made: dict[str, tuple[tuple[str, ...], ...]] = {}
    for line in lines.strip().split("\n"):
        name, *groups = line.split()
        made[name] = tuple(tuple(f"--{word}" for word in group.split("|")) for group in groups)
    return made


ONE_OF = _relations(
    """
addrtype src-type|dst-type
bpf bytecode|object-pinned
cluster cluster-total-nodes cluster-hash-seed cluster-local-node|cluster-local-nodemask
comment comment
connbytes connbytes connbytes-dir connbytes-mode
connlabel label
connlimit connlimit-upto|connlimit-above
connmark mark
conntrack ctstate|ctproto|ctorigsrc|ctorigdst|ctreplsrc|ctrepldst|ctorigsrcport|ctorigdstport|ctreplsrcport|\
ctrepldstport|ctstatus|ctexpire|ctdir
cpu cpu
devgroup src-group|dst-group
dscp dscp|dscp-class
ecn ecn-tcp-cwr|ecn-tcp-ece|ecn-ip-ect
hashlimit hashlimit-upto|hashlimit-above hashlimit-name
helper helper
hl hl-eq|hl-lt|hl-gt
icmp icmp-type
icmp6 icmpv6-type
iprange src-range|dst-range
ipv6header header
ipvs ipvs|vproto|vaddr|vport|vdir|vmethod|vportctl
length length
mac mac-source
mark mark
multiport sports|dports|ports
nfacct nfacct-name
osf genre
owner uid-owner|gid-owner|socket-exists|suppl-groups
physdev physdev-in|physdev-out|physdev-is-in|physdev-is-out|physdev-is-bridged
pkttype pkt-type
policy dir
quota quota
realm realm
recent set|rcheck|update|remove
state state
statistic mode
string algo string|hex-string
tcpmss mss
tos tos
ttl ttl-eq|ttl-lt|ttl-gt
u32 u32
AUDIT type
CHECKSUM checksum-fill
CLASSIFY set-class
CONNMARK set-xmark|set-mark|and-mark|or-mark|xor-mark|save-mark|restore-mark
CONNSECMARK save|restore
DNAT to-destination
DNPT src-pfx dst-pfx
DSCP set-dscp|set-dscp-class
ECN ecn-tcp-remove|ecn-tcp-cwr|ecn-tcp-ece|ecn-ip-ect
HL hl-set|hl-dec|hl-inc
HMARK hmark-mod
IDLETIMER timeout label
LED led-trigger-id
MARK set-xmark|set-mark|and-mark|or-mark|xor-mark
NETMAP to
RATEEST rateest-name rateest-interval rateest-ewmalog
SECMARK selctx
SNAT to-source
SNPT src-pfx dst-pfx
TCPMSS set-mss|clamp-mss-to-pmtu
TEE gateway
TOS set-tos|and-tos|or-tos|xor-tos
TPROXY on-port
TTL ttl-set|ttl-dec|ttl-inc
""".replace("\\\n", "")
)
"""At least one option of each group is required."""

ALONE = _relations(
    """
addrtype limit-iface-in|limit-iface-out
bpf bytecode|object-pinned
cluster cluster-local-node|cluster-local-nodemask
connlimit connlimit-upto|connlimit-above connlimit-saddr|connlimit-daddr
dscp dscp|dscp-class
frag fragmore|fraglast
hashlimit hashlimit-upto|hashlimit-above
hl hl-eq|hl-lt|hl-gt
multiport sports|dports|ports
recent set|rcheck|update|remove rttl|set rttl|remove
statistic probability|every probability|packet
string string|hex-string
tcp syn|tcp-flags
time utc|localtz utc|kerneltz
ttl ttl-eq|ttl-lt|ttl-gt
CONNMARK set-xmark|set-mark|and-mark|or-mark|xor-mark|save-mark|restore-mark mask|ctmask mask|nfmask
CONNSECMARK save|restore
DSCP set-dscp|set-dscp-class
ECN ecn-tcp-remove|ecn-tcp-cwr ecn-tcp-remove|ecn-tcp-ece
HL hl-set|hl-dec|hl-inc
MARK set-xmark|set-mark|and-mark|or-mark|xor-mark
NFLOG nflog-range|nflog-size
NFQUEUE queue-num|queue-balance
TOS set-tos|and-tos|or-tos|xor-tos
TTL ttl-set|ttl-dec|ttl-inc
"""
)
"""At most one option of each group is allowed."""

WITH = _relations(
    """
policy next|strict
recent reap|seconds
statistic every|packet packet|every
CLUSTERIP hashmode|new clustermac|new total-nodes|new local-node|new hash-init|new
NFQUEUE queue-cpu-fanout|queue-balance
"""
)
"""The first option of each pair requires the second one."""


def check_types(module: str, options: Sequence[Option], version: int, names: Names) -> None:
    """Raises RuleError if an option has an invalid value, lacks another one, or conflicts with it."""
    types = TYPES.get(module, {})
    for option in options:
        wanted = types.get(option.name)
        if wanted is not None and option.values:
            _READERS[wanted.kind](option.values[0], wanted, version, names)
    given = {option.name for option in options}
    for group in ONE_OF.get(module, ()):
        if given.isdisjoint(group):
            raise RuleError(f"{module} needs {' or '.join(group)}")
    for group in ALONE.get(module, ()):
        if len(both := [name for name in group if name in given]) > 1:
            raise RuleError(f"{both[0]} can't be used with {both[1]}")
    for first, second in WITH.get(module, ()):
        if first in given and second not in given:
            raise RuleError(f"{first} needs {second}")


def _whole_number(text: str, wanted: Type, version: int, names: Names) -> None:
    value = number(text, wanted.high or _MAXIMA[wanted.kind])
    if value < wanted.low:
        raise RuleError(f"not a number from {wanted.low} on: {text!r}")


def number_range(text: str, most: int) -> tuple[int, ...]:
    """One number, or two separated by ":", each of which may be missing (xtopt_parse_mint())."""
    parts = text.split(":")
    if len(parts) > 2:
        raise RuleError(f"more than two numbers: {text!r}")
    return tuple(number(part, most) if part else (0, most)[at] for at, part in enumerate(parts))


def _range(text: str, wanted: Type, version: int, names: Names) -> None:
    number_range(text, _MAXIMA["u" + wanted.kind[1:]])


def _text(text: str, wanted: Type, version: int, names: Names) -> None:
    size = len(text.encode("utf-8", "surrogateescape"))
    if size < wanted.low or (wanted.high and size > wanted.high):
        raise RuleError("a text that is too long" if size > wanted.low else "an empty text")


_FLOAT = compile_pattern(
    r"\s*[-+]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[-+]?[0-9]+)?|0x[0-9a-f]+|inf(?:inity)?|nan)", IGNORECASE
)


def _float(text: str, wanted: Type, version: int, names: Names) -> None:
    if not _FLOAT.fullmatch(text):
        raise RuleError(f"not a number: {text!r}")
    value = float(int(text, 16)) if "x" in text.lower() else float(text)
    if value < wanted.low or value > wanted.high:
        raise RuleError(f"not a number from {wanted.low} to {wanted.high}: {text!r}")


def _mark(text: str, wanted: Type, version: int, names: Names) -> None:
    value, slash, mask = text.partition("/")
    number(value, EVERY)
    if slash:
        number(mask, EVERY)


_TOS = ("minimize-delay", "maximize-throughput", "maximize-reliability", "minimize-cost", "normal-service")


def _tos(text: str, wanted: Type, version: int, names: Names) -> None:
    found = leading_number(text)
    if found is None or found[0] > 255:
        if text.lower() not in _TOS:
            raise RuleError(f"not a type of service: {text!r}")
        return
    rest = found[1]
    if rest.startswith("/"):
        number(rest[1:], 255)
    elif rest:
        raise RuleError(f"not a type of service: {text!r}")


_LEVELS = frozenset(["alert", "crit", "debug", "emerg", "error", "info", "notice", "panic", "warning"])


def _level(text: str, wanted: Type, version: int, names: Names) -> None:
    if text in _LEVELS:
        return
    try:
        number(text, 7)
    except RuleError:
        raise RuleError(f"unknown log level: {text}") from None


def _host(text: str, wanted: Type, version: int, names: Names) -> None:
    host(text, version, names)


def _length(text: str, wanted: Type, version: int, names: Names) -> None:
    mask_length(text, version)


def _network(text: str, wanted: Type, version: int, names: Names) -> None:
    host_network(text, version, names)


def _protocol(text: str, wanted: Type, version: int, names: Names) -> None:
    protocol_number(text)


def _port(text: str, wanted: Type, version: int, names: Names) -> None:
    port_or_name(text, names)


def _ports(text: str, wanted: Type, version: int, names: Names) -> None:
    parts = text.split(":")
    if len(parts) > 2:
        raise RuleError(f"more than two ports: {text!r}")
    for part in parts:
        if part:
            port_or_name(part, names)


_OCTET = r"(?:[0-9A-Fa-f]{0,2}|[-+ ][0-9A-Fa-f])"
_MAC = compile_pattern(rf"{_OCTET}(?::{_OCTET}){{5}}")


def _mac(text: str, wanted: Type, version: int, names: Names) -> None:
    if not _MAC.fullmatch(text):
        raise RuleError(f"not a MAC address: {text!r}")


_READERS: Mapping[str, Callable[[str, Type, int, Names], None]] = {
    **dict.fromkeys(("u8", "u16", "u32", "u64"), _whole_number),
    **dict.fromkeys(("r16", "r32", "r64"), _range),
    "float": _float,
    "host": _host,
    "length": _length,
    "level": _level,
    "mac": _mac,
    "mark": _mark,
    "network": _network,
    "port": _port,
    "ports": _ports,
    "protocol": _protocol,
    "text": _text,
    "tos": _tos,
}
