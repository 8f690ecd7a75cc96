"""Every verb typed at a console of 80 columns, on a real directory: screens, documents, exit statuses."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import shutil
import struct
import subprocess
import sys
import termios
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.schemas import held
from tests.system.test_bad_input import plant

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(os.geteuid() != 0, reason="owners and a /run of its own need root"),
    pytest.mark.skipif(shutil.which("unshare") is None, reason="unshare(1) is not installed"),
]

REPOSITORY = Path(__file__).resolve().parents[2]
PATIENCE = 240
"""Seconds until a program that says nothing is given up: generous, nothing is measured."""
OWN_RUN = 'mount --bind "$0" /run && exec "$@"'
"""What is remembered of the last inspection lies in /run: each test has its own."""


@dataclass(frozen=True, slots=True)
class Console:
    """A machine's console: a server's root to work on, and a /run of its own."""

    server: Path
    run: Path

    def command(self, *words: str | Path) -> list[str]:
        program = [sys.executable, "-m", "rescue", *map(str, words)]
        return ["unshare", "--mount", "sh", "-c", OWN_RUN, str(self.run), *program]

    def script(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        """Without a terminal."""
        return subprocess.run(
            self.command(*words), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE,
            check=False, env=dict(os.environ, PYTHONPATH=str(REPOSITORY)),
        )  # fmt: skip

    def document(self, *words: str | Path) -> dict[str, Any]:
        done = self.script(*words, "--json")
        made = json.loads(done.stdout)
        assert isinstance(made, dict)
        return held(made, str(words[0]))

    def typed(
        self,
        *words: str | Path,
        answers: tuple[tuple[str, str], ...] = (),
        always: tuple[str, str] | None = None,
        ahead: str = "",
        term: str = "dumb",
    ) -> tuple[int, str]:
        """At a terminal of 80 columns: each answer is typed after its prompt, then `always` after each of its own.

        ahead: typed before the program has said a word. The exit status and the screen.
        """
        child, master = pty.fork()
        if child == 0:
            os.environ.update(TERM=term, PYTHONPATH=str(REPOSITORY), COLUMNS="80", LINES="25")
            command = self.command(*words)
            os.execvp(command[0], command)
        fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", 25, 80, 0, 0))
        os.write(master, ahead.encode())
        seen, after, waiting = b"", 0, list(answers)
        until = time.monotonic() + PATIENCE
        ended = False
        while not ended and time.monotonic() < until:
            asked = waiting[0] if waiting else always
            if asked and (at := seen.find(asked[0].encode(), after)) >= 0:
                after = at + len(asked[0])
                _wait_until_it_reads(child)
                os.write(master, asked[1].encode())
                del waiting[:1]
            if not select.select([master], [], [], 0.2)[0]:
                continue
            try:
                seen += os.read(master, 65536)
            except OSError:
                ended = True
        os.close(master)
        _, status = os.waitpid(child, 0)
        screen = seen.decode().replace("\r\r\n", "\n").replace("\r\n", "\n")
        assert not waiting, screen
        assert ended, f"it still waits for something: {screen}"
        assert "Traceback" not in screen
        return os.waitstatus_to_exitcode(status), screen


def _wait_until_it_reads(process: int) -> None:
    """Until it sleeps: a Ctrl-C between a prompt and the reading of its answer is heard with the next key only."""
    asleep, until = 0, time.monotonic() + PATIENCE
    while asleep < 3 and time.monotonic() < until:
        time.sleep(0.05)
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
        asleep = asleep + 1 if state == "S" else 0


@pytest.fixture
def console(tmp_path: Path) -> Console:
    """A healthy server at hand."""
    (tmp_path / "server").mkdir()
    (tmp_path / "run").mkdir()
    return Console(plant(tmp_path / "server"), tmp_path / "run")


def broken(console: Console) -> Console:
    """Two things broken: 1 sshd-config-error, 2 nologin."""
    (console.server / "etc/ssh/sshd_config").write_text("UsePAM yes\nPermitRootLogn prohibit-password\n")
    (console.server / "etc/nologin").write_text("closed\n")
    return console


MORE = "Enter shows more, Ctrl-C leaves:"
ASKED = "1-2: "
"""The prompt of a question with two answers."""
AGREED = "Type yes and Enter, or no: "
"""The prompt before anything is written."""
LEAVE, RESTORE = "no\n", "yes\n"
"""The answers to it."""


def test_a_healthy_server_has_no_fault_and_is_not_called_clear(console: Console) -> None:
    status, screen = console.typed("inspect", console.server)
    assert status == 3
    assert "Nothing wrong found" in screen
    assert "whether the machine boots completely" in screen
    assert "--key FILE" in screen


def test_no_line_is_wider_than_the_screen_nor_ends_in_blanks(console: Console) -> None:
    broken(console)
    for words in (["inspect", console.server], ["inspect", console.server, "--all"], ["explain"], ["--help"]):
        _, screen = console.typed(*words, always=(MORE, "\n"))
        screen = screen.replace(f"{MORE} ", MORE)
        wide = [line for line in screen.split("\n") if len(line) > 80 and str(console.server) not in line]
        assert wide == []
        assert [line for line in screen.split("\n") if line != line.rstrip()] == []


def test_each_finding_is_asked_for_and_the_whole_once_more(console: Console) -> None:
    broken(console)
    status, screen = console.typed(
        "fix", console.server, answers=(("1-3: ", "1\n"), (ASKED, "1\n"), ("Write this", ""), (AGREED, "yes\n"))
    )
    assert status == 3, screen
    assert "Nothing wrong is left that could be found." in screen
    assert "Now leave the rescue system" in screen
    assert not (console.server / "etc/nologin").exists()
    assert (console.server / "etc/ssh/sshd_config").read_text() == "UsePAM yes\nPermitRootLogin prohibit-password\n"


def test_what_is_left_stays_and_is_said(console: Console) -> None:
    broken(console)
    status, screen = console.typed(
        "fix", console.server, answers=(("1-3: ", "1\n"), (ASKED, "2\n"), ("Write this", ""), (AGREED, "yes\n"))
    )
    assert status == 3
    assert "Not mended:\n  nologin: its repair was not chosen" in screen
    assert f"rescue inspect {console.server}" in screen
    assert "Now leave the rescue system" not in screen
    assert (console.server / "etc/nologin").exists()


@pytest.mark.parametrize("word", ["", "y", "1", "yess", "ja"])
def test_nothing_but_the_word_yes_writes(console: Console, word: str) -> None:
    (console.server / "etc/nologin").write_text("closed\n")
    answers = ((ASKED, "1\n"), (AGREED, f"{word}\n"), ("The word yes goes on", ""), (AGREED, "\x03"))
    status, _ = console.typed("fix", console.server, answers=answers)
    assert status == 130
    assert (console.server / "etc/nologin").exists()
    assert not (console.server / "var/lib/rescue").exists()


@pytest.mark.parametrize("term", ["dumb", "linux"])
@pytest.mark.parametrize("keys", ["\r" * 40, "1\r" * 40, "1\r1\ryes\r", "yes\r" * 40, "1\ryes\r" * 20])
def test_keys_typed_while_the_program_works_approve_nothing(console: Console, term: str, keys: str) -> None:
    (console.server / "etc/nologin").write_text("closed\n")
    status, screen = console.typed(
        "fix", console.server, answers=(("What shall be done?", ""), ("", "\x03")), ahead=keys, term=term
    )
    assert status == 130, screen
    assert "Write this" not in screen
    assert (console.server / "etc/nologin").exists()
    assert not (console.server / "var/lib/rescue").exists()


@pytest.mark.parametrize("term", ["dumb", "linux"])
def test_keys_typed_before_the_last_question_write_nothing(console: Console, term: str) -> None:
    """The answer to the first question comes with what would be the next one's."""
    (console.server / "etc/nologin").write_text("closed\n")
    answers = (("What shall be done?", "1\ryes\ryes\r"), (AGREED, ""), ("", "\x03"))
    status, screen = console.typed("fix", console.server, answers=answers, term=term)
    assert status == 130, screen
    assert (console.server / "etc/nologin").exists()


