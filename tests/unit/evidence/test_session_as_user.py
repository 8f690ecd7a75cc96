"""The shell is started by the user, who is not root."""

from __future__ import annotations

import pytest

from rescue.model import Client
from tests.judging import ME, gaps_of
from tests.trees import directory, file

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("path", ["/", "/usr", "/usr/bin"])
def test_a_directory_on_the_way_that_is_roots_alone(path: str) -> None:
    assert ("session", "session-as-user") in gaps_of({path: directory(0o700)})


def test_a_shell_that_is_roots_alone() -> None:
    assert ("session", "session-as-user") in gaps_of({"/usr/bin/bash": file("ELF", 0o700)})


def test_root_passes() -> None:
    told = gaps_of({"/usr/bin": directory(0o700)}, Client(user="root", key=ME.key))
    assert ("session", "session-as-user") not in told
