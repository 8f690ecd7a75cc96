"""Large rule files for `rescue.labs.bench`: ours to read and to judge, beside the tools that only read them.

Files of 10,000 and 100,000 rules for random networks, as blocklists are: saved rules of iptables, scripts of nftables,
a set of nftables, and sets of ipset: of networks, and of addresses with ports. The peers check the same file
(``iptables-restore --test``, ``nft -c -f``; ipset can only load it), in a network namespace of their own, since they
ask the kernel.
"""

from __future__ import annotations

import gc
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from random import Random

from rescue.firewall import Firewall, reach
from rescue.firewall.ipset import read_sets
from rescue.firewall.iptables import Loader
from rescue.firewall.matches import Names
from rescue.firewall.nft import load_nftables
from rescue.model import Location
from rescue.tree import Tree

SIZES = (10_000, 100_000)
SEED = 1
PATH = PurePosixPath("/etc/iptables/rules.v4")
SETS = PurePosixPath("/etc/iptables/ipsets")
WITH_SET = "*filter\n-A INPUT -m set --match-set bad {} -j DROP\nCOMMIT\n"
SIDES = {"ipset": "src", "ipset ports": "src,dst"}
"""What a rule asks of a set, by the kind of file."""
SCRIPT = PurePosixPath("/etc/nftables.conf")
PEERS = {"iptables": ("iptables-restore", "--test"), "nft": ("nft", "-c", "-f"), "nft set": ("nft", "-c", "-f"),
         **dict.fromkeys(SIDES, ("ipset", "restore", "-exist", "-file"))}  # fmt: skip


UNITS = {"iptables": "rules", "nft": "rules", "ipset ports": "elements with ports"}
"""What a file has so many of, where it is not elements."""

ELSEWHERE = "fffuu (Iptables_Semantics), which reads rules for all sources, too, took 0.34 s for a chain of 5,556."
"""A peer that is not in Debian: built from its repository, measured on two busy processors."""


def _networks(count: int) -> Iterator[tuple[str, str]]:
    """Random networks, and what becomes of them."""
    random = Random(SEED)  # noqa: S311  the same ones each time
    for _ in range(count):
        address = ".".join(str(random.randrange(1, 224)) for _ in range(4))
        yield f"{address}/{random.choice([16, 24, 28, 32])}", random.choice(["DROP", "DROP", "ACCEPT"])


def text(kind: str, count: int) -> str:
    """A file of `count` rules, or (kinds "nft set", "ipset", "ipset ports") of a set with as many elements."""
    if kind == "iptables":
        head = ["*filter", ":INPUT DROP [0:0]", ":FORWARD ACCEPT [0:0]", ":OUTPUT ACCEPT [0:0]"]
        head += ["-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"]
        rules = [
            f"-A INPUT -s {network} -p tcp -m tcp --dport {(22, 443)[at % 2]} -j {end}" if at % 3 else
            f"-A INPUT -s {network} -j {end}"
            for at, (network, end) in enumerate(_networks(count))
        ]  # fmt: skip
        return "\n".join([*head, *rules, "COMMIT", ""])
    if kind == "ipset":
        distinct = dict.fromkeys(network for network, _ in _networks(count))
        return "\n".join(["create bad hash:net maxelem 1000000", *(f"add bad {each}" for each in distinct), ""])
    if kind == "ipset ports":
        ports = (22, 80, 443, 2222)
        found = (f"{each.partition('/')[0]},tcp:{ports[at % 4]}" for at, (each, _) in enumerate(_networks(count)))
        distinct = dict.fromkeys(found)
        return "\n".join(["create bad hash:ip,port maxelem 1000000", *(f"add bad {each}" for each in distinct), ""])
    head = ["flush ruleset", "table inet filter {"]
    chain = ["\tchain input {", "\t\ttype filter hook input priority filter; policy drop;"]
    chain += ["\t\tct state established,related accept"]
    if kind == "nft set":
        elements = ", ".join(dict.fromkeys(network for network, _ in _networks(count)))
        held = [
            "\tset bad {",
            "\t\ttype ipv4_addr; flags interval; auto-merge;",
            f"\t\telements = {{ {elements} }}",
            "\t}",
        ]
        return "\n".join([*head, *held, *chain, "\t\tip saddr @bad drop", "\t\ttcp dport 22 accept", "\t}", "}", ""])
    rules = [f"\t\tip saddr {network} {end.lower()}" for network, end in _networks(count)]
    return "\n".join([*head, *chain, *rules, "\t}", "}", ""])


def judged(kind: str, content: str) -> int:
    """Read a file and judge it for every source: how many addresses reach port 22."""
    if kind == "iptables" or kind in SIDES:
        loader = Loader(4, Names(sets=read_sets(content, SETS)) if kind in SIDES else None)
        loader.restore(WITH_SET.format(SIDES[kind]) if kind in SIDES else content, PATH)
        firewall = Firewall("iptables-persistent", Location(PATH), {4: loader.ruleset()}, {4: (PATH,)})
    else:
        found = load_nftables(Tree.of({str(SCRIPT): content}), SCRIPT, Names())
        assert found is not None
        firewall = found
    if firewall.problems:
        raise SystemExit(f"{kind}: {firewall.problems[0]}")
    return reach([firewall], 22, interface="eth0").accepted.count


def peer(kind: str, path: Path) -> list[str] | None:
    """The command that checks a file; None where it is not here."""
    words = PEERS[kind]
    if shutil.which(words[0]) is None or shutil.which("unshare") is None:
        return None
    return ["unshare", "--net", *words, str(path)]


def main(arguments: list[str]) -> int:
    """Read one file, judge it, and print how many addresses get in."""
    gc.set_threshold(1_000_000)  # as the program itself does
    print(judged(arguments[0], Path(arguments[1]).read_text()))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