def test_enter_alone_leaves_what_has_a_security_note(console: Console) -> None:
    (console.server / "etc/ssh/sshd_config").write_text("UsePAM yes\nPermitRootLogin no\n")
    status, screen = console.typed(
        "fix", console.server, "--user", "root", answers=(("What shall be done?", "\r"),), term="linux"
    )
    assert status == 3, screen
    assert "its repair was not chosen" in screen
    assert "PermitRootLogin no\n" in (console.server / "etc/ssh/sshd_config").read_text()


@pytest.mark.parametrize("key", ["\x03", "\x04"], ids=["ctrl-c", "ctrl-d"])
def test_leaving_a_question_changes_nothing(console: Console, key: str) -> None:
    broken(console)
    status, screen = console.typed("fix", console.server, answers=(("1-3: ", "1\n"), (ASKED, key)))
    assert status == 130
    assert "cancelled; nothing was changed" in screen
    assert (console.server / "etc/nologin").exists()
    assert not (console.server / "var/lib/rescue").exists()


def test_the_last_no_writes_nothing(console: Console) -> None:
    (console.server / "etc/nologin").write_text("closed\n")
    status, _ = console.typed("fix", console.server, answers=((ASKED, "1\n"), ("Write this", ""), (AGREED, "no\n")))
    assert status == 130
    assert (console.server / "etc/nologin").exists()


