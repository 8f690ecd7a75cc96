"""Start files of the shell: what comes to an end at once, and what may not."""

from __future__ import annotations

from hashlib import md5

import pytest

from rescue.tree import file
from tests.judging import gaps_of

pytestmark = pytest.mark.unit

BASHRC = "/home/alice/.bashrc"


@pytest.mark.parametrize(
    "line",
    [
        "exec /bin/zsh",
        "sleep 3000",
        "while :; do sleep 1; done",
        "read x",
        "cat",
        "PROMPT_COMMAND=exit",
        "TMOUT=1",
        "exec tmux",
        "trap 'exit' DEBUG",
        "[ -t 0 ] && exit",
        "if true; then exit; fi",
        "case $- in *i*) exit;; esac",
        "kill -9 $$",
        "ulimit -v 1",
        "eval exit",
        "x() { exit; }; x",
        "exec </dev/null",
        "if [",
        "echo 'unbalanced",
        "ssh-add",
        "/usr/local/bin/menu",
        "set -e",
        "alias echo=false",
        "umask 777",
        "test 1 -eq 1 && logout",
        "false || exit",
        "export LD_PRELOAD=/x.so",
        "$(exit)",
        "`id`; exit",
        "shopt -s extdebug",
        ". /opt/own.sh",
    ],
)
def test_a_line_that_may_keep_the_prompt_away(line: str) -> None:
    told = gaps_of({BASHRC: line + "\n", "/opt/own.sh": "exit\n"})
    assert ("session", "shell-start-files") in told


@pytest.mark.parametrize(
    "text",
    [
        "export EDITOR=vim\nexport PATH=\"$HOME/bin:$PATH\"\nalias ll='ls -l'\n",
        'if [ -d "$HOME/.cargo/bin" ]; then\n    PATH="$HOME/.cargo/bin:$PATH"\nfi\n',
        '[[ $- == *i* ]] && command -v tmux >/dev/null && [ -z "$TMUX" ] && exec tmux new -A -s main\n',
        "PROMPT_COMMAND='history -a'\nHISTSIZE=10000\nshopt -s histappend\n",
        'if [ -n "$PS1" ]; then\n    echo "Welcome to $(hostname)"\n    uptime\nfi\n',
        "TMOUT=900\nreadonly TMOUT\nexport TMOUT\n",
        "umask 027\n",
        "PS1='\\u@\\h:\\w\\$ '\n",
        ". /nowhere\n",
        "# exit\n",
        'export NVM_DIR="$HOME/.nvm"\n[ -s "$NVM_DIR/nvm.sh" ] && \\. "$NVM_DIR/nvm.sh"\n. "$HOME/.cargo/env"\n',
    ],
)
def test_what_everybody_has(text: str) -> None:
    assert gaps_of({BASHRC: text}) == []


@pytest.mark.parametrize(
    "path",
    [
        "/etc/profile",
        "/etc/profile.d/x.sh",
        "/etc/bash.bashrc",
        "/home/alice/.bash_profile",
        "/home/alice/.ssh/rc",
        "/etc/ssh/sshrc",
    ],
)
def test_each_file_that_a_login_reads(path: str) -> None:
    assert ("session", "shell-start-files") in gaps_of({path: file("sleep 3000\n")})


def test_the_packages_own_lines_are_known() -> None:
    stock = 'case $- in\n    *i*) ;;\n      *) return;;\nesac\neval "$(lesspipe)"\n'
    files = {"/etc/skel/.bashrc": stock, BASHRC: stock + "export X=1\n"}
    assert gaps_of(files) == []
    assert gaps_of({**files, BASHRC: stock[:30]}) == [("session", "shell-start-files")]


@pytest.mark.parametrize("line", ["LD_PRELOAD=/x.so", "PROMPT_COMMAND=exit", "BASH_ENV=/x", "TMOUT=1", "no assignment"])
def test_variables_for_every_session(line: str) -> None:
    assert gaps_of({"/etc/environment": line + "\n"}) == [("session", "shell-start-files")]
    assert gaps_of({"/etc/environment": "LANG=C.UTF-8\nPATH=/usr/bin:/bin\n"}) == []


