"""Of every ban that is lifted, whatever else is banned: the one address is free, once is enough, all others are as they
were, and so is every line that does not name it."""

from __future__ import annotations

import os
from ipaddress import ip_address
from pathlib import PurePosixPath

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from rescue.bans import crowdsec, csf, fail2ban, sshguard
from rescue.checks.hosts_deny import admitted, lifted
from rescue.formats.hosts_access import ALLOW, DENY, hosts_access
from rescue.model import Address
from rescue.tree import Tree
from tests.system.test_hosts_access_differential import file as hosts_file
from tests.unit.bans import crowdsec_files, csf_files, fail2ban_files
from tests.unit.bans.fail2ban_files import NOW

pytestmark = pytest.mark.unit

QUICK = settings(
    max_examples=int(os.environ.get("RESCUE_EXAMPLES", "40")), deadline=None, suppress_health_check=list(HealthCheck)
)

ADDRESSES: tuple[Address, ...] = tuple(
    ip_address(text) for text in ("192.0.2.1", "192.0.2.77", "10.1.2.3", "203.0.113.9", "2001:db8::1", "2001:db8:1::5")
)
NETWORKS = ("192.0.2.0/24", "10.0.0.0/8", "2001:db8::/32")
one = st.sampled_from(ADDRESSES)
named = st.sampled_from([*map(str, ADDRESSES), *NETWORKS])


def others_kept(before: Tree, after: Tree, path: PurePosixPath, address: Address) -> None:
    """Lines that came or went name the address; the others stand in their order."""
    old, new = ((each.text(path) or "").split("\n") for each in (before, after))
    changed = set(old) ^ set(new)
    assert all(str(address) in line for line in changed if line.strip()), changed
    assert [line for line in old if line in new and line] == [line for line in new if line in old and line]


# -- hosts.allow and hosts.deny ---------------------------------------------------------------------------------------


@QUICK
@given(hosts_file(), hosts_file(), one)
@example("", "ALL: 192.0.2.1", ADDRESSES[0])
@example("sshd: ALL: deny", "sshd: ALL", ADDRESSES[0])
def test_hosts_allow_lets_in_the_one(allow: str, deny: str, address: Address) -> None:
    tree = Tree.of({str(ALLOW): allow, str(DENY): deny})
    was = {each: hosts_access(tree, each).allowed for each in ADDRESSES}
    after = admitted(tree, (address,))
    assert after.data(DENY) == tree.data(DENY)
    assert hosts_access(after, address).allowed
    assert admitted(after, (address,)).since(after) == ()
    others_kept(tree, after, ALLOW, address)
    unfinished = not allow.endswith("\n") or allow.endswith("\\\n")  # libwrap turns everybody away at such a line
    for each, known in was.items():
        if each != address and not (allow and unfinished):
            assert hosts_access(after, each).allowed is known, each


@QUICK
@given(hosts_file(), hosts_file(), one)
def test_hosts_deny_loses_the_one(allow: str, deny: str, address: Address) -> None:
    tree = Tree.of({str(ALLOW): allow, str(DENY): deny})
    was = {each: hosts_access(tree, each).allowed for each in ADDRESSES}
    after = lifted(tree, (address,))
    assert lifted(after, (address,)).since(after) == ()
    for each, known in was.items():
        if each != address:
            assert hosts_access(after, each).allowed is known, each


# -- databases --------------------------------------------------------------------------------------------------------


@QUICK
@given(st.lists(named, max_size=6, unique=True), one)
def test_crowdsec_lets_go_of_the_one(values: list[str], address: Address) -> None:
    rows = [crowdsec_files.ban(each, scope="Range" if "/" in each else "Ip") for each in values]
    tree = Tree.of(crowdsec_files.installed(*rows))
    this = crowdsec.crowdsec(tree)
    assert this.database is not None
    after = crowdsec.lifted(tree, this.database, (str(address),), NOW)
    now = crowdsec.crowdsec(after)
    assert now.database is not None
    left = [ban.written for ban in crowdsec.bans(now, NOW)]
    assert left == [ban.written for ban in crowdsec.bans(this, NOW) if ban.written != str(address)]
    assert crowdsec.lifted(after, now.database, (str(address),), NOW).since(after) == ()


@QUICK
@given(st.lists(named, max_size=6, unique=True), one)
def test_fail2ban_lets_go_of_the_one(values: list[str], address: Address) -> None:
    rows = [("sshd", each, 1, 3600) for each in values]
    tree = Tree.of(fail2ban_files.installed(rows))
    this = fail2ban.fail2ban(tree)
    assert this.database is not None
    was = fail2ban_files.addresses(tree.data(fail2ban_files.DATABASE) or b"")
    after = fail2ban.lifted(tree, this.database, (str(address),))
    left = fail2ban_files.addresses(after.data(fail2ban_files.DATABASE) or b"")
    assert left == [each for each in was if each != str(address)]
    now = fail2ban.fail2ban(after).database
    assert now is not None
    assert fail2ban.lifted(after, now, (str(address),)).since(after) == ()
    assert {change.path for change in after.since(tree)} <= {PurePosixPath(fail2ban_files.DATABASE)}


# -- lists ------------------------------------------------------------------------------------------------------------

junk = st.sampled_from(["", "# a note", "junk", "a|b|c|d", "\ttab"])


@QUICK
@given(st.lists(st.one_of(named.map(lambda each: f"1540000000|100|4|{each}"), junk), max_size=6), one)
def test_sshguard_lets_go_of_the_one(rows: list[str], address: Address) -> None:
    path = PurePosixPath("/var/lib/sshguard/enemies")
    tree = Tree.of({str(path): "".join(f"{row}\n" for row in rows)})
    after = sshguard.lifted(tree, path, (str(address),))
    others_kept(tree, after, path, address)
    assert not any(row.endswith(f"|{address}") for row in (after.text(path) or "").split("\n"))
    assert sshguard.lifted(after, path, (str(address),)).since(after) == ()


@QUICK
@given(
    st.lists(st.one_of(named, named.map(lambda each: f"tcp|in|d=22|s={each}"), junk), max_size=6),
    st.lists(st.one_of(named, junk), max_size=3),
    one,
)
def test_csf_lets_go_of_the_one(deny: list[str], allow: list[str], address: Address) -> None:
    files = csf_files.csf(deny="".join(f"{row}\n" for row in deny), allow="".join(f"{row}\n" for row in allow))
    tree = Tree.of(files)
    after = csf.let_in(tree, (address,), 22)
    for path in (csf.DENY, csf.ALLOW):
        others_kept(tree, after, path, address)
    held = [entry.holds(address, 22) for entry in csf.entries(after, csf.DENY)]
    assert csf.allowed(after, address, 22) or not any(held)
    assert csf.let_in(after, (address,), 22).since(after) == ()
    for other in ADDRESSES:
        if other != address:
            assert csf.allowed(after, other, 22) is csf.allowed(tree, other, 22)
            was, now = ([entry.holds(other, 22) for entry in csf.entries(each, csf.DENY)] for each in (tree, after))
            assert any(was) is any(now)
