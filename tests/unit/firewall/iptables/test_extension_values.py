"""What iptables' extensions take and refuse: a line that is refused loses its table."""

from __future__ import annotations

import pytest

from tests.unit.firewall.iptables.test_load import load, table

pytestmark = pytest.mark.unit

REFUSED_VALUES = [
    "-m limit --limit 0/s",
    "-m limit --limit 5/fortnight",
    "-m limit --limit 100000/s",
    "-m limit --limit-burst 20000",
    "-m hashlimit --hashlimit-above 5/min --hashlimit-mode src --hashlimit-name x",
    "-m hashlimit --hashlimit-above 5/blah --hashlimit-name x",
    "-m hashlimit --hashlimit-above 5/min --hashlimit-mode srcip --hashlimit-srcmask 33 --hashlimit-name x",
    "-m recent --set --seconds 5",
    "-m recent --update --reap",
    "-m time --timestart 25:00",
    "-m time --weekdays Mo,Di",
    "-m time --datestart 01.01.2026",
    "-m time --monthdays 32",
    "-m string --string abc",
    "-m string --string abc --algo xx",
    "-m string --hex-string |zz| --algo kmp",
    "-m addrtype --src-type HERE",
    "-m pkttype --pkt-type mine",
    "-m length --length 99999",
    "-m dscp --dscp 99",
    "-m dscp --dscp-class FOO",
    "-m statistic --mode random --probability 2",
    "-m statistic --mode nth --every 3",
    "-m statistic --mode often",
    "-m conntrack --ctexpire x",
    "-p icmp --icmp-type knock",
    "-p icmp -m icmp",
    "-p icmp --icmp-type 300",
    "-p tcp --tcp-option 300",
    "-p tcp --tcp-option 0",
    "-m tcpmss --mss 500",
    "-m rpfilter --invert",
    "-m frag",
    "-m unclean",
    "-m cluster",
    "-s ! 10.0.0.1",
    "-s 2001:db8::1",
]
"""What the extensions or the kernel refuse of a match's options, tried with iptables 1.8.9 and both backends."""


@pytest.mark.parametrize("match", REFUSED_VALUES)
def test_a_value_that_a_match_does_not_take_loses_the_table(match: str) -> None:
    found = load(table(":INPUT DROP [0:0]", f"-A INPUT {match} -j DROP"))
    assert [problem.location.line for problem in found.problems] == [3]
    assert "filter" not in found.tables


TAKEN_VALUES = [
    "-m limit --limit 5/m",
    "-m limit --limit +5/sec",
    "-m limit --limit 5",
    "-m hashlimit --hashlimit-above 5/min --hashlimit-mode srcip,dstport --hashlimit-name x",
    "-m hashlimit --hashlimit-above 512kb/s --hashlimit-mode srcip --hashlimit-name x",
    "-m recent --update --seconds 60 --hitcount 30",
    "-m time --timestart 09:00 --timestop 18:00 --weekdays Monday,Tu,3",
    "-m time --datestart 2026-01-01T10:00",
    "-m string --hex-string |0d0a|x --algo kmp",
    "-m statistic --mode nth --every 3 --packet 0",
    "-m mac --mac-source 0:11:22:33:44:55",
    "-p icmp --icmp-type TOS-host-redirect",
    "-p icmp --icmp-type any",
    "-p icmp --icmp-type 8/0",
    "-m dscp --dscp-class af11",
]


@pytest.mark.parametrize("match", TAKEN_VALUES)
def test_a_value_that_a_match_takes(match: str) -> None:
    assert load(table(":INPUT DROP [0:0]", f"-A INPUT {match} -j DROP")).problems == ()


TARGETS = [
    "MASQUERADE",
    "SNAT --to 1.2.3.4",
    "DNAT --to 1.2.3.4",
    "REDIRECT --to-ports 22",
    "NOTRACK",
    "CT --notrack",
    "TTL --ttl-set 5",
    "CLASSIFY --set-class 1:1",
    "TCPMSS --clamp-mss-to-pmtu",
    "ULOG",
    "LOG --log-level loud",
]


@pytest.mark.parametrize("target", TARGETS)
def test_a_target_that_has_no_place_in_input_loses_the_table(target: str) -> None:
    assert [each.lost for each in load(table(f"-A INPUT -j {target}")).problems] == ["the table filter"]


def test_a_target_counts_where_its_chain_is_reached_from() -> None:
    chain = [":MARKED - [0:0]", "-A MARKED -j CLASSIFY --set-class 1:1"]
    assert load(table(*chain, "-A FORWARD -j MARKED")).problems == ()
    assert load(table(*chain, "-A INPUT -j MARKED")).problems != ()
    assert load(table(*chain)).problems == ()


def test_the_legacy_backend_does_not_look_behind_what_decides_on_every_packet() -> None:
    text = table("-A INPUT -j ACCEPT", "-A INPUT -j CLASSIFY --set-class 1:1")
    assert load(text, backend="legacy").problems == ()
    assert load(text).problems != ()
