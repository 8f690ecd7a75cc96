import pytest

from rescue.model import Client, Safety, Severity, Symptom
from rescue.tree import Entry, directory, file, symlink
from tests.checking import causes, changed_paths, diff, mended, mended_if_agreed, only_finding
from tests.trees import PROGRAM, server

pytestmark = pytest.mark.unit

ALICE = Client(user="alice")
PATH = "/etc/ssh/sshd_config.d/10-jail.conf"
JAIL = "/srv/jail"


def jail(value: str, **more: Entry) -> dict[str, Entry | str | bytes | None]:
    return {PATH: f"Match User alice\n    ChrootDirectory {value}\n", **more}


@pytest.mark.parametrize("more", ["\n    ForceCommand internal-sftp", None])
def test_a_directory_of_root_alone_that_has_what_starts_is_no_finding(more: str | None) -> None:
    shell = {f"{JAIL}/bin/bash": file("ELF", 0o755)} if more is None else {}
    changes = {**jail(JAIL + (more or "")), "/srv": directory(), JAIL: directory(), **shell}
    assert "sshd-chroot-perms" not in causes(server(changes), ALICE)


@pytest.mark.parametrize("user", ["alice", "root"])
def test_one_without_a_shell_in_it_gives_none(user: str) -> None:
    changes: dict[str, Entry | str] = {PATH: f"ChrootDirectory {JAIL}\n", "/srv": directory(), JAIL: directory()}
    finding = only_finding(server(changes), "sshd-chroot-perms", Client(user=user))
    assert "no shell starts" in finding.message


@pytest.mark.parametrize("value", ["%h", "/home/%u", "/home/alice", "/not/there"])
def test_a_jail_without_a_shell_is_given_up(value: str) -> None:
    tree = server(jail(value))
    finding = only_finding(tree, "sshd-chroot-perms", ALICE)
    assert (finding.severity, finding.symptom) == (Severity.BROKEN, Symptom.CLOSED)
    plan = mended_if_agreed(tree, ALICE)
    assert diff(plan, PATH) == ([f"    ChrootDirectory {value}"], [f"    #ChrootDirectory {value}"])


def test_a_jail_with_a_shell_is_given_to_root() -> None:
    changes = {
        **jail(JAIL),
        "/srv": directory(0o777),
        JAIL: directory(0o775, 1000, 1000),
        f"{JAIL}/bin": directory(),
        f"{JAIL}/bin/bash": file("ELF", 0o755),
    }
    plan = mended(server(changes), ALICE)
    assert sorted(changed_paths(plan)) == ["/srv", JAIL]
    after = [plan.after.facts.tree.entry(path) for path in ("/srv", JAIL)]
    assert [(each.mode, each.uid) for each in after if each] == [(0o755, 0), (0o755, 0)]


def test_whom_it_is_not_for_is_not_locked_in() -> None:
    assert causes(server(jail("%h")), Client(user="root")) == []


def in_jail(shell: Entry | None, **more: Entry) -> dict[str, Entry | str | bytes | None]:
    given = {f"{JAIL}/usr/bin/bash": shell, f"{JAIL}/bin": symlink("/usr/bin")} if shell is not None else {}
    return {**jail(JAIL), "/srv": directory(), JAIL: directory(), **given, **more}


def test_a_shell_behind_a_link_of_the_jail_starts_and_is_no_finding() -> None:
    assert causes(server(in_jail(file(PROGRAM, 0o755))), ALICE) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (in_jail(file(PROGRAM, 0o644)), "is not executable"),
        (in_jail(file(PROGRAM, 0o750)), "is closed to alice"),
        (in_jail(file(PROGRAM, 0o755), **{f"{JAIL}/usr": directory(0o700)}), f"{JAIL}/usr (mode 0700)"),
        (in_jail(file(PROGRAM[:18], 0o755)), "no shell starts"),
        (in_jail(file(b"", 0o755)), "is empty"),
    ],
)
def test_a_jail_whose_shell_does_not_start_is_given_up(
    changes: dict[str, Entry | str | bytes | None], said: str
) -> None:
    tree = server(changes)
    finding = only_finding(tree, "sshd-chroot-perms", ALICE)
    assert said in finding.message
    assert [each.safety for each in finding.repairs][-1] is Safety.UNSAFE
