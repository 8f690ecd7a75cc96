"""Rules that differ in an address alone are read once for all of them: it comes to the same as reading each."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from rescue.firewall import Firewall
from rescue.firewall.engine.ruleset import Ruleset
from rescue.firewall.names import Names
from rescue.firewall.nft import load_nftables
from rescue.firewall.nft.language.tokens import Token
from rescue.firewall.nft.read.alike import Alike, Found
from rescue.firewall.nft.read.script import NftRule
from rescue.tree import Tree

PATH = PurePosixPath("/etc/nftables.conf")
FOUR = ("192.0.2.1", "198.51.100.0/24", "203.0.113.77/20", "0.0.0.0/0", "10.0.0.1")
SIX = ("2001:db8::1", "2001:db8:1::/48", "::1", "2001:db8:2:3:4:5:6:7", "fe80::/10")

RULES = (
    "ip saddr {} drop",
    "ip saddr {} accept # handle 7",
    "ip saddr != {} drop",
    "ip saddr == {} tcp dport 22 accept",
    "tcp dport 22 ip saddr {} accept",
    "ip daddr {} tcp dport {{ 22, 80 }} accept",
    "ip saddr {} counter packets 12 bytes 345 drop",
    "ip saddr {} counter drop",
    "ip saddr {} log prefix \"bad \" drop",
    "ip saddr {} reject with tcp reset",
    "ip saddr {} reject with icmpx admin-prohibited",
    "ip saddr {} jump below",
    "ip saddr {} ip daddr 10.0.0.7 accept",
    "ip saddr {} ip daddr {} accept",
    "ip saddr {} ct state new accept",
    "ip saddr {} meta mark set 0x7 accept",
    "ip saddr {} limit rate 3/minute accept",
    "ip saddr {} ip saddr {} return",
    "ct original ip saddr {} accept",
    "ct state new ip saddr {} tcp dport 22-23 accept",
    "iifname \"eth0\" ip saddr {} accept",
    "ip saddr {} accept; tcp dport 23 drop",
    "ip saddr {}",
    "  ip saddr {} drop",
    "ip saddr {} continue",
    "ip saddr { {} } drop",
    "add @seen {{ ip saddr }} ip daddr {} accept",
)  # fmt: skip
WRONG = (
    "ip saddr & 255.255.255.0 == {} drop",
    "ip saddr 192.0.2.0-{} drop",
    "ip saddr {} drop accept",
    "ip saddr {} tcp dport 99999 drop",
    "ip6 saddr ::1 ip saddr {} drop",
    "ip saddr {} jump nowhere",
    "ip saddr {} udp dport 5 tcp dport 5 drop",
)


def script(*rules: str) -> str:
    lines = "\n\t\t".join(rules)
    return (
        "table inet filter {\n\tset seen {\n\t\ttype ipv4_addr; flags dynamic;\n\t}\n\tchain below {\n\t\taccept\n\t}\n"
        f"\tchain input {{\n\t\ttype filter hook input priority 0; policy drop;\n\t\t{lines}\n\t}}\n}}\n"
    )


def loaded(text: str) -> Firewall:
    found = load_nftables(Tree.of({str(PATH): text}), PATH, Names())
    assert found is not None
    return found


def each_by_itself(self: Alike, family: str, tokens: list[Token], begin: int) -> Found:
    return Found([], begin)


def compare(monkeypatch: pytest.MonkeyPatch, text: str) -> dict[int, Ruleset]:
    """Hold what a script becomes against what it does where each rule is read by itself."""
    found = dict(loaded(text).rulesets)
    with monkeypatch.context() as patch:
        patch.setattr(Alike, "read", each_by_itself)
        apart = dict(loaded(text).rulesets)
    assert found == apart
    return found


@pytest.mark.parametrize("rule", RULES)
def test_rules_that_are_alike_come_to_the_same(monkeypatch: pytest.MonkeyPatch, rule: str) -> None:
    made = [rule.replace("{}", each).replace("{{", "{").replace("}}", "}") for each in FOUR]
    rulesets = compare(monkeypatch, script(*made, "tcp dport 22 accept", *made))
    assert not rulesets[4].problems


@pytest.mark.parametrize("rule", ["ip6 saddr {} drop", "ip6 saddr != {} accept", "ip6 daddr {} tcp dport 22 accept"])
def test_rules_for_ipv6_that_are_alike_come_to_the_same(monkeypatch: pytest.MonkeyPatch, rule: str) -> None:
    rulesets = compare(monkeypatch, script(*(rule.replace("{}", each) for each in SIX)))
    assert not rulesets[6].problems


@pytest.mark.parametrize("rule", [*WRONG, *(RULES[at] for at in (0, 2, 3, 9))])
@pytest.mark.parametrize("last", ["192.0.2.256", "192.0.2.1/33", "host.example", "2001:db8::1", "1.2.3", "010.9.8.7"])
def test_a_fault_in_one_of_many_is_found(monkeypatch: pytest.MonkeyPatch, rule: str, last: str) -> None:
    compare(monkeypatch, script(*(rule.replace("{}", each) for each in (*FOUR, last))))


def test_rules_of_commands_and_of_two_tables_are_kept_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    one = script(*(f"ip saddr {each} drop" for each in FOUR))
    two = one.replace("inet filter", "ip6 filter").replace("ip saddr", "ip6 saddr").replace("ipv4", "ipv6")
    for index, each in enumerate(FOUR):
        two = two.replace(each, SIX[index])
    more = "".join(f"add rule inet filter below ip saddr {each} return\n" for each in FOUR)
    rulesets = compare(monkeypatch, one + two + more)
    assert len(list(rulesets[4].rules())) == 1 + 2 * len(FOUR)


def test_the_last_line_may_have_no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = "\n".join(f"add rule ip t c ip saddr {each} drop" for each in FOUR)
    compare(monkeypatch, "add table ip t\nadd chain ip t c { type filter hook input priority 0; }\n" + lines)


def test_it_is_done_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[NftRule] = []
    whole = Alike.read

    def noted(self: Alike, family: str, tokens: list[Token], begin: int) -> Found:
        found = whole(self, family, tokens, begin)
        read.extend(found.rules)
        return found

    monkeypatch.setattr(Alike, "read", noted)
    loaded(script(*(f"ip saddr {each} drop" for each in FOUR)))
    # Those with a prefix are one kind, those without another.
    assert [rule.location.line for rule in read] == [12, 13, 14]
