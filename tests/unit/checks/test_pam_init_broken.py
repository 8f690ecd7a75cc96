import pytest

from rescue.model import Safety, Severity, Symptom
from tests.checking import causes, mended, only_finding
from tests.pam_files import SSHD, with_pam
from tests.trees import server

pytestmark = pytest.mark.unit


def test_debians_own_files_are_no_finding() -> None:
    assert causes(server(with_pam())) == []


def test_line_ends_of_windows_are_made_those_of_linux() -> None:
    tree = server(with_pam(sshd=SSHD.replace("\n", "\r\n")))
    finding = only_finding(tree, "pam-init-broken")
    assert (finding.severity, finding.symptom) == (Severity.BROKEN, Symptom.CLOSED)
    assert mended(tree).after.facts.tree.text("/etc/pam.d/sshd") == SSHD


@pytest.mark.parametrize("line", ["@include common-gone\n", "account include gone\n", "session substack gone\n"])
def test_a_file_that_is_missing_has_to_be_put_back(line: str) -> None:
    finding = only_finding(server(with_pam(sshd=SSHD + line)), "pam-init-broken")
    assert [repair.safety for repair in finding.repairs] == [Safety.MANUAL]


def test_files_that_include_each_other_come_to_an_end() -> None:
    tree = server(with_pam(sshd="@include common-account\n", common_account="@include sshd\n"))
    only_finding(tree, "pam-init-broken")
