"""Where the kernel accepts iptables' matches and targets: the tables, and the built-in chains they are reached from.

From the fields ``table`` and ``hooks`` in net/netfilter/xt_*.c and net/ipv*/netfilter/ip*t_*.c, and their checkentry
functions; checked against both backends.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rescue.firewall.iptables.option_values import Option
from rescue.firewall.names import RuleError

Limit = tuple[str, tuple[str, ...]]
"""A match or target (perhaps with an option), and the built-in chains whose packets may reach it."""

PREROUTING, INPUT, FORWARD, OUTPUT, POSTROUTING = "PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"
_IN = (PREROUTING, INPUT, FORWARD)
_OUT = (FORWARD, OUTPUT, POSTROUTING)

TABLES = {
    **dict.fromkeys(("SNAT", "DNAT", "MASQUERADE", "REDIRECT", "NETMAP"), ("nat",)),
    **dict.fromkeys(("CT", "NOTRACK"), ("raw",)),
    **dict.fromkeys(
        ("TTL", "HL", "DSCP", "TOS", "ECN", "CHECKSUM", "TPROXY", "SNPT", "DNPT", "TCPOPTSTRIP"), ("mangle",)
    ),
    "REJECT": ("filter",),
    **dict.fromkeys(("SECMARK", "CONNSECMARK"), ("mangle", "security")),
    "rpfilter": ("mangle", "raw"),
    "TRACE of the legacy iptables": ("raw",),
}
"""What the kernel accepts only in these tables."""

HOOKS = {
    **dict.fromkeys(("DNAT", "REDIRECT", "CT", "NOTRACK"), (PREROUTING, OUTPUT)),
    "SNAT": (POSTROUTING, INPUT),
    "MASQUERADE": (POSTROUTING,),
    "NETMAP": (PREROUTING, OUTPUT, POSTROUTING, INPUT),
    "SNPT": (INPUT, POSTROUTING),
    "DNPT": (PREROUTING, OUTPUT),
    "CLASSIFY": _OUT,
    "TPROXY": (PREROUTING,),
    "REJECT": (INPUT, FORWARD, OUTPUT),
    "SYNPROXY": (INPUT, FORWARD),
    "owner": (OUTPUT, POSTROUTING),
    "mac": _IN,
    "osf": _IN,
    "eui64": _IN,
    "socket": (PREROUTING, INPUT),
    "rpfilter": (PREROUTING,),
    "cgroup": (INPUT, OUTPUT, POSTROUTING),
    "realm": (POSTROUTING, FORWARD, OUTPUT, INPUT),
}
"""What the kernel accepts only for packets from these built-in chains."""


def check_table(name: str, table: str) -> None:
    """Raises RuleError if the kernel does not accept a match or target in a table."""
    tables = TABLES.get(name, (table,))
    if table not in tables:
        raise RuleError(f"{name} can only be used in the table {' or '.join(tables)}")


def hooks_of_match(name: str, options: Sequence[Option], table: str) -> Iterator[Limit]:
    """The chains that a match may be used in. Raises RuleError if it is not for this table at all."""
    check_table(name, table)
    if name in HOOKS:
        yield name, HOOKS[name]
    for option in options:
        match (name, option.name):
            case ("policy", "--dir"):
                yield "--dir " + option.values[0], _IN if option.values[0] == "in" else _OUT
            case ("devgroup", "--src-group") | ("addrtype", "--limit-iface-in"):
                yield option.name, _IN
            case ("devgroup", "--dst-group") | ("addrtype", "--limit-iface-out"):
                yield option.name, _OUT
            case ("physdev", "--physdev-out" | "--physdev-is-out"):
                yield option.name, (PREROUTING, INPUT, FORWARD, POSTROUTING)


def hooks_of_target(name: str, options: Sequence[Option]) -> Iterator[Limit]:
    """The chains that a target may be used in."""
    if name in HOOKS:
        yield name, HOOKS[name]
    for option in options:
        if option.name in ("--clamp-mss-to-pmtu", "--map-prio", "--map-queue"):
            yield option.name, _OUT
