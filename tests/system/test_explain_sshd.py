"""``rescue explain sshd`` as a person types it: on real files, sound and broken."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from tests.system.test_bad_input import plant, run

pytestmark = [pytest.mark.system, pytest.mark.skipif(os.geteuid() != 0, reason="owners need root")]

MAIN = "etc/ssh/sshd_config"


@pytest.fixture
def server(tmp_path: Path) -> Path:
    (tmp_path / "server").mkdir()
    return plant(tmp_path / "server")


def test_the_line_that_decides_is_shown_for_the_connection(server: Path) -> None:
    with (server / MAIN).open("a") as stream:
        stream.write("Match User alice Address 203.0.113.0/24\n    X11Forwarding no\n")
    done = run("explain", "sshd", server, "--user", "alice", "--from", "203.0.113.7")
    assert done.returncode == 0, done.stderr
    said = " ".join(done.stdout.split())
    assert "in the block Match User alice Address 203.0.113.0/24 (/etc/ssh/sshd_config:13)" in said
    told = json.loads(run("explain", "sshd", server, "--user", "alice", "--from", "192.0.2.1", "--json").stdout)
    x11 = next(each for each in told["settings"] if each["keyword"] == "X11Forwarding")
    assert [value["location"]["line"] for value in x11["values"]] == [9]


def test_what_is_asked_wrongly_is_a_usage_error(tmp_path: Path) -> None:
    assert run("explain", "sshd", "--from", "here").returncode == 2
    assert run("explain", "path", tmp_path).returncode == 2
    assert run("explain", "sshd", tmp_path / "nothing").returncode == 4
    assert run("explain", "sshd", tmp_path, "--from", "192.0.2.1", "--from", "192.0.2.2").returncode == 2


def _circle(root: Path) -> None:
    (root / MAIN).write_text("Include /etc/ssh/a.conf\n")
    (root / "etc/ssh/a.conf").write_text("Include /etc/ssh/a.conf /etc/ssh/a.conf\n")


def _blocks(root: Path) -> None:
    lines = (f"Match User user{number}\n  X11Forwarding no\n" for number in range(10_000))
    (root / MAIN).write_text("UsePAM yes\n" + "".join(lines))


def _huge(root: Path) -> None:
    with (root / MAIN).open("a") as stream:
        stream.truncate(50 << 20)


def _large(root: Path) -> None:
    (root / MAIN).write_text("# a comment of some length\n" * 38_000)


def _junk(root: Path) -> None:
    (root / MAIN).write_bytes(bytes(range(256)) * 400)


def _long(root: Path) -> None:
    (root / MAIN).write_text("AllowUsers " + "x" * 200_000 + "\n")


BAD = {"circle": _circle, "blocks": _blocks, "huge": _huge, "large": _large, "junk": _junk, "long": _long}


@pytest.mark.parametrize("kind", BAD)
def test_a_configuration_made_to_hang_it_ends_with_a_word(server: Path, kind: str) -> None:
    BAD[kind](server)
    started = time.monotonic()
    done = run("explain", "sshd", server, "--user", "alice")
    unread = kind in ("huge", "long")
    assert done.returncode in ((4,) if unread else (0, 3)), done.stderr
    assert "\x1b" not in done.stdout
    print(f"{kind}: {time.monotonic() - started:.1f} s")
    if unread:
        assert "/etc/ssh/sshd_config could not be read" in done.stderr


@pytest.mark.parametrize("kind", ["blocks", "huge"])
def test_it_is_a_finding_or_none(server: Path, kind: str) -> None:
    BAD[kind](server)
    done = run("inspect", server)
    assert done.returncode == 3, done.stderr
    assert kind != "huge" or "/etc/ssh/sshd_config could not be read" in " ".join(done.stdout.split())
