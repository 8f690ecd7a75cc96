import pytest

from rescue.examine import examine
from rescue.model import Client, Severity, Symptom
from rescue.tree import Entry, file
from tests.checking import causes, diff, mended, only_finding
from tests.trees import server

pytestmark = pytest.mark.unit

GONE: dict[str, Entry | str | bytes | None] = {
    "/etc/passwd": "root:x:0:0:root:/root:/bin/bash\nalice:x:1000:1000:Alice,,,:/home/alice:/bin/bash\n",
    "/etc/shadow": file("root:*:19700:0:99999:7:::\nalice:!:19700:0:99999:7:::\n", 0o640, 0, 42),
}


def test_a_user_that_is_there_is_no_finding() -> None:
    assert causes(server()) == []


def test_the_user_is_made_again_with_a_free_number() -> None:
    tree = server(GONE)
    finding = only_finding(tree, "sshd-privsep")
    assert (finding.severity, finding.symptom) == (Severity.BROKEN, Symptom.REFUSED)
    plan = mended(tree)
    assert diff(plan, "/etc/passwd") == ([], ["sshd:x:999:65534::/run/sshd:/usr/sbin/nologin"])
    assert diff(plan, "/etc/shadow") == ([], ["sshd:!*:::::::"])


def test_a_copy_knows_its_number() -> None:
    plan = mended(server({**GONE, "/etc/passwd-": "sshd:x:104:65534::/run/sshd:/usr/sbin/nologin\n"}))
    assert diff(plan, "/etc/passwd")[1] == ["sshd:x:104:65534::/run/sshd:/usr/sbin/nologin"]


def test_its_number_may_be_somebody_elses_by_now() -> None:
    changes = {**GONE, "/var/backups/passwd.bak": "sshd:x:1000:65534::/run/sshd:/usr/sbin/nologin\n"}
    assert diff(mended(server(changes)), "/etc/passwd")[1] == ["sshd:x:999:65534::/run/sshd:/usr/sbin/nologin"]


def test_where_openssh_is_not_started_nobody_misses_its_user() -> None:
    changes = {
        **GONE,
        "/etc/systemd/system/multi-user.target.wants/ssh.service": None,
        "/etc/systemd/system/sshd.service": None,
    }
    assert causes(server(changes)) == ["sshd-disabled"]


@pytest.mark.parametrize("text", ["", "\n", "alice:x:1000:1000::/home/alice:/bin/bash\n"])
def test_a_passwd_without_root_is_not_added_to(text: str) -> None:
    finding = next(
        each for each in examine(server({"/etc/passwd": text}), Client()).findings if each.check == "sshd-privsep"
    )
    assert [repair.edit for repair in finding.repairs] == [None]
    assert "/etc/passwd-" in finding.repairs[0].steps
