"""passwd, group and shadow against glibc's own parser: getent(1) in a Debian root."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from rescue.accounts.database import Account, Accounts, Password, Shadow
from rescue.tree import Tree
from tests.system.login import login_server
from tests.system.sshd_root import sshd_root

pytestmark = pytest.mark.system

NAMES = ("root", "alice", "bob")
GIDS = ("0", "7", "1000", "1001")

numbers = st.sampled_from(
    ["0", "1000", "1001", "7", "", "x", " 7", "7 ", "-1", "+5", "007", "4294967296", "99999999999", "\r"]
)
names = st.sampled_from([*NAMES, *NAMES, "", "+", "+bob", "-alice", " alice", "#alice", "alice "])
words = st.sampled_from(["x", "", "*", "!", "!!", "$y$j9T$abc$def", "!$6$abc$def", "ab0123456789.", "*LK*", "junk"])
days = st.sampled_from(["", "0", "19000", "99999", "-1", " ", "x", "7\r", "4294967295"])
ends = st.sampled_from(["", "", "", "\r", ":", " ", "\0tail"])
members = st.sampled_from(["", "alice", "alice,bob", " bob, alice", ",,bob,", "bob\r"])
homes, shells = st.sampled_from(["/home/a", "", "/"]), st.sampled_from(["/bin/sh", "", "/bin/bash\r", "/bin/a:b"])


def _line(fields: tuple[str, ...], count: int, end: str) -> str:
    return ":".join(fields[:count]) + end


passwd_lines = st.one_of(
    st.builds(
        _line,
        st.tuples(names, words, numbers, numbers, st.just("Gecos,,"), homes, shells),
        st.sampled_from([7, 7, 7, 6, 5, 4, 3]),
        ends,
    ),
    st.sampled_from(["", "   ", "# comment", "junk"]),
)
shadow_lines = st.builds(
    _line, st.tuples(names, words, *[days] * 7), st.sampled_from([9, 9, 9, 8, 7, 6, 5, 4, 2]), ends
)
group_lines = st.builds(_line, st.tuples(names, st.just("x"), numbers, members), st.sampled_from([4, 4, 4, 3, 2]), ends)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with login_server(sshd_root("bookworm"), tmp_path_factory.mktemp("accounts")) as made:
        (made.path / "etc/nsswitch.conf").write_text("passwd: files\ngroup: files\nshadow: files\n")
        yield made.path


def getent(root: Path, database: str, key: str) -> list[str] | None:
    """The fields that glibc finds; None if it finds nothing."""
    ran = subprocess.run(["chroot", str(root), "getent", database, key], capture_output=True, check=False)
    return ran.stdout.decode().removesuffix("\n").split(":") if ran.returncode == 0 else None


def same_account(told: list[str] | None, ours: Account | None) -> bool:
    if told is None or ours is None:
        return told is None and ours is None
    if told == [""]:  # found, but getent won't print a shell with a colon in it
        return ":" in ours.shell
    return (told[0], told[2], told[3], told[5], ":".join(told[6:])) == (
        ours.name, str(ours.uid), str(ours.gid), ours.home, ours.shell
    )  # fmt: skip


def same_shadow(told: list[str] | None, ours: Shadow | None) -> bool:
    if told is None or ours is None:
        return told is None and ours is None
    numbers = (ours.lastchg, ours.minimum, ours.maximum, ours.warn, ours.inactive, ours.expire)
    return (
        told[0] == ours.name
        and (told[1] == "") == (ours.password is Password.NONE)
        and told[1].startswith("!") == ours.exclamation
        and told[2:8] == ["" if number is None else str(number) for number in numbers]
    )


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(passwd=["alice:x:1000:1000::/home/a:/bin/bash\r", "alice:x:5:5::/:/bin/sh"], shadow=[], group=[])
@example(passwd=[], shadow=["alice:*:1:2:3:4:::\r", "bob:*:1:2:3"], group=["alice:x:7", "bob:x:7:alice"])
@example(passwd=[], shadow=["alice:*:1:2:3:7::", "bob:*:1:2:3:7::99", "root:*:1:2:3:"], group=[])
@given(
    passwd=st.lists(passwd_lines, max_size=5),
    shadow=st.lists(shadow_lines, max_size=4),
    group=st.lists(group_lines, max_size=4),
)
def test_every_look_up_gives_what_glibc_gives(
    root: Path, passwd: list[str], shadow: list[str], group: list[str]
) -> None:
    entries: dict[str, bytes] = {}
    for name, lines in (("passwd", passwd), ("shadow", shadow), ("group", group)):
        raw = "".join(f"{line}\n" for line in lines).encode()
        (root / "etc" / name).write_bytes(raw)
        entries[f"/etc/{name}"] = raw
    ours = Accounts(Tree.of(entries))
    for name in NAMES:
        told = getent(root, "passwd", name)
        assert same_account(told, ours.get(name)), (told, ours.get(name))
        told = getent(root, "shadow", name)
        assert same_shadow(told, ours.shadow(name)), (told, ours.shadow(name))
    for gid in GIDS:
        told, found = getent(root, "group", gid), ours.group(int(gid))
        expected = None if found is None else [found.name, str(found.gid), ",".join(found.members)]
        assert (told and [told[0], *told[2:]]) == expected
