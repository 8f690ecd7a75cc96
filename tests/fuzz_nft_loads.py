"""Broken nftables scripts: whether nft loads them, beside whether the reader says so.

A script of real life, or a generated one, is broken as people break files: a word lost, doubled or swapped with the
next, a line gone or pasted twice, the end cut off, Windows' line ends, the wrong family, another word in its place.
What the kernel's own parts or this machine's cards decide (see `LACKS`) is set aside and counted.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath
from random import Random
from subprocess import CompletedProcess
from tempfile import NamedTemporaryFile

from rescue.firewall import Firewall
from rescue.firewall.boot import names_of
from rescue.firewall.engine.ruleset import Action
from rescue.firewall.names import Names
from rescue.firewall.nft import load_nftables
from rescue.kernel_check.lab import PacketLab
from rescue.tree import Tree
from tests.system.firewall_rules import CORPORA
from tests.unit.firewall.nft_scripts import all_taken

PATH = PurePosixPath("/etc/nftables.conf")

LACKS = re.compile(
    "Interface does not exist|cgroupv2 path fails|ould not parse (conntrack label|devgroup|routing realm)"
)
"""What nft says where this machine lacks a network card or a cgroup."""

PARTS = re.compile(
    r"\b(queue|flowtable|flow|secmark|synproxy|tunnel|osf|destroy|ct event|ct label|device|devices|last)\b"
)
"""Words of parts that the kernel, the nft or the network here may not have."""

OWN = ("/etc/services", "/etc/hosts", "/etc/passwd", "/etc/group")
"""The files of this machine in which nft looks names up."""

WORDS = re.compile(r"\s+|[\w.:/-]+|\"[^\"\n]*\"|.", re.ASCII)

VOCABULARY = (
    "accept drop reject return continue jump goto tcp udp th ip ip6 inet netdev bridge arp icmp icmpv6 saddr"
    " daddr dport sport ct state new established related invalid vmap map set flags interval timeout dynamic"
    " constant elements = != < >= - / , ; : { } ( ) @ $ . 22 80 0 70000 -1 256 10.0.0.1 10.0.0.0/8"
    ' 2001:db8::/32 ::1 eth0 lo "eth0" ssh counter limit rate over 10/second quota log prefix "x" comment meta'
    " mark l4proto nfproto iifname oifname iif skuid root type filter nat route hook input output forward"
    " prerouting postrouting ingress priority raw mangle policy chain table add delete flush destroy insert"
    " rule element ruleset define include with reset tproxy to redirect dnat snat masquerade notrack fib rt"
    " socket numgen random mod exthdr protocol ipv4_addr inet_service typeof auto-merge size 65535 policy"
    " performance name dup fwd and or xor & | ^ << 0x1 ! *"
)


LARGEST = 6000
"""Characters of a script that is still broken: larger ones take long to make small."""


def bases() -> list[str]:
    """The scripts that are broken: those that people have written, where they are at hand, and named ones."""
    table = CORPORA / "INDEX.tsv"
    rows = [line.split("\t") for line in table.read_text().split("\n")] if table.is_file() else []
    files = [CORPORA / row[1] for row in rows if row[0] == "nft" and "load:ok" in row[4]]
    texts = [path.read_bytes().decode("utf-8", "surrogateescape") for path in files]
    return [*(text for text in texts if len(text) <= LARGEST), *all_taken()]


def broken(text: str, random: Random) -> str:
    """A script with one to three faults."""
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        text = random.choice(_FAULTS)(text, random)
    return text


def _words(text: str) -> tuple[list[str], list[int]]:
    """The words of a script with the gaps between them; and the indices of those that are no gaps."""
    found = WORDS.findall(text)
    return found, [at for at, word in enumerate(found) if not word.isspace()]


def _on_words(change: Callable[[list[str], list[int], int, Random], None]) -> Callable[[str, Random], str]:
    def fault(text: str, random: Random) -> str:
        found, places = _words(text)
        if not places:
            return text
        change(found, places, random.randrange(len(places)), random)
        return "".join(found)

    return fault


def _lost(found: list[str], places: list[int], at: int, random: Random) -> None:
    found[places[at]] = ""


def _doubled(found: list[str], places: list[int], at: int, random: Random) -> None:
    found[places[at]] += " " + found[places[at]]


def _swapped(found: list[str], places: list[int], at: int, random: Random) -> None:
    one, other = places[at], places[at - 1]
    found[one], found[other] = found[other], found[one]


def _other(found: list[str], places: list[int], at: int, random: Random) -> None:
    found[places[at]] = random.choice(VOCABULARY.split())


def _own(found: list[str], places: list[int], at: int, random: Random) -> None:
    found[places[at]] = found[random.choice(places)]


def _more(found: list[str], places: list[int], at: int, random: Random) -> None:
    found[places[at]] += " " + random.choice(VOCABULARY.split())


def _lines(text: str, random: Random) -> str:
    lines = text.split("\n")
    at = random.randrange(len(lines))
    match random.randrange(4):
        case 0:
            del lines[at]
        case 1:
            lines.insert(at, lines[at])
        case 2:
            lines[at], lines[at - 1] = lines[at - 1], lines[at]
        case _:
            lines.insert(at, random.choice(lines))
    return "\n".join(lines)


def _cut(text: str, random: Random) -> str:
    return text[: random.randrange(len(text) + 1)]


def _windows(text: str, random: Random) -> str:
    return text.replace("\n", "\r\n", random.choice((-1, 1)))


def _family(text: str, random: Random) -> str:
    families = ("inet", "ip", "ip6", "netdev", "bridge", "arp")
    return re.sub(r"\b(inet|ip6?|netdev|bridge|arp)\b", random.choice(families), text, count=random.choice((0, 1)))


def _character(text: str, random: Random) -> str:
    at = random.randrange(len(text) + 1)
    return text[:at] + random.choice(("", "", "'", '"', "#", "}", "{", ";", "\\", "0", "é", "\t"))[:1] + text[at + 1 :]


_FAULTS: tuple[Callable[[str, Random], str], ...] = (
    *map(_on_words, (_lost, _lost, _doubled, _swapped, _swapped, _other, _other, _own, _more)),
    _lines, _lines, _cut, _windows, _family, _character,
)  # fmt: skip


def judged(text: str, names: Names, nft: tuple[int, ...] = ()) -> Firewall:
    """What the reader makes of a script. nft: the version that loads it."""
    found = load_nftables(Tree.of({str(PATH): text}), PATH, names, nft)
    assert found is not None
    return found


def unread(firewall: Firewall) -> bool:
    """Whether the reader says of some rule that it can't read it, and so not whether nft would."""
    return any(
        rule.target.action is Action.DEPENDS and "this version can't read" in rule.target.reason
        for ruleset in firewall.rulesets.values()
        for _, rule in ruleset.rules()
    )


