"""The shell is started by the user, who is not root."""

from __future__ import annotations

import pytest

from rescue.model import Client, Safety, Severity, Symptom
from rescue.tree import Entry, directory, file, symlink
from tests.checking import causes, changed_paths, mended, only_finding
from tests.programs import LOADER, cache, elf
from tests.trees import server

pytestmark = pytest.mark.unit

ALICE, ROOT = Client(user="alice"), Client(user="root")
CHECK = "shell-unusable"
LIB = "/usr/lib/x86_64-linux-gnu"
Changes = dict[str, Entry | str | bytes | None]
LINKED: Changes = {
    "/usr/bin/bash": file(elf("libtinfo.so.6", "libc.so.6", interpreter=LOADER), 0o755),
    "/lib64": symlink("usr/lib64"),
    "/usr/lib64/ld-linux-x86-64.so.2": symlink(f"{LIB}/ld-linux-x86-64.so.2"),
    f"{LIB}/ld-linux-x86-64.so.2": file(b"x", 0o755),
    f"{LIB}/libtinfo.so.6": symlink("libtinfo.so.6.4"),
    f"{LIB}/libtinfo.so.6.4": elf("libc.so.6"),
    f"{LIB}/libc.so.6": file(elf(), 0o755),
    "/etc/ld.so.cache": file(cache(f"{LIB}/libtinfo.so.6", f"{LIB}/libc.so.6")),
}
FOLDERS = ["/", "/usr", "/usr/bin", "/usr/lib", "/usr/lib64", LIB]


def test_a_healthy_shell() -> None:
    assert causes(server(LINKED), ALICE) == []


@pytest.mark.parametrize("path", FOLDERS)
@pytest.mark.parametrize("mode", [0o700, 0o750, 0o744])
def test_a_directory_on_the_way(path: str, mode: int) -> None:
    tree = server({**LINKED, path: directory(mode)})
    if path == "/":
        assert CHECK in causes(tree, ALICE)
    else:
        finding = only_finding(tree, CHECK, ALICE)
        assert (finding.severity, finding.symptom, finding.users) == (Severity.BROKEN, Symptom.CLOSED, ("alice",))
        assert f"{path} (mode {mode:04o})" in finding.message
    plan = mended(tree, ALICE)
    assert changed_paths(plan) == [path]
    entry = plan.after.facts.tree.entry(path)
    assert entry is not None
    # For / a check that comes before may have asked for less, or more.
    assert entry.mode & 0o777 == 0o755 or (path == "/" and entry.mode & 0o011 == 0o011)


@pytest.mark.parametrize("path", FOLDERS)
def test_root_passes(path: str) -> None:
    assert causes(server({**LINKED, path: directory(0o700)}), ROOT) == []


@pytest.mark.parametrize("path", FOLDERS)
def test_a_directory_that_can_be_passed_and_not_listed(path: str) -> None:
    assert CHECK not in causes(server({**LINKED, path: directory(0o711)}), ALICE)


@pytest.mark.parametrize(
    ("path", "mode", "after", "words"),
    [
        ("/usr/bin/bash", 0o744, 0o755, "/bin/bash: Permission denied"),
        ("/usr/bin/bash", 0o700, 0o755, "/bin/bash: Permission denied"),
        (f"{LIB}/ld-linux-x86-64.so.2", 0o700, 0o755, "/bin/bash: Permission denied"),
        (f"{LIB}/libc.so.6", 0o711, 0o755, "error while loading shared libraries: libc.so.6:"),
        (f"{LIB}/libtinfo.so.6.4", 0o600, 0o644, "error while loading shared libraries: libtinfo.so.6"),
    ],
)
def test_a_file_that_the_user_may_not_use(path: str, mode: int, after: int, words: str) -> None:
    old = server(LINKED).entry(path)
    assert old is not None
    tree = server({**LINKED, path: file(old.data or b"", mode)})
    assert words in only_finding(tree, CHECK, ALICE).words
    plan = mended(tree, ALICE)
    assert changed_paths(plan) == [path]
    entry = plan.after.facts.tree.entry(path)
    assert entry is not None
    assert entry.mode & 0o777 == after
    assert CHECK not in causes(tree, ROOT)


def test_a_shell_that_may_be_executed_and_not_read() -> None:
    assert causes(server({**LINKED, "/usr/bin/bash": file(elf("libc.so.6", interpreter=LOADER), 0o711)}), ALICE) == []


