import pytest

from rescue.model import Severity, Symptom
from tests.checking import causes, diff, mended_if_agreed, only_finding
from tests.pam_files import COMMON_ACCOUNT, SSHD, with_pam
from tests.trees import SSHD_CONFIG, server

pytestmark = pytest.mark.unit

GONE = "account required pam_tally2.so\n"


def test_debians_own_files_are_no_finding() -> None:
    assert causes(server(with_pam())) == []


@pytest.mark.parametrize(
    "line",
    [
        "account optional pam_tally2.so\n",
        "account sufficient pam_tally2.so\n",
        "account [default=ignore] pam_tally2.so\n",
        "auth required pam_tally2.so\n",
        "-session optional pam_tally2.so\n",
        "nonsense required pam_tally2.so\n",
    ],
)
def test_a_module_whose_answer_does_not_count_may_be_gone(line: str) -> None:
    assert causes(server(with_pam(sshd=line + SSHD))) == []


@pytest.mark.parametrize(
    "line",
    [
        GONE,
        "account requisite pam_tally2.so deny=5\n",
        "-session required pam_tally2.so\n",
        "account [success=ok default=die] /opt/pam_own.so\n",
        "account  required \\\n   pam_tally2.so\n",
    ],
)
def test_a_line_that_is_required_is_commented_out(line: str) -> None:
    tree = server(with_pam(sshd=line + SSHD))
    finding = only_finding(tree, "pam-account-broken")
    assert (finding.severity, finding.symptom) == (Severity.BROKEN, Symptom.CLOSED)
    plan = mended_if_agreed(tree)
    first = line.split("\n")[0]
    assert diff(plan, "/etc/pam.d/sshd") == ([first], [f"#{first}"])


def test_a_line_that_is_jumped_over_is_not_asked() -> None:
    assert causes(server(with_pam(common_account=COMMON_ACCOUNT.replace("pam_deny.so", "pam_gone.so")))) == []


def test_without_pam_nobody_asks_it() -> None:
    off = {"/etc/ssh/sshd_config": SSHD_CONFIG.replace("UsePAM yes", "UsePAM no")}
    assert "pam-account-broken" not in causes(server({**with_pam(sshd=GONE + SSHD), **off}))