class Beside:
    """The reader beside nft, in a network of its own."""

    def __init__(self, lab: PacketLab) -> None:
        self.lab = lab
        files = {str(path): path.read_text() for path in map(Path, OWN) if path.is_file()}
        self.names = names_of(Tree.of(files))
        self.count: Counter[str] = Counter()
        said = re.search(r"v(\d+)\.(\d+)\.(\d+)", self.lab.on_server("nft", "--version").stdout)
        self.version = tuple(map(int, said.groups())) if said else ()

    def nft(self, text: str) -> CompletedProcess[str]:
        """Let nft load a script, and forget it again."""
        with NamedTemporaryFile("w", encoding="utf-8", errors="surrogateescape") as script:
            script.write(text)
            script.flush()
            done = self.lab.on_server("nft", "-f", script.name, check=False)
        self.lab.on_server("nft", "flush", "ruleset")
        return done

    def differs(self, text: str) -> str:
        """In what the two differ about a script; empty if they agree, or if it can't be told here."""
        firewall = judged(text, self.names, self.version)
        done = self.nft(text)
        took = done.returncode == 0
        self.count["scripts"] += 1
        if took == (not firewall.problems):
            self.count["load" if took else "are refused"] += 1
            return ""
        if not took and "bridge" in text and re.search("Protocol error|No such file|not supported", done.stderr):
            self.count["lack something here"] += 1
            return ""
        if not took and (LACKS.search(done.stderr) or PARTS.search(text)):
            self.count["lack something here"] += 1
            return ""
        if unread(firewall):
            self.count["not read"] += 1
            return ""
        if took:
            return f"nft loads it, the reader says: {firewall.problems[0].message} ({firewall.problems[0].location})"
        words = done.stderr.strip().partition("Error: ")[2] or done.stderr
        return f"the reader takes it, nft says: {words[:300]}"

    def smallest(self, text: str) -> str:
        """The script with all left out that does not matter for the difference."""
        key = kind_of(self.differs(text))
        for split in (_by_lines, _by_words):
            parts = split(text)
            size = max(1, len(parts) // 2)
            while size:
                at = 0
                while at < len(parts):
                    fewer = parts[:at] + parts[at + size :]
                    if kind_of(self.differs("".join(fewer))) == key:
                        parts = fewer
                    else:
                        at += size
                size //= 2
            text = "".join(parts)
        return text


def _by_lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def _by_words(text: str) -> list[str]:
    return _words(text)[0]


def kind_of(said: str) -> str:
    """A difference without the names and numbers in it."""
    return re.sub(r"'[^']*'|\d+|\(.*\)", "", said.split("\n", 1)[0])


def differences(beside: Beside, scripts: Sequence[str], count: int, seed: int) -> list[str]:
    """Break `count` scripts: what differs, each as small as it can be; of differences with the same words the first."""
    random = Random(seed)
    found: dict[str, str] = {}
    for _ in range(count):
        text = broken(random.choice(scripts), random)
        said = beside.differs(text)
        if not said:
            continue
        key = kind_of(said)
        if key not in found:
            small = beside.smallest(text)
            found[key] = f"{beside.differs(small)}\n--- {PATH}\n{small}"
    return list(found.values())