def test_a_number_alone_means_the_server_inspected_last_and_keeps_its_number(console: Console) -> None:
    broken(console)
    assert console.script("inspect", console.server).returncode == 3
    status, screen = console.typed("fix", "2", answers=((ASKED, "1\n"), ("Write this", ""), (AGREED, "yes\n")))
    assert status == 3
    assert f"the target inspected last: {console.server}" in screen
    assert "\n2. nologin" in screen
    assert "\n1. sshd-config-error" not in screen
    assert not (console.server / "etc/nologin").exists()
    assert "Logn" in (console.server / "etc/ssh/sshd_config").read_text()


@pytest.mark.parametrize("words", [["2"], ["nologin"], ["--only", "nologin"], ["--only", "2"], ["NoLogin"]])
def test_what_is_named_is_repaired_alone(console: Console, words: list[str]) -> None:
    broken(console)
    made = console.document("fix", console.server, *words, "--yes")
    assert made["applied"] is True
    assert [each["cause"] for each in made["repairs"]] == ["nologin"]
    assert "Logn" in (console.server / "etc/ssh/sshd_config").read_text()


def test_a_dry_run_shows_all_and_writes_nothing(console: Console) -> None:
    broken(console)
    done = console.script("fix", console.server, "--dry-run")
    assert done.returncode == 3
    assert "-PermitRootLogn" in done.stdout
    assert done.stdout.endswith("Nothing was written (--dry-run).\n")
    assert (console.server / "etc/nologin").exists()
    assert not (console.server / "var/lib/rescue").exists()


def test_a_document_is_never_mixed_with_questions(console: Console) -> None:
    broken(console)
    status, screen = console.typed("fix", console.server, "--json")
    assert status == 2
    assert "--json asks nothing" in screen
    assert (console.server / "etc/nologin").exists()


def test_a_command_that_is_none_is_a_document_too(console: Console) -> None:
    assert console.document("inspect", "--usr", "bob")["error"] == {
        "message": "rescue inspect has no option '--usr'",
        "hint": "Did you mean --user?",
        "status": 2,
    }


def test_the_keys_of_the_documents(console: Console) -> None:
    broken(console)
    inspected = [
        "schema", "version", "time", "target", "hostname", "release", "client", "verdict", "symptom", "path",
        "findings", "users", "last_login", "last_boot", "since_last_login", "next",
    ]  # fmt: skip
    made = console.document("inspect", console.server)
    assert list(made) == inspected
    assert list(made["findings"][0]) == [
        "number", "cause", "subject", "step", "severity", "message", "reason", "seen", "symptom", "words", "locations",
        "repairs",
    ]  # fmt: skip
    fixed = console.document("fix", console.server, "--yes")
    assert list(fixed) == [*inspected, "repairs", "changes", "left", "applied", "journal", "after"]
    assert list(fixed["after"]) == inspected
    assert list(console.document("history", console.server)) == ["schema", "fixes"]
    assert list(console.document("undo", console.server, "--dry-run")) == [
        "schema", "id", "undone", "changes", "damaged",
    ]  # fmt: skip
    assert list(console.document("undo", console.server, "--yes")) == [
        "schema", "id", "undone", "restored", "not_restorable", "kept", "journal", "damaged",
    ]  # fmt: skip
    assert list(console.document("space", console.server)) == [
        "schema", "filesystem", "complete", "directories", "files", "could_go", "filesystems",
    ]  # fmt: skip
    assert list(console.document("disks")) == ["schema", "disks"]
    assert list(console.document("explain")) == ["schema", "causes", "evidence", "pages"]
    assert list(console.document("explain", "nologin")) == ["schema", "cause", "manual", "by_hand"]


def test_a_document_says_what_to_type_next(console: Console) -> None:
    broken(console)
    server = str(console.server)
    assert console.document("inspect", server, "--user", "alice")["next"] == [
        f"rescue fix {server} --user alice",
        "rescue explain sshd-config-error",
    ]
    fixed = console.document("fix", server, "--yes", "--only", "nologin")
    assert fixed["next"] == [f"rescue inspect {server}", f"rescue undo {server}"]
    assert fixed["after"]["next"] == [f"rescue fix {server}", "rescue explain sshd-config-error"]
    dry = console.document("fix", server, "--dry-run")
    assert dry["next"] == [f"rescue fix {server}", "rescue explain sshd-config-error"]
    assert dry["after"]["next"] == []