def test_the_group_of_the_file_may_be_enough() -> None:
    tree = server({**LINKED, "/usr/bin/bash": file(elf("libc.so.6", interpreter=LOADER), 0o750, 0, 1000)})
    assert causes(tree, ALICE) == []


def test_a_library_that_is_closed_is_passed_over_for_the_next() -> None:
    more: Changes = {
        "/opt/lib/libtinfo.so.6": file(elf(), 0o600),
        "/etc/ld.so.cache": file(cache("/opt/lib/libtinfo.so.6", f"{LIB}/libtinfo.so.6", f"{LIB}/libc.so.6")),
    }
    assert causes(server({**LINKED, **more}), ALICE) == []


def test_all_of_usr_is_closed() -> None:
    closed: Changes = {path: directory(0o700) for path in FOLDERS[1:]}
    closed |= {
        path: file(entry.data or b"", 0o700)
        for path, entry in LINKED.items()
        if isinstance(entry, Entry) and entry.is_file and path.startswith("/usr")
    }
    tree = server({**LINKED, **closed})
    finding = only_finding(tree, CHECK, ALICE)
    assert [repair.safety for repair in finding.repairs] == [Safety.SAFE, Safety.MANUAL]
    assert "packages" in finding.repairs[1].title
    assert "/usr/sbin" not in changed_paths(mended(tree, ALICE))


@pytest.mark.parametrize("script", [b"#!/usr/bin/python3\n", b"#! /opt/run\n"])
def test_a_shell_that_is_a_script_needs_its_interpreter(script: bytes) -> None:
    name = script.split()[-1].removeprefix(b"#!").decode()
    ready: Changes = {
        **LINKED,
        "/usr/bin/bash": file(script, 0o755),
        name: file(elf("libc.so.6", interpreter=LOADER), 0o755),
    }
    assert causes(server(ready), ALICE) == []
    closed = server({**ready, name: file(elf("libc.so.6", interpreter=LOADER), 0o700)})
    assert name in only_finding(closed, CHECK, ALICE).message
    assert CHECK in causes(server({**ready, "/usr/bin/bash": file(script, 0o711)}), ALICE)


@pytest.mark.parametrize("path", ["/etc", "/etc/passwd"])
def test_a_shell_without_names_is_a_doubt(path: str) -> None:
    whole = server(LINKED)
    old = whole.entry(path)
    closed = directory(0o700) if path == "/etc" else file((old and old.data) or b"", 0o600)
    tree = server({**LINKED, path: closed})
    finding = only_finding(tree, CHECK, ALICE)
    assert (finding.severity, finding.symptom) == (Severity.DOUBTFUL, Symptom.OK)
    assert changed_paths(mended(tree, ALICE)) == [path]


@pytest.mark.parametrize("line", ["ForceCommand internal-sftp", "ChrootDirectory /srv/jail"])
def test_logins_that_start_no_shell_of_this_system(line: str) -> None:
    changes: Changes = {**LINKED, "/usr/lib64": directory(0o700), "/etc/ssh/sshd_config.d/own.conf": line + "\n"}
    assert CHECK not in causes(server(changes), ALICE)


def test_an_empty_shell_starts_for_nobody() -> None:
    tree = server(
        {**LINKED, "/usr/bin/bash": file("", 0o755), "/usr/bin/sh": file(elf("libc.so.6", interpreter=LOADER), 0o755)}
    )
    for client in (ALICE, ROOT):
        assert "is empty" in only_finding(tree, CHECK, client).message
    assert changed_paths(mended(tree, ALICE)) == ["/etc/passwd"]


def test_a_library_of_the_shell_that_is_gone() -> None:
    finding = only_finding(server({**LINKED, f"{LIB}/libtinfo.so.6.4": None}), CHECK, ALICE)
    assert "libtinfo.so.6" in finding.message
    assert [repair.edit for repair in finding.repairs] == [None]


def test_a_copy_with_a_strict_umask_is_mended_whole_with_what_names_need() -> None:
    passwd = server().text("/etc/passwd") or ""
    closed: Changes = {"/usr": directory(0o700), "/etc": directory(0o700), "/etc/passwd": file(passwd, 0o600)}
    plan = mended(server({**LINKED, **closed}), ALICE)
    assert sorted(changed_paths(plan)) == ["/etc", "/etc/passwd", "/usr"]


def test_a_preloaded_library_that_is_closed_to_the_user_is_left_out_by_the_loader() -> None:
    more: Changes = {"/etc/ld.so.preload": "/opt/x.so\n", "/opt/x.so": file(elf(), 0o600)}
    assert CHECK not in causes(server({**LINKED, **more}), ALICE)
