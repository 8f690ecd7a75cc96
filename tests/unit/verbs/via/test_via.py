"""What is handed over to another machine, which file is sent, and what ssh's own words mean."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from rescue import cli
from rescue.errors import UsageError
from rescue.verbs.via.connection import answers, checked, explained, shell_command
from rescue.verbs.via.errors import ViaError
from rescue.verbs.via.handed_over import HandedOver, handed_over
from rescue.verbs.via.other_side import Side
from rescue.verbs.via.program_file import ProgramFile, program_for, read, zip_of_this

pytestmark = pytest.mark.unit

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB4ZW1Wj1bKXcVZkyZPV0LrCj1CvDd0zYdNvTbGGnX1M"
RUN = b"#!/bin/sh\n# rescue 0.1 for %s: finds out\n"


def over(*words: str) -> HandedOver:
    """Of a command line with one "--" at most."""
    options = cli._parsed(words)
    return handed_over(options.words, [], options)


def side(machine: str = "x86_64", python: str = "") -> Side:
    return Side("root@h", "Linux", machine, python, "203.0.113.7")


@pytest.mark.parametrize(
    ("words", "left", "named"),
    [
        (["--via", "root@h", "inspect", "T"], ["inspect", "T"], {"--via": "root@h"}),
        (["inspect", "T", "--via=root@h"], ["inspect", "T"], {"--via": "root@h"}),
        (["--via", "h", "--via-file", "f", "disks"], ["disks"], {"--via": "h", "--via-file": "f"}),
        (["--via", "h"], [], {"--via": "h"}),
        (["shell", "T", "--", "x", "--via", "h"], ["shell", "T", "--", "x", "--via", "h"], {}),
    ],
)
def test_via_is_taken_out_of_the_command_line(words: list[str], left: list[str], named: dict[str, str]) -> None:
    assert cli._via(words) == (left, named)


@pytest.mark.parametrize(
    "words", [["--via"], ["--via="], ["--via", "a", "--via", "b"], ["--via-file", "f", "inspect"]], ids=" ".join
)
def test_via_without_its_word_is_a_usage_error(words: list[str]) -> None:
    with pytest.raises(UsageError):
        cli._via(words)


@pytest.mark.parametrize("host", ["", " ", "-oProxyCommand=x", "root@a b"])
def test_a_host_that_ssh_would_take_for_something_else(host: str) -> None:
    with pytest.raises(UsageError):
        checked(host)


def test_a_usage_error_needs_no_connection(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--via", "root@h", "inspect", "--usr", "x"]) == 2
    assert cli.main(["--via", "-x", "inspect"]) == 2
    assert cli.main(["--via", "root@h", "inspect", "--key", "/nonexistent.pub"]) == 2
    assert "Did you mean --user?" in capsys.readouterr().err


def test_keys_go_as_their_lines(tmp_path: Path) -> None:
    file = tmp_path / "me.pub"
    file.write_text(f"{KEY} me@laptop\n")
    assert over("inspect", "T", "--key", str(file), "--json").command("", "") == [
        "inspect", f"--key={KEY} me@laptop", "--json", "--", "T",
    ]  # fmt: skip
    assert over("fix", f"--add-key={file}", "T").command("", "") == ["fix", f"--add-key={KEY} me@laptop", "--", "T"]
    assert over("inspect", "--key", KEY, "--", "--key=x").command("", "") == [
        "inspect", f"--key={KEY}", "--", "--key=x",
    ]  # fmt: skip


def test_results_get_a_place_there(tmp_path: Path) -> None:
    page, bundle = str(tmp_path / "page.html"), str(tmp_path / "x.bundle")
    made = over("inspect", "--html", page, "T")
    assert made.command("/run/r", "") == ["inspect", "--html=/run/r/report.html", "--", "T"]
    for words in (["-o", bundle], [f"-o{bundle}"], ["--output", bundle]):
        made = over("capture", "T", *words)
        assert made.command("/run/r", "") == ["capture", "--output=/run/r/server.bundle", "--", "T"]
        assert made.fetch("/run/r", ["server.bundle", "other"], lambda there, here: None) == [Path(bundle)]
        assert made.fetch("/run/r", [], lambda there, here: None) == []


def test_a_bundle_that_is_named_there_gets_a_name_of_its_own_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    made = over("capture", "T")
    assert made.writes
    names = ["../x.bundle", ".x.bundle", "a/b.bundle", "x.txt", "web1.bundle"]
    assert made.fetch("/r", names, lambda there, here: here.touch()) == [Path("web1.bundle")]
    assert made.fetch("/r", names, lambda there, here: here.touch()) == [Path("web1-2.bundle")]
    assert made.fetch("/r", names, lambda there, here: here.touch()) == [Path("web1-3.bundle")]
    assert made.fetch("/r", names[:4], lambda there, here: here.touch()) == []


def test_what_can_not_be_written_here_is_said_before(tmp_path: Path) -> None:
    (tmp_path / "there").touch()
    for words in (["capture", "-o", str(tmp_path / "there")], ["inspect", "--html", str(tmp_path / "no/page.html")]):
        with pytest.raises(UsageError):
            over(*words)


def test_a_saved_console_is_read_here(tmp_path: Path) -> None:
    file = tmp_path / "console.txt"
    file.write_text("[ 0.0] Linux\n")
    made = over("inspect", "--console", str(file), "T")
    assert made.console == b"[ 0.0] Linux\n"
    assert made.command("", "/run/x.console") == ["inspect", "--console=/run/x.console", "--", "T"]


def test_the_servers_own_command_stays_as_it_is() -> None:
    options = cli._parsed(["shell", "T", "--read-only"])
    made = handed_over(options.words, ["ls", "--", "-o"], options)
    assert made.command("", "") == ["shell", "--read-only", "T", "--", "ls", "--", "-o"]


def test_the_guided_way_has_no_words() -> None:
    assert handed_over([], [], cli._parsed(["disks"])).command("", "") == []


def test_a_file_for_another_machine_or_python_is_refused(tmp_path: Path) -> None:
    arm, zipped = tmp_path / "arm.run", tmp_path / "rescue.pyz"
    arm.write_bytes(RUN % b"aarch64")
    zipped.write_bytes(b"#!/usr/bin/env python3\n" + _zip("__main__.py", "rescue/cli.py"))
    assert program_for(side("arm64"), str(arm)).words("/run/f") == ["sh", "/run/f"]
    with pytest.raises(ViaError, match=r"arm\.run is for aarch64, and root@h is x86_64"):
        program_for(side(), str(arm))
    assert program_for(side(python="3.13.5"), str(zipped)).words("/run/f") == ["python3", "/run/f"]
    for python in ("3.9.2", "", "2.7.18", "x"):
        with pytest.raises(ViaError, match=r"rescue\.pyz needs Python 3\.11 or newer"):
            program_for(side(python=python), str(zipped))


@pytest.mark.parametrize(
    "data",
    [b"", b"#!/bin/sh\necho\n", b"\x7fELF", b"PK\x03\x04 cut off", b"# rescue 0.1 for x86_64:\n"],
)
def test_other_files_are_never_sent(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "file"
    file.write_bytes(data)
    with pytest.raises(UsageError):
        read(file)


def test_a_zip_of_something_else_is_never_sent(tmp_path: Path) -> None:
    file = tmp_path / "file.pyz"
    file.write_bytes(_zip("__main__.py", "other/cli.py"))
    with pytest.raises(UsageError, match="holds another program"):
        read(file)


def test_the_release_file_beside_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from rescue.version import __version__

    started = tmp_path / f"rescue-{__version__}-x86_64.run"
    started.write_bytes(RUN % b"x86_64")
    other = tmp_path / f"rescue-{__version__}-aarch64.run"
    other.write_bytes(RUN % b"aarch64")
    monkeypatch.setenv("RESCUE_STARTED_AS", str(started))
    assert program_for(side(python="3.12.1"), None).name == started.name
    assert program_for(side("aarch64"), None).name == other.name


def test_a_zip_of_this_program_is_the_same_each_time_and_starts(tmp_path: Path) -> None:
    made = zip_of_this()
    assert made is not None
    assert made == zip_of_this()
    file = tmp_path / "rescue.pyz"
    file.write_bytes(made)
    assert read(file) == ProgramFile("rescue.pyz", made, "pyz")
    ended = subprocess.run(
        [sys.executable, "-I", "-S", str(file), "explain", "nologin"], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert "/etc/nologin" in ended.stdout


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nHost key verification failed.\n", "another host key"),
        ("No RSA host key is known for h.\nHost key verification failed.\n", "another host key"),
        ("root@h: Permission denied (publickey,password).\n", "a password or key of its own"),
        ("ssh: connect to host h port 22: Connection refused\n", "Try it by itself: ssh h"),
        ("", "Try it by itself: ssh h"),
    ],
)
def test_what_ssh_says_is_explained(said: str, told: str) -> None:
    problem = explained("root@h", said)
    assert told in problem.hint
    assert problem.status == 4


def test_what_ssh_says_can_not_control_the_terminal() -> None:
    assert "\x1b" not in explained("root@h", "ssh: \x1b[2Jbad\n").message


def test_what_a_login_shell_prints_before_is_no_answer() -> None:
    assert answers("Welcome!\nvia: nothing\nvia:machine=x86_64\r\nvia:tried=a\nvia:tried=b\n") == {
        "machine": ["x86_64"], "tried": ["a", "b"],
    }  # fmt: skip


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_words_reach_the_script_as_they_are(shell: str) -> None:
    words = ["it's", "a b", "$HOME", "`id`", "*", 'x"y', "back\\slash", ""]
    script = "printf '[%s]\\n' \"$@\""
    ended = subprocess.run([shell, "-c", shell_command(script, *words)], capture_output=True, text=True, check=True)
    assert ended.stdout == "".join(f"[{word}]\n" for word in words)


def _zip(*names: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name in names:
            archive.writestr(name, "")
    return stream.getvalue()