def test_history_and_undo_mean_the_same_server_without_its_name(console: Console) -> None:
    broken(console)
    before = (console.server / "etc/ssh/sshd_config").read_bytes()
    made = console.document("fix", console.server, "--yes")
    assert made["applied"] is True
    listed = console.script("history")
    assert listed.returncode == 0
    assert f"{made['journal']}  done" in listed.stdout
    assert "remove      /etc/nologin" in listed.stdout
    tried = console.script("undo", "--dry-run")
    assert tried.stdout.endswith("Nothing was written (--dry-run).\n")
    assert not (console.server / "etc/nologin").exists()
    assert "+closed" in tried.stdout
    left, screen = console.typed("undo", answers=((AGREED, LEAVE),))
    assert left == 130
    assert "+closed" in screen
    assert not (console.server / "etc/nologin").exists()
    status, screen = console.typed("undo", answers=((AGREED, RESTORE),))
    assert status == 0
    assert "/etc/nologin" in screen.partition("Restored:")[2]
    assert (console.server / "etc/nologin").read_text() == "closed\n"
    assert (console.server / "etc/ssh/sshd_config").read_bytes() == before
    again = console.script("undo", "--yes")
    assert again.returncode == 5
    assert "nothing to undo" in again.stderr
    assert f"{made['journal']}  undone" in console.script("history").stdout


def test_undo_without_a_terminal_asks_nobody_and_restores_nothing(console: Console) -> None:
    broken(console)
    assert console.script("fix", console.server, "--yes").returncode == 3
    for words in ((), ("--json",)):
        refused = console.script("undo", console.server, *words)
        assert refused.returncode == 2
        assert "--yes" in refused.stderr
        assert "asks before it writes" in refused.stderr
        assert not (console.server / "etc/nologin").exists()
    assert console.script("undo", console.server, "--yes").returncode == 0
    assert (console.server / "etc/nologin").read_text() == "closed\n"


def test_a_damaged_record_is_named_by_history_undo_and_fix(console: Console) -> None:
    broken(console)
    first = console.document("fix", console.server, "--yes")["journal"]
    folder = console.server / f"var/lib/rescue/fixes/{first}"
    (folder / "record.json").write_bytes(b"")
    kept = {path.name: path.read_bytes() for path in (folder / "before").iterdir()}
    told = f"the record of fix {first} is damaged: it is empty"
    alone = console.script("undo", console.server, "--yes")
    assert alone.returncode == 5
    assert told in alone.stderr
    (console.server / "etc/nologin").write_text("again\n")
    fixed = console.script("fix", console.server, "--yes", "--json")
    assert fixed.returncode == 3
    assert told in fixed.stderr
    assert told in " ".join(console.script("history", console.server).stdout.split())
    tried = console.script("undo", console.server, "--dry-run")
    assert told in " ".join(tried.stdout.split())
    undone = console.script("undo", console.server, "--yes", "--json")
    assert undone.returncode == 0
    assert told in undone.stderr
    assert json.loads(undone.stdout)["damaged"] == [first]
    assert (console.server / "etc/nologin").read_text() == "again\n"
    assert {path.name: path.read_bytes() for path in (folder / "before").iterdir()} == kept


def test_a_journal_that_can_be_none_is_told_before_anything_is_looked_at(console: Console, tmp_path: Path) -> None:
    broken(console)
    (tmp_path / "file").write_text("x")
    (tmp_path / "lost").symlink_to("nowhere")
    cases = {"file": "is a file", "file/below": "is a file", "lost": "leads nowhere", "lost/below": "is a file"}
    for verb, yes in (("fix", ["--yes"]), ("undo", ["--yes"]), ("history", [])):
        for name, why in cases.items():
            refused = console.script(verb, console.server, *yes, "--journal", tmp_path / name)
            assert refused.returncode == 2, refused
            assert "--journal takes a directory" in refused.stderr
            assert why in refused.stderr
    for verb in ("undo", "history"):
        mistyped = console.script(verb, console.server, "--journal", tmp_path / "mistyped")
        assert mistyped.returncode == 2
        assert "is not there" in mistyped.stderr
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    assert console.script("fix", console.server, "--yes", "--journal", tmp_path / "link").returncode == 3
    assert console.script("undo", console.server, "--yes", "--journal", tmp_path / "real").returncode == 0
    assert (console.server / "etc/nologin").exists()


