import pytest

from rescue.model import Client, Safety
from tests.checking import causes, changed_paths, diff, mended, only_finding
from tests.trees import healthy, server

pytestmark = pytest.mark.unit

ALICE = Client(user="alice")
PASSWD = str(healthy()["/etc/passwd"])
GOOD = "alice:x:1000:1000:Alice,,,:/home/alice:/bin/bash"


def broken(line: str) -> str:
    return PASSWD.replace(GOOD, line)


def test_comments_blank_lines_and_others_damage_are_no_finding() -> None:
    text = f"# people\n\n+::::::\n{PASSWD}bob:x:many:1001::/home/bob:/bin/sh\n"
    assert causes(server({"/etc/passwd": text}), ALICE) == []
    assert causes(server({"/etc/passwd": text})) == []


@pytest.mark.parametrize("client", [None, ALICE])
def test_the_line_ends_of_windows_are_named_once_and_made_linuxs(client: Client | None) -> None:
    tree = server({"/etc/passwd": PASSWD.replace("\n", "\r\n")})
    only_finding(tree, "passwd-corrupt", client)
    assert mended(tree, client).after.facts.tree.text("/etc/passwd") == PASSWD


@pytest.mark.parametrize("line", ["alice:x:thousand:1000::/home/alice:/bin/bash", "alice:/home/alice:/bin/bash"])
@pytest.mark.parametrize("copy", ["/etc/passwd-", "/var/backups/passwd.bak"])
def test_a_line_that_can_not_be_read_comes_from_a_copy(line: str, copy: str) -> None:
    tree = server({"/etc/passwd": broken(line), copy: f"x:y\n{PASSWD}"})
    finding = only_finding(tree, "passwd-corrupt", ALICE)
    assert finding.locations[0].text == ""
    plan = mended(tree, ALICE)
    assert changed_paths(plan) == ["/etc/passwd"]
    assert diff(plan, "/etc/passwd") == ([line], [GOOD])


def test_without_a_copy_a_person_has_to_write_it() -> None:
    tree = server({"/etc/passwd": broken("alice:x:::"), "/etc/passwd-": broken("alice:x:1:")})
    assert [each.safety for each in only_finding(tree, "passwd-corrupt", ALICE).repairs] == [Safety.MANUAL]


def test_roots_line_matters_to_everybody() -> None:
    tree = server({"/etc/passwd": PASSWD.replace("root:x:0:0", "root:x:O:0"), "/etc/passwd-": PASSWD})
    assert causes(tree) == ["passwd-corrupt"]
    assert causes(tree, ALICE) == []
