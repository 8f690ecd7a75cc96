from dataclasses import replace

import pytest

from rescue.model import Client, Severity, Symptom
from rescue.tree import SELINUX, Entry, Tree, directory, file
from tests.checking import causes, changed_paths, mended, only_finding
from tests.trees import KEY, healthy, server

pytestmark = pytest.mark.unit

ALICE = Client(user="alice")
HOME, SSH, KEYS = "/home/alice", "/home/alice/.ssh", "/home/alice/.ssh/authorized_keys"
CONFIG = "# mode\nSELINUX=enforcing\nSELINUXTYPE=targeted\n"


def label(entry: Entry, type_name: str) -> Entry:
    raw = f"unconfined_u:object_r:{type_name}:s0".encode() + b"\0"
    return replace(entry, xattrs=((SELINUX, raw),)) if type_name else entry


def selinux(
    home: str = "user_home_dir_t", ssh: str = "ssh_home_t", keys: str = "ssh_home_t", config: str = CONFIG, **more: str
) -> Tree:
    passwd = file(str(healthy()["/etc/passwd"]))
    changes: dict[str, Entry | str | bytes | None] = {
        "/etc/selinux/config": config,
        "/etc/passwd": label(passwd, "passwd_file_t"),
        HOME: label(directory(0o755, 1000, 1000), home),
        SSH: label(directory(0o700, 1000, 1000), ssh),
        KEYS: label(file(KEY, 0o600, 1000, 1000), keys),
    }
    return server({**changes, **more})


@pytest.mark.parametrize("tree", [
    selinux(),
    selinux(ssh="user_home_t", keys="user_home_t"),
    selinux(keys="default_t", config="SELINUX=permissive\n"),
    selinux(keys="default_t", config="SELINUX=enforcing\nSELINUX=disabled\n"),
    selinux(keys="", **{"/.autorelabel": ""}),
    server(),
])  # fmt: skip
def test_labels_that_sshd_may_read_or_that_nobody_asks_for_are_no_finding(tree: Tree) -> None:
    assert causes(tree, ALICE) == []


@pytest.mark.parametrize(
    "tree, paths",
    [
        (selinux(keys="default_t"), [KEYS]),
        (selinux(keys=""), [KEYS]),
        (selinux(ssh="user_tmp_t", keys="user_tmp_t"), [SSH, KEYS]),
        (selinux("default_t", "default_t", "default_t"), [HOME, SSH, KEYS]),
        (selinux(ssh="admin_home_t"), [SSH]),
    ],
)
def test_wrong_ones_become_those_of_the_policy(tree: Tree, paths: list[str]) -> None:
    finding = only_finding(tree, "selinux-context", ALICE)
    assert (finding.severity, finding.symptom) == (Severity.BROKEN, Symptom.DENIED)
    plan = mended(tree, ALICE)
    assert changed_paths(plan) == paths
    for path in paths:
        entry = plan.after.facts.tree.entry(path)
        assert entry is not None
        wanted = "user_home_dir_t" if path == HOME else "ssh_home_t"
        assert entry.xattr(SELINUX) == f"unconfined_u:object_r:{wanted}:s0".encode() + b"\0"


def test_roots_home_has_a_type_of_its_own() -> None:
    tree = selinux()
    root = {"/root": label(directory(0o700), "admin_home_t"), "/root/.ssh": label(directory(0o700), "admin_home_t"),
            "/root/.ssh/authorized_keys": label(file(KEY, 0o600), "admin_home_t")}  # fmt: skip
    tree = tree.with_entries(dict(root))
    plan = mended(tree, Client(user="root"))
    assert changed_paths(plan) == ["/root/.ssh", "/root/.ssh/authorized_keys"]


def test_where_nothing_is_labelled_everything_is_to_be() -> None:
    tree = server({"/etc/selinux/config": CONFIG})
    assert only_finding(tree, "selinux-context", ALICE).severity is Severity.DOUBTFUL
    assert changed_paths(mended(tree, ALICE)) == ["/.autorelabel"]
