import pytest

from rescue.model import Client, Safety, Severity, Symptom
from rescue.tree import symlink
from tests.checking import causes, only_finding
from tests.trees import server

pytestmark = pytest.mark.unit


def test_a_name_that_nobody_has_is_told_with_those_that_exist() -> None:
    finding = only_finding(server(), "account-missing", Client(user="alcie"))
    assert (finding.severity, finding.symptom) == (Severity.BROKEN, Symptom.DENIED)
    assert "Did you mean alice?" in finding.message
    assert [(repair.safety, repair.title) for repair in finding.repairs] == [
        (Safety.MANUAL, "log in as one of: root, alice")
    ]


def test_names_that_exist_are_no_finding() -> None:
    assert causes(server(), Client(user="alice")) == []
    assert causes(server()) == []


def test_accounts_of_a_directory_server_are_not_on_the_disk() -> None:
    tree = server({"/etc/nsswitch.conf": "passwd: files [NOTFOUND=continue] sss  # x\ngroup: files\n"})
    finding = only_finding(tree, "account-missing", Client(user="carol"))
    assert finding.severity is Severity.DOUBTFUL
    assert "sss" in finding.reason


def test_a_line_that_no_program_can_read_is_no_account() -> None:
    tree = server({"/etc/passwd": "root:x:0:0::/root:/bin/bash\nalice:x:one:1000::/home/alice:/bin/bash\n"})
    only_finding(tree, "account-missing", Client(user="alice"))


def test_a_passwd_that_is_gone_or_a_loop_does_not_crash() -> None:
    for changes in ({"/etc/passwd": None}, {"/etc/passwd": symlink("passwd")}):
        assert "account-missing" in causes(server(changes), Client(user="alice"))
