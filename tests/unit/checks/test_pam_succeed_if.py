import pytest

from rescue.model import Client, Safety, Severity, Symptom
from rescue.tree import Tree, file
from tests.checking import causes, diff, mended, only_finding
from tests.pam_files import MODULES, SSHD, with_pam
from tests.trees import server

pytestmark = pytest.mark.unit

ALICE = Client(user="alice")
GROUP = "root:x:0:\nsshers:x:200:\nsudo:x:27:alice\nalice:x:1000:\n"


def asking(conditions: str, control: str = "required") -> Tree:
    files = with_pam(sshd=f"account {control} pam_succeed_if.so {conditions}\n" + SSHD)
    return server({**files, f"{MODULES}/pam_succeed_if.so": file("ELF"), "/etc/group": GROUP})


@pytest.mark.parametrize(
    "conditions",
    [
        "quiet user ingroup sudo", "uid >= 1000", "uid gt 999 gid = 1000", "user = alice", "login =~ al*", "user != b",
        "user in bob:alice", "user notingroup sshers", "shell = /bin/bash", "home =~ /home/*", "uid eq 0x3e8",
        "tty = ssh", "service = sshd", "quiet",
    ],
)  # fmt: skip
def test_conditions_that_hold_are_no_finding(conditions: str) -> None:
    assert causes(asking(conditions), ALICE) == []


@pytest.mark.parametrize(
    "conditions, held",
    [
        ("user ingroup sshers", "user ingroup sshers"),
        ("uid < 500 quiet", "uid < 500"),
        ("user in bob:root", "user in bob:root"),
        ("user notingroup sudo", "user notingroup sudo"),
        ("user =~ AL*", "user =~ AL*"),
        ("user", "incomplete"),
        ("uid eq ten", "uid eq ten"),
    ],
)
def test_one_that_does_not_hold_is_passed_over_for_the_user_alone(conditions: str, held: str) -> None:
    tree = asking(conditions)
    finding = only_finding(tree, "pam-succeed-if", ALICE)
    assert (finding.severity, finding.symptom) == (Severity.BROKEN, Symptom.CLOSED)
    assert held in finding.message
    line = "account [success=1 default=ignore] pam_succeed_if.so quiet user = alice"
    assert diff(mended(tree, ALICE), "/etc/pam.d/sshd") == ([], [line])


def test_the_group_that_is_asked_for_is_offered_as_the_other_way() -> None:
    finding = only_finding(asking("user ingroup sshers"), "pam-succeed-if", ALICE)
    assert [each.safety for each in finding.repairs] == [Safety.SAFE, Safety.UNSAFE]
    plan = mended(asking("user ingroup sshers"), ALICE, lambda found, tree: found.repairs[1])
    assert diff(plan, "/etc/group") == (["sshers:x:200:"], ["sshers:x:200:alice"])


@pytest.mark.parametrize("control", ["sufficient", "optional", "[default=ignore]"])
def test_a_condition_that_only_chooses_is_no_finding(control: str) -> None:
    assert causes(asking("uid < 500 quiet", control), ALICE) == []


def test_what_is_not_on_the_disk_is_doubtful() -> None:
    assert only_finding(asking("user innetgr admins"), "pam-succeed-if", ALICE).severity is Severity.DOUBTFUL
