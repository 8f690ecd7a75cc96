"""What is put on the rescue system's disk."""

import tomllib
from pathlib import Path

import pytest

from rescue.labs.images.rescue_system import NEEDED

pytestmark = pytest.mark.unit

PROJECT = Path(__file__).resolve().parents[4] / "pyproject.toml"


def test_every_package_that_the_project_needs_is_taken_along() -> None:
    told = tomllib.loads(PROJECT.read_text())["project"]["dependencies"]
    assert sorted(each.partition(">")[0] for each in told) == sorted(NEEDED)
