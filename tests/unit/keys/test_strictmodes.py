from pathlib import PurePosixPath
from struct import pack

import pytest

from rescue.accounts.database import Accounts
from rescue.accounts.permissions import ACL_ACCESS, READ, SEARCH, Person, allows, chmod
from rescue.keys.strictmodes import Rule, Walk
from rescue.tree import Entry, Kind, Tree, directory, file, symlink
from tests.trees import KEY, server

pytestmark = pytest.mark.unit

KEYS = "/home/alice/.ssh/authorized_keys"
HOME, SSH = "/home/alice", "/home/alice/.ssh"


def walk(
    changes: dict[str, Entry | str | bytes | None], *, private: bool = True, strict: bool = True, user: str = "alice"
) -> Walk:
    tree = server(changes)
    accounts = Accounts(tree)
    account = accounts.get(user)
    assert account is not None
    return Walk(tree, accounts, account, private, strict)


def broken(
    changes: dict[str, Entry | str | bytes | None], path: str = KEYS, *, private: bool = True, strict: bool = True
) -> list[tuple[str, Rule]]:
    found = walk(changes, private=private, strict=strict).faults(PurePosixPath(path))
    return [(str(fault.path), fault.rule) for fault in found]


def acl(*entries: tuple[int, int, int]) -> tuple[tuple[str, bytes], ...]:
    return ((ACL_ACCESS, pack("<I", 2) + b"".join(pack("<HHI", *entry) for entry in entries)),)


def test_a_healthy_home_has_no_fault() -> None:
    assert broken({}) == []
    assert walk({}, user="root").faults(PurePosixPath("/root/.ssh/authorized_keys")) == ()


@pytest.mark.parametrize("path, entry", [
    (HOME, directory(0o777, 1000, 1000)), (SSH, directory(0o702, 1000, 1000)), (KEYS, file(KEY, 0o666, 1000, 1000)),
])  # fmt: skip
def test_what_others_can_write_is_not_trusted(path: str, entry: Entry) -> None:
    assert broken({path: entry}) == [(path, Rule.WRITABLE)]
    assert broken({path: entry}, strict=False) == []


def test_a_private_groups_right_to_write_is_debians_to_allow() -> None:
    home: dict[str, Entry | str | bytes | None] = {HOME: directory(0o775, 1000, 1000)}
    assert broken(home) == []
    assert broken(home, private=False) == [(HOME, Rule.WRITABLE)]
    shared = "alice:x:1000:alice,bob\n"
    assert broken({**home, "/etc/group": shared}) == [(HOME, Rule.WRITABLE)]
    assert broken({**home, "/etc/group": "users:x:100:\n"}) == [(HOME, Rule.WRITABLE)]


def test_only_what_is_from_the_file_up_to_the_home_counts() -> None:
    assert broken({"/home": directory(0o777), "/": directory(0o777)}) == []


def test_a_link_counts_where_it_leads() -> None:
    linked: dict[str, Entry | str | bytes | None] = {
        KEYS: symlink("/data/keys"), "/data": directory(0o777), "/data/keys": file(KEY, 0o644),
    }  # fmt: skip
    assert broken(linked) == [("/data", Rule.WRITABLE)]
    moved: dict[str, Entry | str | bytes | None] = {
        HOME: symlink("/data/alice"), SSH: None, KEYS: None, "/data": directory(0o777),
        "/data/alice": directory(0o755, 1000), "/data/alice/.ssh": directory(0o700, 1000),
        "/data/alice/.ssh/authorized_keys": file(KEY, 0o600, 1000),
    }  # fmt: skip
    assert broken(moved) == []


def test_a_central_directory_is_judged_up_to_the_root() -> None:
    central: dict[str, Entry | str | bytes | None] = {"/etc/ssh/keys/alice": file(KEY), "/": directory(0o777)}
    assert broken(central, "/etc/ssh/keys/alice") == [("/", Rule.WRITABLE)]


def test_a_third_owner_is_not_trusted_but_root_is() -> None:
    assert broken({HOME: directory(0o755, 1005)}) == [(HOME, Rule.OWNER)]
    assert broken({SSH: directory(0o755), KEYS: file(KEY, 0o644)}) == []


def test_the_user_must_be_able_to_read_the_file_and_pass_to_it() -> None:
    assert broken({KEYS: file(KEY, 0o600)}) == [(KEYS, Rule.UNREADABLE)]
    assert broken({SSH: directory(0o700)}) == [(SSH, Rule.UNSEARCHABLE)]
    assert broken({"/home": directory(0o700)}) == [("/home", Rule.UNSEARCHABLE)]
    assert broken({KEYS: file(KEY, 0o600)}, strict=False) == [(KEYS, Rule.UNREADABLE)]


