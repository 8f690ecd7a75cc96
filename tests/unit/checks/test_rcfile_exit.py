import pytest

from rescue.model import Client, Step, Symptom
from rescue.tree import Entry, Tree, file
from tests.checking import causes, changed_paths, diff, mended, only_finding
from tests.trees import healthy, server

pytestmark = pytest.mark.unit

ALICE = Client(user="alice")
HOME = "/home/alice"
PROFILE = """\
# ~/.profile: executed by the command interpreter for login shells.
if [ -n "$BASH_VERSION" ]; then
    # include .bashrc if it exists
    if [ -f "$HOME/.bashrc" ]; then
\t. "$HOME/.bashrc"
    fi
fi
"""
BASHRC = """\
case $- in
    *i*) ;;
      *) return;;
esac
HISTCONTROL=ignoreboth
function helper {
    exit 1
}
[ -z "$PS1" ] && exit
if true; then exit; fi
(
exit 3
)
for each in 1 2; do
    exit
done
"""
ETC_PROFILE = "if [ -d /etc/profile.d ]; then\n  for i in /etc/profile.d/*.sh; do\n    . $i\n  done\nfi\n"


def files(**changed: str) -> Tree:
    names = {"profile": f"{HOME}/.profile", "bashrc": f"{HOME}/.bashrc", "bash_profile": f"{HOME}/.bash_profile",
             "etc": "/etc/profile", "drop_in": "/etc/profile.d/own.sh"}  # fmt: skip
    made: dict[str, Entry | str | bytes | None] = {
        f"{HOME}/.profile": file(PROFILE, 0o644, 1000, 1000),
        f"{HOME}/.bashrc": file(BASHRC, 0o644, 1000, 1000),
        "/etc/profile": ETC_PROFILE,
    }
    for name, text in changed.items():
        made[names[name]] = file(text, 0o644, 1000, 1000)
    return server(made)


def test_an_exit_within_a_condition_is_no_finding() -> None:
    assert causes(files(), ALICE) == []


@pytest.mark.parametrize(
    "text",
    [
        "cat <<END\nexit\nEND\n", "return\nexit\n", "echo \\\nexit\n", "echo 'one\nexit\n'\n", "exit_code=1\n",
        "trap cleanup EXIT\n", "# exit\n", "alias q=exit\n", "exec zsh\nexit\n",
        "[ -d / ] && for i in 1; do\nexit\ndone\n",
    ],
)  # fmt: skip
def test_what_may_not_be_reached_is_no_finding(text: str) -> None:
    assert causes(files(bashrc=text), ALICE) == []


@pytest.mark.parametrize(
    "name, path",
    [("profile", f"{HOME}/.profile"), ("bash_profile", f"{HOME}/.bash_profile"), ("etc", "/etc/profile"),
     ("drop_in", "/etc/profile.d/own.sh"), ("bashrc", f"{HOME}/.bashrc")],
)  # fmt: skip
@pytest.mark.parametrize("line", ["exit", "  exit 1  # done", "logout;"])
def test_one_outside_of_every_condition_is_commented_out(name: str, path: str, line: str) -> None:
    tree = files(**{name: f"umask 022\nif true; then echo; fi\n{line}\nalias ll='ls -l'\n"})
    finding = only_finding(tree, "rcfile-exit", ALICE)
    assert (finding.step, finding.symptom, str(finding.locations[0])) == (Step.SESSION, Symptom.CLOSED, f"{path}:3")
    plan = mended(tree, ALICE)
    assert changed_paths(plan) == [path]
    assert diff(plan, path) == ([line], [f"# {line}"])


@pytest.mark.parametrize(
    "before", ["echo 'one\ntwo'\n", "cat <<END\nreturn\nEND\n", '[ -z "$PS1" ] && return\n', "echo one \\\ntwo\n"]
)
def test_what_goes_over_several_lines_hides_none(before: str) -> None:
    assert causes(files(bashrc=f"{before}exit\n"), ALICE) == ["rcfile-exit"]


def test_a_file_that_the_shell_does_not_read_is_no_finding() -> None:
    assert causes(files(profile="exit\n", bash_profile="umask 022\n"), ALICE) == []
    assert causes(files(profile="umask 022\n", bashrc="exit\n"), ALICE) == []
    passwd = str(healthy()["/etc/passwd"]).replace("/home/alice:/bin/bash", "/home/alice:/bin/zsh")
    tree = server({"/etc/passwd": passwd, "/usr/bin/zsh": file("ELF", 0o755), f"{HOME}/.profile": "exit\n"})
    assert "rcfile-exit" not in causes(tree, ALICE)


def test_one_line_for_everybody_is_named_once() -> None:
    assert causes(files(etc="exit\n")) == ["rcfile-exit"]


@pytest.mark.parametrize("more", [None, file("ELF", 0o644)])
def test_a_shell_that_is_replaced_with_a_program_that_is_missing_or_not_executable(more: Entry | None) -> None:
    changes = {"/opt/fish": more} if more is not None else {}
    tree = server({f"{HOME}/.profile": file("exec /opt/fish -l\n", 0o644, 1000, 1000), **changes})
    finding = only_finding(tree, "rcfile-exit", ALICE)
    assert "exec /opt/fish -l" in finding.message
    assert diff(mended(tree, ALICE), f"{HOME}/.profile") == (["exec /opt/fish -l"], ["# exec /opt/fish -l"])


@pytest.mark.parametrize(
    "text",
    [
        "exec /opt/zsh\n",
        "[ -x /opt/fish ] && exec /opt/fish\n",
        "if [ -x /opt/fish ]; then\n  exec /opt/fish\nfi\n",
        "exec 3>/opt/log\n",
        "exec /opt/fish || true\n",
        "# exec /opt/fish\n",
    ],
)
def test_a_shell_that_is_replaced_with_one_that_is_there_or_only_perhaps(text: str) -> None:
    changes = {f"{HOME}/.profile": file(text, 0o644, 1000, 1000), "/opt/zsh": file("ELF", 0o755)}
    assert causes(server(changes), ALICE) == []
