"""Who gained and who lost, and the smallest changes that did it: on literal trees, with hundreds of others around."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rescue.compare.access import compare
from rescue.compare.backups import from_backups
from rescue.compare.blame import blame
from rescue.compare.minimal import minimal
from rescue.login_path import Verdict
from rescue.model import Client
from rescue.text.diff import unified
from rescue.tree import Entry, Kind
from tests.trees import SSHD_CONFIG, healthy, server

pytestmark = pytest.mark.unit

UFW_OFF = {"/etc/ufw/ufw.conf": "ENABLED=no\n"}
NOISE = {f"/etc/noise/{number}": f"now {number}\n" for number in range(200)} | {
    "/etc/ssh/ssh_config": "Host *\n",
    "/etc/hosts": "127.0.0.1 localhost\n127.0.1.1 other\n",
}
BEFORE = {f"/etc/noise/{number}": f"before {number}\n" for number in range(0, 200, 2)}


@given(st.sets(st.integers(0, 40), min_size=1, max_size=4), st.integers(41, 60))
def test_the_smallest_part_is_found(wanted: set[int], count: int) -> None:
    def effect(some: Sequence[int]) -> bool:
        return wanted <= set(some)

    assert set(minimal(range(count), effect)) == wanted


@given(st.sets(st.integers(0, 20), min_size=2, max_size=6))
def test_one_of_several_that_are_enough_is_enough(enough: set[int]) -> None:
    found = minimal(range(21), lambda some: bool(enough & set(some)))
    assert len(found) == 1
    assert found[0] in enough


@pytest.mark.parametrize(
    ("changed", "cause", "expected"),
    [
        ({"/etc/ssh/sshd_config": SSHD_CONFIG + "Prot 2222\nMaxAuthTries 6\n"}, "sshd-config-error", ["+Prot 2222"]),
        ({"/etc/ssh/sshd_config": "# a\n" + SSHD_CONFIG + "# b\nPort 2222\n# c\n"}, "sshd-port-moved", ["+Port 2222"]),
        ({"/etc/nologin": "closed\nfor work\n"}, "nologin", []),
    ],
)
def test_the_line_is_found_among_hundreds_of_changed_files(
    changed: dict[str, str], cause: str, expected: list[str]
) -> None:
    old, new = server(BEFORE), server({**NOISE, **changed})
    client = Client(port=22)
    each = next(each for each in blame(old, new, client) if each.finding.check == cause)
    assert each.changed > 200
    told = [line for change in each.changes for line in unified(change, 0)]
    assert [line for line in told if line[:1] in "+-" and line[:3] not in ("+++", "---")] == expected
    assert [str(change.path) for change in each.changes] == list(changed)


def test_a_mode_alone_is_found() -> None:
    tree = healthy()
    home = next(path for path in tree if path.endswith("/.ssh"))
    old = server()
    entry = old.entry(home)
    assert isinstance(entry, Entry)
    from dataclasses import replace

    new = server({**NOISE, home: replace(entry, mode=0o777)})
    [each] = [each for each in blame(old, new, Client()) if each.finding.check == "strictmodes-perms"]
    assert [(str(change.path), change.after and change.after.mode) for change in each.changes] == [(home, 0o777)]


def test_nothing_new_is_nothing_to_blame() -> None:
    assert blame(server(), server(NOISE), Client()) == ()
    broken = server({"/etc/nologin": "x\n"})
    assert blame(broken, broken, Client()) == ()
    assert blame(broken, server(), Client()) == ()


def test_what_is_no_file_is_said_to_be_none() -> None:
    from dataclasses import replace

    from tests.trees import ROOMY

    full = server(filesystem=replace(ROOMY, free=0, available=0))
    found = blame(server(), full, Client())
    assert [each.changes for each in found if each.finding.check == "disk-full"] == [()]


def test_who_lost_access_by_users_and_by_addresses() -> None:
    old, new = server(), server({"/etc/nologin": "x\n"})
    found = compare(old, new, Client())
    assert found.lost
    assert {each.after for each in found.users} <= {Verdict.BROKEN, Verdict.DOUBTFUL}
    back = compare(new, old, Client())
    assert not back.lost
    assert any(each.gained for each in back.users)
    assert not compare(old, old, Client()).users


def test_the_boundary_of_a_rule_is_looked_at_from_both_sides() -> None:
    rules = "table inet f {\n chain i {\n  type filter hook input priority 0; policy accept;\n" \
            "  ip saddr 203.0.113.0/24 tcp dport 22 drop\n }\n}\n"  # fmt: skip
    enabled: dict[str, Entry | str | bytes | None] = {
        "/etc/nftables.conf": rules,
        "/usr/sbin/nft": Entry(Kind.FILE, 0o755, data=b"\x7fELF"),
        "/lib/systemd/system/nftables.service":
            "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/usr/sbin/nft -f /etc/nftables.conf\n"
            "[Install]\nWantedBy=sysinit.target\n",
        "/etc/systemd/system/sysinit.target.wants/nftables.service":
            Entry(Kind.LINK, 0o777, link="/lib/systemd/system/nftables.service"),
    }  # fmt: skip
    found = compare(server(), server(enabled), Client())
    [port] = [each for each in found.ports if each.version == 4]
    assert port.lost.summary() == "203.0.113.0/24"
    assert ip_address("203.0.113.0") in found.sources
    assert any(each not in port.lost for each in found.sources)
    lost = {each.source for each in found.users if each.lost}
    assert lost == {ip_address("203.0.113.0")}


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("sshd_config.bak", True),
        ("sshd_config~", True),
        ("sshd_config.dpkg-old", True),
        ("sshd_config.20261130_101010", True),
        ("sshd_config.orig", True),
        ("sshd_config.dpkg-dist", False),
        ("sshd_config.rpmnew", False),
        ("other.bak", False),
    ],
)
def test_a_backup_beside_the_file_is_an_earlier_state(name: str, counts: bool) -> None:
    now = server({"/etc/ssh/sshd_config": SSHD_CONFIG + "Prot 2222\n", f"/etc/ssh/{name}": SSHD_CONFIG})
    old, backups = from_backups(now)
    assert [str(each.backup) for each in backups] == ([f"/etc/ssh/{name}"] if counts else [])
    told = [str(change.path) for each in blame(old, now, Client()) for change in each.changes]
    assert told == (["/etc/ssh/sshd_config"] if counts else [])


def test_the_newest_backup_counts_and_the_files_own_mode_stays() -> None:
    from dataclasses import replace

    from rescue.tree import file

    place = "/etc/ssh/sshd_config"
    now = server({
        place: replace(file("new\n"), mode=0o600),
        f"{place}.bak": replace(file("old\n"), mtime=1),
        f"{place}.old": replace(file("newer\n"), mtime=2),
    })  # fmt: skip
    old, _ = from_backups(now)
    entry = old.entry(place)
    assert entry is not None
    assert (entry.data, entry.mode, entry.size) == (b"newer\n", 0o600, 6)


def test_passwd_has_a_backup_of_its_own() -> None:
    now = server({"/etc/passwd-": "root:x:0:0::/root:/bin/bash\n"})
    assert [str(each.path) for each in from_backups(now)[1]] == ["/etc/passwd"]
