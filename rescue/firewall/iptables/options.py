"""The options of iptables' matches and targets: those that can be parsed, and those that make a load fail.

Source: iptables-extensions(8) and the option tables of the extensions (extensions/libxt_*.c of iptables 1.8).
"""

from __future__ import annotations

from collections.abc import Mapping


def _table(lines: str) -> Mapping[str, Mapping[str, int]]:
    """From lines "name option option: option::": the number of colons is the number of values."""
    made: dict[str, dict[str, int]] = {}
    for line in lines.strip().split("\n"):
        name, *options = line.split()
        made[name] = {f"--{option.rstrip(':')}": option.count(":") for option in options}
    return made


MATCHES = _table(
    """
addrtype src-type: dst-type: limit-iface-in limit-iface-out
ah ahspi: ahlen: ahres
bpf bytecode: object-pinned:
cgroup cgroup: path:
cluster cluster-total-nodes: cluster-local-node: cluster-local-nodemask: cluster-hash-seed:
comment comment:
connbytes connbytes: connbytes-dir: connbytes-mode:
connlabel label: set
connlimit connlimit-upto: connlimit-above: connlimit-mask: connlimit-saddr connlimit-daddr
connmark mark:
conntrack ctstate: ctproto: ctorigsrc: ctorigdst: ctreplsrc: ctrepldst: ctorigsrcport: ctorigdstport: ctreplsrcport: \
ctrepldstport: ctstatus: ctexpire: ctdir:
cpu cpu:
dccp sport: source-port: dport: destination-port: dccp-types: dccp-option:
devgroup src-group: dst-group:
dscp dscp: dscp-class:
dst dst-len: dst-opts:
ecn ecn-tcp-cwr ecn-tcp-ece ecn-ip-ect:
esp espspi:
eui64
frag fragid: fraglen: fragres fragfirst fragmore fraglast
geoip src-cc: source-country: dst-cc: destination-country:
hashlimit hashlimit: hashlimit-upto: hashlimit-above: hashlimit-burst: hashlimit-mode: hashlimit-srcmask: \
hashlimit-dstmask: hashlimit-name: hashlimit-htable-size: hashlimit-htable-max: hashlimit-htable-expire: \
hashlimit-htable-gcinterval: hashlimit-rate-match hashlimit-rate-interval:
hbh hbh-len: hbh-opts:
helper helper:
hl hl: hl-eq: hl-lt: hl-gt:
icmp icmp-type:
icmp6 icmpv6-type:
iprange src-range: dst-range:
ipv6header header: soft
ipcomp ipcompspi: compres
ipvs ipvs vproto: vaddr: vport: vdir: vmethod: vportctl:
length length:
limit limit: limit-burst:
mac mac-source:
mark mark:
mh mh-type:
multiport sports: source-ports: dports: destination-ports: ports:
nfacct nfacct-name:
osf genre: ttl: log:
owner uid-owner: gid-owner: socket-exists suppl-groups
physdev physdev-in: physdev-out: physdev-is-in physdev-is-out physdev-is-bridged
pkttype pkt-type:
policy dir: pol: strict reqid: spi: proto: mode: tunnel-src: tunnel-dst: next
psd psd-weight-threshold: psd-delay-threshold: psd-lo-ports-weight: psd-hi-ports-weight:
quota quota:
quota2 quota: name: grow no-change packets
rateest rateest: rateest1: rateest2: rateest-lt rateest-gt rateest-eq rateest-delta rateest-bps rateest-pps \
rateest-bps1: rateest-bps2: rateest-pps1: rateest-pps2: rateest1-bps: rateest1-pps: rateest2-bps: rateest2-pps:
realm realm:
recent set rcheck update remove seconds: reap hitcount: rttl name: rsource rdest mask:
rpfilter loose validmark accept-local invert
rt rt-type: rt-segsleft: rt-len: rt-0-res rt-0-addrs: rt-0-not-strict
sctp sport: source-port: dport: destination-port: chunk-types::
set match-set:: set:: return-nomatch update-counters update-subcounters packets-eq: packets-lt: packets-gt: \
bytes-eq: bytes-lt: bytes-gt:
socket transparent nowildcard restore-skmark
srh srh-next-hdr: srh-hdr-len-eq: srh-hdr-len-gt: srh-hdr-len-lt: srh-segs-left-eq: srh-segs-left-gt: \
srh-segs-left-lt: srh-last-entry-eq: srh-last-entry-gt: srh-last-entry-lt: srh-tag: srh-psid: srh-nsid: srh-lsid:
state state:
statistic mode: probability: every: packet:
string string: hex-string: algo: from: to: icase
tcp sport: source-port: dport: destination-port: syn tcp-flags:: tcp-option:
tcpmss mss:
time timestart: timestop: datestart: datestop: weekdays: monthdays: utc localtz kerneltz contiguous
tos tos:
ttl ttl: ttl-eq: ttl-lt: ttl-gt:
u32 u32:
udp sport: source-port: dport: destination-port:
""".replace("\\\n", "")
)
"""The matches: how many values each option takes."""

