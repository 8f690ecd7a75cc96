"""``rescue firewall --prove``: the verdict held against this computer's kernel, as a person asks for it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from rescue.firewall import Reach, Verdict, VerdictKind
from rescue.firewall.boot import active_firewalls
from rescue.kernel_check import ProofError
from rescue.kernel_check.prove import prove
from rescue.status import Status
from rescue.tree import Tree
from tests.system.test_bad_input import run
from tests.system.test_firewall_verb import planted
from tests.unit.checks.test_ipset_persisted import saved as with_sets
from tests.unit.checks.test_nft_drop import with_nft
from tests.unit.firewall.files import LIMIT, RELATED, Started, allow, saved, ufw_files, with_saved, with_ufw
from tests.unit.firewall.test_nft import chain

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root"),
    pytest.mark.skipif(
        shutil.which("iptables-nft-restore") is None or shutil.which("nft") is None,
        reason="needs the packages iptables and nftables",
    ),
]

SSH = "-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT"
NFT = """\
define TRUSTED = { 10.0.0.0/8, 203.0.113.0/24 }
flush ruleset
include "/etc/nftables.d/*.nft"
table inet filter {
	chain input {
		type filter hook input priority filter; policy drop;
		ct state established,related accept
		ip saddr $TRUSTED tcp dport ssh accept
		ip6 saddr 2001:db8:5::/48 tcp dport @doors accept
		meta l4proto ipv6-icmp accept
	}
	set doors { type inet_service; elements = { 22, 2222 }
	}
}
"""

TREES = {
    "no firewall": with_ufw(ufw__ufw_conf="ENABLED=no\n"),
    "ufw with a list": with_ufw(allow(22, "203.0.113.0/24"), allow(22, "10.0.0.0/8", "deny"), LIMIT),
    "ufw without IPv6": with_ufw(allow(22), default__ufw=str(ufw_files()["/etc/default/ufw"]).replace("=yes", "=no")),
    "ufw with a broken line": with_ufw(allow(22) + "\n-A oops"),
    "saved rules": with_saved(
        saved(RELATED, "-A INPUT -s 10.0.0.0/8 -j REJECT", SSH.replace("-p", "-s 0.0.0.0/1 -p")), saved(RELATED, SSH)
    ),
    "saved rules for one address of the server": with_saved(saved(RELATED, SSH.replace("-p", "-d 198.51.100.20 -p"))),
    "saved rules that don't load": with_saved(saved(RELATED, SSH, "-A INPUT -s no.such.host -j DROP")),
    "answers that can't leave": with_saved(saved(RELATED, SSH, output="DROP")),
    "a limit that five use up": with_saved(
        saved(RELATED, "-A INPUT -p tcp --dport 22 -m limit --limit 1/hour --limit-burst 5 -j ACCEPT")
    ),
    "nftables": with_nft(NFT),
    "flags in a set are compared whole": with_nft(chain("ip saddr 198.51.100.0/28 tcp flags { syn, ack } accept")),
}
if shutil.which("ipset") is not None:
    TREES["saved rules that ask an ipset"] = with_sets(
        "create bad hash:net\nadd bad 192.0.0.0/16\nadd bad 192.0.2.0/24 nomatch\nadd bad 10.0.0.0/8\n",
        "-A INPUT -p tcp -m set --match-set bad src -j REJECT",
    )


def proven(tree: Tree, folder: Path) -> dict[str, Any]:
    """The proof of a tree, in which the kernel did all that was said, and nothing was left open."""
    done = run("firewall", planted(tree, folder), "--prove", "--json", "--from", "203.0.113.9")
    assert done.returncode in (Status.CLEAR, Status.BROKEN), done.stderr
    proof: dict[str, Any] = json.loads(done.stdout)["proof"]
    assert proof["holds"], proof["differences"]
    assert proof["asked"] > 500
    assert proof["agreed"] == proof["asked"] - proof["depends"]
    assert proof["depends"] == 0
    return proof


@pytest.mark.parametrize("tree", TREES.values(), ids=list(TREES))
def test_the_kernel_does_what_is_said(tree: Tree, tmp_path: Path) -> None:
    proven(tree, tmp_path)


def test_the_report_says_what_was_done(tmp_path: Path) -> None:
    root = planted(TREES["saved rules"], tmp_path)
    done = run("firewall", root, "--prove")
    assert done.returncode == Status.CLEAR, done.stderr
    assert "Proof: this computer's kernel was given these rules" in done.stdout
    assert all(len(line) <= 80 for line in done.stdout.split("\n"))


def test_a_verdict_that_is_wrong_is_told_as_a_fault_of_rescue(monkeypatch: pytest.MonkeyPatch) -> None:
    """The evaluator is made to say the contrary of what it found."""
    tree = TREES["saved rules"]
    found = active_firewalls(tree, Started("netfilter-persistent.service"))
    monkeypatch.setattr(Reach, "verdict_for", lambda here, address: Verdict(VerdictKind.DROP))
    proof = prove(tree, found, 22, "eth0")
    assert not proof.holds
    assert {(each.said, each.seen) for each in proof.differences} <= {("no-reply", "open"), ("no-reply", "icmp:3/3")}


def test_files_of_this_computer_are_not_taken_for_the_targets() -> None:
    tree = with_nft('include "/usr/share/rules.nft"\n' + NFT, **{"/usr/share/rules.nft": "flush ruleset\n"})
    found = active_firewalls(tree, Started("nftables.service"))
    with pytest.raises(ProofError, match="not below /etc"):
        prove(tree, found, 22, "eth0")


def test_without_a_program_it_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    tree = TREES["saved rules"]
    with pytest.raises(ProofError, match="iptables-nft-restore") as caught:
        prove(tree, active_firewalls(tree, Started("netfilter-persistent.service")), 22, "eth0")
    assert "iptables" in caught.value.hint


def networks(pattern: str) -> set[str]:
    """The network namespaces that links below /proc lead to."""
    found = set()
    for path in Path("/proc").glob(pattern):
        with suppress(OSError):
            found.add(str(path.readlink()))
    return {each for each in found if each.startswith("net:")}


def sessions(session: int) -> list[str]:
    """The processes of a session, in proc(5)'s words."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            text = path.read_text()
            if int(text.rpartition(")")[2].split()[3]) == session:
                found.append(text)
    return found


