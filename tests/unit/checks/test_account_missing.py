import pytest

from rescue.model import Client, Safety, Severity, Symptom
from rescue.planner import any_repairs, make_plan
from rescue.tree import Entry, Tree, directory, file, symlink
from tests.checking import causes, changed_paths, diff, mended, only_finding
from tests.trees import healthy, server

pytestmark = pytest.mark.unit


def test_a_name_that_nobody_has_is_told_with_those_that_exist() -> None:
    finding = only_finding(server(), "account-missing", Client(user="alcie"))
    assert (finding.severity, finding.symptom) == (Severity.BROKEN, Symptom.DENIED)
    assert "Did you mean alice?" in finding.message
    assert [(repair.safety, repair.title) for repair in finding.repairs] == [
        (Safety.MANUAL, "log in as one of these: root, alice")
    ]


def test_names_that_exist_are_no_finding() -> None:
    assert causes(server(), Client(user="alice")) == []
    assert causes(server()) == []


def test_accounts_of_a_directory_server_are_not_on_the_disk() -> None:
    tree = server({"/etc/nsswitch.conf": "passwd: files [NOTFOUND=continue] sss  # x\ngroup: files\n"})
    finding = only_finding(tree, "account-missing", Client(user="carol"))
    assert finding.severity is Severity.DOUBTFUL
    assert "sss" in finding.reason


SSHD = "sshd:x:101:65534::/run/sshd:/usr/sbin/nologin\n"


def test_a_line_that_no_program_can_read_is_another_cause() -> None:
    tree = server({"/etc/passwd": f"{SSHD}root:x:0:0::/root:/bin/bash\nalice:x:one:1000::/home/alice:/bin/bash\n"})
    only_finding(tree, "passwd-corrupt", Client(user="alice"))


def test_a_passwd_that_is_gone_or_a_loop_does_not_crash() -> None:
    for changes in ({"/etc/passwd": None}, {"/etc/passwd": symlink("passwd")}):
        assert "account-missing" in causes(server(changes), Client(user="alice"))


ALICE = Client(user="alice")
FILES = ("passwd", "shadow", "group")
HASH = "alice:$y$j9T$abc$def:19700:0:99999:7:::"


def before(name: str) -> str:
    """One of the account files of the healthy server, where alice has a password."""
    entry = healthy()[f"/etc/{name}"]
    text = (entry.data or b"").decode() if isinstance(entry, Entry) else str(entry)
    return text.replace("alice:!:19700:0:99999:7:::", HASH)


def without_alice(copies: str = "/etc/{}-", changes: dict[str, Entry | str | None] | None = None) -> Tree:
    """The server after ``userdel alice``, with the copies that it left (userdel(8))."""
    changed: dict[str, Entry | str | bytes | None] = {}
    for name in FILES:
        lines = before(name).split("\n")
        left = "\n".join(line.removesuffix("alice") for line in lines if not line.startswith("alice:"))
        mode = 0o640 if name == "shadow" else 0o644
        changed[f"/etc/{name}"] = file(left, mode)
        changed[copies.format(name)] = file(before(name), mode)
    return server({**changed, **(changes or {})})


@pytest.mark.parametrize("copies", ["/etc/{}-", "/var/backups/{}.bak"])
def test_a_deleted_account_comes_back_with_its_password_and_groups(copies: str) -> None:
    tree = without_alice(copies)
    finding = only_finding(tree, "account-missing", ALICE)
    assert [repair.safety for repair in finding.repairs] == [Safety.UNSAFE, Safety.MANUAL]
    assert "sudo" in finding.repairs[0].title
    assert copies.format("passwd") in finding.message
    plan = mended(tree, ALICE, any_repairs)
    assert sorted(changed_paths(plan)) == ["/etc/group", "/etc/passwd", "/etc/shadow"]
    assert diff(plan, "/etc/passwd") == ([], ["alice:x:1000:1000:Alice,,,:/home/alice:/bin/bash"])
    assert diff(plan, "/etc/shadow") == ([], [HASH])
    assert diff(plan, "/etc/group") == (["sudo:x:27:"], ["sudo:x:27:alice", "alice:x:1000:"])


def test_a_deleted_account_never_comes_back_unasked() -> None:
    plan = make_plan(without_alice(), ALICE)
    assert (plan.changes, [left.finding.check for left in plan.left]) == ((), ["account-missing"])


def test_no_hash_of_a_deleted_account_is_told() -> None:
    assert "$y$" not in repr(only_finding(without_alice(), "account-missing", ALICE).locations)


@pytest.mark.parametrize(
    ("left", "comes"), [("sudo:x:27:bob", "sudo:x:27:bob,alice"), ("sudo:x:27", "sudo:x:27:alice")]
)
def test_a_group_that_has_other_members_keeps_them(left: str, comes: str) -> None:
    tree = without_alice(changes={"/etc/group": f"root:x:0:\n{left}\n"})
    plan = mended(tree, ALICE, any_repairs)
    assert diff(plan, "/etc/group") == ([left], [comes, "alice:x:1000:"])


def test_a_line_of_shadow_that_no_copy_has_becomes_one_that_no_password_opens() -> None:
    plan = mended(without_alice(changes={"/etc/shadow-": None}), ALICE, any_repairs)
    assert diff(plan, "/etc/shadow") == ([], ["alice:*:::::::"])


@pytest.mark.parametrize(
    "changes",
    [
        {"/etc/passwd-": None},
        {"/etc/passwd": f"{SSHD}root:x:0:0:root:/root:/bin/bash\nbob:x:1000:1000::/home/bob:/bin/bash\n"},
        {"/home/alice": None, "/home/alice/.ssh": None, "/home/alice/.ssh/authorized_keys": None},
    ],
    ids=["no copy has it", "its number is somebody else's", "its home is gone"],
)
def test_an_account_of_which_too_little_is_left_is_not_brought_back(changes: dict[str, Entry | str | None]) -> None:
    finding = only_finding(without_alice(changes=changes), "account-missing", ALICE)
    assert [repair.safety for repair in finding.repairs] == [Safety.MANUAL]


@pytest.mark.parametrize("copy", [symlink("passwd-"), directory(), file("\0\xff:::::\nalice:x:one:\n")])
def test_copies_that_no_program_can_read_bring_nobody_back(copy: Entry) -> None:
    finding = only_finding(without_alice(changes={"/etc/passwd-": copy}), "account-missing", ALICE)
    assert [repair.safety for repair in finding.repairs] == [Safety.MANUAL]
