import pytest

from rescue.model import Client, Safety, Severity, Symptom
from rescue.tree import Entry, Tree, directory, file
from tests.checking import causes, changed_paths, diff, mended, only_finding
from tests.trees import DPKG_STATUS, server

pytestmark = pytest.mark.unit

ALICE = Client(user="alice")
MAIN, OWN = "/etc/sudoers", "/etc/sudoers.d/own"
DEBIAN = """\
# This file MUST be edited with the 'visudo' command as root.
Defaults\tenv_reset
Defaults\tsecure_path="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
User_Alias\tADMINS = alice, bob : OTHERS = carol
Cmnd_Alias\tSERVICES = /usr/bin/systemctl restart *, \\
\t/usr/bin/systemctl reload *
root\tALL=(ALL:ALL) ALL
%sudo\tALL=(ALL:ALL) ALL # the group
ADMINS ALL = NOPASSWD: SERVICES, (www-data) SETENV: /usr/bin/php, sha224:abc= /bin/x
#1000 ALL=/bin/ls
@includedir /etc/sudoers.d
"""
OLD = DPKG_STATUS + "\nPackage: sudo\nStatus: install ok installed\nVersion: 1.8.31-1ubuntu1\n"


def sudoers(main: Entry | str | None = DEBIAN, **more: Entry | str | None) -> Tree:
    entry = file(main, 0o440) if isinstance(main, str) else main
    return server({"/usr/bin/sudo": file("ELF", 0o4755), MAIN: entry, **more})


def test_debians_own_rules_are_no_finding() -> None:
    assert causes(sudoers(), ALICE) == []


def test_files_that_sudo_does_not_read_are_no_finding() -> None:
    more = {f"/etc/sudoers.d/{name}": file("alice ALL ALL\n", 0o666) for name in ("x.bak", "own~", "README.txt")}
    assert causes(sudoers(**more), ALICE) == []


def test_without_sudo_or_for_root_nothing_is_asked() -> None:
    bad = file("nonsense\n", 0o666)
    assert causes(server({MAIN: bad}), ALICE) == []
    assert causes(sudoers(bad), Client(user="root")) == []


@pytest.mark.parametrize("entry", [file(DEBIAN, 0o666), file(DEBIAN, 0o440, 1000), file(DEBIAN, 0o464, 0, 1000)])
def test_owner_and_mode_are_put_right(entry: Entry) -> None:
    tree = sudoers(entry)
    finding = only_finding(tree, "sudoers-broken", ALICE)
    assert (finding.severity, finding.symptom) == (Severity.DOUBTFUL, Symptom.OK)
    plan = mended(tree, ALICE)
    assert changed_paths(plan) == [MAIN]
    after = plan.after.facts.tree.entry(MAIN)
    assert after is not None
    assert (after.mode, after.uid, after.gid) == (0o440, 0, 0)


def test_a_file_that_is_gone_has_to_be_put_back() -> None:
    finding = only_finding(sudoers(None), "sudoers-broken", ALICE)
    assert [each.safety for each in finding.repairs] == [Safety.MANUAL]


@pytest.mark.parametrize("line", ["alice ALL ALL", "alice ALL=(ALL) NOPASSWORD: ALL", "alice ALL=", "%sudo ALL"])
def test_a_line_for_the_user_that_can_not_be_read_is_commented_out(line: str) -> None:
    tree = sudoers(**{OWN: file(f"# own\n{line}\n", 0o440)})
    only_finding(tree, "sudoers-broken", ALICE)
    assert diff(mended(tree, ALICE), OWN) == ([line], [f"# {line}"])


def test_a_line_for_others_stops_only_old_releases() -> None:
    more: dict[str, Entry | str | None] = {OWN: file("bob ALL \\\n  ALL\n", 0o440)}
    assert causes(sudoers(**more), ALICE) == []
    tree = sudoers(**more, **{"/var/lib/dpkg/status": OLD})
    assert "works for nobody" in only_finding(tree, "sudoers-broken", ALICE).message
    assert diff(mended(tree, ALICE), OWN) == (["bob ALL \\", "  ALL"], ["# bob ALL \\", "#   ALL"])


def test_another_file_that_others_may_write_matters_if_it_is_about_the_user() -> None:
    assert causes(sudoers(**{OWN: file("bob ALL=(ALL) ALL\n", 0o666)}), ALICE) == []
    assert causes(sudoers(**{OWN: file("alice ALL=(ALL) ALL\n", 0o666)}), ALICE) == ["sudoers-broken"]


FOLDER = "/etc/sudoers.d"
RULE = {OWN: file("alice ALL=(ALL) NOPASSWD: ALL\n", 0o440)}


@pytest.mark.parametrize("entry", [directory(0o755, 1, 1), directory(0o777), directory(0o775, 0, 50), directory(0o757)])
def test_the_directory_of_rules_has_to_be_roots_too(entry: Entry) -> None:
    tree = sudoers(**RULE, **{FOLDER: entry})
    assert f"{FOLDER} " in only_finding(tree, "sudoers-broken", ALICE).message
    plan = mended(tree, ALICE)
    assert changed_paths(plan) == [FOLDER]
    after = plan.after.facts.tree.entry(FOLDER)
    assert after is not None
    assert (after.uid, after.gid, after.mode & 0o022) == (0, 0, 0)


@pytest.mark.parametrize("entry", [directory(0o755), directory(0o750), directory(0o775, 0, 0)])
def test_a_directory_that_is_roots(entry: Entry) -> None:
    assert causes(sudoers(**RULE, **{FOLDER: entry}), ALICE) == []


@pytest.mark.parametrize(
    ("path", "entry"),
    [
        ("/etc/sudo.conf", file("Set disable_coredump false\n", 0o644, 1, 1)),
        ("/etc/sudo.conf", file("", 0o666)),
        ("/usr/libexec/sudo/sudoers.so", file("ELF", 0o644, 1, 1)),
    ],
)
def test_sudos_own_files(path: str, entry: Entry) -> None:
    tree = sudoers(**{path: entry})
    assert only_finding(tree, "sudoers-broken", ALICE).subject == path
    assert changed_paths(mended(tree, ALICE)) == [path]
    healthy = file(entry.data or b"", 0o644)
    assert causes(sudoers(**{path: healthy}), ALICE) == []


def test_a_plug_in_that_others_could_write_is_not_made_roots() -> None:
    tree = sudoers(**{"/usr/libexec/sudo/sudoers.so": file("ELF", 0o666)})
    assert [each.edit for each in only_finding(tree, "sudoers-broken", ALICE).repairs] == [None]


@pytest.mark.parametrize(
    "line", ["@include /etc/sudo/mine", "#include /etc/sudo/mine", "@includedir /etc/sudo", '@include "/etc/sudo/mine"']
)
def test_whatever_sudoers_includes(line: str) -> None:
    good, bad = file("alice ALL=(ALL) ALL\n", 0o440), file("alice ALL=(ALL) ALL\n", 0o446)
    assert causes(sudoers(f"{DEBIAN}{line}\n", **{"/etc/sudo/mine": good}), ALICE) == []
    tree = sudoers(f"{DEBIAN}{line}\n", **{"/etc/sudo/mine": bad})
    assert only_finding(tree, "sudoers-broken", ALICE).subject == "/etc/sudo/mine"


def test_files_that_include_each_other() -> None:
    assert causes(sudoers(f"{DEBIAN}@include {MAIN}\n"), ALICE) == []
