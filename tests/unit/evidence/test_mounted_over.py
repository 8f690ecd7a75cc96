"""mounted-over: what lies below a mount point of fstab is not what the server will have there."""

from __future__ import annotations

import pytest

from rescue.examine import examine
from rescue.login_path import State, Verdict
from rescue.model import Client, Step
from rescue.tree import FileSystem, Tree
from tests.evidence import gaps
from tests.trees import KEY, ROOMY, server

pytestmark = pytest.mark.unit

CHECK = "mounted-over"
ROOT = "UUID=1111 / ext4 defaults 0 1\n"


def of(*lines: str) -> Tree:
    return server({"/etc/fstab": ROOT + "".join(f"{line}\n" for line in lines)})


def said(tree: Tree, client: Client | None = None) -> list[tuple[Step, str]]:
    return [(each.step, each.user) for each in gaps(tree, CHECK, client)]


@pytest.mark.parametrize(
    "line",
    ["UUID=2222 /home ext4 nofail 0 2", "tmpfs /home tmpfs defaults 0 0", "server:/home /home nfs _netdev 0 0",
     "/data/home /home none bind 0 0", "UUID=2 /home ext4 noauto,x-systemd.automount 0 2"],
)  # fmt: skip
def test_a_home_below_a_mount_is_not_the_one_that_counts(line: str) -> None:
    assert said(of(line)) == [(Step.KEY, "alice"), (Step.SESSION, "alice")]
    judged = examine(of(line), Client(user="alice", key=KEY))
    states = {each.step: each.state for each in judged.path.steps}
    assert states[Step.KEY] is states[Step.SESSION] is State.NOT_JUDGED
    assert judged.path.verdict is not Verdict.CLEAR


def test_roots_home_and_one_below_another_mount() -> None:
    assert said(of("tmpfs /root tmpfs defaults 0 0")) == [(Step.KEY, "root"), (Step.SESSION, "root")]
    assert said(of("/dev/vdb1 /home/alice ext4 defaults 0 2")) == [(Step.KEY, "alice"), (Step.SESSION, "alice")]


@pytest.mark.parametrize("point", ["/etc/ssh", "/usr", "/usr/local", "/var", "/var/lib", "/lib"])
def test_programs_and_settings_below_a_mount(point: str) -> None:
    told = said(of(f"UUID=3333 {point} ext4 defaults 0 2"))
    assert [(step, "") for step in (Step.SERVICE, Step.ACCOUNT, Step.SESSION)] == told


@pytest.mark.parametrize(
    "line",
    ["UUID=2 /home ext4 noauto 0 2", "#UUID=2 /home ext4 defaults 0 2", "tmpfs /tmp tmpfs defaults 0 0",
     "UUID=2 /var/log ext4 defaults 0 2", "UUID=2 /srv ext4 defaults 0 2", "UUID=2 none swap sw 0 0",
     "/home /home none bind 0 0", "UUID=2 /homes ext4 defaults 0 2", "UUID=2 /boot/efi vfat defaults 0 2"],
)  # fmt: skip
def test_what_hides_nothing_that_decides(line: str) -> None:
    assert said(of(line)) == []


def test_what_is_mounted_here_was_read() -> None:
    tree = of("UUID=2222 /home ext4 defaults 0 2")
    tree.filesystems = (ROOMY, FileSystem("/home", "ext4", ROOMY.size, ROOMY.free, ROOMY.available))
    assert said(tree) == []


def test_people_whose_homes_are_elsewhere_are_named() -> None:
    """Without keys on this disk they are not judged; that they are left out is said."""
    tree = server(
        {"/etc/fstab": ROOT + "UUID=2222 /home ext4 defaults 0 2\n", "/home/alice/.ssh/authorized_keys": None,
         "/home/alice/.ssh": None},
    )  # fmt: skip
    [gap] = [each for each in gaps(tree, CHECK) if not each.user]
    assert "alice can log in: /home is on UUID=2222, which is not mounted here" in gap.what
    assert gap.step is Step.KEY
