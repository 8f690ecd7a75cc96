"""chmod over the whole system is named as what it is."""

from __future__ import annotations

import pytest

from rescue.checks.mass_chmod import FOLDERS, PROGRAMS, TEXTS
from rescue.examine import examine
from rescue.model import Client, Safety, Severity
from rescue.tree import Entry, directory, file
from tests.trees import healthy, server

pytestmark = pytest.mark.unit

ALICE = Client(user="alice")
CHECK = "mass-chmod"


def changed(below: str, folders: int, programs: int, texts: int) -> dict[str, Entry | str | bytes | None]:
    """A server with those modes below a directory, and the usual ones elsewhere."""
    given = healthy()
    made: dict[str, Entry | str | bytes | None] = dict(given)
    for path in FOLDERS:
        made[path] = directory(folders if path.startswith(below) else 0o755)
    for path in PROGRAMS:
        made[path] = file("ELF", programs if path.startswith(below) else 0o755)
    for path in TEXTS:
        old = given.get(path, "x\n")
        assert isinstance(old, (str, bytes))
        made[path] = file(old, texts if path.startswith(below) else 0o644)
    return made


@pytest.mark.parametrize(
    ("below", "modes", "named"),
    [
        ("/", (0o777, 0o777, 0o777), "0777"),
        ("/", (0o700, 0o700, 0o600), "0700"),
        ("/etc", (0o644, 0o644, 0o644), "0644"),
        ("/etc", (0o755, 0o755, 0o755), "0755"),
        ("/usr", (0o700, 0o700, 0o700), "0700"),
        ("/usr", (0o644, 0o644, 0o644), "0644"),
    ],
)
def test_it_is_named_with_the_tree_and_the_rest_is_by_hand(below: str, modes: tuple[int, int, int], named: str) -> None:
    found = [each for each in examine(server(changed(below, *modes)), ALICE).findings if each.check == CHECK]
    assert [(each.severity, each.subject) for each in found] == [(Severity.DOUBTFUL, below)]
    assert named in found[0].message
    assert [each.safety for each in found[0].repairs] == [Safety.MANUAL]


@pytest.mark.parametrize("modes", [(0o755, 0o755, 0o644), (0o755, 0o555, 0o444), (0o2755, 0o755, 0o664)])
def test_usual_modes_are_silent(modes: tuple[int, int, int]) -> None:
    assert CHECK not in {each.check for each in examine(server(changed("/", *modes)), ALICE).findings}


def test_a_few_closed_directories_of_a_hardened_server_are_silent() -> None:
    more = {"/etc/ssh": directory(0o700), "/etc/security": directory(0o750), "/etc/fstab": file("", 0o600)}
    tree = server({**changed("/", 0o755, 0o755, 0o644), **more})
    assert CHECK not in {each.check for each in examine(tree, ALICE).findings}


def test_it_is_still_named_after_what_locks_out_was_mended() -> None:
    tree = server({**changed("/etc", 0o644, 0o644, 0o644), "/etc": directory(0o755)})
    assert CHECK in {each.check for each in examine(tree, ALICE).findings}
