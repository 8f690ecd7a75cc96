from hashlib import md5

import pytest

from rescue.model import Client, Safety, Severity, Symptom
from rescue.tree import Entry, Tree, file
from tests.checking import causes, changed_paths, mended, only_finding
from tests.trees import server

pytestmark = pytest.mark.unit

ALICE = Client(user="alice")
SUDO = "/usr/bin/sudo"
SUDOERS = {"/etc/sudoers": file("%sudo ALL=(ALL:ALL) ALL\n", 0o440)}


def sudo(entry: Entry, **more: Entry | str | None) -> Tree:
    return server({SUDO: entry, **SUDOERS, **more})


def test_sudo_as_its_package_has_it_is_no_finding() -> None:
    assert causes(sudo(file("ELF", 0o4755)), ALICE) == []


def test_without_sudo_there_is_nothing_to_lose() -> None:
    assert causes(server(), ALICE) == []


def test_it_is_no_matter_to_who_is_root_or_never_was_to_be() -> None:
    lost = file("ELF", 0o755)
    assert causes(sudo(lost), Client(user="root")) == []
    assert causes(sudo(lost)) == []
    assert causes(sudo(lost, **{"/etc/group": "root:x:0:\nalice:x:1000:\n"}), ALICE) == []


@pytest.mark.parametrize("entry", [file("ELF", 0o755), file("ELF", 0o4755, 1000), file("ELF", 0o755, 1000, 1000)])
def test_the_bit_and_the_owner_are_put_back(entry: Entry) -> None:
    tree = sudo(entry)
    finding = only_finding(tree, "suid-lost", ALICE)
    assert (finding.severity, finding.symptom) == (Severity.DOUBTFUL, Symptom.OK)
    plan = mended(tree, ALICE)
    assert changed_paths(plan) == [SUDO]
    after = plan.after.facts.tree.entry(SUDO)
    assert after is not None
    assert (after.mode, after.uid, after.gid) == (0o4755, 0, 0)


def test_a_program_that_others_could_write_is_not_made_roots() -> None:
    finding = only_finding(sudo(file("ELF", 0o777)), "suid-lost", ALICE)
    assert [each.safety for each in finding.repairs] == [Safety.MANUAL]


@pytest.mark.parametrize(("shipped", "wanted"), [("ELF", Safety.SAFE), ("other", Safety.MANUAL)])
def test_one_that_others_could_write_is_given_back_if_it_is_still_the_packages(shipped: str, wanted: Safety) -> None:
    digest = md5(shipped.encode(), usedforsecurity=False).hexdigest()
    tree = sudo(file("ELF", 0o777), **{"/var/lib/dpkg/info/sudo.md5sums": f"{digest}  usr/bin/sudo\n"})
    finding = only_finding(tree, "suid-lost", ALICE)
    assert [each.safety for each in finding.repairs] == [wanted]
    if wanted is Safety.SAFE:
        after = mended(tree, ALICE).after.facts.tree.entry(SUDO)
        assert after is not None
        assert (after.mode, after.uid) == (0o4755, 0)


def test_one_that_is_closed_to_the_user_is_opened_and_one_for_the_users_group_is_fine() -> None:
    tree = sudo(file("ELF", 0o4700))
    assert "closed to alice" in only_finding(tree, "suid-lost", ALICE).message
    assert changed_paths(mended(tree, ALICE)) == [SUDO]
    assert causes(sudo(file("ELF", 0o4750, 0, 27)), ALICE) == []
