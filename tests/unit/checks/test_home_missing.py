import pytest

from rescue.model import Client, Safety, Severity, Symptom
from rescue.tree import Entry, Tree, directory
from tests.checking import causes, changed_paths, mended, only_finding
from tests.trees import KEY, healthy, server

pytestmark = pytest.mark.unit

ALICE = Client(user="alice", key=KEY)
HOME = "/home/alice"
ROOT = "UUID=1 / ext4 defaults 0 1\n"


def gone(fstab: str | None = ROOT, **more: Entry | str | None) -> Tree:
    changes: dict[str, Entry | str | bytes | None] = {path: None for path in healthy() if path.startswith(HOME)}
    return server({**changes, "/home": directory(), "/etc/fstab": fstab, **more})


def test_a_home_that_is_there_is_no_finding() -> None:
    assert causes(server({"/etc/fstab": f"{ROOT}UUID=2 /home ext4 noauto 0 2\n"}), ALICE) == []


def test_keys_that_are_kept_elsewhere_need_no_home() -> None:
    config = str(healthy()["/etc/ssh/sshd_config"]) + "AuthorizedKeysFile /etc/ssh/keys/%u\n"
    assert causes(gone(**{"/etc/ssh/sshd_config": config, "/etc/ssh/keys/alice": KEY}), ALICE) == []


@pytest.mark.parametrize("fstab", [None, ROOT, f"{ROOT}#UUID=2 /srv ext4 defaults 0 2\n# /home was here\n"])
def test_a_home_that_is_gone_is_made_and_the_key_with_it(fstab: str | None) -> None:
    tree = gone(fstab)
    finding = only_finding(tree, "home-missing", ALICE)
    assert (finding.severity, finding.symptom) == (Severity.BROKEN, Symptom.DENIED)
    plan = mended(tree, ALICE)
    assert changed_paths(plan) == [HOME, f"{HOME}/.ssh", f"{HOME}/.ssh/authorized_keys"]
    entry = plan.after.facts.tree.entry(HOME)
    assert entry is not None
    assert (entry.mode, entry.uid, entry.gid) == (0o700, 1000, 1000)


@pytest.mark.parametrize("line", ["#UUID=2 /home ext4 defaults 0 2", "UUID=2 /home ext4 noauto 0 2"])
def test_a_line_that_does_not_mount_it_any_more_is_pointed_at(line: str) -> None:
    finding = only_finding(gone(f"{ROOT}{line}\n"), "home-missing", ALICE)
    assert str(finding.locations[1]) == "/etc/fstab:2"
    assert [each.safety for each in finding.repairs] == [Safety.MANUAL, Safety.UNSAFE]


def test_what_the_server_mounts_and_nobody_did_here_is_doubtful() -> None:
    finding = only_finding(gone(f"{ROOT}UUID=2 /home ext4 defaults 0 2\n"), "home-missing", ALICE)
    assert (finding.severity, "not mounted here" in finding.message) == (Severity.DOUBTFUL, True)
