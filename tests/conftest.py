"""What all tiers share: the lab's images, built once and cached outside the repository."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import astuple
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from rescue.labs.images.image import BuiltImage, ensure_image, find_image, missing_tools
from tests import skips
from tests.machines import table

# A shell starts what runs in its background with SIGINT ignored, and so would be all that is started from here.
signal.signal(signal.SIGINT, signal.default_int_handler)

# A slow machine is no failure: nothing is timed in a test.
settings.register_profile("rescue", deadline=None)
# A change is judged by the same cases as the one before it; new ones are looked for wherever CI is not set.
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "rescue")

RECIPES = Path(__file__).resolve().parents[1] / "images"

LoadImage = Callable[[str], BuiltImage]


@pytest.fixture(scope="session")
def lab_image() -> LoadImage:
    """A function from a recipe's name to its image; the test is skipped where none can be built."""

    def load(name: str) -> BuiltImage:
        if (found := find_image(RECIPES, name)) is not None:
            return found
        if missing := missing_tools():
            pytest.skip(f"no image: these packages are missing: {' '.join(missing)}")
        if os.geteuid() != 0:
            pytest.skip("no image: building one needs root")
        return ensure_image(RECIPES, name, lambda message: print(f"... {message}", flush=True))

    return load


def pytest_sessionfinish(session: pytest.Session) -> None:
    """One of several processes that share the tests hands its part of the table to the one that prints it."""
    if (output := getattr(session.config, "workeroutput", None)) is not None:
        output["rows"] = [astuple(row) for row in table.ROWS]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Such a process has ended (pytest-xdist)."""
    table.ROWS.extend(table.Row(*row) for row in getattr(node, "workeroutput", {}).get("rows", ()))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The scenarios' table; and, for scripts/test, what was skipped and why."""
    # Each of several processes has such a report; one has them all (pytest-xdist).
    if (told := os.environ.get(skips.TOLD)) and not hasattr(terminalreporter.config, "workerinput"):
        skips.tell(Path(told), terminalreporter.stats.get("skipped", ()))
    if lines := table.lines():
        terminalreporter.section("scenarios")
        for line in lines:
            terminalreporter.write_line(line)
    if (told := os.environ.get("RESCUE_FIGURES")) and table.ROWS:
        with Path(told).open("a") as stream:
            stream.writelines(f"{line}\n" for line in table.markdown())
