import pytest

from rescue.accounts.database import Accounts, Password
from rescue.tree import Tree

pytestmark = pytest.mark.unit

PASSWD = (
    "root:x:0:0:root:/root:/bin/bash\nalice:x:1000:1000:Alice,,,:/home/alice:/bin/bash\n"
    "alice:x:7:7::/nowhere:/bin/false\nbob:x:1001:100::/home/bob:\nsvc:x:999:999::/:/usr/sbin/nologin\n"
)
GROUP = "root:x:0:\nsudo:x:27:alice,bob\nusers:x:100:\nalice:x:1000:\nother:x:27:alice\n"


def accounts(passwd: str = PASSWD, shadow: str | None = "", group: str = GROUP) -> Accounts:
    files = {"/etc/passwd": passwd, "/etc/group": group}
    return Accounts(Tree.of(files if shadow is None else files | {"/etc/shadow": shadow}))


def test_the_first_line_of_a_name_wins() -> None:
    found = accounts()
    assert [each.name for each in found.users] == ["root", "alice", "bob", "svc"]
    alice = found.get("alice")
    assert alice is not None
    assert (alice.uid, alice.gid, alice.home, alice.shell) == (1000, 1000, "/home/alice", "/bin/bash")
    assert str(alice.location) == "/etc/passwd:2"


def test_groups_are_the_primary_and_the_listed_ones() -> None:
    found = accounts()
    alice, bob = found.get("alice"), found.get("bob")
    assert alice is not None
    assert bob is not None
    assert found.groups_of(alice) == {"alice", "sudo"}
    assert found.groups_of(bob) == {"users", "sudo"}
    assert found.gids_of(bob) == {100, 27}
    assert found.members(27) == {"alice", "bob"}
    assert found.members(100) == {"bob"}


def test_a_login_shell_is_any_but_those_that_say_no() -> None:
    found = accounts()
    assert [each.name for each in found.users if each.has_login_shell] == ["root", "alice", "bob"]


def test_windows_line_ends_become_part_of_the_shell() -> None:
    alice = accounts(PASSWD.replace("\n", "\r\n")).get("alice")
    assert alice is not None
    assert alice.shell == "/bin/bash\r"
    assert alice.has_login_shell


@pytest.mark.parametrize(
    "line", ["alice", "alice:x", "alice:x:1000", "alice:x:abc:1000::/:/bin/sh", "+alice:x:1:1:::", "#alice:x:1:1::/:"]
)
def test_a_line_that_glibc_can_not_read_is_no_account(line: str) -> None:
    assert accounts(f"{line}\n").get("alice") is None


def test_a_short_line_leaves_the_last_fields_empty() -> None:
    alice = accounts("alice:x:1000:1000:gecos\n").get("alice")
    assert alice is not None
    assert (alice.home, alice.shell) == ("", "")


@pytest.mark.parametrize(
    "word, state",
    [
        ("", Password.NONE),
        ("*", Password.DISABLED),
        ("!", Password.DISABLED),
        ("!!", Password.DISABLED),
        ("$y$j9T$salt$hash", Password.HASH),
        ("!$y$j9T$salt$hash", Password.LOCKED),
        ("abcdefghijklm", Password.HASH),
        ("short", Password.DISABLED),
    ],
)
def test_a_password_is_known_by_its_kind_alone(word: str, state: Password) -> None:
    found = accounts(shadow=f"alice:{word}:19700:0:99999:7:30:20000:\n")
    shadow = found.shadow("alice")
    alice = found.get("alice")
    assert shadow is not None
    assert alice is not None
    assert found.password(alice) is shadow.password is state
    assert (shadow.lastchg, shadow.minimum, shadow.maximum, shadow.warn) == (19700, 0, 99999, 7)
    assert (shadow.inactive, shadow.expire) == (30, 20000)
    assert shadow.exclamation == word.startswith("!")


def test_no_hash_is_kept_or_shown() -> None:
    secret = "$6$saltsalt$SECRETHASH"
    found = accounts(PASSWD.replace("svc:x", f"svc:{secret}"), f"alice:!{secret}:1:2:3:4:::\nbob:{secret}:1:2:3:4:::\n")
    shown = repr((found.users, found.groups, found.shadow("alice"), found.shadow("bob")))
    assert "SECRETHASH" not in shown
    shadow = found.shadow("alice")
    assert shadow is not None
    assert shadow.scheme == "sha512"
    svc = found.get("svc")
    assert svc is not None
    assert found.password(svc) is Password.HASH


def test_windows_line_ends_make_a_shadow_line_disappear() -> None:
    found = accounts(shadow="alice:*:19700:0:99999:7:::\r\n")
    assert found.shadow("alice") is None


def test_a_line_of_the_old_form_has_no_expiry() -> None:
    shadow = accounts(shadow="alice:*:1:2:3\n").shadow("alice")
    assert shadow is not None
    assert (shadow.maximum, shadow.warn, shadow.expire) == (3, None, None)


def test_without_a_shadow_file_no_password_opens_an_account() -> None:
    found = accounts(shadow=None)
    alice = found.get("alice")
    assert alice is not None
    assert not found.has_shadow
    assert found.password(alice) is Password.DISABLED


@pytest.mark.parametrize(
    "junk", [b"\0" * 5000, b"\xff\xfe:" * 5000, b":" * 100_000, b"a:x:" + b"9" * 100_000 + b":1:::\n"]
)
def test_junk_is_no_account_and_no_traceback(junk: bytes) -> None:
    found = Accounts(Tree.of({"/etc/passwd": junk, "/etc/group": junk, "/etc/shadow": junk}))
    assert found.get("alice") is None
    assert found.shadow("alice") is None
    assert found.group(0) is None
