"""Rules that give the network interface a name for which there are no settings."""

from __future__ import annotations

import pytest

from rescue.model import Safety, Severity
from rescue.tree import Tree
from tests.checking import causes, diff, mended_if_agreed, only_finding
from tests.networks import networkd, networked

pytestmark = pytest.mark.unit

CHECK = "nic-named-by-rule"
LINK = "/etc/systemd/network/10-lan.link"
RULE = "/etc/udev/rules.d/70-net.rules"


def by_link(match: str, name: str = "lan0", card: str = "Name=en* eth*") -> Tree:
    return networked({**networkd(card), LINK: f"[Match]\n{match}\n[Link]\nName={name}\n"})


def by_rule(line: str, card: str = "Name=en* eth*") -> Tree:
    return networked({**networkd(card), RULE: f"# mine\n{line}\n"})


@pytest.mark.parametrize("match", ["OriginalName=*", "OriginalName=eth0", "Type=ether", "OriginalName=en* eth*"])
def test_a_link_file_names_any_interface(match: str) -> None:
    finding = only_finding(by_link(match), CHECK)
    assert (finding.severity, str(finding.locations[0])) == (Severity.BROKEN, f"{LINK}:4")
    assert [each.safety for each in finding.repairs] == [Safety.UNSAFE, Safety.MANUAL]


@pytest.mark.parametrize(
    "line",
    [
        'SUBSYSTEM=="net", ACTION=="add", NAME="wan0"',
        'SUBSYSTEM=="net", ACTION=="add", ATTR{type}=="1", KERNEL=="eth*", NAME="wan0"',
    ],
)
def test_a_rule_of_udev_names_any_interface(line: str) -> None:
    assert only_finding(by_rule(line), CHECK).locations[0].line == 2


def test_the_line_is_commented_out_where_the_old_name_will_do() -> None:
    tree = by_link("OriginalName=*", "lan0", "Name=e*")
    assert diff(mended_if_agreed(tree), LINK) == (["Name=lan0"], ["#Name=lan0"])


@pytest.mark.parametrize(
    "tree",
    [
        by_link("OriginalName=*", "eth0"),
        by_link("OriginalName=*", "lan0", "Name=lan0"),
        by_link("OriginalName=*", "lan0", "Name=*"),
        by_link("MACAddress=52:54:00:12:34:56"),
        by_link("OriginalName=wl*"),
        by_link("Driver=virtio_net"),
        by_rule('SUBSYSTEM=="net", ACTION=="add", ATTR{address}=="52:54:00:12:34:56", NAME="wan0"'),
        by_rule('#SUBSYSTEM=="net", ACTION=="add", NAME="wan0"'),
        by_rule('SUBSYSTEM=="tty", ACTION=="add", NAME="wan0"'),
        by_rule('SUBSYSTEM=="net", ACTION=="add", NAME="wan0"', "Name=wan0"),
    ],
)
def test_what_must_not_alarm(tree: Tree) -> None:
    assert causes(tree) == []
