"""What iptables' extensions take: each option of each match and target with values of all kinds, beside the reader.

A case is one line with one thing about it that may be wrong: a value on or beyond a boundary, an option left out, given
twice, negated, shortened, glued to its value; the wrong protocol, chain or table. It is loaded by the real
iptables-restore, with both backends and over both IP versions; the reader must say of just those that load that they
do. An extension that this kernel lacks (its plain case does not load) is set aside and named.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path, PurePosixPath
from random import Random
from subprocess import PIPE, Popen

from rescue.firewall import Firewall, reach
from rescue.firewall.boot import names_of
from rescue.firewall.engine.ruleset import BUILT_IN
from rescue.firewall.iptables.load import Loader
from rescue.firewall.iptables.options import MATCHES, TARGETS
from rescue.kernel_check.lab import WITHOUT_DNS, Lab, restorer
from rescue.kernel_check.prove import expected
from rescue.model import Location
from rescue.tree import Tree
from tests.iptables_forms import FORMS

OWN = ("/etc/services", "/etc/hosts", "/etc/passwd", "/etc/group", "/etc/protocols")
PATH = PurePosixPath("/etc/iptables/rules")


def _words(text: str) -> tuple[str, ...]:
    """The words of a text; "~" stands for a blank, "a*20" for a word of that length."""
    found = (word.replace("~", " ") for word in text.split())
    return tuple("a" * int(word[2:]) if word[:2] == "a*" and word[2:].isdigit() else word for word in found)


def _by_option(text: str) -> Mapping[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for line in text.strip().split("\n"):
        option, _, values = line.partition(" = ")
        found[f"--{option}"] = (*found.get(f"--{option}", ()), *_words(values))
    return found


NUMBERS = _words(
    """
0 1 2 3 -1 +1 01 08 010 0x10 0x 1x 7 8 15 16 17 31 32 33 63 64 65 127 128 129 255 256 257 1000 1500 10000 10001
65494 65495 65496 65514 65515 65516 65534 65535 65536 1000000 1000001 2147483647 2147483648 4294967294
4294967295 4294967296 18446744073709551615 18446744073709551616 99999999999999999999
"""
)
LISTS = _words(
    """
1:2 2:1 1: :2 : 1:2:3 1-2 2-1 1- 1/2 1/ /2 1/0xff 256/1 1,2 1, ,1 , 1,1 1:2,3 3,1:2 22:22 1:1
"""
)
WORDS = _words(
    """
abc ABC root nosuchname any all none ALL NONE ssh http 22 80 tcp TCP udp 6 esp mark mark/1 0.5 1.5 -0.5 1e3 .5
0.5x inf nan 1/s 5/min 5/m 5/ 0/s 1/fortnight 100000/s 10000/s 1000000/s 1000001/s 3kb/s 1mb/s in out both src
dst x 00:11:22:33:44:55 0:1:2:3:4:5 00:11:22:33:44 00-11-22-33-44-55 zz:11:22:33:44:55 !
"""
)
ADDRESSES = _words(
    """
10.0.0.1 10.0.0.0/8 10.0.0.1/33 10/8 10.0 10.0.0.300 10.0.0.1-10.0.0.9 10.0.0.9-10.0.0.1 10.0.0.1- -10.0.0.1
10.0.0.1:80 10.0.0.1:80-90 10.0.0.1:90-80 10.0.0.1-10.0.0.9:80 10.0.0.1/255.0.0.0 10.0.0.5/255.0.0.255 :80 80-90
90-80 0.0.0.0 10.0.0.1,10.0.0.2 256.1.1.1 2001:db8::1 2001:db8::/32 2001:db8::/129 :: ::/0 [2001:db8::1]:80
[2001:db8::1] 2001:db8::1-2001:db8::9 2001:db8::1%eth0 localhost
"""
)
LONG = _words(
    """
a*15 a*16 a*20 a*21 a*28 a*29 a*31 a*32 a*33 a*63 a*64 a*127 a*128 a*129 a*255 a*256 a*300
"""
)
BLANK = ('""', '" 1"', '"1 "', '"a b"')
POOL = (*NUMBERS, *LISTS, *WORDS, *ADDRESSES, *LONG, *BLANK)
"""Values that every option is tried with: whatever it is, most of them are wrong."""

SPECIAL = _by_option(
    r"""
