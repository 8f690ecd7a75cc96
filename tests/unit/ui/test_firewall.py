"""The firewall's screen: 80 columns, and the words for what a client sees."""

from __future__ import annotations

import json
from io import StringIO
from ipaddress import ip_address

import pytest

from rescue.firewall.engine.addresses import AddressSet, union
from rescue.model import Client
from rescue.tree import Tree
from rescue.ui.firewall import FirewallReport, networks
from rescue.ui.firewall_document import as_document
from rescue.ui.report import Report, console
from rescue.verbs.firewall import judge
from tests.trees import server
from tests.unit.checks.test_nft_drop import HEAD, WEB, with_nft
from tests.unit.firewall.files import RELATED, saved, with_saved

pytestmark = pytest.mark.unit

SCREEN = """\
disk.img (libguestfs): who may open TCP port 22 after the next boot
  nftables, because of /etc/nftables.conf

Over IPv4:
  gets in     192.0.2.7, 198.51.100.0/24
              nftables, inet filter, chain input
              /etc/nftables.conf:12
                  ip saddr { 198.51.100.0/24, 192.0.2.7 } tcp dport 22 accept
  times out   everybody else
              nftables, inet filter, chain input: its policy
              /etc/nftables.conf:7
                  type filter hook input priority filter; policy drop;

Over IPv6:
  times out   everybody
              nftables, inet filter, chain input: its policy
              /etc/nftables.conf:7
                  type filter hook input priority filter; policy drop;

The way of 203.0.113.5 to port 22:
  The first packet of the connection (SYN)
    nftables, inet filter, chain input
      (5 rules passed by)
      policy DROP
        /etc/nftables.conf:7
  203.0.113.5 times out.
    ssh: connect to host SERVER port 22: Connection timed out

The way of 192.0.2.7 to port 22:
  The first packet of the connection (SYN)
    nftables, inet filter, chain input
      (3 rules passed by)
      ip saddr { 198.51.100.0/24, 192.0.2.7 } tcp dport 22 accept
        /etc/nftables.conf:12
  The client's next packets (ACK, data)
    nftables, inet filter, chain input
      ct state established,related accept
        /etc/nftables.conf:9
  192.0.2.7 gets in.

"""

OFFICE = WEB.replace("tcp dport {", "ip saddr { 198.51.100.0/24, 192.0.2.7 } tcp dport 22 accept\n\t\ttcp dport {")


def shown(tree: Tree, *sources: str, every: bool = False) -> str:
    out = StringIO()
    judged = judge(tree, Client(sources=tuple(map(ip_address, sources))))
    FirewallReport(Report(console(out, color=False)), every=every).show(judged, "disk.img", "libguestfs", ())
    return out.getvalue()


def test_the_table_and_the_way_of_two_clients() -> None:
    assert shown(with_nft(HEAD + OFFICE), "203.0.113.5", "192.0.2.7") == SCREEN


def test_the_status_is_that_of_the_client() -> None:
    tree = with_nft(HEAD + OFFICE)
    assert judge(tree, Client()).blocked
    assert not judge(tree, Client(sources=(ip_address("192.0.2.7"),))).blocked
    assert judge(tree, Client(sources=(ip_address("203.0.113.5"),))).blocked
    assert not judge(server(), Client()).blocked


def test_without_a_firewall_that_is_said() -> None:
    text = shown(server({"/etc/systemd/system/multi-user.target.wants/ufw.service": None}))
    assert "No firewall that can be judged is loaded at boot." in text
    assert "gets in     everybody" in text


def test_what_does_not_load_is_named_with_its_line() -> None:
    text = shown(with_nft(HEAD + WEB.replace("policy drop", "polcy drop")))
    assert "does not load" in text
    assert "/etc/nftables.conf:7" in text
    assert "gets in     everybody" in text


def test_a_thousand_parts_are_summed_up_and_shown_if_asked_for() -> None:
    rules = [f"-A INPUT -s 10.{at // 256}.{at % 256}.0/24 -p tcp --dport 22 -j ACCEPT" for at in range(0, 2000, 2)]
    tree = with_saved(saved(RELATED, *rules), None)
    short, whole = shown(tree), shown(tree, every=True)
    assert "and 989 smaller parts (989 of them get in); --all shows every one" in short
    assert short.count("gets in") == 12  # one of them over IPv6
    assert "Of all addresses almost all time out and less than 0.1 % get in." in short
    assert whole.count("gets in") == 1001
    assert all(len(line) <= 80 for line in short.split("\n"))


def test_many_networks_are_summed_up() -> None:
    sources = union(4, (AddressSet.network(f"10.0.{at}.0/24") for at in range(0, 40, 2)))
    assert networks(sources).endswith("10.0.14.0/24 and 12 more networks")
    assert networks(sources, None).count("/24") == 20


def test_a_document_has_all_of_it() -> None:
    judged = judge(with_nft(HEAD + OFFICE), Client(sources=(ip_address("203.0.113.5"),)))
    told = json.loads(json.dumps(as_document(judged, "disk.img", "libguestfs", ())))
    assert (told["port"], told["blocked"]) == (22, True)
    admitted = [row for row in told["reach"][0]["rows"] if row["verdict"] == "accept"]
    assert [row["sources"] for row in admitted] == [["192.0.2.7", "198.51.100.0/24"]]
    assert admitted[0]["decision"]["location"]["line"] == 12
    assert told["ways"][0]["symptom"] == "timed out"
    assert told["ways"][0]["visits"][-1]["policy"]
