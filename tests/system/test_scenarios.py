"""Each way to lock oneself out, on a real Debian root: found, repaired, logged in to, taken back.

What has to hold for every one of them: the healthy server has no finding; inspect names exactly the cause, changes
nothing and predicts what the client sees; fix changes what it says and no more; then a real ssh gets in through the
server's own firewall to its own sshd; undo puts back every byte, mode, owner and extended attribute.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from rescue.labs.image import Image
from tests.conftest import LoadImage
from tests.machines import full_disks
from tests.machines.broken import JOURNAL, BrokenRoot, layered, small_disk
from tests.machines.command import causes, rescue
from tests.machines.running import running
from tests.machines.scenarios import SCENARIOS, Scenario
from tests.machines.table import ROWS, Row

pytestmark = pytest.mark.system

ABOVE_THE_JOURNAL = {"var", "var/lib"}


@pytest.mark.parametrize("recipe", ["debian12", "debian12-iptables"])
def test_nothing_is_found_on_a_healthy_server(recipe: str, lab_image: LoadImage, tmp_path: Path) -> None:
    with layered(lab_image(recipe).root) as server:
        document = rescue("inspect", server.path, home=tmp_path, status=0)
        assert causes(document) == []
        assert (document["verdict"], document["symptom"]) == ("clear", "ok")


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda each: each.name)
def test_a_locked_out_person_gets_in_again(scenario: Scenario, lab_image: LoadImage, tmp_path: Path) -> None:
    started = time.monotonic()
    image = lab_image(scenario.image)
    words = scenario.words(image.key)
    with layered(image.root) as server:
        scenario.break_(server)
        broken = server.manifest()

        inspected = rescue("inspect", server.path, *words, home=tmp_path, status=3)
        assert causes(inspected) == [scenario.cause]
        assert inspected["verdict"] == "broken"
        assert server.manifest().differences(broken, times=True) == set()

        with running(server.path, image.key) as up:
            seen = up.login(scenario.user, port=scenario.port)
            assert seen.symptom == inspected["symptom"], f"{seen}\n{up.said}"

        if scenario.unsafe:
            rescue("fix", server.path, "--yes", *words, home=tmp_path, status=3)
            assert changed(server, broken.differences) == set()
        agreed = ["--unsafe"] if scenario.unsafe else []
        fixed = rescue("fix", server.path, "--yes", *agreed, *words, home=tmp_path, status=0)
        said = {change["path"].lstrip("/") for change in fixed["changes"]}
        assert said
        assert changed(server, broken.differences) == said

        with running(server.path, image.key) as up:
            login = up.login(scenario.user, port=scenario.port)
            assert (login.status, login.output) == (0, "in\n"), f"{login}\n{up.said}"

        rescue("undo", server.path, home=tmp_path, status=0)
        assert changed(server, broken.differences) == set()
        assert causes(rescue("inspect", server.path, *words, home=tmp_path, status=3)) == [scenario.cause]
    note(scenario.name, inspected, str(seen.symptom), "yes", sorted(said), started)


def changed(server: BrokenRoot, differences: Callable[..., set[str]]) -> set[str]:
    """What is not as it was in the broken root, without the journal and the directories that were made for it."""
    now = server.manifest()
    return {path for path in differences(now) if path not in ABOVE_THE_JOURNAL and not path.startswith(JOURNAL)}


def note(name: str, inspected: dict[str, object], seen: str, login: str, said: list[str], started: float) -> None:
    """A row of the table. The assertions before it hold, so nothing but what was said has changed."""
    row = Row(
        name,
        str(inspected["symptom"]),
        seen,
        ", ".join(causes(inspected)),
        login,
        f"none ({len(said)} changed as said)",
        f"{time.monotonic() - started:.1f}",
    )
    ROWS.append(row)


FULL: dict[str, tuple[Callable[[BrokenRoot], None], int | None]] = {
    "one log fills the disk": (full_disks.one_log, None),
    "rotated logs fill the disk": (full_disks.rotated_logs, None),
    "crash reports take every inode": (full_disks.many_files, 12_000),
}


@pytest.mark.parametrize("name", FULL)
def test_a_full_disk_gets_room_again(name: str, lab_image: LoadImage, tmp_path: Path) -> None:
    started = time.monotonic()
    fill, inodes = FULL[name]
    image: Image = lab_image("debian12")
    with small_disk(image, inodes=inodes) as server:
        assert causes(rescue("inspect", server.path, home=tmp_path, status=0)) == []
        fill(server)
        full = server.manifest()

        inspected = rescue("inspect", server.path, home=tmp_path, status=3)
        assert causes(inspected) == ["disk-full"]
        assert server.manifest().differences(full, times=True) == set()

        fixed = rescue("fix", server.path, "--yes", home=tmp_path, status=0)
        said = {change["path"].lstrip("/") for change in fixed["changes"]}
        assert changed(server, full.differences) == said
        assert all(path.startswith(("var/log/", "var/cache/", "var/crash/")) for path in said)
        (server.path / "var/lib/written-again").write_bytes(b"x" * (1 << 20))
        (server.path / "var/lib/written-again").unlink()

        with running(server.path, image.key) as up:
            login = up.login()
            assert (login.status, login.output) == (0, "in\n"), f"{login}\n{up.said}"

        undone = rescue("undo", server.path, home=tmp_path, status=0)
        gone = {path.lstrip("/") for path in undone["not_restorable"]}
        assert changed(server, full.differences) <= gone
    note(name, inspected, "-", "yes", sorted(said), started)
