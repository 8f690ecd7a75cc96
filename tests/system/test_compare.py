"""rescue diff and rescue blame on real directories, one of them with a mistake among an upgrade's changes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.system.test_bad_input import plant
from tests.system.test_timeline import document, ran

pytestmark = [pytest.mark.system, pytest.mark.skipif(os.geteuid() != 0, reason="owners need root")]


@pytest.fixture
def servers(tmp_path: Path) -> tuple[Path, Path]:
    """The server before, and after an upgrade in which somebody also changed the port."""
    old, new = tmp_path / "old", tmp_path / "new"
    for made in (old, new):
        made.mkdir()
        plant(made)
        (made / "etc/default").mkdir(exist_ok=True, parents=True)
        for number in range(100):
            (made / f"etc/default/package{number}").write_text(f"version={number if made is old else number + 1}\n")
    path = new / "etc/ssh/sshd_config"
    path.write_text("# new default\n" + path.read_text() + "# more\nDenyUsers *\nMaxAuthTries 6\n")
    return old, new


def test_the_line_is_blamed_and_both_stay_as_they_are(servers: tuple[Path, Path]) -> None:
    old, new = servers
    told = document("blame", old, new)
    blamed = [each for each in told["blamed"] if each["cause"] == "sshd-allow-deny"]
    assert sorted(each["subject"] for each in blamed) == ["alice", "root"]
    for each in blamed:
        assert each["changed"] > 100
        [change] = each["changes"]
        assert [line for line in change["diff"] if line[:1] in "+-"][2:] == ["+DenyUsers *"]
    assert not (new / "var/lib/rescue").exists()


def test_who_lost_access_is_told(servers: tuple[Path, Path]) -> None:
    old, new = servers
    told = document("diff", old, new)
    assert told["lost"]
    assert all("sshd-allow-deny" in each["causes"] for each in told["users"] if each["lost"])
    back = ran("diff", new, old)
    assert back.returncode == 0
    assert "rescue blame" not in back.stdout
    same = ran("diff", old, old)
    assert (same.returncode, "Nobody gained" in same.stdout) == (0, True)


def test_what_is_missing_is_said(servers: tuple[Path, Path], tmp_path: Path) -> None:
    assert ran("diff", servers[0]).returncode == 2
    assert ran("blame", servers[0], tmp_path / "none").returncode == 4


def test_one_target_is_compared_with_its_own_backups(servers: tuple[Path, Path]) -> None:
    old, new = servers
    backup = new / "etc/ssh/sshd_config.bak"
    backup.write_bytes((old / "etc/ssh/sshd_config").read_bytes())
    told = document("blame", new)
    assert {each["cause"] for each in told["blamed"]} == {"sshd-allow-deny"}
    (new / "etc/nologin").write_text("closed\n")
    shown = ran("blame", new)
    assert shown.returncode == 3
    assert "+DenyUsers *" in shown.stdout
    assert "No backup explains: nologin" in shown.stdout
    assert ran("blame", old).returncode == 0
