"""A small sample of ``scripts/fuzz-firewall``, other rulesets each time but in CI; and what it found, by name."""

from __future__ import annotations

import os
import secrets

import pytest

from tests.fuzz_firewall import KINDS, Trial, run, saved_server, script
from tests.system.firewall_rules import NEEDED

pytestmark = NEEDED

SAMPLE = int(os.environ.get("RESCUE_RULESETS", "6"))
SOURCES = 60


@pytest.mark.parametrize("kind", list(KINDS))
def test_generated_rulesets_are_judged_as_the_kernel_judges_them(kind: str) -> None:
    seed = 0 if os.environ.get("CI") else secrets.randbelow(1 << 32)
    _, difference = run(kind, SAMPLE, seed, SOURCES)
    assert not difference, f"{kind}, seed {seed}: {difference}"


RAW = "*raw\n-A PREROUTING -p tcp -j NOTRACK\n-A OUTPUT -p tcp -j NOTRACK\nCOMMIT\n"
FOUND = {
    "neighbours have no direction": (6, "*filter\n-A INPUT -m conntrack --ctdir ORIGINAL -j DROP\nCOMMIT\n"),
    "the answer of a neighbour comes from the server's address": (
        6, "*filter\n:OUTPUT DROP [0:0]\n-A OUTPUT -s 2001:db8:5::/48 -j ACCEPT\nCOMMIT\n",
    ),
    "a question for a neighbour is sent to a group": (
        6, "*filter\n-A INPUT -m addrtype --dst-type LOCAL -j ACCEPT\n-A INPUT -j DROP\nCOMMIT\n",
    ),
    "a direction is never negated": (6, "*filter\n-A INPUT -m conntrack ! --ctdir REPLY -j DROP\nCOMMIT\n"),
    "of what has no connection only the state is asked": (
        4, RAW + "*filter\n-A INPUT -m conntrack --ctstate UNTRACKED --ctdir REPLY -j DROP\nCOMMIT\n",
    ),
    "no connection, no mark": (4, RAW + "*filter\n-A INPUT -m connmark ! --mark 5 -j DROP\nCOMMIT\n"),
    "no connection, no mark to keep": (
        4, RAW + "*mangle\n-A PREROUTING -j MARK --set-mark 1\n-A PREROUTING -j CONNMARK --restore-mark\nCOMMIT\n"
        "*filter\n-A INPUT -m mark --mark 1 -j DROP\nCOMMIT\n",
    ),
}  # fmt: skip


@pytest.mark.parametrize("backend", ["nft", "legacy"])
@pytest.mark.parametrize(("version", "text"), FOUND.values(), ids=list(FOUND))
def test_saved_rules_that_were_once_misjudged(version: int, text: str, backend: str) -> None:
    trial = Trial(SOURCES)
    try:
        trial.hold(saved_server(version, backend, text))
    finally:
        trial.close()


NFT_RAW = "table inet raw {\n\tchain pre {\n\t\ttype filter hook prerouting priority raw;\n\t\tnotrack\n\t}\n}\n"


@pytest.mark.parametrize(
    "rule",
    [
        "ct direction original drop",
        "ct direction != reply drop",
        "ct mark != 5 drop",
        "ct mark 0 drop",
        "ct status != dnat drop",
        "meta l4proto tcp ct original proto-dst 22 drop",
        "ct direction vmap { original : drop, reply : accept }",
        "ct state untracked ct direction original drop",
        "reject with tcp reset",
        "fib daddr type local accept\n\t\tdrop",
        "fib daddr type { local, multicast } accept\n\t\tdrop",
        "fib daddr type != local drop",
    ],
)
@pytest.mark.parametrize("before", ["", NFT_RAW], ids=["tracked", "untracked"])
def test_scripts_that_were_once_misjudged_or_ask_for_a_connection(before: str, rule: str) -> None:
    text = f"{before}table inet t {{\n\tchain c {{\n\t\ttype filter hook input priority 0;\n\t\t{rule}\n\t}}\n}}\n"
    trial = Trial(SOURCES)
    try:
        trial.hold(script(text))
    finally:
        trial.close()


NAT = "table inet t {{\n\tchain c {{\n\t\ttype nat hook prerouting priority dstnat;\n\t\t{0}\n\t\tdrop\n\t}}\n}}\n"


@pytest.mark.parametrize("rule", ["counter", "ct state invalid counter", "tcp dport 80 redirect to :22"])
def test_a_chain_of_type_nat_is_asked_where_something_makes_conntrack_work(rule: str) -> None:
    trial = Trial(SOURCES)
    try:
        trial.hold(script(NAT.format(rule)))
    finally:
        trial.close()


def test_of_two_chains_with_one_priority_the_later_one_is_asked_first() -> None:
    chain = "table inet {0} {{\n\tchain c {{\n\t\ttype filter hook input priority 0; policy {1};\n\t\t{2}\n\t}}\n}}\n"
    trial = Trial(SOURCES)
    try:
        for pair in (("drop", "reject"), ("reject", "drop")):
            trial.hold(script("".join(chain.format(at, "accept", rule) for at, rule in zip("ab", pair, strict=True))))
    finally:
        trial.close()
