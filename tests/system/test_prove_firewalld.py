"""``rescue firewall --prove`` where firewalld makes the rules: by the core of this system's own firewalld."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from rescue.firewall.boot import active_firewalls
from rescue.kernel_check import ProofError, firewalld
from rescue.kernel_check.prove import prove
from rescue.status import Status
from rescue.tree import Tree
from tests.firewalld import CONF, DHCP, HEAD, OWN, SSH, VERSION, rule, with_firewalld, zone
from tests.system.test_bad_input import run
from tests.system.test_firewall_verb import planted
from tests.system.test_prove import proven
from tests.unit.checks.test_firewalld_zone import KEYFILE, network_manager
from tests.unit.firewall.files import Started

PROBED = subprocess.run(
    [firewalld.PYTHON, "-I", "-c", "import firewall.core.fw"], capture_output=True, check=False
)  # fmt: skip

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")
needs_core = pytest.mark.skipif(
    PROBED.returncode != 0, reason="needs the packages python3-firewall and python3-nftables"
)
pytestmark = [pytest.mark.system, needs_root]

STARTED = Started("firewalld.service")
REFUSED = rule('<source address="198.51.100.0/24"/>', SSH, "<reject/>")
DROPPED = '<rule ipv="ipv4" table="filter" chain="INPUT" priority="0">-s 10.0.0.0/8 -j DROP</rule>'
SET = f'{HEAD}<ipset type="hash:net"><entry>10.0.0.0/8</entry><entry>8.8.8.8</entry></ipset>\n'
BY_SET = '<rule><source ipset="near"/><drop/></rule>'


def direct(*lines: str) -> Tree:
    return with_firewalld({f"{OWN}/direct.xml": "\n".join([f"{HEAD}<direct>", *lines, "</direct>", ""])})


TREES = {
    "as it is installed": with_firewalld(),
    "a list of sources": with_firewalld(
        {
            f"{OWN}/zones/public.xml": zone(DHCP),
            f"{OWN}/zones/home.xml": zone(SSH, '<source address="203.0.113.0/24"/>', REFUSED),
        }
    ),
    "a set of addresses": with_firewalld({f"{OWN}/ipsets/near.xml": SET, f"{OWN}/zones/public.xml": zone(SSH, BY_SET)}),
    "a mistake, and its fall-back": with_firewalld({f"{OWN}/zones/public.xml": zone('<service name="none"/>')}),
    "direct rules": direct(DROPPED, '<passthrough ipv="ipv6">-A INPUT -s 2001:db8::/33 -j REJECT</passthrough>'),
    "the backend iptables": with_firewalld(
        {CONF: "DefaultZone=drop\nFirewallBackend=iptables\n", f"{OWN}/zones/drop.xml": zone(REFUSED, target="ACCEPT")}
    ),
    "a zone told by NetworkManager": with_firewalld(
        {
            **network_manager(),
            KEYFILE: "[connection]\ninterface-name=eth0\nzone=drop\n",
        }
    ),
}


@needs_core
@pytest.mark.parametrize("tree", TREES.values(), ids=list(TREES))
def test_the_kernel_does_what_is_said(tree: Tree, tmp_path: Path) -> None:
    proof = proven(tree, tmp_path)
    assert [each["file"] for each in proof["loads"]] == [OWN]
    assert proof["loads"][0]["program"].startswith("firewalld ")


@needs_core
@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('<passthrough ipv="ipv4">-A INPUT &#45;&#45;modprobe=/tmp/x -j DROP</passthrough>', "is to run"),
        ('<passthrough ipv="eb">--atomic-file /etc/motd --atomic-save</passthrough>', "ebtables"),
    ],
)
def test_direct_rules_give_no_orders_to_this_system(line: str, why: str) -> None:
    tree = direct(line)
    with pytest.raises(ProofError, match=why):
        prove(tree, active_firewalls(tree, STARTED), 22, "eth0")


@needs_core
def test_another_release_makes_other_rules_and_that_is_said(tmp_path: Path) -> None:
    tree = with_firewalld({VERSION: "VERSION = '0.9.11'\n"})
    done = run("firewall", planted(tree, tmp_path), "--prove")
    assert done.returncode == Status.FAILED
    assert "the server has firewalld 0.9, this system " in done.stderr
    assert "Traceback" not in done.stderr


def test_without_the_core_it_says_which_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    """The driver is made to import a package by a name that no system has."""
    driver = firewalld.DRIVER.replace("from firewall import config", "from firewall_not_here import config")
    monkeypatch.setattr(firewalld, "DRIVER", driver)
    tree = with_firewalld()
    with pytest.raises(ProofError, match="not on this system") as caught:
        prove(tree, active_firewalls(tree, STARTED), 22, "eth0")
    assert "python3-firewall" in caught.value.hint


@needs_core
@pytest.mark.skipif(shutil.which("strace") is None, reason="needs the package strace")
def test_no_module_is_loaded_and_no_daemon_asked(tmp_path: Path) -> None:
    """What the core runs, as strace sees it: programs of the firewall alone, and no socket of this system's."""
    log, root = tmp_path / "log", tmp_path / "root"
    root.mkdir()
    words = ["strace", "-f", "-qq", "-e", "trace=execve,connect", "-o", str(log), "--", sys.executable, "-m", "rescue"]
    planted(TREES["direct rules"], root)
    done = subprocess.run(
        [*words, "firewall", str(root), "--prove", "--json"], stdin=subprocess.DEVNULL, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == Status.CLEAR, done.stderr
    lines = [line for line in log.read_text().split("\n") if line.endswith(" = 0")]
    programs = {line.split('"')[1] for line in lines if "execve(" in line}
    assert any(each.endswith("-restore") for each in programs)
    assert not any(Path(each).name in ("modprobe", "rmmod", "insmod", "kmod") for each in programs)
    assert not [line for line in lines if "connect(" in line and "AF_UNIX" in line]
