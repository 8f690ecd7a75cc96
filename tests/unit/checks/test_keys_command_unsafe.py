"""What sshd asks of AuthorizedKeysCommand before it runs it."""

from __future__ import annotations

import pytest

from rescue.examine import examine
from rescue.model import Client, Safety, Severity
from rescue.tree import Entry, directory, file, symlink
from tests.checking import causes, changed_paths, mended, only_finding
from tests.judging import gaps
from tests.trees import KEY, PROGRAM, SSHD_CONFIG, healthy, server

pytestmark = pytest.mark.unit

CHECK = "keys-command-unsafe"
ALICE = Client(user="alice")
WITH_KEY = Client(user="alice", key=" ".join(KEY.split()[:2]))
Changes = dict[str, Entry | str | bytes | None]
SCRIPT = "#!/bin/sh\ncat /var/lib/keys/$1\n"
PASSWD = str(healthy()["/etc/passwd"]) + "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"


def with_command(command: str = "/opt/keys.sh", user: str = "nobody", *, keys: bool = False) -> Changes:
    config = f"{SSHD_CONFIG}AuthorizedKeysCommand {command}\nAuthorizedKeysCommandUser {user}\n"
    mine: Changes = {} if keys else {"/home/alice/.ssh/authorized_keys": None}
    return {
        **mine,
        "/etc/passwd": PASSWD,
        "/etc/ssh/sshd_config": config if keys else f"{config}AuthorizedKeysFile none\n",
        "/opt": directory(),
        "/opt/keys.sh": file(SCRIPT, 0o755),
        "/usr/bin/sh": file(PROGRAM, 0o755),
    }


def at(path: str, entry: Entry | str | None, command: str = "/opt/keys.sh", user: str = "nobody") -> Changes:
    return {**with_command(command, user), path: entry}


@pytest.mark.parametrize(
    "changes",
    [
        with_command(),
        with_command("/opt/keys.sh %u %f"),
        with_command(user="root"),
        with_command(user="%u"),
        at("/opt/keys.sh", file(SCRIPT, 0o755, 0, 42)),
        at("/opt/keys.sh", file(SCRIPT, 0o750, 0, 65534)),
        at("/opt", directory(0o711)),
        at("/opt/keys.sh", file(PROGRAM, 0o711)),
        at("/opt/keys.sh", file(SCRIPT, 0o700), user="root"),
        at("/opt/keys.sh", file("#!/usr/bin/env sh\n", 0o755)) | {"/usr/bin/env": file(PROGRAM, 0o755)},
        # Debian's sshd lets a group write in which nobody but root is.
        at("/opt", directory(0o775, 0, 0)),
    ],
)
def test_a_command_that_is_run_is_not_judged_further(changes: Changes) -> None:
    tree = server(changes)
    assert causes(tree, ALICE) == []
    assert any("prints for alice" in gap.what for gap in gaps(tree, ALICE))


def test_none_is_no_command() -> None:
    assert causes(server(with_command("none", keys=True)), ALICE) == []


def test_a_directory_that_a_group_may_write() -> None:
    tree = server(at("/opt", directory(0o1775, 0, 50)))
    finding = only_finding(tree, CHECK, ALICE)
    assert finding.severity is Severity.BROKEN
    assert "others can write to /opt (mode 1775, group 50)" in finding.message
    assert finding.locations[0].line
    plan = mended(tree, ALICE)
    assert changed_paths(plan) == ["/opt"]
    entry = plan.after.facts.tree.entry("/opt")
    assert entry is not None
    assert entry.mode == 0o1755


@pytest.mark.parametrize(
    ("entry", "what"),
    [
        (file(SCRIPT, 0o775, 0, 50), "others can write to /opt/keys.sh"),
        (file(SCRIPT, 0o757), "others can write to /opt/keys.sh"),
        (file(SCRIPT, 0o755, 1000, 1000), "belongs to uid 1000"),
    ],
)
def test_a_command_that_others_could_write_is_not_trusted_unasked(entry: Entry, what: str) -> None:
    finding = only_finding(server(at("/opt/keys.sh", entry)), CHECK, ALICE)
    assert what in finding.message
    assert [(repair.safety, bool(repair.weakens)) for repair in finding.repairs] == [(Safety.UNSAFE, True)]


def test_a_directory_for_everybody_is_left_alone() -> None:
    changes = at("/tmp", directory(0o1777), command="/tmp/keys.sh") | {"/tmp/keys.sh": file(SCRIPT, 0o755)}
    finding = only_finding(server(changes), CHECK, ALICE)
    assert [repair.edit for repair in finding.repairs] == [None]


@pytest.mark.parametrize(
    ("changes", "path", "mode", "gid"),
    [
        (at("/opt/keys.sh", file(SCRIPT, 0o700)), "/opt/keys.sh", 0o750, 65534),
        (at("/opt/keys.sh", file(SCRIPT, 0o711)), "/opt/keys.sh", 0o751, 65534),
        (at("/opt/keys.sh", file(SCRIPT, 0o644)), "/opt/keys.sh", 0o654, 65534),
        (at("/opt", directory(0o700)), "/opt", 0o711, 0),
        (at("/usr/bin/sh", file(PROGRAM, 0o700)), "/usr/bin/sh", 0o755, 0),
    ],
)
def test_what_its_user_may_not_use(changes: Changes, path: str, mode: int, gid: int) -> None:
    tree = server(changes)
    told = [finding.message for finding in examine(tree, ALICE).findings if finding.check == CHECK]
    assert "nobody, who should run it, can't access" in told[0]
    plan = mended(tree, ALICE)
    assert changed_paths(plan) == [path]
    entry = plan.after.facts.tree.entry(path)
    assert entry is not None
    assert (entry.mode, entry.gid) == (mode, gid)


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        (with_command(user="keys"), "the account keys, which should run it, does not exist"),
        (at("/opt/keys.sh", None), "/opt/keys.sh is missing"),
        (at("/opt/keys.sh", symlink("/opt/gone")), "/opt/keys.sh is missing"),
        (at("/opt/keys.sh", file("#!/usr/bin/python3\n", 0o755)), "/usr/bin/python3"),
        (
            at("/opt/keys.sh", file("#!/usr/bin/env python3\n", 0o755)) | {"/usr/bin/env": file(PROGRAM, 0o755)},
            "/usr/bin/python3",
        ),
        (at("/opt/keys.sh", directory()), "is not a file"),
    ],
)
def test_what_a_person_has_to_put_right(changes: Changes, what: str) -> None:
    finding = only_finding(server(changes), CHECK, ALICE)
    assert finding.severity is Severity.BROKEN
    assert what in finding.message
    assert [repair.safety for repair in finding.repairs] == [Safety.MANUAL]


def test_keys_in_files_count_all_the_same() -> None:
    changes = {**with_command(keys=True), "/opt/keys.sh": None}
    assert only_finding(server(changes), CHECK, ALICE).severity is Severity.DOUBTFUL
    assert causes(server(changes), WITH_KEY) == []


@pytest.mark.parametrize(("authority", "found"), [("none", False), ("/etc/ssh/ca.pub", True)])
def test_principals_count_where_certificates_do(authority: str, found: bool) -> None:
    command = "AuthorizedPrincipalsCommand /opt/p\nAuthorizedPrincipalsCommandUser root\n"
    config = f"{SSHD_CONFIG}{command}TrustedUserCAKeys {authority}\n"
    tree = server({"/etc/ssh/sshd_config": config, "/etc/ssh/ca.pub": KEY + "\n"})
    assert (CHECK in causes(tree, ALICE)) is found
