"""``fix --add-key``: what becomes of a key that somebody wants to have added."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from rescue.examine import examine
from rescue.keys.authorized_keys import parse_keys
from rescue.model import Client
from rescue.plan import Plan, make_plan
from rescue.tree import SELINUX, Entry, directory, file
from rescue.verbs.add_key import Adding, Outcome, outcome
from rescue.verbs.request.usage import UsageError
from tests.checking import changed_paths, undone
from tests.trees import DPKG_STATUS, KEY, SSHD_CONFIG, server

pytestmark = pytest.mark.unit

SSH, KEYS = "/home/alice/.ssh", "/home/alice/.ssh/authorized_keys"
MINE = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
DSA = "ssh-dss AAAAB3NzaC1kc3MAAAABAwAAAAEDAAAAAQMAAAABAw=="

NO_HOME = {"/home/alice": None, SSH: None, KEYS: None}

Changes = dict[str, Entry | str | bytes | None]


def adding(line: str = f"{MINE} me@laptop", user: str = "alice") -> Adding:
    key = parse_keys(line, PurePosixPath("id.pub"))[0].key
    assert key is not None
    return Adding(user, key)


def planned(changes: Changes, wanted: Adding) -> tuple[Plan, Outcome]:
    client = Client(user=wanted.user, key=wanted.key.public, comment=wanted.key.comment)
    plan = make_plan(server(changes), client)
    return plan, outcome(wanted, plan)


def test_one_line_is_appended_where_nothing_else_is_broken_and_undone() -> None:
    plan, told = planned({KEYS: file(f"# c\n{KEY} x", 0o600, 1000, 1000)}, adding())
    after = plan.after.facts.tree
    assert (changed_paths(plan), after.text(KEYS)) == ([KEYS], f"# c\n{KEY} x\n{MINE} me@laptop\n")
    assert (told.state, str(told.place)) == ("added", f"{KEYS}:3")
    assert "SHA256:" in told.words(written=True)
    assert MINE.split()[1] not in told.words(written=True)
    assert undone(after, plan).since(plan.before.facts.tree) == ()


def test_a_key_that_is_there_and_works_needs_nothing() -> None:
    plan, told = planned({}, adding(KEY))
    assert plan.changes == ()
    assert (told.state, str(told.place)) == ("present", f"{KEYS}:1")


def test_a_home_that_is_gone_is_made_first() -> None:
    plan, told = planned({**NO_HOME, "/home": directory()}, adding())
    assert changed_paths(plan) == ["/home/alice", SSH, KEYS]
    assert (told.state, str(told.place)) == ("added", f"{KEYS}:1")


def test_the_file_is_the_one_that_sshd_reads_for_the_user() -> None:
    config = f"{SSHD_CONFIG}Match User alice\n  AuthorizedKeysFile %h/.keys/%u\n"
    plan, told = planned({"/etc/ssh/sshd_config": config, SSH: None, KEYS: None}, adding())
    assert changed_paths(plan) == ["/home/alice/.keys", "/home/alice/.keys/alice"]
    assert str(told.place) == "/home/alice/.keys/alice:1"


def test_new_files_get_the_label_that_sshd_may_read() -> None:
    def labelled(name: str, entry: Entry) -> Entry:
        return Entry(entry.kind, entry.mode, entry.uid, entry.gid, xattrs=((SELINUX, name.encode() + b"\0"),))

    home = labelled("unconfined_u:object_r:user_home_dir_t:s0", directory(0o700, 1000, 1000))
    bundles = labelled("unconfined_u:object_r:user_home_t:s0", directory(0o755, 1000, 1000))
    plan, _ = planned({SSH: None, KEYS: None, "/home/alice": home, "/home/alice/Bundles": bundles}, adding())
    for path, mode in ((SSH, 0o700), (KEYS, 0o600)):
        entry = plan.after.facts.tree.entry(path)
        assert entry is not None
        assert (entry.mode, entry.uid, entry.gid) == (mode, 1000, 1000)
        assert entry.xattr(SELINUX) == b"unconfined_u:object_r:ssh_home_t:s0\0"


@pytest.mark.parametrize(
    "changes, user, why",
    [
        ({}, "bob", "no such account"),
        ({**NO_HOME, "/etc/fstab": "#/dev/vdb /home ext4\n"}, "alice", "the home is not there"),
        ({"/etc/ssh/sshd_config": f"AuthorizedKeysFile none\n{SSHD_CONFIG}"}, "alice", "reads no key file for alice"),
    ],
)
def test_where_it_can_not_be_added_the_reason_is_told(changes: Changes, user: str, why: str) -> None:
    _, told = planned(changes, adding(user=user))
    assert told.state == "missing"
    assert why in told.words(written=False)


@pytest.mark.parametrize(
    "line, version, config, why",
    [
        (DSA, "1:10.0p1-7", "", "no DSA keys any more"),
        (DSA, "1:9.2p1-2+deb12u6", "", "no DSA keys by default"),
        (DSA, "1:9.2p1-2+deb12u6", "PubkeyAcceptedAlgorithms +ssh-dss\n", ""),
    ],
)
def test_a_key_that_this_sshd_never_takes_is_refused(line: str, version: str, config: str, why: str) -> None:
    tree = server({
        "/var/lib/dpkg/status": DPKG_STATUS.replace("1:9.2p1-2+deb12u6", version),
        "/etc/ssh/sshd_config": config + SSHD_CONFIG,
    })  # fmt: skip
    wanted = adding(line)
    examination = examine(tree, Client(user="alice", key=wanted.key.public))
    if not why:
        wanted.check(examination)
        return
    with pytest.raises(UsageError, match=why):
        wanted.check(examination)
