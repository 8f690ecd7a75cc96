"""file-unreadable: a disk that fails is named, and nothing is concluded or repaired from what it did not give back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rescue.examine import examine
from rescue.login_path import State, Verdict
from rescue.model import Client, Safety, Severity, Symptom
from rescue.planner import any_repairs, make_plan
from rescue.tree import Entry, Kind, directory, file
from tests.checking import causes, only_finding
from tests.trees import KEY, server

pytestmark = pytest.mark.unit

CHECK = "file-unreadable"
UNREAD = replace(file(b"", 0o644), data=None, size=600, error="Input/output error")
UNKNOWN = Entry(Kind.UNKNOWN, 0, error="Structure needs cleaning")
ME = Client(user="alice", key=KEY)

DECIDING = [
    "/etc/ssh/sshd_config",
    "/etc/ssh/ssh_host_ed25519_key",
    "/etc/passwd",
    "/etc/shadow",
    "/etc/group",
    "/home/alice/.ssh/authorized_keys",
    "/usr/lib/systemd/system/ssh.service",
    "/var/lib/dpkg/status",
]


def test_the_file_and_the_error_are_named_with_what_to_do() -> None:
    finding = only_finding(server({"/etc/ssh/sshd_config": UNREAD}), CHECK)
    assert finding.severity is Severity.DOUBTFUL
    assert finding.message == "/etc/ssh/sshd_config could not be read: Input/output error."
    assert "ddrescue" in finding.repairs[0].steps


@pytest.mark.parametrize(
    ("error", "told"),
    [("Structure needs cleaning", "fsck"), ("Permission denied", "root"), ("Too many open files", "by hand")],
)
def test_what_to_do_depends_on_the_error(error: str, told: str) -> None:
    finding = only_finding(server({"/etc/shadow": replace(UNREAD, error=error)}), CHECK)
    assert told in finding.repairs[0].title + finding.repairs[0].steps
    assert (finding.symptom is Symptom.OK) == (error == "Permission denied")


@pytest.mark.parametrize("path", DECIDING)
@pytest.mark.parametrize("entry", [UNREAD, UNKNOWN], ids=["content", "all of it"])
def test_nothing_else_is_found_and_nothing_is_repaired(path: str, entry: Entry) -> None:
    """Unread is not empty: no default is taken for what the file says, no new file is put in its place."""
    tree = server({path: entry})
    found = examine(tree, ME)
    assert found.path.verdict is Verdict.DOUBTFUL
    assert {each.severity for each in found.findings} == {Severity.DOUBTFUL}
    assert make_plan(tree, ME, any_repairs).changes == ()


@pytest.mark.parametrize("entry", [UNREAD, UNKNOWN], ids=["content", "all of it"])
def test_no_step_that_leans_on_the_configuration_is_ok(entry: Entry) -> None:
    found = examine(server({"/etc/ssh/sshd_config": entry}), ME)
    states = {str(step.step): step.state for step in found.path.steps}
    leaning = ("service", "listen", "accept", "account", "key")
    assert {states[each] for each in leaning} == {State.NOT_JUDGED}
    assert any("/etc/ssh/sshd_config could not be read" in gap.what for gap in found.path.gaps)


def test_a_directory_that_can_not_be_listed_is_not_empty() -> None:
    found = examine(server({"/etc/ssh/sshd_config.d": replace(directory(), error="Input/output error")}), ME)
    assert [each.check for each in found.findings] == [CHECK]
    assert {str(step.step): step.state for step in found.path.steps}["account"] is State.NOT_JUDGED


def test_many_files_with_one_error_are_one_finding() -> None:
    tree = server(dict.fromkeys(DECIDING, UNREAD))
    finding = only_finding(tree, CHECK)
    assert len(finding.locations) == len(DECIDING)
    assert "and 5 more could not be read" in finding.message
    assert [each.safety for each in finding.repairs] == [Safety.MANUAL]


def test_a_disk_without_errors_is_no_matter() -> None:
    assert causes(server()) == []
