"""What may not go by itself is explained."""

from pathlib import PurePosixPath

import pytest

from rescue.space.advice import advice

pytestmark = pytest.mark.unit


def test_the_nearest_directory_that_is_known_speaks() -> None:
    assert "docker system prune" in advice(PurePosixPath("/var/lib/docker/overlay2/abc"))
    assert "ask whoever runs the containers" in advice(PurePosixPath("/var/lib/docker/volumes/db/_data"))
    assert "never delete its files" in advice(PurePosixPath("/var/lib/mysql"))


def test_nothing_is_said_of_what_is_not_known() -> None:
    assert advice(PurePosixPath("/data")) == ""
    assert advice(PurePosixPath("/var/lib/mysqlx")) == ""