TARGETS = _table(
    """
ACCEPT
ACCOUNT addr: tname:
AUDIT type:
CHECKSUM checksum-fill
CLASSIFY set-class:
CLUSTERIP new hashmode: clustermac: total-nodes: local-node: hash-init:
CONNMARK set-mark: set-xmark: and-mark: or-mark: xor-mark: save-mark restore-mark mask: nfmask: ctmask: \
left-shift-mark: right-shift-mark:
CONNSECMARK save restore
CT notrack helper: timeout: ctevents: expevents: zone: zone-orig: zone-reply:
DNAT to-destination: random persistent
DNPT src-pfx: dst-pfx:
DROP
DSCP set-dscp: set-dscp-class:
ECN ecn-tcp-remove ecn-tcp-cwr: ecn-tcp-ece: ecn-ip-ect:
HL hl-set: hl-dec: hl-inc:
HMARK hmark-tuple: hmark-mod: hmark-rnd: hmark-offset: hmark-src-prefix: hmark-dst-prefix: hmark-sport-mask: \
hmark-dport-mask: hmark-spi-mask: hmark-proto-mask: hmark-sport: hmark-dport: hmark-spi:
IDLETIMER timeout: label: alarm
LED led-trigger-id: led-delay: led-always-blink
LOG log-level: log-prefix: log-tcp-sequence log-tcp-options log-ip-options log-uid log-macdecode
MARK set-mark: set-xmark: and-mark: or-mark: xor-mark:
MASQUERADE to-ports: random random-fully
NETMAP to:
NFLOG nflog-group: nflog-prefix: nflog-range: nflog-size: nflog-threshold:
NFQUEUE queue-num: queue-balance: queue-bypass queue-cpu-fanout
NOTRACK
QUEUE
RATEEST rateest-name: rateest-interval: rateest-ewmalog:
REDIRECT to-ports: random
REJECT reject-with:
RETURN
SECMARK selctx:
SET add-set:: del-set:: map-set:: timeout: exist map-mark map-prio map-queue
SNAT to-source: random random-fully persistent
SNPT src-pfx: dst-pfx:
SYNPROXY sack-perm timestamp wscale: mss: ecn
TCPMSS set-mss: clamp-mss-to-pmtu
TCPOPTSTRIP strip-options:
TEE gateway: oif:
TOS set-tos: and-tos: or-tos: xor-tos:
TPROXY on-port: on-ip: tproxy-mark:
TRACE
TTL ttl-set: ttl-dec: ttl-inc:
ULOG ulog-nlgroup: ulog-prefix: ulog-cprange: ulog-qthreshold:
""".replace("\\\n", "")
)
"""The targets: how many values each option takes."""

ADDONS = frozenset(
    ["TARPIT", "DELUDE", "CHAOS", "ECHO", "STEAL", "SYSRQ", "RAWDNAT", "RAWSNAT", "DHCPMAC", "IPMARK", "DNETMAP",
     "PROTO", "LOGMARK", "IPP2P"]
)  # fmt: skip
"""Out-of-tree targets with unknown options."""

ALIASES = {
    "--source": "-s",
    "--src": "-s",
    "--destination": "-d",
    "--dst": "-d",
    "--in-interface": "-i",
    "--out-interface": "-o",
    "--protocol": "-p",
    "--jump": "-j",
    "--goto": "-g",
    "--match": "-m",
    "--fragments": "-f",
    "--set-counters": "-c",
    "--append": "-A",
    "--insert": "-I",
    "--delete": "-D",
    "--new-chain": "-N",
    "--delete-chain": "-X",
    "--flush": "-F",
    "--policy": "-P",
    "--replace": "-R",
    "--rename-chain": "-E",
    "--list": "-L",
    "--list-rules": "-S",
    "--zero": "-Z",
    "--check": "-C",
    "--exact": "-x",
    "--help": "-h",
    "--line-numbers": "-0",
    "--modprobe": "-M",
    "--numeric": "-n",
    "--table": "-t",
    "--verbose": "-v",
    "--version": "-V",
    "--wait": "-w",
    "--wait-interval": "-W",
    "--ipv4": "-4",
    "--ipv6": "-6",
    "--source-port": "--sport",
    "--destination-port": "--dport",
    "--source-ports": "--sports",
    "--destination-ports": "--dports",
    "--hashlimit": "--hashlimit-upto",
    "--hl": "--hl-eq",
    "--ttl": "--ttl-eq",
}
"""Alternative spellings of options."""

