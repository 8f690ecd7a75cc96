import pytest

from rescue.model import Client, Safety, Severity, Symptom
from rescue.planner import any_repairs
from rescue.tree import Tree, file
from tests.checking import causes, diff, mended, only_finding
from tests.trees import SSHD_CONFIG, server

pytestmark = pytest.mark.unit

ALICE = Client(user="alice")
MAIN = "/etc/ssh/sshd_config"
MENU = "/usr/local/bin/menu"


def config(text: str) -> Tree:
    return server({MAIN: SSHD_CONFIG + text, MENU: file("ELF", 0o755)})


@pytest.mark.parametrize(
    "text",
    [
        "Match User bob\n  ForceCommand internal-sftp\n",
        "Match User alice\n  ForceCommand none\n",
        "Match User root\n  ForceCommand echo no\n",
    ],
)
def test_a_command_for_others_is_no_finding(text: str) -> None:
    assert causes(config(text), ALICE) == []


def test_a_user_made_for_uploads_is_no_finding_where_others_get_a_shell() -> None:
    assert causes(config("Match User alice\n  ForceCommand internal-sftp\n")) == []


@pytest.mark.parametrize(
    "command, severity",
    [
        ("echo closed for today", Severity.BROKEN),
        ("/bin/false", Severity.BROKEN),
        ("internal-sftp", Severity.DOUBTFUL),
        ("/usr/local/bin/menu", Severity.DOUBTFUL),
        ("echo hello; exec bash -l", Severity.DOUBTFUL),
    ],
)
def test_a_command_that_fits_is_told_and_goes_if_somebody_says_so(command: str, severity: Severity) -> None:
    tree = config(f"Match User a*\n  ForceCommand {command}\n")
    finding = only_finding(tree, "sshd-forcecommand", ALICE)
    assert (finding.severity, finding.symptom) == (severity, Symptom.CLOSED)
    assert [each.safety for each in finding.repairs] == [Safety.UNSAFE]
    assert diff(mended(tree, ALICE, any_repairs), MAIN)[0] == [f"  ForceCommand {command}"]


@pytest.mark.parametrize(("mode", "said"), [(None, "is missing"), (0o644, "is not executable")])
def test_a_command_that_nobody_can_start_is_certain(mode: int | None, said: str) -> None:
    program = {MENU: file("#!/bin/sh\n", mode)} if mode is not None else {}
    tree = server({MAIN: SSHD_CONFIG + f"ForceCommand {MENU} --all\n", **program})
    finding = only_finding(tree, "sshd-forcecommand", ALICE)
    assert (finding.severity, finding.reason) == (Severity.BROKEN, "")
    assert f"{MENU} {said}" in finding.message
    assert causes(mended(tree, ALICE, any_repairs).after.facts.tree, ALICE) == []