src-type = LOCAL local LOC U UN UNI UNICAST,LOCAL LOCAL, BROADCAST,FOO NAT XRESOLVE L,M
ctstate = NEW new N E EST INV REL,EST R,, UNTRACKED SNAT DNAT S NEW,FOO
state = NEW new N EST INV REL,EST UNTRACKED SNAT NEW,FOO
ctstatus = NONE EXPECTED SEEN_REPLY ASSURED CONFIRMED A S,C NONE,FOO SEEN-REPLY
ctdir = ORIGINAL original REPLY ORIG
dir = in out IN inn fwd
pol = ipsec none IPSEC
proto = ah esp ipcomp 50 51 108 tcp
mode = transport tunnel TUNNEL random nth RANDOM
pkt-type = unicast broadcast multicast UNICAST uni host otherhost outgoing
icmp-type = any echo-request echo ping echo-r 8 8/0 8/256 8/ 255 256 3/1:2 1:2 redirect TOS-h network
icmp-type = fragmentation-needed
icmpv6-type = any echo-request ping 128/0 1 1/7 1:2 neighbour-solicitation neighbor-a redirect router
tcp-flags = SYN~SYN SYN,ACK~SYN ALL~NONE all~syn SYN SYN,FOO~SYN SYN~!~ACK ,~SYN SYN~-
tcp-option = 1 2 3 8 255 256 0
limit = 1/s 5/minute 5/m 5/mi 5/h 5/day 5/days 5 5/ 10000/s 10001/s 600000/m 600001/m 0/s x/s 5x/s 1.5/s -1/s
hashlimit-upto = 1/s 1000000/s 1000001/s 60000000/m 3b/s 3kb/s 1mb/s 4gb/s 4294967295b/s 0b/s 5000mb/s kb/s 3KB/S
hashlimit-upto = 512kb/sec 0/s
hashlimit-mode = srcip srcip,dstip srcip|dstip src srcport,dstport , srcip,
hashlimit-burst = 0 1 5 1000000 1000001 10kb 1mb 10k 5x
hashlimit-rate-interval = 0 1 x 5x -1
header = hop dst route frag auth esp none prot proto hop-by-hop ipv6-opts hop,dst foo 0 ,
mh-type = binding-refresh-request brr b 0 255 256 1:2 2:1 brr:hoti home
dccp-types = REQUEST request REQUEST,RESPONSE INVALID FOO
chunk-types = any~INIT all~INIT,DATA only~NONE foo~INIT any~FOO any~DATA:Be any~DATA:z any
timestart = 09:00 9:0 24:00 23:59 09:60 09:00:59 09:00:60 9 09:00:00:00 :30
datestart = 2026 1969 1970 2038 2039 2026-13 2026-00 2026-01-32 2026-02-31 2026-01-01T10 2026-01-01T24
datestart = 2026-01-01T10:60 2026-01-01T10:00:00 2026/01/01
weekdays = Mon Mo mo Monday Mo,Tu 1 0 8 7 1,Tu Mo, ,Mo M
monthdays = 1 31 32 0 1,2 1, x 1x 01
string = abc "" a*127 a*128 a*129
hex-string = |0d0a| "|0d~0a|" |0d0a |0| |zz| abc a|0d|b "a\\\\|0d|" || | "" |0d0~a|
algo = bm kmp fsm BM xx
dscp-class = BE EF ef CS0 CS8 AF11 AF14 AF44 BEfoo EFx CS
probability = 0 1 0.5 1.0 1.1 -0.1 0x1 1e-3 nan
connbytes = 0 1:2 2:1 :5 5: 18446744073709551615
connbytes-dir = original reply both ORIGINAL
connbytes-mode = packets bytes avgpkt PACKETS
uid-owner = root 0 0-1 1-0 0:1 nosuchuser 4294967294 4294967295 daemon 0-
gid-owner = root 0 0-1 nosuchgroup 4294967294 4294967295
u32 = 0>>22&0x3C@0>>24=0 6&0xFF=1 6&0xFF =1 "6~&~0xFF~=~1" 6&0xFF=1:2,4&&4=1 6&=1 6>1=1 4=0x
bytecode = "1,6~0~0~1" "4,48~0~0~9,21~0~1~6,6~0~0~1,6~0~0~0" "2,6~0~0~1" "0," "1" "1,6~0~0" "1,6~0~0~1,"
genre = linux Linux windows foo
vdir = ORIGINAL reply foo
vmethod = GATE ipip masq foo
log-level = debug warn warning 4 7 8 DEBUG emerg error err panic notice
reject-with = icmp-net-unreachable icmp-host-unreachable icmp-port-unreachable icmp-proto-unreachable
reject-with = icmp-net-prohibited icmp-host-prohibited icmp-admin-prohibited tcp-reset tcp-rst net-unreach icmp-net
reject-with = icmp icmp6-no-route no-route icmp6-adm-prohibited adm-prohibited icmp6-addr-unreachable addr-unreach
reject-with = icmp6-port-unreachable port-unreach icmp6-policy-fail policy-fail icmp6-reject-route echo-reply TCP-RESET
reject-with = icmp6-adm admin-prohib
type = accept DROP reject foo
set-class = 1:1 1: :1 ffff:ffff 10000:1 g:1 1:1x 1
set-dscp-class = EF BE AF44
set-tos = 0x10 0x10/0x3f Minimize-Delay minimize-delay 256 1/256 foo 0x10/
tos = 0x10 0x10/0x3f Minimize-Delay normal-service 256 foo
set-mark = 1 1/1 0x1/0xff 1/ /1 4294967295 4294967296 -1 x
strip-options = mss wscale,sack 2 1 0 0,2 2,2 sack-permitted foo md5 255 256 mss,
ctevents = new destroy,new foo new,
expevents = new foo
zone = 0 1 65535 65536 mark MARK foo
helper = ftp nosuch sip tftp
timeout = 0 1 60 nosuch 4294967295
hashmode = sourceip sourceip-sourceport foo
clustermac = 01:00:5e:00:00:20 00:00:5e:00:00:20
hmark-tuple = src src,dst s ct src,foo sport,dport spi
nfacct-name = nosuch
queue-balance = 0:3 3:0 1:1 1 0:65535 0:65534
rateest-interval = 250ms 1s 1000 16s x 1sec 8s
rateest-ewmalog = 500ms 2s 1000 x
to-source = 10.0.0.1:80-90/70 [2::1]:80 [2001:db8::1]:80-90
to-source = 10.0.0.1 10.0.0.1:80-90 10.0.0.1:http 10.0.0.1:80-http 10.0.0.1:80:90 :0 :65536 0.0.0.0
to-destination = 10.0.0.1:http 10.0.0.1:80-90/70 10.0.0.1:80-90/0 10.0.0.1:0 :22 :http
to-ports = 22-23/http 22 22-23 23-22 http 22-http 0 22:23 22-23/5
to = 10.0.0.0/24 10.0.0.0/255.255.255.0 10.0.0.0/255.0.0.255 2001:db8::/64
src-range = 10.0.0.1-10.0.0.9 10.0-10.1 10 2001:db8::1-2001:db8::9
ports = 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16
ports = 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15:16 1,2,3,4,5,6,7,8,9,10,11,12,13,14:15 ssh,http ssh:http 22:ssh
hbh-opts = 1 1:2 0:1 1,2:3 x 1: 300:300
rt-0-addrs = 2001:db8::1 2001:db8::1,2001:db8::2 x
label = 0 1 127 128 foo
cgroup = 0 1 4294967295
mss = 500:1500 1500:500 1460
set-mss = 536 1460 65495 65496 65475 65476
wscale = 0 14 15 255 256
"""
)
"""Further values, by option."""

ALIKE = {
    "--dst-type": "--src-type", "--dst-range": "--src-range", "--sports": "--ports", "--dports": "--ports",
    "--hashlimit-above": "--hashlimit-upto", "--hashlimit": "--hashlimit-upto", "--timestop": "--timestart",
    "--datestop": "--datestart", "--dst-opts": "--hbh-opts", "--zone-orig": "--zone", "--zone-reply": "--zone",
    "--set-xmark": "--set-mark", "--nflog-group": "--set-mark",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Plain:
    """An extension as it is usually written: options by name with their value, "" for none; where it may stand."""

    options: tuple[tuple[str, str], ...] = ()
    protocol: str = ""
    table: str = "filter"
    chain: str = "INPUT"


def _plain(text: str, protocol: str = "", place: str = "filter INPUT") -> Plain:
    found = []
    for part in text.split(";"):
        name, _, value = part.strip().partition(" ")
        if name:
            found.append((f"--{name}", value))
    return Plain(tuple(found), protocol, *place.split())


PLAIN_MATCHES = {
    "addrtype": _plain("src-type LOCAL"),
    "ah": _plain("ahspi 500", "ah"),
    "bpf": _plain('bytecode "1,6 0 0 1"'),
    "cgroup": _plain("cgroup 1"),
    "cluster": _plain("cluster-total-nodes 2; cluster-local-node 1; cluster-hash-seed 1"),
    "comment": _plain("comment x"),
    "connbytes": _plain("connbytes 1:2; connbytes-dir both; connbytes-mode bytes"),
    "connlabel": _plain("label 1"),
    "connlimit": _plain("connlimit-above 3"),
    "connmark": _plain("mark 1"),
    "conntrack": _plain("ctstate NEW"),
    "cpu": _plain("cpu 0"),
    "dccp": _plain("dport 22", "dccp"),
    "devgroup": _plain("src-group 1"),
    "dscp": _plain("dscp 1"),
    "dst": _plain("dst-len 8"),
    "ecn": _plain("ecn-ip-ect 1", "tcp"),
    "esp": _plain("espspi 500", "esp"),
    "eui64": _plain("", "", "filter INPUT"),
    "frag": _plain("fragid 1"),
    "hashlimit": _plain("hashlimit-upto 5/min; hashlimit-mode srcip; hashlimit-name x"),
    "hbh": _plain("hbh-len 8"),
    "helper": _plain("helper ftp"),
    "hl": _plain("hl-eq 5"),
    "icmp": _plain("icmp-type 8", "icmp"),
    "icmp6": _plain("icmpv6-type 128", "icmpv6"),
    "ipcomp": _plain("ipcompspi 1", "ipcomp"),
    "iprange": _plain("src-range 10.0.0.1-10.0.0.9"),
    "ipv6header": _plain("header hop"),
    "ipvs": _plain("ipvs"),
    "length": _plain("length 100"),
    "limit": _plain("limit 5/min"),
    "mac": _plain("mac-source 00:11:22:33:44:55"),
    "mark": _plain("mark 1"),
    "mh": _plain("mh-type 1", "mh"),
    "multiport": _plain("dports 22,80", "tcp"),
    "nfacct": _plain("nfacct-name x"),
    "osf": _plain("genre Linux", "tcp"),
    "owner": _plain("uid-owner 0", "", "filter OUTPUT"),
    "physdev": _plain("physdev-in eth0"),
    "pkttype": _plain("pkt-type unicast"),
    "policy": _plain("dir in; pol ipsec"),
    "quota": _plain("quota 1000"),
    "rateest": _plain("rateest x; rateest-lt; rateest-bps 1"),
    "realm": _plain("realm 1"),
    "recent": _plain("set"),
    "rpfilter": _plain("", "", "raw PREROUTING"),
    "rt": _plain("rt-type 0"),
    "sctp": _plain("dport 22", "sctp"),
    "socket": _plain("", "", "mangle PREROUTING"),
    "srh": _plain("srh-tag 0"),
    "state": _plain("state NEW"),
    "statistic": _plain("mode random; probability 0.5"),
    "string": _plain("string abc; algo bm"),
    "tcp": _plain("dport 22", "tcp"),
    "tcpmss": _plain("mss 500", "tcp"),
    "time": _plain("timestart 09:00"),
    "tos": _plain("tos 1"),
    "ttl": _plain("ttl-eq 5"),
    "u32": _plain("u32 6&0xFF=1"),
    "udp": _plain("dport 22", "udp"),
    "udplite": _plain("dport 22", "udplite"),
}

PLAIN_TARGETS = {
    "ACCEPT": _plain(""),
    "AUDIT": _plain("type accept"),
    "CHECKSUM": _plain("checksum-fill", "udp", "mangle POSTROUTING"),
    "CLASSIFY": _plain("set-class 1:1", "", "mangle POSTROUTING"),
    "CLUSTERIP": _plain(
        "new; hashmode sourceip; clustermac 01:00:5e:00:00:20; total-nodes 2; local-node 1", "", "filter INPUT"
    ),
    "CONNMARK": _plain("set-mark 1", "", "mangle PREROUTING"),
    "CONNSECMARK": _plain("save", "", "mangle INPUT"),
    "CT": _plain("notrack", "", "raw PREROUTING"),
    "DNAT": _plain("to-destination 10.0.0.1", "tcp", "nat PREROUTING"),
    "DNPT": _plain("src-pfx 2001:db8::/64; dst-pfx 2001:db8:1::/64", "", "mangle PREROUTING"),
    "DROP": _plain(""),
    "DSCP": _plain("set-dscp 1", "", "mangle PREROUTING"),
    "ECN": _plain("ecn-tcp-remove", "tcp", "mangle PREROUTING"),
    "HL": _plain("hl-set 5", "", "mangle PREROUTING"),
    "HMARK": _plain("hmark-tuple src; hmark-mod 5", "", "mangle PREROUTING"),
    "IDLETIMER": _plain("timeout 60; label x"),
    "LED": _plain("led-trigger-id x"),
    "LOG": _plain(""),
    "MARK": _plain("set-mark 1", "", "mangle PREROUTING"),
    "MASQUERADE": _plain("", "tcp", "nat POSTROUTING"),
    "NETMAP": _plain("to 10.0.0.0/24", "", "nat PREROUTING"),
    "NFLOG": _plain(""),
    "NFQUEUE": _plain(""),
    "NOTRACK": _plain("", "", "raw PREROUTING"),
    "QUEUE": _plain(""),
    "RATEEST": _plain("rateest-name x; rateest-interval 250ms; rateest-ewmalog 500ms"),
    "REDIRECT": _plain("", "tcp", "nat PREROUTING"),
    "REJECT": _plain("", "tcp"),
    "RETURN": _plain(""),
    "SECMARK": _plain("selctx system_u:object_r:x_t:s0", "", "mangle INPUT"),
    "SET": _plain("add-set x src"),
    "SNAT": _plain("to-source 10.0.0.1", "tcp", "nat POSTROUTING"),
    "SNPT": _plain("src-pfx 2001:db8::/64; dst-pfx 2001:db8:1::/64", "", "mangle POSTROUTING"),
    "SYNPROXY": _plain("", "tcp"),
    "TCPMSS": _plain("set-mss 1400", "tcp --syn", "mangle FORWARD"),
    "TCPOPTSTRIP": _plain("strip-options mss", "tcp", "mangle PREROUTING"),
    "TEE": _plain("gateway 10.0.0.1", "", "mangle PREROUTING"),
    "TOS": _plain("set-tos 1", "", "mangle PREROUTING"),
    "TPROXY": _plain("on-port 80", "tcp", "mangle PREROUTING"),
    "TRACE": _plain("", "", "raw PREROUTING"),
    "TTL": _plain("ttl-set 5", "", "mangle PREROUTING"),
    "ULOG": _plain(""),
}

ELSEWHERE = frozenset([("cgroup", "--path")])
"""What hangs on the machine that loads the rules, not on their text."""

FOR_6 = {"10.0.0.1-10.0.0.9": "2001:db8::1-2001:db8::9", "10.0.0.0/24": "2001:db8::/64", "10.0.0.1": "2001:db8::1"}

ONLY = {
    4: frozenset(["CLUSTERIP", "ECN", "TTL", "ULOG", "icmp", "realm", "ttl"]),
    6: frozenset(["DNPT", "HL", "SNPT", "dst", "eui64", "frag", "hbh", "hl", "icmp6", "ipv6header", "mh", "rt", "srh"]),
}
"""The extensions that there are for one IP version alone."""

PROTOCOLS = ("", "-p all", "-p tcp", "-p udp", "! -p tcp", "-p icmp", "-p ipv6-icmp", "-p sctp", "-p 6", "-p esp")


@dataclass(frozen=True, slots=True)
class Case:
    """One file of rules for one IP version. about: the extension, or "" for what is common to all."""

    about: str
    version: int
    text: str


def file_of(table: str, *lines: str) -> str:
    """A file with one table, a chain of its own and some lines."""
    first = "-A OUTPUT -j ACCEPT" if "INPUT" not in BUILT_IN[table] else "-A INPUT -j ACCEPT"
    return "\n".join([f"*{table}", ":ALPHA - [0:0]", first, *lines, "COMMIT", ""])


def values_of(option: str) -> tuple[str, ...]:
    """All that an option is tried with."""
    return tuple(dict.fromkeys((*SPECIAL.get(ALIKE.get(option, option), ()), *POOL)))


def cases() -> list[Case]:
    """Every case there is."""
    found = [Case("", version, file_of("filter", line)) for line in FORMS.split("\n")[1:-1] for version in (4, 6)]
    for version in (4, 6):
        for name, plain in PLAIN_MATCHES.items():
            found += [Case(name, version, text) for text in _extension(name, plain, version, MATCHES, match=True)]
        for name, plain in PLAIN_TARGETS.items():
            found += [Case(name, version, text) for text in _extension(name, plain, version, TARGETS, match=False)]
    return list(dict.fromkeys(found))


def plain_text(name: str, version: int) -> str:
    """The plain case of an extension."""
    plain = PLAIN_MATCHES.get(name) or PLAIN_TARGETS[name]
    return _line(name, plain, version, plain.options, match=name in PLAIN_MATCHES)


def _said(options: Sequence[tuple[str, str]], version: int) -> str:
    words = [f"{name} {_fitting(value, version)}".strip() for name, value in options]
    return " ".join(words)


def _fitting(value: str, version: int) -> str:
    return FOR_6.get(value, value) if version == 6 else value


def _line(
    name: str,
    plain: Plain,
    version: int,
    options: Sequence[tuple[str, str]],
    *,
    match: bool,
    protocol: str | None = None,
) -> str:
    if protocol is None:
        protocol = f"-p {plain.protocol}" if plain.protocol else ""
    said = _said(options, version)
    rule = f"-m {name} {said} -j ACCEPT" if match else f"-j {name} {said}"
    return file_of(plain.table, f"-A {plain.chain} {protocol} {rule}".replace("  ", " ").strip())


def _extension(
    name: str, plain: Plain, version: int, tables: Mapping[str, Mapping[str, int]], *, match: bool
) -> Iterator[str]:
    known = {option: count for option, count in tables.get(name, {}).items() if (name, option) not in ELSEWHERE}
    yield plain_text(name, version)
    for protocol in PROTOCOLS:
        yield _line(name, plain, version, plain.options, match=match, protocol=protocol)
        yield _line(name, plain, version, (), match=match, protocol=protocol)
    for table, chains in BUILT_IN.items():
        for chain in (*chains, "ALPHA"):
            place = Plain(plain.options, plain.protocol, table, chain)
            yield _line(name, place, version, plain.options, match=match)
    for at in range(len(plain.options)):
        yield _line(name, plain, version, [*plain.options[:at], *plain.options[at + 1 :]], match=match)
    good = {option: next((value for each, value in plain.options if each == option), None) for option in known}
    for option, count in known.items():
        value = good[option]
        if value is None:
            value = (*SPECIAL.get(ALIKE.get(option, option), ()), "1")[0] if count else ""
        rest = [each for each in plain.options if each[0] != option]
        tries = [(f"{option}", given) for given in (values_of(option) if count else ("", "x"))]
        tries += [
            (f"! {option}", value),
            (f"{option}={value}", ""),
            (option, f"! {value}"),
            (option, f"{value} {option} {value}"),
        ]
        tries += [(option[:size], value) for size in range(3, len(option)) if option[:size] != "--help"]
        for each in tries:
            yield _line(name, plain, version, [*rest, each], match=match)
        for each in tries[:6] if rest else ():
            yield _line(name, plain, version, [each], match=match)
        for other, further in known.items():
            if other != option:
                there = good[other]
                if there is None:
                    there = (*SPECIAL.get(ALIKE.get(other, other), ()), "1")[0] if further else ""
                without = [each for each in rest if each[0] != other]
                yield _line(name, plain, version, [*without, (option, value), (other, there)], match=match)
                yield _line(name, plain, version, [(option, value), (other, there)], match=match)


WORKER = """
import json, subprocess, sys
for line in sys.stdin:
    program, text = json.loads(line)
    done = subprocess.run([program], input=text.encode("utf-8", "surrogateescape"), capture_output=True)
    print(json.dumps([done.returncode, done.stderr.decode("utf-8", "replace")]), flush=True)
