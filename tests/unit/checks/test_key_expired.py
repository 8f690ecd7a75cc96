from datetime import UTC, datetime

import pytest

from rescue.model import Client, Safety, Severity
from rescue.planner import any_repairs
from rescue.tree import Entry, file
from tests.checking import causes, diff, mended, only_finding
from tests.trees import KEY, server

pytestmark = pytest.mark.unit

KEYS = "/home/alice/.ssh/authorized_keys"
ALICE = Client(user="alice", now=datetime(2026, 3, 10, 12, tzinfo=UTC))


def keys(*lines: str) -> dict[str, Entry | str | bytes | None]:
    return {KEYS: file("".join(f"{line}\n" for line in lines), 0o600, 1000, 1000)}


@pytest.mark.parametrize("end", ["20260311", "20260310120100Z", "29990101"])
def test_a_key_that_counts_still_is_no_finding(end: str) -> None:
    assert causes(server(keys(f'expiry-time="{end}" {KEY}')), ALICE) == []


@pytest.mark.parametrize(
    "options, left",
    [
        ('expiry-time="20260309"', ""),
        ('no-pty,expiry-time="202603101159Z"', "no-pty "),
        ('expiry-time="20260309",no-pty', "no-pty "),
    ],
)
def test_the_end_is_taken_out_only_if_one_says_so(options: str, left: str) -> None:
    tree = server(keys(f"{options} {KEY} x"))
    finding = only_finding(tree, "key-expired", ALICE)
    assert finding.severity is Severity.BROKEN
    assert [repair.safety for repair in finding.repairs] == [Safety.UNSAFE]
    assert diff(mended(tree, ALICE, any_repairs), KEYS) == ([f"{options} {KEY} x"], [f"{left}{KEY} x"])
