import pytest

from rescue.model import Client, Step, Symptom
from rescue.tree import Tree, file
from tests.checking import causes, changed_paths, diff, mended, only_finding
from tests.pam_files import MODULES, SSHD, with_pam
from tests.trees import server

pytestmark = pytest.mark.unit

ALICE = Client(user="alice")
CONF = "/etc/security/limits.conf"
DROP_IN = "/etc/security/limits.d/90-own.conf"


def limits(text: str, more: str = "") -> Tree:
    files = with_pam(sshd=SSHD + "session required pam_limits.so\n")
    return server({**files, f"{MODULES}/pam_limits.so": file("ELF"), CONF: text, DROP_IN: more})


@pytest.mark.parametrize(
    "text",
    [
        "# * hard maxlogins 0\n",
        "bob hard maxlogins 0\n",
        "@users - maxlogins 0\n",
        "* hard core 0\n* hard maxlogins 10\n",
        "* hard maxlogins 0\nalice hard maxlogins 5\n",
        "alice hard maxlogins 5\n@sudo - maxlogins 0\n",
        "alice - maxlogins 0\nalice -\n",
        "alice - maxlogins 0\nalice - maxlogins 3\n",
        "1001: - maxlogins 0\n:999 - nproc 0\n",
        "alice maxlogins 0\n",
    ],
)
def test_limits_that_leave_a_login_are_no_finding(text: str) -> None:
    assert causes(limits(text), ALICE) == []


@pytest.mark.parametrize("text", ["* - maxlogins 0\n", "root - maxlogins 0\n", "root hard nproc 0\n"])
def test_root_is_held_by_none_of_them(text: str) -> None:
    assert causes(limits(text), Client(user="root")) == []


@pytest.mark.parametrize("line", ["alice - maxlogins 0", "alice hard maxsyslogins 0", "alice hard nproc 0"])
def test_a_line_for_the_user_alone_is_commented_out(line: str) -> None:
    tree = limits(f"* hard core 0\n{line}\n")
    finding = only_finding(tree, "pam-limits", ALICE)
    assert (finding.step, finding.symptom) == (Step.SESSION, Symptom.CLOSED)
    assert diff(mended(tree, ALICE), CONF) == ([line], [f"#{line}"])


@pytest.mark.parametrize(
    "line", ["* hard maxlogins 0", "@sudo - maxlogins 0", "%sudo - maxlogins 0", "1000: - nproc 0"]
)
def test_a_line_for_others_too_is_lifted_for_the_user_alone(line: str) -> None:
    tree = limits("", f"{line}\n")
    plan = mended(tree, ALICE)
    assert changed_paths(plan) == [DROP_IN]
    assert diff(plan, DROP_IN) == ([], [f"alice - {line.split()[2]} unlimited"])