"""


class Restorer:
    """The real iptables-restore, in a network of its own."""

    def __init__(self, lab: Lab) -> None:
        command = [*WITHOUT_DNS, sys.executable, "-c", WORKER]
        self.worker: Popen[str] = lab.server.inside(lambda: Popen(command, stdin=PIPE, stdout=PIPE, text=True))

    def load(self, text: str, version: int, backend: str) -> tuple[bool, str]:
        """Whether it loads, and what is said of it."""
        status, said = self._ask(restorer(version, backend), text)
        table = text.partition("\n")[0]
        if status == 0 and table[1:] in BUILT_IN:
            chains = [f":{chain} ACCEPT [0:0]" for chain in BUILT_IN[table[1:]]]
            self._ask(restorer(version, backend), "\n".join([table, *chains, "COMMIT", ""]))
        return status == 0, said

    def _ask(self, program: str, text: str) -> tuple[int, str]:
        assert self.worker.stdin is not None
        assert self.worker.stdout is not None
        self.worker.stdin.write(json.dumps([program, text]) + "\n")
        self.worker.stdin.flush()
        status, said = json.loads(self.worker.stdout.readline())
        return int(status), str(said)

    def close(self) -> None:
        if self.worker.stdin is not None:
            self.worker.stdin.close()
        self.worker.wait()


class Comparison:
    """The reader beside the real program."""

    def __init__(self, lab: Lab) -> None:
        self.restorer = Restorer(lab)
        files = {str(path): path.read_text() for path in map(Path, OWN) if path.is_file()}
        self.names = names_of(Tree.of(files))
        self.count: Counter[str] = Counter()
        self.lacking: dict[tuple[str, int, str], bool] = {}

    def close(self) -> None:
        self.restorer.close()

    def said(self, text: str, version: int, backend: str) -> str:
        """Why the reader says that a file does not load; empty if it loads."""
        loader = Loader(version, self.names, backend)
        loader.restore(text, PATH)
        problems = loader.ruleset().problems
        return problems[0].message if problems else ""

    def lacks(self, case: Case, backend: str) -> bool:
        """Whether the extension does not load here even in its plain form, although it should."""
        if not case.about:
            return False
        if case.about in ONLY.get(10 - case.version, ()):
            return False
        key = (case.about, case.version, backend)
        if key not in self.lacking:
            text = plain_text(case.about, case.version)
            taken, _ = self.restorer.load(text, case.version, backend)
            self.lacking[key] = not taken and not self.said(text, case.version, backend)
        return self.lacking[key]

    def differs(self, case: Case, backend: str) -> str:
        """In what the two differ about a case; empty if they agree."""
        if self.lacks(case, backend):
            self.count["lack something here"] += 1
            return ""
        problem = self.said(case.text, case.version, backend)
        taken, words = self.restorer.load(case.text, case.version, backend)
        self.count["cases"] += 1
        if taken == (not problem):
            self.count["load" if taken else "are refused"] += 1
            return ""
        self.count["differ"] += 1
        line = case.text.split("\n")[3]
        place = case.text.partition("\n")[0]
        told = f"loads, and the reader says: {problem}" if taken else f"is refused: {' '.join(words.split())[:160]}"
        return f"{case.about or '-'}\tv{case.version} {backend} {place}\t{line}\t{told}"


def differences(
    lab: Lab, count: int, seed: int, backends: Sequence[str] = ("nft", "legacy")
) -> tuple[list[str], Counter[str]]:
    """Try `count` cases, or all if there are fewer: what differs, and what was counted."""
    chosen = cases()
    if count < len(chosen):
        chosen = Random(seed).sample(chosen, count)
    compared = Comparison(lab)
    try:
        found = [said for case in chosen for backend in backends if (said := compared.differs(case, backend))]
        lacking = sorted(
            {f"{name} (v{version} {backend})" for (name, version, backend), no in compared.lacking.items() if no}
        )
        if lacking:
            print("not here: " + ", ".join(lacking), flush=True)
        return found, compared.count
    finally:
        compared.close()


SOURCE: dict[int, IPv4Address | IPv6Address] = {4: IPv4Address("198.51.100.7"), 6: IPv6Address("2001:db8:5::5")}
"""The client that dials."""

NOT_DIALLED = frozenset(["TEE", "IDLETIMER", "TRACE"])
"""Targets that do more than a packet's own way."""


