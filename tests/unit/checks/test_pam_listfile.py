import pytest

from rescue.model import Client, Safety, Severity, Symptom
from rescue.planner import any_repairs
from rescue.tree import Entry, file
from tests.checking import causes, changed_paths, diff, mended, mended_if_agreed, only_finding
from tests.pam_files import MODULES, SSHD, with_pam
from tests.trees import server

pytestmark = pytest.mark.unit

ALICE = Client(user="alice")
LIST = "/etc/ssh/people"
HERE: dict[str, Entry | str | bytes | None] = {
    f"{MODULES}/pam_{name}.so": file("ELF") for name in ("listfile", "succeed_if")
}


def line(sense: str, item: str = "user", more: str = "onerr=fail") -> dict[str, Entry | str | bytes | None]:
    rule = f"account required pam_listfile.so item={item} sense={sense} file={LIST} {more}\n"
    return {**with_pam(sshd=rule + SSHD), **HERE}


@pytest.mark.parametrize(
    "sense, item, more, content",
    [
        ("allow", "user", "onerr=fail", "bob\nalice"),
        ("allow", "user", "onerr=succeed", None),
        ("deny", "user", "onerr=fail", "bob\n"),
        ("allow", "group", "onerr=fail", "sudo\n"),
        ("allow", "shell", "onerr=fail", "/bin/bash\n"),
        ("allow", "tty", "onerr=fail", "/dev/ssh\n"),
        ("deny", "tty", "apply=bob", "ssh\n"),
    ],
)
def test_who_may_pass_is_no_finding(sense: str, item: str, more: str, content: str | None) -> None:
    assert causes(server({**line(sense, item, more), LIST: content}), ALICE) == []


@pytest.mark.parametrize(
    "sense, before, gone, come",
    [
        ("allow", "bob\n", [], ["alice"]),
        ("allow", "bob", [], ["alice", ""]),
        ("allow", "", [], ["alice"]),
        ("deny", "bob\nalice\n", ["alice"], []),
        ("deny", "alice\nbob\nalice\r\n", ["alice", "alice\r"], []),
    ],
)
def test_the_list_itself_is_mended(sense: str, before: str, gone: list[str], come: list[str]) -> None:
    tree = server({**line(sense), LIST: before})
    finding = only_finding(tree, "pam-listfile", ALICE)
    assert (finding.severity, finding.symptom) == (Severity.BROKEN, Symptom.CLOSED)
    plan = mended(tree, ALICE)
    assert changed_paths(plan) == [LIST]
    assert diff(plan, LIST) == (gone, come)


@pytest.mark.parametrize("sense, made", [("allow", "alice\n"), ("deny", "")])
def test_a_list_that_is_missing_is_made(sense: str, made: str) -> None:
    tree = server({**line(sense), LIST: None})
    mend = mended_if_agreed if sense == "deny" else mended
    assert mend(tree, ALICE).after.facts.tree.text(LIST) == made


def test_a_list_that_anybody_may_write_is_closed() -> None:
    entry = mended(server({**line("allow"), LIST: file("alice\n", 0o666)}), ALICE).after.facts.tree.entry(LIST)
    assert entry is not None
    assert entry.mode == 0o664


def test_a_list_of_groups_is_passed_over_only_if_somebody_says_so() -> None:
    tree = server({**line("allow", "group"), LIST: "staff\n"})
    finding = only_finding(tree, "pam-listfile", ALICE)
    assert [each.safety for each in finding.repairs] == [Safety.UNSAFE]
    plan = mended(tree, ALICE, any_repairs)
    come = ["account [success=1 default=ignore] pam_succeed_if.so quiet user = alice"]
    assert diff(plan, "/etc/pam.d/sshd") == ([], come)


def test_a_list_of_addresses_is_doubtful_until_yours_is_known() -> None:
    tree = server({**line("allow", "rhost"), LIST: "192.0.2.7\n"})
    assert only_finding(tree, "pam-listfile", ALICE).severity is Severity.DOUBTFUL
