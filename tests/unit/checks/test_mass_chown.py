"""chown over the whole system is named as what it is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rescue.examine import examine
from rescue.model import Client, Safety, Severity
from rescue.tree import Entry, directory, file
from tests.checking import causes
from tests.trees import healthy, server

pytestmark = pytest.mark.unit

ALICE = Client(user="alice")
CHECK = "mass-chown"
FOLDERS = ("/", "/usr", "/usr/bin", "/usr/sbin", "/usr/lib", "/etc", "/etc/ssh", "/etc/pam.d", "/var", "/var/lib")


def given_to(uid: int, below: str = "/") -> dict[str, Entry | str | bytes | None]:
    """The healthy server after chown -R, with the directories that a tree of a real one has."""
    entries = {**{path: directory() for path in FOLDERS}, **healthy(), "/usr/bin/ls": file("ELF", 0o755)}
    made: dict[str, Entry | str | bytes | None] = {}
    for path, value in entries.items():
        entry = value if isinstance(value, Entry) else file(value)
        made[path] = replace(entry, uid=uid, gid=uid) if path.startswith(below) else entry
    return made


@pytest.mark.parametrize("below", ["/", "/usr", "/etc"])
def test_it_is_named_and_the_rest_is_by_hand(below: str) -> None:
    found = [each for each in examine(server(given_to(1, below)), ALICE).findings if each.check == CHECK]
    assert [(each.severity, each.subject) for each in found] == [(Severity.DOUBTFUL, "daemon")]
    assert [each.safety for each in found[0].repairs] == [Safety.MANUAL]


def test_a_healthy_server_and_a_single_foreign_file() -> None:
    assert CHECK not in causes(server(given_to(0)), ALICE)
    one = {**given_to(0), "/usr/bin/ls": file("ELF", 0o755, 1, 1), "/var/lib": directory(0o755, 1, 1)}
    assert CHECK not in causes(server(one), ALICE)