def rules_to_dial() -> list[Case]:
    """Rules with one match or target each, as people write them, that let in or keep out all that they are for."""
    found: list[Case] = []
    for version in (4, 6):
        for name, plain in PLAIN_MATCHES.items():
            if name in ONLY[10 - version]:
                continue
            for options in _said_well(name, plain, MATCHES):
                protocol = f"-p {plain.protocol}" if plain.protocol else ""
                rule = f"-A {plain.chain} {protocol} -m {name} {_said(options, version)} -j".replace("  ", " ")
                for policy, target in (("ACCEPT", "DROP"), ("DROP", "ACCEPT")):
                    head = f"*{plain.table}\n:{plain.chain} {policy} [0:0]\n"
                    found.append(Case(name, version, f"{head}{rule} {target}\nCOMMIT\n"))
        for name, plain in PLAIN_TARGETS.items():
            if name in ONLY[10 - version] or name in NOT_DIALLED:
                continue
            for options in _said_well(name, plain, TARGETS):
                protocol = f"-p {plain.protocol}" if plain.protocol else ""
                line = f"-A {plain.chain} {protocol} -j {name} {_said(options, version)}".replace("  ", " ").strip()
                found.append(Case(name, version, f"*{plain.table}\n{line}\nCOMMIT\n"))
    return list(dict.fromkeys(found))


