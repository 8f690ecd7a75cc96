"""The empty directory of sshd: made at boot, or kept on the disk."""

from __future__ import annotations

import pytest

from rescue.tree import Entry, directory, file, symlink
from tests.checking import causes, changed_paths, lines, mended, only_finding
from tests.trees import PROGRAM, SSH_SERVICE, server

pytestmark = pytest.mark.unit

ETC = "/etc/systemd/system"
Changes = dict[str, Entry | str | bytes | None]


def built_with(path: str) -> Entry:
    return file(PROGRAM + b"\0" + path.encode() + b"\0", 0o755)


DEBIAN: Changes = {"/usr/sbin/sshd": built_with("/run/sshd")}
OWN: Changes = {**DEBIAN, f"{ETC}/ssh.service": SSH_SERVICE.replace("RuntimeDirectory=sshd\n", "")}


def test_a_unit_of_ones_own_has_to_make_it() -> None:
    tree = server(OWN)
    only_finding(tree, "sshd-privsep-directory")
    plan = mended(tree)
    path = f"{ETC}/ssh.service.d/rescue.conf"
    assert changed_paths(plan)[-1] == path
    assert lines(plan.after.facts.tree, path) == ["[Service]", "RuntimeDirectory=sshd", "RuntimeDirectoryMode=0755", ""]


@pytest.mark.parametrize(
    "more",
    [
        {f"{ETC}/ssh.service": SSH_SERVICE},
        {"/etc/tmpfiles.d/own.conf": "d /run/sshd 0755 root root\n"},
        {f"{ETC}/ssh.service.d/x.conf": "[Service]\nExecStartPre=/usr/bin/bash -c 'mkdir -p /run/sshd'\n"},
        {"/usr/sbin/sshd": file(PROGRAM, 0o755)},
    ],
)
def test_what_makes_it_is_enough(more: Changes) -> None:
    assert causes(server({**OWN, **more})) == []


@pytest.mark.parametrize(
    ("found", "mode"), [(None, 0o711), (directory(0o777), 0o755), (directory(0o711, 1000, 1000), 0o711)]
)
def test_on_the_disk_it_is_made_roots_alone(found: Entry | None, mode: int) -> None:
    place = "/usr/share/empty.sshd"
    tree = server({"/usr/sbin/sshd": built_with(place), place: found})
    only_finding(tree, "sshd-privsep-directory")
    entry = mended(tree).after.facts.tree.entry(place)
    assert entry is not None
    assert (entry.uid, entry.mode) == (0, mode)


def test_a_sound_directory_is_no_fault() -> None:
    assert causes(server({"/usr/sbin/sshd": built_with("/var/empty"), "/var/empty": directory(0o755)})) == []
    linked: Changes = {"/var/empty": symlink("empty-one"), "/var/empty-one": directory(0o755)}
    assert causes(server({"/usr/sbin/sshd": built_with("/var/empty"), **linked})) == []
