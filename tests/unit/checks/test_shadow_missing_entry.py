from datetime import UTC, datetime

import pytest

from rescue.model import Client, Severity, Symptom
from rescue.tree import Entry, file
from tests.checking import causes, diff, mended, only_finding
from tests.pam_files import with_pam
from tests.trees import SSHD_CONFIG, server

pytestmark = pytest.mark.unit

ALICE = Client(user="alice", now=datetime(2026, 3, 10, 12, tzinfo=UTC))
NEW = "alice:*:20522:0:99999:7:::"


def shadow(line: str) -> dict[str, Entry | str | bytes | None]:
    return {**with_pam(), "/etc/shadow": file(f"root:*:19700:0:99999:7:::\n{line}", 0o640, 0, 42)}


@pytest.mark.parametrize("line", ["", "alice:*:19700:0:99999:7:::\r\n", "alice:*:1970\n"])
def test_a_line_is_added_with_which_keys_work(line: str) -> None:
    tree = server(shadow(line))
    finding = only_finding(tree, "shadow-missing-entry", ALICE)
    assert (finding.severity, finding.symptom) == (Severity.BROKEN, Symptom.CLOSED)
    assert diff(mended(tree, ALICE), "/etc/shadow") == ([], [NEW])


def test_without_pam_nobody_asks_for_it() -> None:
    off = {"/etc/ssh/sshd_config": SSHD_CONFIG.replace("UsePAM yes", "UsePAM no")}
    assert causes(server({**shadow(""), **off}), ALICE) == []
