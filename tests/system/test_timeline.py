"""rescue timeline on real directories: documents, the page, sparse logs, a saved console, what a bundle takes along."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.remembering import ACCEPTED, EMERGENCY, LINUX, MACHINE, journal_of
from tests.schemas import held
from tests.system.test_bad_input import plant

pytestmark = [pytest.mark.system, pytest.mark.skipif(os.geteuid() != 0, reason="owners need root")]

REPOSITORY = Path(__file__).resolve().parents[2]
AUTH = (
    f"2026-11-29T10:00:00Z server sshd[9]: {ACCEPTED}\n"
    "2026-11-29T10:05:00Z server sudo:  alice : PWD=/ ; USER=root ; COMMAND=/usr/sbin/ufw enable\n"
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = tmp_path / "server"
    made.mkdir()
    plant(made)
    logs = made / "var/log"
    logs.mkdir(parents=True, exist_ok=True)
    (logs / "auth.log").write_text(AUTH)
    return made


def ran(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "rescue", *map(str, words)], stdin=subprocess.DEVNULL, capture_output=True, text=True,
        check=False, timeout=240, env=dict(os.environ, PYTHONPATH=str(REPOSITORY)),
    )  # fmt: skip


def document(verb: str, *words: str | Path) -> dict[str, Any]:
    made = json.loads(ran(verb, *words, "--json").stdout)
    assert isinstance(made, dict)
    return held(made, verb)


def test_the_story_as_a_document_and_as_a_page(root: Path, tmp_path: Path) -> None:
    told = document("timeline", root)
    assert (told["last_login"]["user"], told["last_login"]["from"]) == ("alice", "203.0.113.7")
    rows = [row for row in told["rows"] if row["kind"] != "file changed"]
    assert [row["what"] for row in rows] == ["alice ran: /usr/sbin/ufw enable"]
    page = tmp_path / "story.html"
    done = ran("timeline", root, "--html", page)
    assert (done.returncode, "ufw enable" in done.stdout) == (0, True)
    assert "<svg" in page.read_text()
    # An inspection tells the same in few lines, and judges for everybody.
    told = document("inspect", root)
    assert told["last_login"]["user"] == "alice"
    assert told["client"]["from"] == []


def test_sparse_and_broken_logs_are_bounded_and_said(root: Path) -> None:
    journal = root / "var/log/journal" / MACHINE / "system.journal"
    journal.parent.mkdir(parents=True)
    for path in (journal, root / "var/log/kern.log", root / "var/log/lastlog", root / "var/log/btmp"):
        with path.open("wb") as stream:
            stream.truncate(50 << 30)
    (root / "var/log/wtmp").write_bytes(os.urandom(384 * 40))
    (root / "var/log/syslog.1.gz").write_bytes(gzip.compress(bytes(64 << 20)))
    (journal.parent / "system@1-2-3.journal").write_bytes(journal_of(EMERGENCY)[:900] + os.urandom(5000))
    (root / "var/lib/wtmpdb").mkdir(parents=True)
    (root / "var/lib/wtmpdb/wtmp.db").write_bytes(b"SQLite format 3\0" + os.urandom(9000))
    (root / "var/log/messages").symlink_to("/dev/zero")
    os.mkfifo(root / "var/log/secure")
    told = document("timeline", root)
    assert sorted(each.partition(" was not read")[0] for each in told["unread"]) == [
        f"/var/log/journal/{MACHINE}/system.journal", "/var/log/kern.log",
        "/var/log/messages is not a file that can be read", "/var/log/secure is not a file that can be read",
    ]  # fmt: skip
    assert told["last_login"]["user"] == "alice"
    assert "Traceback" not in ran("inspect", root).stderr


def test_a_saved_console_is_evidence(root: Path, tmp_path: Path) -> None:
    for path in root.rglob("*"):
        os.utime(path, (1_700_000_000, 1_700_000_000), follow_symlinks=False)
    console = tmp_path / "console.txt"
    console.write_text(f"[    0.0] {LINUX}\r\nYou are in emergency mode. After logging in, ...\r\n")
    told = document("inspect", root, "--console", console)
    assert told["last_boot"]["emergency"] is not None
    assert "last-boot-failed" in [each["cause"] for each in told["findings"]]
    missing = ran("inspect", root, "--console", tmp_path / "no")
    assert (missing.returncode, missing.stderr.count("\n")) == (2, 2)
    assert "--console" in missing.stderr


def test_a_bundle_takes_logins_along_only_when_asked(root: Path, tmp_path: Path) -> None:
    plain, full = tmp_path / "plain.bundle", tmp_path / "full.bundle"
    (root / "var/log/auth.log").write_text(
        AUTH
        + "2026-11-29T10:06:00Z server sudo:  alice : PWD=/ ; USER=root ; COMMAND=/bin/sh -c 'password=hunter2 x'\n"
        "2026-11-29T10:06:00Z server other: alice's private words\n"
    )
    assert ran("capture", root, "-o", plain).returncode == 0
    assert ran("capture", root, "-o", full, "--with-logs").returncode == 0
    assert document("timeline", plain)["last_login"] is None
    assert document("timeline", full)["last_login"]["from"] == "203.0.113.7"
    for bundle, there in ((plain, False), (full, True)):
        content = gzip.decompress(bundle.read_bytes())
        assert (b"203.0.113.7" in content, b"ufw enable" in content) == (there, there)
        assert b"hunter2" not in content
        assert b"private words" not in content
