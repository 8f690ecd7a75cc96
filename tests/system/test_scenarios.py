"""Every scenario that needs no boot, on a real Debian root: locked out, found, repaired, logged in to, taken back.

What has to hold for each: the healthy server has no finding and lets the person in; after the break a real ssh, through
the server's own firewall to its own sshd, sees the predicted symptom; inspect names exactly the causes, changes nothing
and predicts that symptom; fix changes what it says and no more; then the person is in; undo puts back every byte, mode,
owner and extended attribute; and the manual way, from the same broken state, lets in as well.

A scenario whose causes no check of this version knows is printed as waiting: the break, the symptom and the manual way
are tested, and nothing else is claimed.

RESCUE_SCENARIO_SAMPLE says how many scenarios are run, as in CI: others each day, all of them in turn; "all" (the
default) for all.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

from rescue.labs.images.image import BuiltImage
from rescue.labs.lessons.scenario import Scenario, all_scenarios
from rescue.labs.machines.namespaces import running
from rescue.labs.machines.ssh import Attempt
from tests.conftest import LoadImage
from tests.machines.broken import JOURNAL, BrokenRoot, layered, small_disk
from tests.machines.command import causes, rescue
from tests.machines.of_the_day import of_the_day
from tests.machines.table import ROWS, Row

pytestmark = pytest.mark.system

ABOVE_THE_JOURNAL = {"var", "var/lib"}

BOOTLESS = tuple(each for each in all_scenarios() if not each.boot)


@pytest.mark.parametrize("scenario", of_the_day(BOOTLESS, "RESCUE_SCENARIO_SAMPLE"), ids=lambda each: each.id)
def test_a_locked_out_person_gets_in_again(scenario: Scenario, lab_image: LoadImage, tmp_path: Path) -> None:
    image = lab_image(scenario.image)
    assert healthy(image, scenario.user, 22, scenario.family) == (0, "in\n")
    with broken(image, scenario) as server:
        seen = attempt(server, image, scenario)
        assert seen.symptom is scenario.symptom, seen
        if scenario.waiting:
            by_hand(server, image, scenario)
            note(scenario, "-", seen, f"waiting for {', '.join(scenario.waiting)}", "-", "-")
            return
        rescued(server, image, scenario, seen, tmp_path)
        by_hand(server, image, scenario)


def rescued(server: BrokenRoot, image: BuiltImage, scenario: Scenario, seen: Attempt, home: Path) -> None:
    """Inspect, fix, log in, undo; `server` is as broken afterwards as it was."""
    started = time.monotonic()
    words = scenario.words(image.key)
    as_broken = server.manifest()

    inspected = rescue("inspect", server.path, *words, home=home, status=3)
    assert causes(inspected) == sorted(scenario.causes)
    assert inspected["verdict"] == ("doubtful" if scenario.doubtful else "broken")
    assert inspected["symptom"] == seen.symptom
    assert server.manifest().differences(as_broken, times=True) == set()

    if scenario.unsafe and len(scenario.causes) == 1:
        rescue("fix", server.path, "--yes", *words, home=home, status=3)
        assert changed(server, as_broken.differences) == set()
    agreed = ["--unsafe"] if scenario.unsafe else []
    fixed = rescue("fix", server.path, "--yes", *agreed, *words, home=home, status=3)
    assert (causes(fixed["after"]), fixed["after"]["verdict"]) == ([], "incomplete")
    said = {change["path"].lstrip("/") for change in fixed["changes"]}
    assert said
    assert changed(server, as_broken.differences) == said

    login = attempt(server, image, scenario)
    assert (login.status, login.output) == (0, "in\n"), login
    seconds = time.monotonic() - started
    kept(server, scenario)

    undone = rescue("undo", server.path, "--yes", home=home, status=0)
    gone = {path.lstrip("/") for path in undone["not_restorable"]}
    assert all(path.startswith(scenario.erased) for path in gone), gone
    assert changed(server, as_broken.differences) <= gone
    note(
        scenario, inspected["symptom"], seen, ", ".join(causes(inspected)),
        f"none ({len(said)} changed as said)", f"{seconds:.1f}",
    )  # fmt: skip


def by_hand(server: BrokenRoot, image: BuiltImage, scenario: Scenario) -> None:
    """The manual way, too, lets the person in, and leaves what a good repair leaves."""
    typed(server, image, scenario.solve_script)
    login = attempt(server, image, scenario)
    assert (login.status, login.output) == (0, "in\n"), login
    kept(server, scenario)


def kept(server: BrokenRoot, scenario: Scenario) -> None:
    """What the scenario says has to be so still."""
    for keep in scenario.keeps:
        assert re.search(keep.holds, server.text(keep.file.lstrip("/"))), keep.what


def attempt(server: BrokenRoot, image: BuiltImage, scenario: Scenario) -> Attempt:
    """What the scenario's person sees."""
    with running(server.path, image.key) as up:
        seen = up.login(scenario.user, port=scenario.port, family=scenario.family, password=scenario.password)
        if seen.symptom is None:
            pytest.fail(f"the client said something unknown: {seen}\n{up.said}")
        return seen


@contextmanager
def broken(image: BuiltImage, scenario: Scenario) -> Iterator[BrokenRoot]:
    """The scenario's server, after the break; without findings before it."""
    disk = scenario.disk
    with small_disk(image, size=disk.size, inodes=disk.inodes) if disk else layered(image.root) as server:
        if disk:
            assert causes(rescue("inspect", server.path, home=server.path.parent, status=3)) == []
        typed(server, image, scenario.break_script)
        yield server


def typed(server: BrokenRoot, image: BuiltImage, script: str) -> None:
    """A script, typed as root on the server while it is up."""
    with running(server.path, image.key, layer=False) as up:
        ended = up.console(script)
        assert ended.status == 0, f"status {ended.status}\n{ended.output}\n{up.said}"


@cache
def healthy(image: BuiltImage, user: str, port: int, family: int) -> tuple[int, str]:
    """Status and output of a login to the untouched server; asked once for all scenarios alike."""
    with running(image.root, image.key) as up:
        login = up.login(user, port=port, family=family)
        return login.status, login.output


def changed(server: BrokenRoot, differences: Callable[..., set[str]]) -> set[str]:
    """What is not as it was in the broken root, without the journal and the directories that were made for it."""
    now = server.manifest()
    return {path for path in differences(now) if path not in ABOVE_THE_JOURNAL and not path.startswith(JOURNAL)}


def note(scenario: Scenario, predicted: str, seen: Attempt, found: str, collateral: str, seconds: str) -> None:
    """A row of the table. The assertions before it hold, so nothing but what was said has changed."""
    ROWS.append(Row(scenario.id, predicted, str(seen.symptom), found, "yes", collateral, seconds))