def _said_well(name: str, plain: Plain, tables: Mapping[str, Mapping[str, int]]) -> Iterator[Sequence[tuple[str, str]]]:
    """The plain options; each other option beside them with the values that it is made for; negated."""
    yield plain.options
    for option, count in tables.get(name, {}).items():
        rest = [each for each in plain.options if each[0] != option]
        own = [value for each, value in plain.options if each == option]
        values = [*own, *SPECIAL.get(ALIKE.get(option, option), NUMBERS)] if count else [""]
        for value in values:
            for each in ((option, value), (f"! {option}", value)):
                yield [*rest, each]
                if rest:
                    yield [each]


class Dialled:
    """One lab after the other, in which a client dials the server that the rules keep."""

    def __init__(self) -> None:
        self.lab = Lab(ports=(22,))
        self.count: Counter[str] = Counter()
        files = {str(path): path.read_text() for path in map(Path, OWN) if path.is_file()}
        self.names = names_of(Tree.of(files))

    def close(self) -> None:
        self.lab.close()

    def anew(self) -> None:
        """What the kernel remembers of earlier rules is gone then."""
        self.lab.close()
        self.lab = Lab(ports=(22,))

    def differs(self, case: Case, backend: str) -> str:
        """In what the kernel differs from the verdict; empty if it does not, or the verdict leaves it open."""
        loader = Loader(case.version, self.names, backend)
        loader.restore(case.text, PATH)
        ruleset = loader.ruleset()
        if ruleset.problems:
            return ""  # that it does not load is another question
        firewall = Firewall("iptables-restore", Location(PATH), {case.version: ruleset}, {}, backend)
        server = self.lab.addresses[case.version]
        verdict = reach([firewall], 22, case.version, interface="eth0", server=server).verdict_for(SOURCE[case.version])
        self.count["verdicts"] += 1
        said = expected(verdict, case.version)
        if said is None:
            self.count["depend"] += 1
            return ""
        seen = self._dial(case, backend, 0.15)
        if seen not in (said, ""):
            self.anew()
            seen = self._dial(case, backend, 1.0)
        if seen == "":
            self.count["lack something here"] += 1
            return ""
        if seen == said:
            return ""
        self.count["differ"] += 1
        line = case.text.replace("\n", " | ")
        return f"{case.about}\tv{case.version} {backend}\t{line}\tsaid {said}, seen {seen}"

    def _dial(self, case: Case, backend: str, patience: float) -> str:
        if not self.lab.load(case.text, case.version, backend):
            return ""
        try:
            return self.lab.probe(SOURCE[case.version], 22, patience=patience)
        finally:
            self.lab.flush_used(case.text, backend, case.version)


def dialled_differences(count: int, seed: int) -> tuple[list[str], Counter[str]]:
    """Dial through `count` rules, or all if there are fewer: what differs, and what was counted."""
    chosen = rules_to_dial()
    random = Random(seed)
    if count < len(chosen):
        chosen = random.sample(chosen, count)
    dialled = Dialled()
    try:
        found = [said for case in chosen if (said := dialled.differs(case, random.choice(("nft", "legacy"))))]
        return found, dialled.count
    finally:
        dialled.close()