TRIES = 5


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_of_it_however_it_ends(how: signal.Signals, tmp_path: Path) -> None:
    root = planted(TREES["ufw with a list"], tmp_path)
    command = [sys.executable, "-m", "rescue", "firewall", str(root), "--prove"]
    for _ in range(TRIES):
        status, session, own = interrupted(command, how)
        if status != Status.CLEAR:  # else it had ended by itself before the signal came: the machine is busy
            break
    assert status in (Status.CANCELLED, -how)
    assert len(own) == 2
    # Whatever holds them is one of its processes; the numbers of namespaces that are gone are soon used again.
    assert not sessions(session)
    mounted = Path("/proc/self/mountinfo").read_text()
    assert not any(each in mounted for each in own)


def interrupted(command: list[str], how: signal.Signals) -> tuple[int, int, set[str]]:
    """The exit status of a proof that gets a signal while it dials, its session, and its namespaces."""
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as program:
        assert program.stderr is not None
        for line in program.stderr:
            if "dialling" in line:
                break
        own = networks(f"{program.pid}/fd/*")
        program.send_signal(how)
        program.communicate(timeout=30)
    return program.returncode, program.pid, own


def test_what_is_not_on_the_disk_of_neighbour_discovery_is_no_difference(tmp_path: Path) -> None:
    tree = with_nft(chain('meta hour "08:00"-"18:00" accept', "tcp dport 22 accept", "ct state established accept"))
    done = run("firewall", planted(tree, tmp_path), "--prove", "--json")
    proof = json.loads(done.stdout)["proof"]
    assert proof["holds"], proof["differences"]
    assert proof["depends"] > 0
