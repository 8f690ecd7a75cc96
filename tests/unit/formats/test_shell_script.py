"""The lines of shell scripts, held against the shell itself."""

from __future__ import annotations

import subprocess

import pytest

from rescue.formats.shell_script import script_lines, whole_lines

pytestmark = pytest.mark.unit

ONE = {
    "echo one # two": "echo one",
    "echo one#two": "echo one#two",
    "echo ${#one} $#": "echo ${#one} $#",
    "echo 'a # b' # c": "echo 'a # b'",
    "echo one \\\n  two": "echo one    two",
    "echo 'one\nexit\n'": "echo 'one\nexit\n'",
    'echo "one \\"\nexit\n"': 'echo "one \\"\nexit\n"',
    "# don't \\\necho one": "echo one",
    "cat <<END\nexit\nEND": "cat <<END",
    "cat <<-'E'\nit's\n\tE": "cat <<-'E'",
    "echo 'one << two'": "echo 'one << two'",
    "cat <<< exit": "cat <<< exit",
    "echo $'it\\'s'": "echo $'it\\'s'",
    "echo one \\\\": "echo one \\\\",
}


@pytest.mark.parametrize("text", ONE)
def test_lines_are_joined_and_cut_as_the_shell_does(text: str) -> None:
    assert [line for _, line in whole_lines(f"{text}\necho last\n")] == [ONE[text], "echo last"]
    said = subprocess.run(["bash", "-c", f"{text}\necho last"], capture_output=True, text=True, check=False).stdout
    assert said.split("\n")[-2] == "last"


def test_a_line_has_the_number_of_its_first() -> None:
    assert [number for number, _ in whole_lines("a\nb \\\nc\n'd\n\n'\ne\n")] == [1, 2, 4, 7]


def test_after_a_quote_that_does_not_end_there_is_nothing() -> None:
    assert [line for _, line in whole_lines("a\necho don't\nb\n")] == ["a"]


@pytest.mark.parametrize(
    ("text", "certain"),
    [
        ("a", True),
        ("exit\na", False),
        ("exec bash\na", False),
        ("exec >/var/log/one 2>&1\na", True),
        ("exec 3<&-\na", True),
        ("if true\nthen\na\nfi", False),
        ("[ -d /one ] && for i in 1; do\na\ndone", False),
        ("true; if x; then\na\nfi", False),
        ("echo wait for it\na", True),
        ("f() {\nexit\n}\na", True),
        ("[ -f /there ] && a", False),
        ("if [ -f /there ]; then\na\nfi", False),
    ],
)
def test_what_is_surely_run(text: str, certain: bool) -> None:
    assert [line.certain for line in script_lines(None, text) if line.text == "a"] == [certain]


def test_a_large_script_of_open_quotes_is_read_in_no_time() -> None:
    assert list(whole_lines("'" + '\n"' * 4000 + "x" * 1_000_000)) == []