def test_another_shell() -> None:
    root = "root:x:0:0:root:/root:/bin/bash\nsshd:x:101:65534::/run/sshd:/usr/sbin/nologin\n"
    passwd = root + "alice:x:1000:1000::/home/alice:/usr/bin/tmux\n"
    told = gaps_of({"/etc/passwd": passwd, "/usr/bin/tmux": file("ELF", 0o755)})
    assert ("session", "shell-start-files") in told


def test_lines_that_were_added_to_a_file_of_a_package() -> None:
    stock = 'if [ -r /x ]; then\n    eval "$(lesspipe)"\nfi\n'
    digest = md5(stock.encode(), usedforsecurity=False).hexdigest()
    files = {"/var/lib/dpkg/info/bash.md5sums": f"{digest}  etc/bash.bashrc\n"}
    assert gaps_of({**files, "/etc/bash.bashrc": stock}) == []
    assert gaps_of({**files, "/etc/bash.bashrc": stock + "PROMPT_COMMAND='history -a'\n"}) == []
    assert gaps_of({**files, "/etc/bash.bashrc": "umask 027\n" + stock}) == []
    assert gaps_of({**files, "/etc/bash.bashrc": stock + "exit\n"}) == [("session", "shell-start-files")]


def test_a_block_more_than_the_packages_own() -> None:
    stock = "if [ -f ~/.x ]; then\n    umask 022\nfi\n"
    more = "if [ -d ~/bin ]; then\n    PATH=~/bin:$PATH\nfi\n"
    assert gaps_of({"/etc/skel/.bashrc": stock, BASHRC: stock + more}) == []
    assert gaps_of({"/etc/skel/.bashrc": stock, BASHRC: stock + more[:20] + "\n"}) == [("session", "shell-start-files")]


@pytest.mark.parametrize(
    "line", ["sleep 3000", "curl -s example.org", "read x </dev/tty", "while :; do :; done", "cat"]
)
def test_scripts_for_the_message_of_the_day(line: str) -> None:
    path = "/etc/update-motd.d/99-own"
    assert gaps_of({path: file(f"#!/bin/sh\n{line}\n", 0o755)}) == [("session", "shell-start-files")]
    assert gaps_of({path: file(f"#!/bin/sh\n{line}\n", 0o644)}) == []
    assert gaps_of({path: file("#!/bin/sh\nuptime\ndf -h / | tail -n 1\n", 0o755)}) == []


def test_variables_of_ones_own() -> None:
    assert gaps_of({"/home/alice/.pam_environment": "PROMPT_COMMAND DEFAULT=exit\n"}) == [
        ("session", "shell-start-files")
    ]


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (BASHRC, ". ~/.bashrc"),
        (BASHRC, "source $HOME/.profile"),
        ("/home/alice/.profile", ". /home/alice/.bash_profile"),
        ("/etc/profile.d/x.sh", ". /etc/profile"),
    ],
)
def test_a_file_that_reads_itself_is_read_without_end(path: str, line: str) -> None:
    there = {
        "/home/alice/.bash_profile": "X=1\n",
        "/home/alice/.profile": "X=1\n",
        BASHRC: "X=1\n",
        "/etc/profile": "X=1\n",
    }
    assert gaps_of(there) == []
    assert gaps_of({**there, path: f"{line}\n"}) == [("session", "shell-start-files")]


def test_files_that_are_read_one_after_the_other() -> None:
    files = {"/home/alice/.bash_profile": ". ~/.profile\n", "/home/alice/.profile": ". ~/.bashrc\n"}
    assert gaps_of({**files, BASHRC: ". /etc/bashrc\n. ~/.bash_aliases\n", "/etc/bashrc": "X=1\n"}) == []
