"""Large rule files for `scripts.developer.bench`: ours to read and to judge, beside the tools that only read them.

Files of 1,000 to 100,000 rules for random networks, as blocklists are: saved rules of iptables, scripts of nftables,
a set of nftables, and sets of ipset: of networks, and of addresses with ports. Each lies in a small server that loads
it at boot, and is judged by the command, as a person runs it. The peers check the same file (``iptables-restore
--test``, ``nft -c -f``; ipset can only load it), in a network namespace of their own, since they ask the kernel.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from random import Random

SIZES = (1_000, 10_000, 100_000)
SEED = 1
PATH = PurePosixPath("/etc/iptables/rules.v4")
SETS = PurePosixPath("/etc/iptables/ipsets")
WITH_SET = "*filter\n-A INPUT -m set --match-set bad {} -j DROP\nCOMMIT\n"
SIDES = {"ipset": "src", "ipset ports": "src,dst"}
"""What a rule asks of a set, by the kind of file."""
SCRIPT = PurePosixPath("/etc/nftables.conf")
PEERS = {"iptables": ("iptables-restore", "--test"), "nft": ("nft", "-c", "-f"), "nft set": ("nft", "-c", "-f"),
         **dict.fromkeys(SIDES, ("ipset", "restore", "-exist", "-file"))}  # fmt: skip


OPEN = ("nft set", *SIDES)
"""The kinds that keep out those in the set, and let in the others: most of the world."""

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


def server(root: Path, kind: str, count: int) -> Path:
    """A server's files below `root`, with one that it loads at boot: that file."""
    rules = WITH_SET.format(SIDES[kind]) if kind in SIDES else text(kind, count)
    nft = kind.startswith("nft")
    unit, program = (
        ("nftables.service", f"/usr/sbin/nft -f {SCRIPT}")
        if nft
        else ("netfilter-persistent.service", "/usr/sbin/netfilter-persistent start")
    )
    files = {
        "etc/os-release": 'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n',
        "etc/passwd": "root:x:0:0:root:/root:/bin/bash\nsshd:x:101:65534::/run/sshd:/usr/sbin/nologin\n",
        "etc/group": "root:x:0:\n",
        "etc/ssh/sshd_config": "PermitRootLogin yes\n",
        "usr/bin/bash": "",
        f"usr/lib/systemd/system/{unit}": f"[Service]\nExecStart={program}\n[Install]\nWantedBy=multi-user.target\n",
        "usr/lib/systemd/system/multi-user.target": "[Unit]\n",
        str(SCRIPT if nft else PATH).lstrip("/"): rules,
    }
    if not nft:
        files["usr/share/netfilter-persistent/plugins.d/15-ip4tables"] = ""
    if kind in SIDES:
        files["usr/share/netfilter-persistent/plugins.d/10-ipset"] = ""
        files[str(SETS).lstrip("/")] = text(kind, count)
    for path, written in files.items():
        place = root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(written)
    wants = root / "etc/systemd/system/multi-user.target.wants"
    wants.mkdir(parents=True)
    (root / "usr/lib/systemd/system/default.target").symlink_to("multi-user.target")
    (wants / unit).symlink_to(f"/usr/lib/systemd/system/{unit}")
    return root / str(SETS if kind in SIDES else SCRIPT if nft else PATH).lstrip("/")


def peer(kind: str, path: Path) -> list[str] | None:
    """The command that checks a file; None where it is not here."""
    words = PEERS[kind]
    if shutil.which(words[0]) is None or shutil.which("unshare") is None:
        return None
    return ["unshare", "--net", *words, str(path)]
