"""READS of each check and all evidence: what they look at is declared there, or a file of the target names it.

Each is asked about a tree that holds what it and the facts declare, and nothing else. What it asks for beyond that has
to be named by a file that it has seen: an Include, a home, a shell. What our own code names belongs in READS: without
it each run looks at the target once more, and whoever borrows a helper's READS lacks it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from ipaddress import ip_address
from pathlib import PurePosixPath

import pytest

from rescue.bans import crowdsec, fail2ban
from rescue.checks import Check, all_checks
from rescue.evidence import Evidence, all_evidence
from rescue.facts import READS as FACT_READS
from rescue.facts import Facts
from rescue.firewall.firewalld import load as firewalld
from rescue.logs.wtmp import WTMP_READS
from rescue.model import Client
from rescue.tree import NotCaptured, Read, ReadError, Tree, symlink
from tests.pam_files import with_pam
from tests.trees import server
from tests.unit.firewall.files import allow, ufw_files
from tests.unit.memory_target import MemoryTarget

pytestmark = pytest.mark.unit

UNITS, WANTS = "/usr/lib/systemd/system", "/etc/systemd/system/multi-user.target.wants"
STARTED = (
    "apparmor", "crowdsec", "crowdsec-firewall-bouncer", "csf", "fail2ban", "firewalld", "netfilter-persistent",
    "networking", "NetworkManager", "nftables", "sshguard", "systemd-networkd", "wg-quick@wg0",
)  # fmt: skip
"""Whose files are looked at only where they are started."""
ON_DEMAND = frozenset(read.path for read in (*firewalld.READS, *WTMP_READS)) | {fail2ban.DATABASE, crowdsec.DATABASE}
"""Large, or many: they are looked at only where a program is started that has them."""
TARGET = MemoryTarget(
    server(
        {
            **with_pam(),
            **ufw_files(allow(22)),
            **{f"{UNITS}/{name}.service": f"[Service]\nExecStart=/usr/sbin/{name}\n" for name in STARTED},
            **{f"{WANTS}/{name}.service": symlink(f"{UNITS}/{name}.service") for name in STARTED},
        }
    )
)
ALICE = Client(user="alice")
KNOWN = Client(
    user="alice",
    sources=(ip_address("203.0.113.5"),),
    expected=(ip_address("203.0.113.9"),),
    macs=("52:54:00:12:34:56",),
)
"""Bans are looked for where the client's address is known, and the server's own is compared with what is expected;
evidence speaks of what is not known."""
OVER_IPV6 = {"net-ipv6-off-at-boot": replace(KNOWN, sources=(ip_address("2001:db8::5"),))}
"""Looked for with an IPv6 address alone."""
HOMES = ("/root", "/home/alice")
ROUNDS = 20
EVERYTHING: tuple[Check | Evidence, ...] = (*all_checks(), *all_evidence())


def undeclared(each: Check | Evidence) -> Iterator[str]:
    """The paths that it asks for and that neither it, the facts nor the files seen so far name."""
    reads = frozenset((*FACT_READS, *each.reads))
    client = OVER_IPV6.get(each.id, KNOWN) if isinstance(each, Check) else ALICE
    for _ in range(ROUNDS):
        facts = facts_of(client, reads)
        try:
            list(each.find(facts))
        except NotCaptured as missing:
            for read in missing.reads:
                if read.path not in ON_DEMAND and not named(read, facts.tree):
                    yield read.path
            reads |= set(missing.reads)
        except ReadError:
            return
        else:
            return
    raise AssertionError(f"{each.id} asks for more and more")


@cache
def facts_of(client: Client, reads: frozenset[Read]) -> Facts:
    """Of the part of the target that was looked at. Many have the same READS: it is captured once for all of them."""
    return Facts(TARGET.capture(sorted(reads, key=lambda read: read.path)), client)


def named(read: Read, tree: Tree) -> bool:
    """Whether a file or a link of the tree names the path, or what is below it; or a home above it."""
    path = next((home for home in HOMES if PurePosixPath(read.path).is_relative_to(home)), read.path)
    spellings = {path, path.removeprefix("/usr")}
    if any(held == path and entry.is_file for held, entry in tree.captured):
        spellings.add(PurePosixPath(path).name)  # its folder is declared, as that of PAM's modules
    # Of a folder with what is in it, it has to be that folder.
    end = r"(?![\w.-])" if read.depth == 0 else r"(?![\w./-])"
    pattern = re.compile("|".join(re.escape(each) for each in spellings).join(("(?:", ")")) + end)
    return any(
        pattern.search(f"{(entry.data or b'').decode(errors='replace')}\n{entry.link}") for _, entry in tree.captured
    )


@pytest.mark.parametrize("each", EVERYTHING, ids=lambda each: each.id)
def test_what_is_looked_at_is_declared_or_named_by_the_target(each: Check | Evidence) -> None:
    assert list(undeclared(each)) == []


OF_OTHER_SERVERS = frozenset(
    {"refused-on-purpose", "sshd-disabled", "sshd-not-installed", "sshd-privsep-directory", "network-setup"}
)
"""They look at files of their own only where sshd or the network does not start, or no user is named."""


@pytest.mark.parametrize(
    "each",
    [each for each in EVERYTHING if not {*each.reads} <= {*FACT_READS} and each.id not in OF_OTHER_SERVERS],
    ids=lambda each: each.id,
)
def test_without_its_declaration_it_fails(each: Check | Evidence) -> None:
    """Which no other test would tell, as they hold whole trees."""
    assert any(undeclared(replace(each, reads=())))
