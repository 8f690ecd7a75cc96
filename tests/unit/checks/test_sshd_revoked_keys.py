import pytest

from rescue.model import Client, Safety, Severity, Symptom
from rescue.tree import Entry, directory
from tests.checking import causes, changed_paths, diff, mended, mended_if_agreed, only_finding
from tests.trees import KEY, server

pytestmark = pytest.mark.unit

ALICE = Client(user="alice")
LIST = "/etc/ssh/revoked"


def revoked(content: Entry | str | bytes | None) -> dict[str, Entry | str | bytes | None]:
    return {"/etc/ssh/sshd_config.d/10-own.conf": f"RevokedKeys {LIST}\n", LIST: content}


@pytest.mark.parametrize("content", ["", "# none so far\n", KEY[:-4] + "AAAA\n"])
def test_a_list_without_the_key_is_no_finding(content: str) -> None:
    assert causes(server(revoked(content)), ALICE) == []


def test_a_list_that_is_missing_is_made_empty() -> None:
    tree = server(revoked(None))
    finding = only_finding(tree, "sshd-revoked-keys", ALICE)
    assert (finding.severity, finding.symptom) == (Severity.BROKEN, Symptom.DENIED)
    plan = mended_if_agreed(tree, ALICE)
    assert changed_paths(plan) == [LIST]
    made = plan.after.facts.tree.entry(LIST)
    assert made is not None
    assert (made.data, made.mode, made.uid) == (b"", 0o644, 0)


def test_a_directory_is_no_list() -> None:
    finding = only_finding(server(revoked(directory())), "sshd-revoked-keys", ALICE)
    assert [repair.safety for repair in finding.repairs] == [Safety.MANUAL]


def test_a_key_is_taken_out_only_if_one_says_so() -> None:
    tree = server(revoked(f"# lost\n{KEY} laptop\n"))
    finding = only_finding(tree, "sshd-revoked-keys", ALICE)
    assert [repair.safety for repair in finding.repairs] == [Safety.MANUAL, Safety.UNSAFE]
    plan = mended(tree, ALICE, lambda found, _: found.repairs[1])
    assert diff(plan, LIST) == ([f"{KEY} laptop"], [])


def test_the_binary_form_is_a_doubt() -> None:
    assert only_finding(server(revoked(b"SSHKRL\n\0\0\0")), "sshd-revoked-keys", ALICE).severity is Severity.DOUBTFUL
