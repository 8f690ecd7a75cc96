import pytest

from rescue.model import Severity, Symptom
from rescue.tree import Entry, file
from tests.checking import causes, changed_paths, mended, only_finding
from tests.trees import HOST_KEY, server

pytestmark = pytest.mark.unit

KEY, RSA, ECDSA = (f"/etc/ssh/ssh_host_{kind}_key" for kind in ("ed25519", "rsa", "ecdsa"))


def test_all_keys_open_to_others_are_one_finding_and_closed_again() -> None:
    tree = server({path: file(HOST_KEY, 0o644) for path in (KEY, RSA, ECDSA)})
    finding = only_finding(tree, "hostkeys-perms")
    assert (finding.severity, finding.symptom) == (Severity.BROKEN, Symptom.REFUSED)
    plan = mended(tree)
    assert changed_paths(plan) == [ECDSA, KEY, RSA]
    assert {change.after.mode for change in plan.changes if change.after is not None} == {0o600}


def test_one_open_key_beside_a_good_one_is_a_doubt() -> None:
    tree = server({RSA: file(HOST_KEY, 0o640)})
    finding = only_finding(tree, "hostkeys-perms")
    assert (finding.severity, finding.symptom) == (Severity.DOUBTFUL, Symptom.OK)
    assert finding.reason
    assert changed_paths(mended(tree)) == [RSA]


def test_keys_of_another_owner_are_not_looked_at() -> None:
    assert causes(server({KEY: file(HOST_KEY, 0o644, uid=1000)})) == []


def test_a_damaged_key_is_not_closed_but_replaced() -> None:
    assert causes(server({KEY: file("junk", 0o644)})) == ["hostkeys-missing"]


def test_older_red_hats_mode_for_the_group_ssh_keys_is_right() -> None:
    rocky = 'ID=rocky\nID_LIKE="rhel centos fedora"\nVERSION_ID="8.9"\n'
    group = "root:x:0:\nssh_keys:x:994:\nalice:x:1000:\n"
    mine: dict[str, Entry | str] = {
        "/usr/lib/os-release": rocky,
        "/etc/group": group,
        KEY: file(HOST_KEY, 0o640, 0, 994),
    }
    assert causes(server(mine)) == []
    assert causes(server({**mine, KEY: file(HOST_KEY, 0o640, 0, 0)})) == ["hostkeys-perms"]
