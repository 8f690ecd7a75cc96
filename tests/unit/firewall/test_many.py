"""Rules and sets as blocklists have them: large files are read, and what is beyond all bounds is said."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import PurePosixPath
from random import Random

import pytest

from rescue.firewall import Firewall, VerdictKind, reach
from rescue.firewall.engine.addresses import AddressSet, union
from rescue.firewall.engine.oversized import MOST_RULES, too_many
from rescue.firewall.engine.state import Piece
from rescue.firewall.engine.table import _shares
from rescue.firewall.engine.verdict import Decision, Stage
from rescue.firewall.iptables.rule_line import LineReader
from rescue.firewall.names import Names, RuleError
from rescue.firewall.nft import load_nftables
from rescue.firewall.nft.language.tokens import NftNotModelled, ScriptFile, tokens_of
from rescue.model import Location
from rescue.tree import Tree
from scripts.developer.bench_firewall import text

pytestmark = pytest.mark.unit

NFT = PurePosixPath("/etc/nftables.conf")
RULES = PurePosixPath("/etc/iptables/rules.v4")


@pytest.mark.parametrize("kind", ["nft", "nft set"])
def test_a_script_of_more_than_a_megabyte_is_judged(kind: str) -> None:
    written = text(kind, 75_000 if kind == "nft set" else 32_000)
    assert len(written) > 1 << 20
    found = load_nftables(Tree.of({str(NFT): written}), NFT, Names())
    assert found is not None
    assert not found.problems
    assert reach([found], 22).depends.count == 0


def test_more_tokens_than_can_be_followed_are_unclear() -> None:
    with pytest.raises(NftNotModelled, match="more rules"):
        tokens_of(ScriptFile(NFT, "tcp dport 22 accept\n" * 10), 30)
    assert len(tokens_of(ScriptFile(NFT, "tcp dport 22 accept\n" * 10), 51)) == 51


def test_the_tokens_of_all_included_files_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rescue.firewall.nft.read.preprocess.MOST_TOKENS", 40)
    rule = "add rule ip t c tcp dport 22 accept\n"
    files = {str(NFT): 'include "/etc/a"\ninclude "/etc/a"\n', "/etc/a": "add table ip t\nadd chain ip t c\n" + rule}
    found = load_nftables(Tree.of(files), NFT, Names())
    assert found is not None
    assert reach([found], 22).depends


@pytest.mark.parametrize("bad", ["\0", "é", "?"])
def test_a_character_that_no_word_has_is_found_at_its_place(bad: str) -> None:
    found = load_nftables(Tree.of({str(NFT): f"add table ip t\n  {bad * 3} x\n"}), NFT, Names())
    assert found is not None
    (problem,) = found.problems
    assert (problem.location.line, problem.message) == (2, f"unexpected {bad!r}")


def test_a_file_of_rules_beyond_all_bounds_is_not_judged() -> None:
    assert too_many("\n-A INPUT -j DROP" * (MOST_RULES + 1))
    assert too_many("\n[0:0] -A INPUT -j DROP" * (MOST_RULES + 1))
    assert not too_many("\n-A INPUT -j DROP\n# a comment\n" * 100_000)
    assert too_many("\n" * 2_000_000)


# -- lines of iptables that are alike ----------------------------------------------------------------------------------

LINES = (
    "-A INPUT -s {} -j DROP",
    "-A INPUT -s {} -p tcp -m tcp --dport 22 -j ACCEPT",
    "-A INPUT -s {} ! -i lo -j DROP",
    '-A INPUT -s {} -m comment --comment "a  b" -j DROP',
    "-A INPUT -s {}  -j DROP",
    "-A INPUT -s {} -s 10.0.0.1 -j DROP",
    "-A INPUT -s {} -j below",
    "-A INPUT -s {} -j DROP ",
    "-A INPUT -s {}\t-j DROP -m tcp",
    "-A INPUT ! -s {} -j DROP",
    "-I INPUT -s {} -j DROP",
)
ADDRESSES = ("192.0.2.1", "10/8", "198.51.100.0/24", '"203.0.113.5"', "10.0.0.1,10.0.0.2", "host", "1.2.3.4/33", "")


@pytest.mark.parametrize("line", LINES)
def test_lines_that_are_alike_come_to_the_same(line: str) -> None:
    names = Names(hosts={"host": ("192.0.2.7", "192.0.2.8")})
    many = LineReader(4, "filter", {"INPUT", "below"}, names)
    for address in (*ADDRESSES, *ADDRESSES):
        written = line.format(address)
        assert _told(many, written) == _told(LineReader(4, "filter", {"INPUT", "below"}, names), written), written


def _told(reader: LineReader, line: str) -> object:
    try:
        return reader.line(line)
    except RuleError as problem:
        return str(problem)


# -- what each takes of a set ------------------------------------------------------------------------------------------


def piece(*networks: str) -> Piece:
    firewall = Firewall("iptables-persistent", Location(RULES), {}, {})
    decision = Decision(firewall, "filter", "INPUT", VerdictKind.DROP, Stage.SYN, Location(RULES))
    return Piece(union(4, map(AddressSet.network, networks)), decision)


def test_sources_are_shared_out_in_order_whether_they_overlap_or_not() -> None:
    random = Random(7)
    for spread in (4, 30, 200):
        batch = [
            piece(*(f"10.0.{random.randrange(spread)}.0/{random.choice([23, 24, 25])}" for _ in range(3)))
            for _ in range(12)
        ]
        rest = union(4, (AddressSet.network(f"10.0.{at}.0/24") for at in range(0, 200, 3)))
        shares, left = _shares(rest, batch)
        for each, share in zip(batch, shares, strict=True):
            assert share == each.addresses & rest
            rest = rest - each.addresses
        assert left == rest


def test_a_rule_for_the_other_version_ends_no_run() -> None:
    """Rules for IPv4 alone are nothing to IPv6: what stands behind them is judged."""
    rules = "\n".join(f"\t\tip saddr 10.0.{at}.0/24 drop" for at in range(100))
    chain = f"\tchain c {{\n\t\ttype filter hook input priority 0;\n{rules}\n\t\tip6 saddr ::5 drop\n\t}}\n"
    found = load_nftables(Tree.of({str(NFT): f"table inet f {{\n{chain}}}\n"}), NFT, Names())
    assert found is not None
    assert reach([found], 22, 6).verdict_for(ip_address("2001:db8::1")).accepted
    assert not reach([found], 22).verdict_for(ip_address("10.0.7.9")).accepted