@pytest.mark.parametrize("changes", [
    {HOME: directory(0o777, 1000, 1000), SSH: directory(0o777, 1000), KEYS: file(KEY, 0o666, 1005)},
    {HOME: directory(0o700), SSH: directory(0o700), KEYS: file(KEY, 0o600)},
    {"/": directory(0o700), "/home": directory(0o700)},
    {KEYS: file(KEY, 0o000, 1000)},
])  # fmt: skip
def test_mending_goes_on_until_nothing_is_left(changes: dict[str, Entry | str | bytes | None]) -> None:
    judge = walk(changes)
    mended = judge.mended(PurePosixPath(KEYS))
    assert Walk(mended, judge.accounts, judge.account, True).faults(PurePosixPath(KEYS)) == ()


def test_mending_changes_no_more_than_what_fails() -> None:
    judge = walk({HOME: directory(0o2777, 1000, 1000)})
    (change,) = judge.mended(PurePosixPath(KEYS)).since(judge.tree)
    assert str(change.path) == HOME
    assert change.after is not None
    assert (change.after.mode, change.after.uid, change.after.gid) == (0o2755, 1000, 1000)


def test_a_directory_that_others_need_is_left_alone() -> None:
    tmp: dict[str, Entry | str | bytes | None] = {
        KEYS: symlink("/tmp/keys"), "/tmp": directory(0o1777), "/tmp/keys": file(KEY, 0o600, 1000),
    }  # fmt: skip
    with pytest.raises(ValueError, match="/tmp"):
        walk(tmp).mended(PurePosixPath(KEYS))
    bobs: dict[str, Entry | str | bytes | None] = {
        KEYS: symlink("/home/bob/keys"), "/home/bob": directory(0o755, 1001), "/home/bob/keys": file(KEY, 0o644, 1000),
        "/etc/passwd": "alice:x:1000:1000::/home/alice:/bin/sh\nbob:x:1001:1001::/home/bob:/bin/sh\n",
    }  # fmt: skip
    with pytest.raises(ValueError, match="/home/bob"):
        walk(bobs).mended(PurePosixPath(KEYS))


def test_the_groups_right_under_an_acl_is_its_mask_and_shrinks_with_it() -> None:
    to_bob = acl((1, 7, 0), (2, 7, 1001), (4, 5, 0), (16, 7, 0), (32, 0, 0))
    judge = walk({SSH: Entry(Kind.DIR, 0o770, 1000, 100, xattrs=to_bob)})
    assert [fault.path.name for fault in judge.faults(PurePosixPath(KEYS))] == [".ssh"]
    after = judge.mended(PurePosixPath(KEYS)).entry(SSH)
    assert after is not None
    assert after.mode == 0o750
    assert after.xattrs == acl((1, 7, 0), (2, 7, 1001), (4, 5, 0), (16, 5, 0), (32, 0, 0))


def test_an_acl_lets_read_whom_it_names_within_its_mask() -> None:
    named = acl((1, 6, 0), (2, 4, 1000), (4, 0, 0), (8, 4, 27), (16, 4, 0), (32, 0, 0))
    entry = Entry(Kind.FILE, 0o640, 0, 0, xattrs=named)
    assert allows(entry, Person(1000, frozenset()), READ)
    assert allows(entry, Person(5, frozenset({27})), READ)
    assert not allows(entry, Person(5, frozenset({0})), READ)
    assert not allows(entry, Person(5, frozenset({100})), READ)
    masked = Entry(Kind.FILE, 0o600, 0, 0, xattrs=acl((1, 6, 0), (2, 4, 1000), (4, 0, 0), (16, 0, 0), (32, 0, 0)))
    assert not allows(masked, Person(1000, frozenset()), READ)
    broken_acl = Entry(Kind.FILE, 0o604, 0, 0, xattrs=((ACL_ACCESS, b"\2\0\0\0junk"),))
    assert allows(broken_acl, Person(1000, frozenset()), READ)


def test_the_owners_bits_bind_the_owner_even_where_others_may_more() -> None:
    assert not allows(file("", 0o077, 1000), Person(1000, frozenset({0})), READ)
    assert allows(directory(0o711, 0), Person(1000, frozenset({5})), SEARCH)
    assert allows(file("", 0o000, 7), Person(0, frozenset({0})), READ)


def test_chmod_reaches_every_name_of_a_file() -> None:
    twin = Entry(Kind.FILE, 0o644, nlink=2, ident=(1, 7), data=b"", size=0)
    tree = chmod(Tree.of({"/a": twin, "/b": twin, "/c": symlink("a")}), "/c", 0o600)
    assert [(entry.mode if (entry := tree.entry(path)) else None) for path in ("/a", "/b")] == [0o600, 0o600]


@pytest.mark.parametrize("changes", [
    {KEYS: symlink("authorized_keys")}, {SSH: symlink(".ssh"), KEYS: None}, {KEYS: None}, {KEYS: directory(0o777)},
    {HOME: None, SSH: None, KEYS: None}, {HOME: symlink("/home/alice"), SSH: None, KEYS: None},
])  # fmt: skip
def test_what_is_no_file_has_no_fault(changes: dict[str, Entry | str | bytes | None]) -> None:
    assert broken(changes) == []
