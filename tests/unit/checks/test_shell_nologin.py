import pytest

from rescue.model import Client, Safety, Severity, Symptom
from rescue.tree import Entry
from tests.checking import causes, diff, mended, only_finding
from tests.trees import server

pytestmark = pytest.mark.unit

ALICE = Client(user="alice")
REST = "root:x:0:0:root:/root:/bin/bash\nsshd:x:101:65534::/run/sshd:/usr/sbin/nologin\n"


def with_shell(shell: str, uid: int = 1000) -> dict[str, Entry | str | bytes | None]:
    return {"/etc/passwd": f"{REST}alice:x:{uid}:1000::/home/alice:{shell}\n"}


def test_a_login_shell_is_no_finding() -> None:
    assert causes(server(), ALICE) == []


def test_the_account_gets_a_shell() -> None:
    tree = server(with_shell("/usr/sbin/nologin"))
    finding = only_finding(tree, "shell-nologin", ALICE)
    assert (finding.severity, finding.symptom) == (Severity.BROKEN, Symptom.CLOSED)
    plan = mended(tree, ALICE)
    assert diff(plan, "/etc/passwd") == (
        ["alice:x:1000:1000::/home/alice:/usr/sbin/nologin"],
        ["alice:x:1000:1000::/home/alice:/bin/bash"],
    )


def test_nobody_asks_after_the_accounts_of_services() -> None:
    assert causes(server(with_shell("/usr/sbin/nologin"))) == []


def test_a_service_gets_a_shell_only_if_one_says_so() -> None:
    changes: dict[str, Entry | str | bytes | None] = {
        **with_shell("/usr/sbin/nologin", 120),
        "/home/alice/.ssh/authorized_keys": None,
        "/home/alice/.ssh": None,
        "/home/alice": None,
    }
    found = [each for each in causes(server(changes), ALICE) if each == "shell-nologin"]
    assert found == ["shell-nologin"]


def test_an_account_for_uploads_may_be_meant() -> None:
    config = "Match User alice\nForceCommand internal-sftp\n"
    tree = server({**with_shell("/usr/sbin/nologin"), "/etc/ssh/sshd_config.d/sftp.conf": config})
    finding = only_finding(tree, "shell-nologin", ALICE)
    assert finding.severity is Severity.DOUBTFUL
    assert [repair.safety for repair in finding.repairs] == [Safety.UNSAFE]
