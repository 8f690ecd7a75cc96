"""rescue blame finds a scenario's break among the changes of an upgrade: its own lines, and no other.

RESCUE_BLAME_SAMPLE: how many scenarios (default 2, others each day; "all" for all).
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rescue.labs.lessons.scenario import Scenario, all_scenarios
from tests.conftest import LoadImage
from tests.machines.broken import BrokenRoot
from tests.machines.of_the_day import of_the_day
from tests.system.test_scenarios import broken
from tests.system.test_timeline import document

pytestmark = pytest.mark.system

os.environ.setdefault("RESCUE_BLAME_SAMPLE", "2")
CASES = tuple(each for each in all_scenarios() if not each.boot and not each.disk and not each.waiting)
UPGRADED = "# changed by an upgrade\n"
FOLDERS = ("etc/pam.d", "etc/security", "etc/default", "etc/ssh", "etc/ufw", "usr/lib/systemd/system")


def upgrade(server: BrokenRoot) -> int:
    """A comment at the end of every text file of these folders, as if their packages were new: how many."""
    count = 0
    for folder in FOLDERS:
        place = server.path / folder
        for path in sorted(place.iterdir()) if place.is_dir() else ():
            if path.is_symlink() or not path.is_file() or path.name.startswith("ssh_host") or path.name == "moduli":
                continue
            data = path.read_bytes()
            if data.endswith(b"\n") and b"COMMIT" not in data and b"\0" not in data:
                path.write_bytes(data + UPGRADED.encode())
                count += 1
    return count


@pytest.mark.parametrize("scenario", of_the_day(CASES, "RESCUE_BLAME_SAMPLE"), ids=lambda each: each.id)
def test_the_break_is_found_among_an_upgrade(scenario: Scenario, lab_image: LoadImage, tmp_path: Path) -> None:
    image = lab_image(scenario.image)
    with broken(image, scenario) as server:
        assert server.upper is not None
        own = {f"/{path.relative_to(server.upper)}" for path in server.upper.rglob("*")}
        assert upgrade(server) > 100
        told = document("blame", image.root, server.path, *scenario.words(image.key))
    blamed = [each for each in told["blamed"] if each["cause"] in scenario.causes]
    assert {each["cause"] for each in blamed} == set(scenario.causes)
    for each in blamed:
        assert each["changed"] > 100
        assert each["changes"], each["cause"]
        assert {change["path"] for change in each["changes"]} <= own
        assert UPGRADED.strip() not in "".join(line for change in each["changes"] for line in change["diff"])
