from datetime import UTC, datetime

import pytest

from rescue.model import Client, Safety, Severity, Symptom
from rescue.planner import any_repairs
from rescue.tree import Entry, file
from tests.checking import causes, diff, mended, only_finding
from tests.pam_files import with_pam
from tests.trees import SSHD_CONFIG, server

pytestmark = pytest.mark.unit

DAY = 20522
ALICE = Client(user="alice", now=datetime(2026, 3, 10, 12, tzinfo=UTC))


def ends(day: str) -> dict[str, Entry | str | bytes | None]:
    text = f"root:*:19700:0:99999:7:::\nalice:*:19700:0:99999:7::{day}:\n"
    return {**with_pam(), "/etc/shadow": file(text, 0o640, 0, 42)}


@pytest.mark.parametrize("day", ["", str(DAY + 1), "99999"])
def test_an_end_that_is_to_come_is_no_finding(day: str) -> None:
    assert causes(server(ends(day)), ALICE) == []


@pytest.mark.parametrize("day", [str(DAY), str(DAY - 1), "19000"])
def test_the_end_is_taken_out(day: str) -> None:
    tree = server(ends(day))
    finding = only_finding(tree, "acct-expired", ALICE)
    assert (finding.severity, finding.symptom) == (Severity.BROKEN, Symptom.CLOSED)
    assert diff(mended(tree, ALICE), "/etc/shadow") == (
        [f"alice:*:19700:0:99999:7::{day}:"],
        ["alice:*:19700:0:99999:7:::"],
    )


@pytest.mark.parametrize("day", ["0", "1"])
def test_an_account_that_was_locked_so_is_opened_only_if_one_says_so(day: str) -> None:
    finding = only_finding(server(ends(day)), "acct-expired", ALICE)
    assert [repair.safety for repair in finding.repairs] == [Safety.UNSAFE]
    mended(server(ends(day)), ALICE, any_repairs)


def test_without_pam_sshd_counts_the_last_day_as_good() -> None:
    off = {"/etc/ssh/sshd_config": SSHD_CONFIG.replace("UsePAM yes", "UsePAM no")}
    assert causes(server({**ends(str(DAY)), **off}), ALICE) == []
    assert only_finding(server({**ends(str(DAY - 1)), **off}), "acct-expired", ALICE).symptom is Symptom.DENIED
