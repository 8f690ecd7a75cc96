from __future__ import annotations

import pytest

from rescue.model import Safety, Severity
from rescue.planner import any_repairs
from rescue.tree import Entry, Tree, file, symlink
from tests.checking import causes, diff, mended, only_finding
from tests.networks import networked

pytestmark = pytest.mark.unit

INTERFACES, RULES = "/etc/network/interfaces", "/etc/iptables.rules"
STANZA = "auto eth0\niface eth0 inet dhcp\n"
PROGRAM: dict[str, str | Entry | None] = {"/usr/sbin/iptables-restore": file("ELF", 0o755)}


def tree_of(line: str, **files: str | Entry | None) -> Tree:
    return networked({INTERFACES: f"{STANZA}  {line}\n", **PROGRAM, **files}, manager="networking.service")


@pytest.mark.parametrize(
    "line",
    [
        f"pre-up iptables-restore < {RULES}", f"pre-up /usr/sbin/iptables-restore <{RULES}",
        "pre-up /etc/network/firewall.sh start", "pre-up nft -f /etc/nftables.conf", "pre-up   /usr/local/sbin/gone",
    ],
)  # fmt: skip
def test_a_command_that_fails_keeps_the_interface_down(line: str) -> None:
    tree = tree_of(line)
    finding = only_finding(tree, "ifupdown-hook")
    assert finding.severity is Severity.BROKEN
    assert [each.safety for each in finding.repairs] == [Safety.UNSAFE, Safety.MANUAL]
    assert diff(mended(tree, choose=any_repairs), INTERFACES) == ([f"  {line}"], [f"  {line} || true"])


@pytest.mark.parametrize("mode", [0o644, 0o600])
def test_a_script_that_is_not_executable(mode: int) -> None:
    tree = tree_of("pre-up /etc/fw.sh", **{"/etc/fw.sh": file("#!/bin/sh\n", mode)})
    assert "not executable" in only_finding(tree, "ifupdown-hook").message


@pytest.mark.parametrize(
    "line",
    [
        f"pre-up iptables-restore < {RULES} || true", f"#pre-up iptables-restore < {RULES}", "pre-up true",
        f"post-up iptables-restore < {RULES}", f"up iptables-restore < {RULES}", "pre-up some-program --of mine",
        f"pre-up test -f {RULES} && iptables-restore < {RULES}", "pre-up cat < /run/made/at/boot",
        f"pre-down iptables-restore < {RULES}", "pre-up /opt/disk/of/its/own", "pre-up [ -x /etc/gone ]",
        "pre-up iptables-restore < $RULES", "pre-up",
    ],
)  # fmt: skip
def test_states_that_are_none(line: str) -> None:
    assert "ifupdown-hook" not in causes(tree_of(line))


def test_with_everything_there_it_runs() -> None:
    assert causes(tree_of(f"pre-up iptables-restore < {RULES}", **{RULES: "*filter\nCOMMIT\n"})) == []
    link: dict[str, str | Entry | None] = {
        "/etc/fw.sh": symlink("/usr/bin/fw"),
        "/usr/bin/fw": file("#!/bin/sh\n", 0o755),
    }
    assert causes(tree_of("pre-up /etc/fw.sh", **link)) == []


def test_another_interface_may_be_the_one() -> None:
    text = f"{STANZA}  pre-up /etc/gone\nauto eth1\niface eth1 inet dhcp\n"
    tree = networked({INTERFACES: text}, manager="networking.service")
    assert only_finding(tree, "ifupdown-hook").severity is Severity.DOUBTFUL


def test_of_a_stanza_that_is_not_brought_up_nothing_is_run() -> None:
    text = f"{STANZA}iface eth1 inet dhcp\n  pre-up /etc/gone\n"
    assert causes(networked({INTERFACES: text}, manager="networking.service")) == []
