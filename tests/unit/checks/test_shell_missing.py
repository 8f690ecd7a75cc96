import pytest

from rescue.model import Client, Safety, Severity, Symptom
from rescue.tree import Entry, directory, file, symlink
from tests.checking import causes, changed_paths, diff, mended, only_finding
from tests.trees import server

pytestmark = pytest.mark.unit

ALICE = Client(user="alice")
LINE = "alice:x:1000:1000:Alice,,,:/home/alice:"


def with_shell(shell: str, **more: Entry | None) -> dict[str, Entry | str | bytes | None]:
    rest = "root:x:0:0:root:/root:/bin/bash\nsshd:x:101:65534::/run/sshd:/usr/sbin/nologin\n"
    return {"/etc/passwd": f"{rest}{LINE}{shell}\n", **more}


@pytest.mark.parametrize("shell", ["/bin/bash", "", "/bin/sh", "/usr/bin/bash"])
def test_a_shell_that_is_there_is_no_finding(shell: str) -> None:
    assert causes(server(with_shell(shell)), ALICE) == []


def test_the_line_of_passwd_gets_a_shell_that_is_there() -> None:
    tree = server(with_shell("/usr/bin/zsh"))
    finding = only_finding(tree, "shell-missing", ALICE)
    assert (finding.severity, finding.symptom, finding.subject) == (Severity.BROKEN, Symptom.DENIED, "alice")
    plan = mended(tree, ALICE)
    assert changed_paths(plan) == ["/etc/passwd"]
    assert diff(plan, "/etc/passwd") == ([LINE + "/usr/bin/zsh"], [LINE + "/bin/bash"])


def test_the_same_shell_in_another_folder_is_taken_first() -> None:
    plan = mended(server({**with_shell("/opt/zsh"), "/usr/local/bin/zsh": file("ELF", 0o755)}), ALICE)
    assert diff(plan, "/etc/passwd")[1] == [LINE + "/usr/local/bin/zsh"]


@pytest.mark.parametrize("entry", [file("ELF", 0o644), directory()])
def test_what_is_no_program_is_no_shell(entry: Entry) -> None:
    only_finding(server({**with_shell("/usr/bin/fish"), "/usr/bin/fish": entry}), "shell-missing", ALICE)


def test_a_carriage_return_in_passwd_is_part_of_the_shells_name() -> None:
    plan = mended(server(with_shell("/bin/bash\r")), ALICE)
    assert diff(plan, "/etc/passwd")[1] == [LINE + "/bin/bash"]


def test_where_no_shell_is_left_a_person_has_to_install_one() -> None:
    tree = server({**with_shell("/bin/zsh"), "/usr/bin/bash": None, "/usr/bin/sh": None})
    finding = only_finding(tree, "shell-missing", ALICE)
    assert [repair.safety for repair in finding.repairs] == [Safety.MANUAL]


@pytest.mark.parametrize("mode", [0o644, 0o600, 0o000])
def test_a_shell_that_lost_its_mode_gets_it_back_and_passwd_stays(mode: int) -> None:
    tree = server({"/usr/bin/bash": file("ELF", mode)})
    only_finding(tree, "shell-missing", ALICE)
    plan = mended(tree, ALICE)
    assert changed_paths(plan) == ["/usr/bin/bash"]
    entry = plan.after.facts.tree.entry("/bin/bash")
    assert entry is not None
    assert entry.mode == 0o755


def test_a_shell_that_is_a_link_to_itself_is_missing() -> None:
    tree = server(
        with_shell("/usr/bin/bash", **{"/usr/bin/bash": symlink("bash"), "/usr/bin/dash": file("ELF", 0o755)})
    )
    assert "shell-missing" in causes(tree, ALICE)
