"""The command line: words in any order, near misses named, and never more than a usage error."""

from __future__ import annotations

import random
import re
import shlex
import sys
from pathlib import Path

import pytest

from rescue import __version__, cli
from rescue.cli import main, parser
from rescue.errors import UsageError
from rescue.text.numbers import natural
from rescue.ui import program
from rescue.ui.program import VERBS, as_started, complete, spelled

pytestmark = pytest.mark.unit

LONG = "9" * 5000


def parsed(*words: str) -> dict[str, object]:
    return vars(cli._parsed(words))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["fix", "T", "--user", "alice", "1"], {"what": ["T", "1"], "user": "alice"}),
        (["fix", "--yes", "T", "1", "--only", "x", "2"], {"what": ["T", "1", "2"], "only": ["x"], "yes": True}),
        (["undo", "T", "--quiet", "ID"], {"target": "T", "id": "ID", "quiet": True}),
        (["undo", "--journal", "J", "T", "--quiet", "ID"], {"target": "T", "id": "ID", "journal": "J"}),
        (["explain", "sshd", "--user", "alice", "T"], {"cause": "sshd", "target": "T", "user": "alice"}),
        (["mount", "T", "--read-only", "DIR"], {"target": "T", "dir": "DIR", "read_only": True}),
        (["inspect", "--user=bob", "T", "--json"], {"target": "T", "user": "bob", "json": True}),
        (["inspect", "T", "--from", "::1", "--from", "::2"], {"target": "T", "sources": ["::1", "::2"]}),
        (["disks", "a", "--json", "b", "--root", "c", "d"], {"what": ["a", "b", "d"], "root": "c"}),
        (["lab", "start", "--with", "qemu", "NAME"], {"action": "start", "scenario": "NAME", "way": "qemu"}),
        (["lab", "--random", "start"], {"action": "start", "random": True}),
        (["capture", "T", "-o", "F"], {"target": "T", "output": "F"}),
        (["capture", "-oF", "T"], {"target": "T", "output": "F"}),
        (["inspect", "--user", "-strange", "T"], {"target": "T", "user": "-strange"}),
        (["inspect", "--json", "--", "-strange"], {"target": "-strange", "json": True}),
        (["inspect", "--", "--json"], {"target": "--json", "json": False}),
        (["--json", "--quiet", "inspect", "T"], {"verb": "inspect", "target": "T", "json": True, "quiet": True}),
        (["inspect"], {"target": None}),
        (["--version"], {"verb": "version"}),
    ],
)
def test_words_may_come_in_any_order(words: list[str], expected: dict[str, object]) -> None:
    found = parsed(*words)
    assert {name: found[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("words", "said", "hint"),
    [
        (["inpsect", "/"], "no command 'inpsect'", "Did you mean inspect?"),
        (["FIX", "/"], "no command 'FIX'", "Did you mean fix?"),
        (["unmount"], "no command 'unmount'", "Did you mean umount?"),
        (["repair", "/"], "no command 'repair'", "Did you mean fix?"),
        (["/dev/vda"], "no command '/dev/vda'", "rescue inspect /dev/vda"),
        (["zzz"], "no command 'zzz'", "rescue help"),
        (["help", "inspec"], "no command 'inspec'", "Did you mean inspect?"),
        (["--user", "x", "inspect"], "the command comes first", "rescue inspect"),
        (["inspect", "/", "--usr", "x"], "no option '--usr'", "Did you mean --user?"),
        (["fix", "--unsave"], "no option '--unsave'", "Did you mean --unsafe"),
        (["fix", "-y"], "no option '-y'", "--help"),
        (["inspect", "--user"], "--user: expected one argument", "--help"),
        (["inspect", "--user", ""], "--user: the name is empty", "--help"),
        (["inspect", "--user", "--json"], "--user: expected one argument", "--help"),
        (["inspect", "a", "b"], "unrecognized arguments: b", "--help"),
        (["inspect", "--backend", "kernal"], "--backend is one of auto, kernel, guestfs", "Did you mean kernel?"),
        (["lab", "strt"], "ACTION is one of list, start", "Did you mean start?"),
        (["inspect", "--port", "ssh"], "--port: a number from 1 to 65535, not 'ssh'", "--help"),
    ],
)
def test_what_is_wrong_is_said_with_what_may_be_meant(words: list[str], said: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        parsed(*words)
    assert said in str(caught.value)
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    "words", [["inspect", "/", "-h"], ["-h", "inspect"], ["help", "inspect"], ["--help", "inspect", "x"]]
)
def test_help_of_a_command_is_had_anywhere(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 0
    assert capsys.readouterr().out.startswith("usage: rescue inspect ")


@pytest.mark.parametrize("words", [["help"], ["-h"], ["--help"], ["help", "help"], ["help", "-h"]])
def test_help_alone_lists_the_commands(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 0
    shown = capsys.readouterr().out
    columns = [line[4:20] for line in shown.split("\n") if line.startswith("    ")]
    assert {verb.strip() for column in columns for verb in column.split(",")} == set(VERBS)


@pytest.mark.parametrize("verb", ["", *VERBS])
def test_the_help_of_every_command_fits_a_screen_and_begins_with_examples(
    verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*([verb] if verb else []), "--help"]) == 0
    lines = capsys.readouterr().out.rstrip("\n").split("\n")
    # A console of 25 lines: the last one is the shell's prompt.
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80
    examples = [line.split("   ")[0] for each in lines if (line := each.strip()).startswith("rescue ")]
    assert [each for each in lines if each.startswith("--")] == [] or examples
    for each in examples:
        words = shlex.split(each)[1:]
        parsed(*words[: words.index("--")] if "--" in words else words)
    known = {name for action in cli.parser()._actions for name in action.option_strings}
    if verb:
        choices = next(action for action in cli.parser()._actions if action.dest == "verb").choices
        assert choices is not None
        known |= set(dict(choices)[verb]._option_string_actions)
    said = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", "\n".join(lines)))
    assert said - known - {"--help", "--verbose"} == set()


def test_everything_is_in_the_long_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fix", "--help", "--verbose"]) == 0
    long = capsys.readouterr().out
    assert main(["help", "fix", "--verbose"]) == 0
    assert capsys.readouterr().out == long
    assert "--allow-backing" in long
    assert "exit status" in long


@pytest.mark.parametrize("words", [["version"], ["--version"]])
def test_the_version(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 0
    assert capsys.readouterr().out == f"rescue {__version__}\n"


def test_behind_two_dashes_nothing_is_an_option() -> None:
    assert parsed("undo", "T", "--", "-h")["id"] == "-h"


@pytest.mark.parametrize("words", [["inspect", "--port", LONG], ["firewall", "--port", LONG], ["fix", "/", LONG]])
def test_numbers_of_thousands_of_digits_are_no_fault_of_the_program(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    said = capsys.readouterr().err
    assert "fault of rescue" not in said
    assert len(said) < 400


@pytest.mark.parametrize(
    ("word", "number"),
    [
        ("7", 7),
        ("007", 7),
        ("0", 0),
        ("0" * 5000, 0),
        (LONG, None),
        ("-1", None),
        ("", None),
        ("\u0663", None),
        ("²", None),
    ],
)
def test_a_number_that_somebody_types(word: str, number: int | None) -> None:
    assert natural(word) == number


def test_the_words_of_proposed_commands_are_the_commands() -> None:
    verbs = next(action for action in parser()._actions if action.dest == "verb")
    assert list(verbs.choices or ()) == list(VERBS)


def test_random_words_are_parsed_or_refused() -> None:
    """Nothing else comes of them, whatever they are."""
    words = [
        *VERBS, "-h", "--", "-", "", " ", "--json", "--yes", "--user", "--user=", "--port", "22", LONG, "--only", "-o",
        "\x1b[2J", "a\nb", "\udcff", "--\u202e", "/", "sshd", "1", "--from", "start", "--with", "-x", "--=", "=",
        "---", "@/etc/passwd", "%s", "--jsn", "-ofile", "\u0663",
    ]  # fmt: skip
    chance = random.Random(11)
    hints = []
    for _ in range(500):
        try:
            cli._parsed([chance.choice(words) for _ in range(chance.randrange(1, 7))])
        except UsageError as problem:
            hints.append(problem.hint)
    assert 50 < len(hints) < 450
    assert all(hints)


# -- as the program was started --------------------------------------------------------------------------------------


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the program in it, in which we are, and that is not in PATH."""
    script = tmp_path / "bin" / "rescue"
    script.parent.mkdir()
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    (tmp_path / "rescue").mkdir()
    (tmp_path / "rescue" / "__main__.py").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "/nonexistent")
    return script


@pytest.mark.parametrize(
    ("started", "words", "expected"),
    [
        ("bin/rescue", ["python", "bin/rescue", "fix"], "bin/rescue"),
        ("rescue/__main__.py", ["python3", "-m", "rescue", "fix"], "python3 -m rescue"),
        ("rescue/__main__.py", ["/v env/python", "-X", "dev", "-m", "rescue"], "'/v env/python' -X dev -m rescue"),
        ("rescue/__main__.py", ["python3", "rescue/__main__.py"], "python3 rescue/__main__.py"),
        ("/usr/bin/pytest", ["python3", "/usr/bin/pytest"], "rescue"),
        ("/x/pytest/__main__.py", ["python3", "-m", "pytest"], "rescue"),
        ("-c", ["python3", "-c", "..."], "rescue"),
        ("", [], "rescue"),
    ],
)
def test_commands_are_spelled_as_the_program_was_started(
    place: Path, started: str, words: list[str], expected: str
) -> None:
    assert spelled(started, words) == expected


def test_the_name_is_enough_where_path_leads_to_this_program(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(place.parent))
    assert spelled(str(place), ["python3", str(place)]) == "rescue"
    other = place.with_name("rescue-2")
    other.write_text("#!/bin/sh\n")
    other.chmod(0o755)
    assert spelled(str(other), ["python3", str(other)]) == str(other)


def test_from_another_computer_commands_are_spelled_as_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESCUE_VIA", "rescue --via root@h")
    monkeypatch.setenv("RESCUE_VIA_FOLDER", "/run/r")
    program.program.cache_clear()
    assert as_started("rescue fix 1") == "rescue --via root@h fix 1"
    assert program.home_name(Path("/run/r/page.html")) == "page.html"
    assert program.home_name(Path("/tmp/page.html")) == "/tmp/page.html"
    monkeypatch.undo()
    program.program.cache_clear()
    assert program.home_name(Path("/run/r/page.html")) == "/run/r/page.html"


@pytest.mark.parametrize("spelling", [".venv/bin/rescue", "python3 -m rescue", "'/my folder/rescue'"])
def test_commands_in_a_text_are_spelled_once(spelling: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "program", lambda: spelling)
    text = "Look: rescue disks, or `rescue fix 1`; this rescue system, /usr/bin/rescue fix and rescue fixes stay."
    told = as_started(text)
    assert told == (
        f"Look: {spelling} disks, or `{spelling} fix 1`; this rescue system, /usr/bin/rescue fix and rescue fixes stay."
    )
    assert as_started(told) == told


def test_no_placeholder_is_left_in_a_command_to_type() -> None:
    assert complete("Free some: rescue space TARGET") == "Free some: rescue space"
    assert complete("rescue capture TARGET -o FILE") == "rescue capture -o FILE"


def test_no_message_proposes_a_placeholder() -> None:
    """Pages and help may; what is said to somebody who has named a target, or none, may not."""
    room = Path(cli.__file__).parent
    found = [
        f"{path.relative_to(room)}: {line.strip()}"
        for path in room.rglob("*.py")
        for line in path.read_text(encoding="utf-8").split("\n")
        if "TARGET" in line
        and f"rescue {line.partition('rescue ')[2].partition(' ')[0]} TARGET" in line
        # Docstrings, the help's own pages, and the undo log's hints, which are completed when they are shown.
        and '"""' not in line
        and path.name not in ("cli.py", "help.py")
        and "``" not in line
        and path.parts[-2] != "undo_log"
    ]
    assert found == []


def test_closed_streams_are_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    from rescue.ui.prompts import NoTerminal, asker

    monkeypatch.setattr(sys, "stdin", None)
    assert isinstance(asker(), NoTerminal)
