import pytest

from rescue.model import Client, Symptom
from rescue.tree import Entry, Tree, file
from tests.checking import causes, diff, mended, only_finding
from tests.pam_files import MODULES, SSHD, with_pam
from tests.trees import server

pytestmark = pytest.mark.unit

ALICE = Client(user="alice")


def shells(content: Entry | str | None) -> Tree:
    files = with_pam(sshd="account required pam_shells.so\n" + SSHD)
    return server({**files, f"{MODULES}/pam_shells.so": file("ELF"), "/etc/shells": content})


def test_a_shell_that_is_listed_is_no_finding() -> None:
    assert causes(shells("# known\n/bin/sh\n/bin/bash"), ALICE) == []


def test_without_the_module_nobody_asks() -> None:
    assert causes(server({**with_pam(), "/etc/shells": ""}), ALICE) == []


@pytest.mark.parametrize(
    "before, come", [("/bin/sh\n", ["/bin/bash"]), ("/bin/sh", ["/bin/bash", ""]), ("", ["/bin/bash"])]
)
def test_the_shell_is_added(before: str, come: list[str]) -> None:
    tree = shells(before)
    assert only_finding(tree, "pam-shells", ALICE).symptom is Symptom.CLOSED
    assert diff(mended(tree, ALICE), "/etc/shells") == ([], come)


def test_a_file_that_is_missing_is_made() -> None:
    assert mended(shells(None), ALICE).after.facts.tree.text("/etc/shells") == "/bin/bash\n"


def test_a_file_that_anybody_may_write_is_closed() -> None:
    entry = mended(shells(file("/bin/bash\n", 0o666)), ALICE).after.facts.tree.entry("/etc/shells")
    assert entry is not None
    assert entry.mode == 0o664
