from datetime import UTC, datetime

import pytest

from rescue.model import Client, Severity, Symptom
from rescue.tree import Entry, file
from tests.checking import causes, diff, mended, only_finding
from tests.pam_files import with_pam
from tests.trees import SSHD_CONFIG, server

pytestmark = pytest.mark.unit

DAY = 20522
ALICE = Client(user="alice", now=datetime(2026, 3, 10, 12, tzinfo=UTC))


def dates(fields: str) -> dict[str, Entry | str | bytes | None]:
    text = f"root:*:19700:0:99999:7:::\nalice:*:{fields}\n"
    return {**with_pam(), "/etc/shadow": file(text, 0o640, 0, 42)}


@pytest.mark.parametrize("fields", [f"{DAY}:0:30:7:::", f"{DAY - 30}:0:30:7:::", f"{DAY + 5}:0:1:7:::"])
def test_a_password_that_lives_is_no_finding(fields: str) -> None:
    assert causes(server(dates(fields)), ALICE) == []


@pytest.mark.parametrize(
    "fields, becomes",
    [
        ("0:0:99999:7:::", f"{DAY}:0:99999:7:::"),
        (f"{DAY - 31}:0:30:7:::", f"{DAY}:0:30:7:::"),
        (f"{DAY - 60}:0:30:7:14::", f"{DAY}:0:30:7:14::"),
    ],
)
def test_today_becomes_the_day_of_the_last_change(fields: str, becomes: str) -> None:
    tree = server(dates(fields))
    finding = only_finding(tree, "pw-expired", ALICE)
    assert (finding.severity, finding.symptom) == (Severity.BROKEN, Symptom.CLOSED)
    assert diff(mended(tree, ALICE), "/etc/shadow") == ([f"alice:*:{fields}"], [f"alice:*:{becomes}"])


def test_an_empty_day_of_the_last_change_is_a_doubt() -> None:
    finding = only_finding(server(dates(":0:30:7:::")), "pw-expired", ALICE)
    assert finding.severity is Severity.DOUBTFUL
    assert causes(server(dates("::::::")), ALICE) == causes(server(dates(":0:99999:7:::")), ALICE) == []


def test_without_pam_a_key_does_not_care() -> None:
    off = {"/etc/ssh/sshd_config": SSHD_CONFIG.replace("UsePAM yes", "UsePAM no")}
    assert causes(server({**dates("0:0:99999:7:::"), **off}), ALICE) == []
