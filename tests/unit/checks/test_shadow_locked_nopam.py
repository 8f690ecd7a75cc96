import pytest

from rescue.model import Client, Safety, Severity, Symptom
from rescue.tree import Entry, file
from tests.checking import causes, diff, mended, only_finding
from tests.trees import SSHD_CONFIG, server

pytestmark = pytest.mark.unit

ALICE = Client(user="alice")
OFF: dict[str, Entry | str | bytes | None] = {"/etc/ssh/sshd_config": SSHD_CONFIG.replace("UsePAM yes", "UsePAM no")}
SILENT: dict[str, Entry | str | bytes | None] = {"/etc/ssh/sshd_config": SSHD_CONFIG.replace("UsePAM yes\n", "")}


def shadow(word: str) -> dict[str, Entry | str | bytes | None]:
    return {"/etc/shadow": file(f"root:*:19700:0:99999:7:::\nalice:{word}:19700:0:99999:7:::\n", 0o640, 0, 42)}


def test_with_pam_a_lock_is_for_passwords_alone() -> None:
    assert causes(server(), ALICE) == []


@pytest.mark.parametrize("word", ["*", "*LK*", "x", "$6$salt$hash"])
def test_without_pam_only_an_exclamation_mark_locks(word: str) -> None:
    assert causes(server({**OFF, **shadow(word)}), ALICE) == []


@pytest.mark.parametrize("word", ["!", "!!", "!*", "!$6$salt$hash"])
def test_the_line_that_says_no_says_yes_again(word: str) -> None:
    tree = server({**OFF, **shadow(word)})
    finding = only_finding(tree, "shadow-locked-nopam", ALICE)
    assert (finding.severity, finding.symptom) == (Severity.BROKEN, Symptom.DENIED)
    assert diff(mended(tree, ALICE), "/etc/ssh/sshd_config") == (["UsePAM no"], ["UsePAM yes"])


@pytest.mark.parametrize("word, becomes", [("!", "*"), ("!!", "*"), ("!*", "*"), ("!$6$s$h", "*$6$s$h")])
def test_where_no_line_says_so_the_account_alone_is_unlocked(word: str, becomes: str) -> None:
    plan = mended(server({**SILENT, **shadow(word)}), ALICE)
    assert diff(plan, "/etc/shadow") == ([f"alice:{word}:19700:0:99999:7:::"], [f"alice:{becomes}:19700:0:99999:7:::"])


def test_where_others_get_in_it_may_be_meant() -> None:
    finding = only_finding(server(OFF), "shadow-locked-nopam")
    assert finding.severity is Severity.DOUBTFUL
    assert [repair.safety for repair in finding.repairs] == [Safety.SAFE, Safety.SAFE]
