"""Start files of the shell: what comes to an end at once, and what may not."""

from __future__ import annotations

import pytest

from tests.judging import gaps_of
from tests.trees import file

pytestmark = pytest.mark.unit

BASHRC = "/home/alice/.bashrc"


@pytest.mark.parametrize(
    "line",
    [
        "exec /bin/zsh", "sleep 3000", "while :; do sleep 1; done", "read x", "cat", "PROMPT_COMMAND=exit", "TMOUT=1", "exec tmux",
        "trap 'exit' DEBUG", "[ -t 0 ] && exit", "if true; then exit; fi", "case $- in *i*) exit;; esac", "kill -9 $$", "ulimit -v 1",
        "eval exit", "x() { exit; }; x", "exec </dev/null", "if [", "echo 'unbalanced", "ssh-add", "/usr/local/bin/menu", "set -e",
        "alias echo=false", "umask 777", "test 1 -eq 1 && logout", "false || exit", "export LD_PRELOAD=/x.so", "$(exit)", "`id`; exit",
        "shopt -s extdebug", ". /opt/own.sh",
    ],
)  # fmt: skip
def test_a_line_that_may_keep_the_prompt_away(line: str) -> None:
    told = gaps_of({BASHRC: line + "\n", "/opt/own.sh": "exit\n"})
    assert ("session", "shell-start-files") in told


@pytest.mark.parametrize(
    "text",
    [
        "export EDITOR=vim\nexport PATH=\"$HOME/bin:$PATH\"\nalias ll='ls -l'\n",
        "if [ -d \"$HOME/.cargo/bin\" ]; then\n    PATH=\"$HOME/.cargo/bin:$PATH\"\nfi\n",
        "[[ $- == *i* ]] && command -v tmux >/dev/null && [ -z \"$TMUX\" ] && exec tmux new -A -s main\n",
        "PROMPT_COMMAND='history -a'\nHISTSIZE=10000\nshopt -s histappend\n",
        "if [ -n \"$PS1\" ]; then\n    echo \"Welcome to $(hostname)\"\n    uptime\nfi\n",
        "TMOUT=900\nreadonly TMOUT\nexport TMOUT\n", "umask 027\n", "PS1='\\u@\\h:\\w\\$ '\n", ". /nowhere\n", "# exit\n",
    ],
)  # fmt: skip
def test_what_everybody_has(text: str) -> None:
    assert gaps_of({BASHRC: text}) == []


@pytest.mark.parametrize("path", ["/etc/profile", "/etc/profile.d/x.sh", "/etc/bash.bashrc", "/home/alice/.bash_profile",
                                  "/home/alice/.ssh/rc", "/etc/ssh/sshrc"])  # fmt: skip
def test_each_file_that_a_login_reads(path: str) -> None:
    assert ("session", "shell-start-files") in gaps_of({path: file("sleep 3000\n")})


def test_the_packages_own_lines_are_known() -> None:
    stock = "case $- in\n    *i*) ;;\n      *) return;;\nesac\neval \"$(lesspipe)\"\n"
    files = {"/etc/skel/.bashrc": stock, BASHRC: stock + "export X=1\n"}
    assert gaps_of(files) == []
    assert gaps_of({**files, BASHRC: stock[:30]}) == [("session", "shell-start-files")]


@pytest.mark.parametrize("line", ["LD_PRELOAD=/x.so", "PROMPT_COMMAND=exit", "BASH_ENV=/x", "TMOUT=1", "no assignment"])
def test_variables_for_every_session(line: str) -> None:
    assert gaps_of({"/etc/environment": line + "\n"}) == [("session", "shell-start-files")]
    assert gaps_of({"/etc/environment": "LANG=C.UTF-8\nPATH=/usr/bin:/bin\n"}) == []


def test_another_shell() -> None:
    passwd = "root:x:0:0:root:/root:/bin/bash\nsshd:x:101:65534::/run/sshd:/usr/sbin/nologin\nalice:x:1000:1000::/home/alice:/usr/bin/tmux\n"
    told = gaps_of({"/etc/passwd": passwd, "/usr/bin/tmux": file("ELF", 0o755)})
    assert ("session", "shell-start-files") in told
