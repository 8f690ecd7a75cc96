"""The library's functions on a target in memory."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from ipaddress import ip_address
from pathlib import Path, PurePosixPath

import pytest

import rescue
from rescue.model import Client, Finding, Repair
from rescue.tree import Entry, Read, Tree, file
from tests.schemas import held
from tests.trees import KEY, server
from tests.unit.memory_target import MemoryTarget

pytestmark = pytest.mark.unit

BROKEN: dict[str, Entry | str | bytes | None] = {
    "/etc/ssh/sshd_config": "UsePAM yes\nPermitRotLogin no\n",
    "/etc/nologin": "closed\n",
    "/etc/machine-id": "0123456789abcdef0123456789abcdef\n",
}
BOTH = ["sshd-config-error", "nologin"]


class Watched(MemoryTarget):
    """Counts how often it is looked at, and whether it was closed."""

    def __init__(self, tree: Tree) -> None:
        super().__init__(tree)
        self.looks = 0
        self.closed = 0

    def capture(self, reads: Iterable[Read]) -> Tree:
        self.looks += 1
        return super().capture(reads)

    def close(self) -> None:
        self.closed += 1


def causes(found: rescue.Inspection) -> list[str]:
    return [finding.check for finding in found.findings]


def nothing(finding: Finding, tree: Tree) -> Repair | None:
    return None


def test_an_inspection_has_the_verdict_at_hand() -> None:
    target = MemoryTarget(server(BROKEN))
    found = rescue.inspect(target)
    assert (found.verdict, found.symptom) == (rescue.Verdict.BROKEN, rescue.Symptom.REFUSED)
    assert causes(found) == BOTH
    assert [(each.user, each.verdict) for each in found.users] == [
        ("root", rescue.Verdict.BROKEN),
        ("alice", rescue.Verdict.BROKEN),
    ]
    assert (found.hostname, found.port, found.release) == ("lab", 22, "Debian GNU/Linux 12 (bookworm)")
    assert (found.name, found.method, found.notes) == ("memory", "memory", ())
    assert found.path.gaps == found.gaps != ()
    assert target.steps == []


def test_it_is_judged_for_the_client() -> None:
    alice = Client(user="alice", sources=(ip_address("203.0.113.7"),), key=KEY)
    found = rescue.inspect(MemoryTarget(server()), alice)
    assert found.client is alice
    assert [each.user for each in found.users] == ["alice"]
    assert found.verdict is rescue.Verdict.INCOMPLETE


def test_inspecting_again_looks_once() -> None:
    target = Watched(server(BROKEN))
    first = rescue.inspect(target)
    assert target.looks > 1
    target.looks = 0
    again = rescue.inspect(target, first.client, again=first)
    assert (target.looks, causes(again)) == (1, causes(first))


def test_a_fix_is_planned_made_and_taken_back() -> None:
    tree = server(BROKEN)
    target = MemoryTarget(tree)
    plan = rescue.plan(target, rescue.inspect(target))
    assert [mend.finding.check for mend in plan.mends] == BOTH
    assert target.steps == []
    fixed = rescue.fix(target, plan)
    assert causes(fixed.after) == []
    assert target.tree.lentry("/etc/nologin") is None
    (record,) = rescue.history(target)
    assert record.id == fixed.id
    assert [each.split(":")[0] for each in record.titles] == BOTH
    meant = rescue.preview_undo(target)
    undone = rescue.undo(target, fixed.id)
    assert {change.path for change in meant.changes} == set(undone.restored)
    assert target.tree.text("/etc/nologin") == "closed\n"
    assert target.tree.text("/etc/ssh/sshd_config") == BROKEN["/etc/ssh/sshd_config"]
    with pytest.raises(rescue.NothingToUndo):
        rescue.undo(target)


def test_a_policy_chooses() -> None:
    target = MemoryTarget(server(BROKEN))
    found = rescue.inspect(target)
    asked: list[str] = []

    def policy(finding: Finding, tree: Tree) -> Repair | None:
        asked.append(finding.check)
        return rescue.safe_repairs(finding, tree) if finding.check == "nologin" else None

    plan = rescue.plan(target, found, choose=policy)
    assert set(asked) == set(BOTH)
    assert [change.path for change in plan.changes] == [PurePosixPath("/etc/nologin")]
    assert rescue.diff(plan.changes[0]).split("\n")[0] == "--- /etc/nologin"
    fixed = rescue.fix(target, plan)
    assert causes(fixed.after) == ["sshd-config-error"]


def test_a_plan_without_changes_writes_nothing_and_has_no_id() -> None:
    target = MemoryTarget(server(BROKEN))
    fixed = rescue.fix(target, rescue.plan(target, rescue.inspect(target), choose=nothing))
    assert (fixed.id, fixed.applied) == (None, None)
    assert causes(fixed.after) == BOTH
    assert target.steps == []
    assert rescue.history(target) == ()


def test_what_changed_since_the_plan_is_not_written_over() -> None:
    target = MemoryTarget(server(BROKEN))
    plan = rescue.plan(target, rescue.inspect(target))
    target.put(PurePosixPath("/etc/nologin"), file("closed by somebody else\n"))
    with pytest.raises(rescue.TargetChanged):
        rescue.fix(target, plan)
    assert target.tree.text("/etc/nologin") == "closed by somebody else\n"


def test_the_undo_log_may_be_elsewhere(tmp_path: Path) -> None:
    target = MemoryTarget(server(BROKEN))
    fixed = rescue.fix(target, rescue.plan(target, rescue.inspect(target)), undo_log=tmp_path)
    assert [each.id for each in rescue.history(target, undo_log=str(tmp_path))] == [fixed.id]
    assert rescue.history(target) == ()
    assert target.tree.lentry("/var/lib/rescue") is None
    # Another server's records are not this one's.
    other = MemoryTarget(server({**BROKEN, "/etc/machine-id": "f" * 32 + "\n"}))
    with pytest.raises(rescue.JournalError, match="another server"):
        rescue.history(other, undo_log=tmp_path)
    assert rescue.recover(target, undo_log=tmp_path) == ()
    rescue.undo(target, undo_log=tmp_path)
    assert target.tree.text("/etc/nologin") == "closed\n"


def test_results_are_documents() -> None:
    target = MemoryTarget(server(BROKEN))
    target.method = "directory"
    found = rescue.inspect(target)
    made = held(rescue.document(found), "inspect")
    assert [each["cause"] for each in made["findings"]] == BOTH
    dry = held(rescue.document(rescue.fix(target, rescue.plan(target, found, choose=nothing))), "fix")
    assert (dry["applied"], dry["journal"]) == (False, None)
    fixed = rescue.fix(target, rescue.plan(target, found))
    told = held(rescue.document(fixed), "fix")
    assert (told["applied"], told["journal"]) == (True, fixed.id)
    assert told["after"]["findings"] == []


def test_a_target_is_closed_at_the_end_of_the_block_whatever_happens() -> None:
    target = Watched(server())
    with target as same:
        assert same is target
    assert target.closed == 1
    with pytest.raises(KeyError), target:
        raise KeyError
    assert target.closed == 2


def test_what_is_no_target_is_a_rescue_error_with_a_hint(tmp_path: Path) -> None:
    with pytest.raises(rescue.TargetError, match="no Linux system found") as caught:
        rescue.open_target(tmp_path)
    assert isinstance(caught.value, rescue.RescueError)
    assert caught.value.hint
    assert caught.value.status is rescue.Status.TARGET
    with pytest.raises(ValueError, match="backend is one of auto, kernel, guestfs, not 'qemu'"):
        rescue.open_target(tmp_path, backend="qemu")


def test_a_key_is_taken_as_it_stands_in_its_file() -> None:
    assert Client(key=f"{KEY} me@laptop\n").key == KEY


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"port": 0}, "from 1 to 65535, not 0"),
        ({"port": 70000}, "from 1 to 65535, not 70000"),
        ({"key": ""}, "as in its file"),
        ({"key": "ssh-ed25519"}, "as in its file"),
        ({"key": f"no-pty {KEY}"}, "as in its file"),
        ({"key": f"{KEY}\n{KEY}"}, "as in its file"),
        ({"now": datetime(2026, 1, 1)}, "time zone"),
    ],
)
def test_a_client_that_cannot_be_is_refused(given: dict[str, object], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Client(**given)  # type: ignore[arg-type]