@pytest.mark.parametrize("verb", ["fix", "undo"])
def test_without_a_target_and_nothing_remembered_the_next_step_is_said(console: Console, verb: str) -> None:
    done = console.script(verb, *(["--yes"] if verb == "fix" else []))
    assert done.returncode == 2
    assert f"rescue {verb}" in done.stderr
    assert "TARGET" not in done.stderr
    # As it was started.
    assert f"{sys.executable} -m rescue {verb}" in done.stderr


def test_a_manual_is_shown_a_screen_at_a_time(console: Console) -> None:
    status, screen = console.typed("explain", "sshd-allow-deny", answers=((MORE, "\n"),))
    assert status == 0
    first, _, rest = screen.partition(MORE)
    assert first.count("\n") <= 24
    assert "Symptom:" in first
    assert "allowed_user in auth.c" in rest
    left, screen = console.typed("explain", "sshd-allow-deny", answers=((MORE, "\x03"),))
    assert left == 0
    assert "allowed_user in auth.c" not in screen
    assert MORE not in console.script("explain", "sshd-allow-deny").stdout


def test_space_lists_what_is_large(console: Console) -> None:
    (console.server / "var/large file").write_bytes(b"x" * (3 << 20))
    status, screen = console.typed("space", console.server)
    assert status == 0
    assert "3 MiB  /var/large file" in screen


def test_disks_tells_what_to_do_next(console: Console) -> None:
    status, screen = console.typed("disks")
    assert status == 0
    assert "rescue inspect" in screen


def test_the_page_is_written_and_a_wrong_place_is_a_usage_error(console: Console, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    done = console.script("inspect", console.server, "--html", page)
    assert (done.returncode, f"the report is in {page}" in done.stderr) == (3, True)
    assert "The path to a login" in page.read_text()
    lost = console.script("inspect", console.server, "--html", tmp_path / "nowhere" / "report.html")
    assert lost.returncode == 2
    assert "directory that is there" in lost.stderr


def test_the_page_of_a_fix_says_how_to_take_it_back(console: Console, tmp_path: Path) -> None:
    (console.server / "etc/nologin").touch()
    page = tmp_path / "fix.html"
    tried = console.script("fix", console.server, "--dry-run", "--html", page)
    assert (tried.returncode, (console.server / "etc/nologin").exists()) == (3, True)
    assert "Nothing was written: these are the changes" in page.read_text()
    console.script("fix", console.server, "--yes", "--html", page)
    assert f"rescue undo {console.server}" in page.read_text()
    assert "remove /etc/nologin" in page.read_text()


def test_a_path_with_blanks_is_quoted_in_the_commands_proposed(console: Console, tmp_path: Path) -> None:
    (console.server / "etc/nologin").touch()
    spaced = tmp_path / "my server"
    console.server.rename(spaced)
    assert f"rescue fix '{spaced}' --user alice\n" in console.script("inspect", spaced, "--user", "alice").stdout


MENU = "1-8: "


def test_the_guided_way_inspects_repairs_lists_and_takes_back(console: Console) -> None:
    (console.server / "etc/nologin").write_text("closed\n")
    others = sum(len(each["commands"]) for each in console.document("disks")["disks"] if not each["is_own"])
    target = (f"1-{others + 2}: ", f"{others + 2}\n")
    status, screen = console.typed(
        answers=(
            target,
            ("Path: ", "/nowhere\n"),
            ("is not there", ""),
            target,
            ("Path: ", f"{console.server}\n"),
            (MENU, "4\n"),
            ("nothing to undo", ""),
            (MENU, "2\n"),
            ("users with keys): ", "\n"),
            ("any): ", "my house\n"),
            ("not checked): ", "\n"),
            ("--from takes an address", ""),
            (MENU, "3\n"),
            ("list them)? ", "nologins\n"),
            ("Did you mean nologin or shell-nologin?", ""),
            (MENU, "1\n"),
            (ASKED, "1\n"),
            ("Write this", ""),
            (AGREED, "yes\n"),
            ("Recorded as", ""),
            (MENU, "5\n"),
            ("  done", ""),
            (MENU, "4\n"),
            (AGREED, RESTORE),
            ("was undone", ""),
            (MENU, "7\n"),
            ("so that someone else can diagnose", ""),
            ("1-5: ", "1\n"),
            ("IPv4", ""),
            (MENU, "7\n"),
            ("1-5: ", "q\n"),
            (MENU, "0\n"),
        )
    )
    assert status == 3, screen
    assert (console.server / "etc/nologin").read_text() == "closed\n"


def test_leaving_the_guided_way_at_once(console: Console) -> None:
    status, screen = console.typed(answers=(("Which server?", "\x04"),))
    assert status == 130
    assert "cancelled; nothing was changed" in screen