BASE = {long: short for long, short in ALIASES.items() if not short.startswith("--")}
"""The long names of the options common to all rules."""

IMPLIED = {6: "tcp", 17: "udp", 33: "dccp", 132: "sctp", 1: "icmp", 58: "icmp6", 135: "mh", 50: "esp", 51: "ah",
           108: "ipcomp"}  # fmt: skip
"""The match whose options may be used once ``-p`` has named its protocol."""

ADDON_MATCHES = frozenset(
    ["account", "asn", "childlevel", "condition", "connrate", "fuzzy", "gradm", "iface", "ipp2p", "ipv4options",
     "layer7", "length2", "lscan", "ndpi", "nth", "pknock", "portscan", "random"]
)  # fmt: skip
"""Matches with unknown options: out-of-tree ones, or long removed from the kernel."""

NEVER_NEGATED = {
    module: frozenset(f"--{name}" for name in names.split())
    for module, names in {
        "addrtype": "limit-iface-in limit-iface-out",
        "ah": "ahres",
        "bpf": "bytecode object-pinned",
        "cluster": "cluster-hash-seed cluster-total-nodes",
        "comment": "comment",
        "connbytes": "connbytes-dir connbytes-mode",
        "connlabel": "set",
        "connlimit": "connlimit-daddr connlimit-mask connlimit-saddr",
        "conntrack": "ctdir",
        "dst": "dst-opts",
        "frag": "fragfirst fraglast fragmore fragres",
        "hashlimit": "hashlimit-burst hashlimit-dstmask hashlimit-htable-expire hashlimit-htable-gcinterval "
        "hashlimit-htable-max hashlimit-htable-size hashlimit-mode hashlimit-name hashlimit-rate- "
        "interval hashlimit-rate-match hashlimit-srcmask",
        "hbh": "hbh-opts",
        "hl": "hl-gt hl-lt",
        "ipcomp": "compres",
        "ipv6header": "soft",
        "ipvs": "vdir",
        "limit": "limit limit-burst",
        "nfacct": "nfacct-name",
        "osf": "log ttl",
        "owner": "suppl-groups",
        "policy": "dir next pol strict",
        "recent": "hitcount mask name rdest reap rsource rttl seconds",
        "rpfilter": "accept-local loose validmark invert",
        "rt": "rt-0-addrs rt-0-not-strict rt-0-res",
        "socket": "nowildcard restore-skmark transparent",
        "statistic": "mode packet",
        "string": "algo from icase to",
        "time": "contiguous datestart datestop kerneltz localtz timestart timestop utc",
        "ttl": "ttl-gt ttl-lt",
        "set": "return-nomatch packets-lt packets-gt bytes-lt bytes-gt",
        "rateest": "rateest rateest1 rateest2 rateest-delta rateest-bps rateest-pps rateest-bps1 rateest-bps2 "
        "rateest-pps1 rateest-pps2",
    }.items()
}
"""The match options that can't be negated with "!" (tried with iptables 1.8.9); those of targets never can."""

OTHER_VERSION = {
    4: frozenset(["dst", "eui64", "frag", "hbh", "hl", "icmp6", "ipv6header", "mh", "rt", "srh"]),
    6: frozenset(["icmp", "realm", "ttl"]),
}
"""The matches that do not exist for an IP version."""

TARGETS_OF_OTHER_VERSION = {4: frozenset(["HL", "SNPT", "DNPT"]), 6: frozenset(["TTL", "ECN", "CLUSTERIP", "ULOG"])}
"""The targets that do not exist for an IP version."""

NEEDS_PROTOCOL = {"tcp": (6,), "udp": (17,), "dccp": (33,), "sctp": (132,), "icmp": (1,), "icmp6": (58,),
                  "mh": (135,), "esp": (50,), "ah": (51,), "ipcomp": (108,), "tcpmss": (6,), "osf": (6,),
                  "multiport": (6, 17, 33, 132, 136), "SYNPROXY": (6,), "TCPMSS": (6,), "TCPOPTSTRIP": (6,),
                  "TPROXY": (6, 17)}  # fmt: skip
"""The protocols that the kernel requires for a match: one of them must be given."""
