"""The StrictModes walk against real logins at a real sshd, and its repair proven by another login."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from shutil import rmtree

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from rescue.accounts.database import Accounts
from rescue.keys.authorized_keys import key_files
from rescue.keys.strictmodes import Walk
from rescue.targets.files.directory import DirectoryTarget
from rescue.tree import Read, Tree
from tests.system.login import LoginServer, login_server
from tests.system.sshd_root import sshd_root

pytestmark = pytest.mark.system

ALICE, BOB, STRANGER = 1000, 1001, 1234
USERS, ORPHANED = 100, 2000

BUNDLE = (
    *(Read(path, depth=0) for path in ("/", "/etc", "/etc/passwd", "/etc/group", "/etc/shadow")),
    *(Read(path, depth=4) for path in ("/home", "/root", "/data", "/etc/ssh")),
)


@dataclass(frozen=True)
class Case:
    """What differs from a healthy home: layout, modes and owners of each component, the groups, the ACL."""

    layout: str = "plain"
    user: str = "alice"
    strict: bool = True
    modes: tuple[tuple[str, int], ...] = ()
    owners: tuple[tuple[str, int, int], ...] = ()
    group_members: str = ""
    bobs_group: int = BOB
    acl: tuple[tuple[str, str], ...] = ()


COMPONENTS = ("top", "above", "home", "ssh", "file")
LAYOUTS = ("plain", "linked home", "linked ssh", "linked file", "central")

dir_modes = st.sampled_from([0o755, 0o700, 0o775, 0o777, 0o711, 0o750, 0o770, 0o1777, 0o2775, 0o722, 0o600, 0o000])
file_modes = st.sampled_from([0o600, 0o644, 0o640, 0o664, 0o666, 0o620, 0o604, 0o400, 0o000, 0o755, 0o777])
ids = st.sampled_from([0, ALICE, BOB, STRANGER])
gids = st.sampled_from([0, ALICE, BOB, USERS, ORPHANED])
modes = st.one_of(st.tuples(st.sampled_from(COMPONENTS[:-1]), dir_modes), st.tuples(st.just("file"), file_modes))
acls = st.tuples(
    st.sampled_from(["home", "ssh", "file"]), st.sampled_from(["u:1001:rwx", "u:1000:r", "u:1000:---", "g:100:rwx"])
)
cases = st.builds(
    Case,
    layout=st.sampled_from(LAYOUTS),
    user=st.sampled_from(["alice", "alice", "alice", "root"]),
    strict=st.sampled_from([True, True, True, False]),
    modes=st.lists(modes, max_size=3).map(tuple),
    owners=st.lists(st.tuples(st.sampled_from(COMPONENTS), ids, gids), max_size=2).map(tuple),
    group_members=st.sampled_from(["", "", "alice", "bob", "alice,bob", "root"]),
    bobs_group=st.sampled_from([BOB, BOB, BOB, ALICE]),
    acl=st.lists(acls, max_size=1).map(tuple),
)


@pytest.fixture(scope="module", params=["bookworm", "trixie"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoginServer]:
    with login_server(sshd_root(request.param), tmp_path_factory.mktemp("strictmodes")) as made:
        yield made


def plant(server: LoginServer, case: Case) -> None:
    """The case as real files."""
    root = server.path
    for made in ("home", "data", "etc/ssh/keys", "root"):
        rmtree(root / made, ignore_errors=True)
    for path in ("", "home", "data", "root"):
        (root / path).mkdir(exist_ok=True)
        (root / path).chmod(0o700 if path == "root" else 0o755)
        os.chown(root / path, 0, 0)
    (root / "etc/passwd").write_text(
        "root:x:0:0:root:/root:/bin/sh\nsshd:x:101:65534::/run/sshd:/usr/sbin/nologin\n"
        f"alice:x:{ALICE}:{ALICE}::/home/alice:/bin/sh\nbob:x:{BOB}:{case.bobs_group}::/home/bob:/bin/sh\n"
    )
    (root / "etc/group").write_text(
        f"root:x:0:\nusers:x:{USERS}:\nalice:x:{ALICE}:{case.group_members}\nbob:x:{BOB}:\nnogroup:x:65534:\n"
    )
    (root / "etc/shadow").write_text("".join(f"{name}:*:19000:0:99999:7:::\n" for name in ("root", "alice", "bob")))
    central = case.layout == "central"
    server.configure(
        f"AuthorizedKeysFile {'/etc/ssh/keys/%u/file' if central else '.ssh/authorized_keys'}\n"
        f"StrictModes {'yes' if case.strict else 'no'}"
    )
    places = _places(root, case)
    for name in ("home", "ssh"):
        places[name].mkdir(parents=True, exist_ok=True)
    places["file"].write_text(server.public_key + "\n")
    uid = 0 if case.user == "root" else ALICE
    for name in COMPONENTS[2:]:
        os.chown(places[name], uid, uid)
        places[name].chmod(0o600 if name == "file" else 0o755)
    for name, mode in case.modes:
        places[name].chmod(mode)
    for name, owner, group in case.owners:
        if name != "top":
            os.chown(places[name], owner, group)
    for name, spec in case.acl:
        subprocess.run(["setfacl", "-m", spec, str(places[name])], check=True)


def _places(root: Path, case: Case) -> dict[str, Path]:
    """Where the five components of the walk really are; links are made that lead there."""
    named = root / ("root" if case.user == "root" else "home/alice")
    home = named
    if case.layout == "linked home" and case.user != "root":
        home = root / "data/alice"
        home.mkdir()
        named.symlink_to("/data/alice")
    ssh, file = home / ".ssh", home / ".ssh/authorized_keys"
    if case.layout == "linked ssh":
        home.mkdir(exist_ok=True)
        ssh = root / "data/ssh"
        (home / ".ssh").symlink_to("/data/ssh" if case.user == "root" else "../../data/ssh")
        file = ssh / "authorized_keys"
    elif case.layout == "linked file":
        (home / ".ssh").mkdir(parents=True)
        file = root / "data/keys"
        (home / ".ssh/authorized_keys").symlink_to("/data/keys")
    elif case.layout == "central":
        ssh = root / "etc/ssh/keys" / case.user
        file = ssh / "file"
    above = root / "data" if "linked" in case.layout else root / "etc/ssh" if case.layout == "central" else home.parent
    return {"top": root, "above": above, "home": home, "ssh": ssh, "file": file}


def snapshot(server: LoginServer) -> Tree:
    with closing(DirectoryTarget(str(server.path))) as target:
        return target.capture(BUNDLE)


def walk(tree: Tree, case: Case) -> tuple[Walk, PurePosixPath]:
    accounts = Accounts(tree)
    account = accounts.get(case.user)
    assert account is not None
    pattern = "/etc/ssh/keys/%u/file" if case.layout == "central" else ".ssh/authorized_keys"
    (found,) = key_files(tree, account, (pattern,))
    assert found.keys, "the key is on the disk, whoever may read it"
    return Walk(tree, accounts, account, private_groups=True, strict=case.strict), found.path


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(case=Case())
@example(case=Case(modes=(("home", 0o775),)))
@example(case=Case(modes=(("home", 0o775),), group_members="alice,bob"))
@example(case=Case(modes=(("home", 0o775),), bobs_group=ALICE))
@example(case=Case(modes=(("home", 0o775),), owners=(("home", 0, ALICE),), group_members="alice"))
@example(case=Case(modes=(("home", 0o775),), owners=(("home", ALICE, ORPHANED),)))
@example(case=Case(modes=(("above", 0o777), ("top", 0o777))))
@example(case=Case(layout="central", modes=(("top", 0o777),)))
@example(case=Case(layout="linked home", modes=(("above", 0o777),)))
@example(case=Case(layout="linked ssh", modes=(("above", 0o777),)))
@example(case=Case(layout="linked ssh", modes=(("above", 0o1777),)))
@example(case=Case(modes=(("above", 0o700),)))
@example(case=Case(modes=(("top", 0o700),)))
@example(case=Case(layout="central", modes=(("above", 0o700),)))
@example(case=Case(owners=(("file", 0, 0),)))
@example(case=Case(owners=(("file", 0, 0),), modes=(("file", 0o644),)))
@example(case=Case(owners=(("home", STRANGER, STRANGER),)))
@example(case=Case(acl=(("ssh", "u:1001:rwx"),), owners=(("ssh", ALICE, USERS),)))
@example(case=Case(owners=(("file", 0, 0),), acl=(("file", "u:1000:r"),)))
@example(case=Case(user="root", modes=(("home", 0o777),)))
@given(case=cases)
def test_a_key_file_is_trusted_exactly_where_sshd_trusts_it(server: LoginServer, case: Case) -> None:
    plant(server, case)
    tree = snapshot(server)
    judge, path = walk(tree, case)
    faults = judge.faults(path)
    entered, log = server.login(case.user)
    assert entered == (faults == ()), f"{faults}\n{log}"
    if faults:
        _mend_and_log_in(server, case, judge, path)


def _mend_and_log_in(server: LoginServer, case: Case, judge: Walk, path: PurePosixPath) -> None:
    try:
        mended = judge.mended(path)
    except ValueError:
        return  # others need it as it is; no repair is offered
    with closing(DirectoryTarget(str(server.path), write=True)) as target:
        for change in mended.since(judge.tree):
            assert change.after is not None
            target.set_metadata(change.path, change.after)
    entered, log = server.login(case.user)
    assert entered, log
