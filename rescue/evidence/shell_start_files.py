"""What the shell's start files do before the prompt appears.

Decides: /etc/profile, /etc/profile.d, /etc/bash.bashrc and the account's own .bash_profile, .profile and .bashrc, the
variables in /etc/environment and the like, and sshrc: a command in them that exits the shell, waits forever or starts
another program instead closes or hangs the session.

Not judged: lines that differ from the package and are more than variables, aliases, tests and the like; and an unusual
login shell.

Supply: ssh SERVER 'exec bash --norc' skips the account's own files; or rename the file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import PurePosixPath
from re import compile as compile_pattern

from rescue.accounts.database import Account
from rescue.checks.rcfile_exit import FOLDER
from rescue.checks.rcfile_exit import SYSTEM as PROFILE
from rescue.evidence._together import together
from rescue.facts import Facts
from rescue.formats.shipped import SHIPPED_READS
from rescue.logins.each_login import SSHD_READS
from rescue.model import Gap, Location, Step
from rescue.tree import Read

STEP = Step.SESSION
SYSTEM = (PROFILE, "/etc/bash.bashrc", "/etc/bashrc")
OWN = (".bash_profile", ".bash_login", ".profile", ".bashrc", ".bash_aliases")
RC = ("/etc/ssh/sshrc", "{home}/.ssh/rc")
MESSAGES = "/etc/update-motd.d"
VARIABLES = ("/etc/environment", "/etc/default/locale", "/etc/security/pam_env.conf")
SHIPPED_COPIES = {
    PROFILE: "/usr/share/base-files/profile",
    ".profile": "/etc/skel/.profile",
    ".bashrc": "/etc/skel/.bashrc",
    ".bash_profile": "/etc/skel/.bash_profile",
}
ROOTS_COPIES = {".profile": "/usr/share/base-files/dot.profile", ".bashrc": "/usr/share/base-files/dot.bashrc"}
READS = (
    *SSHD_READS,
    *SHIPPED_READS,
    *(Read(path, depth=0) for path in (*SYSTEM, *VARIABLES, RC[0], *SHIPPED_COPIES.values(), *ROOTS_COPIES.values())),
    Read(FOLDER, depth=1),
    Read(MESSAGES, depth=1),
)

SHELLS = frozenset({"bash", "sh", "dash", "ash", "busybox"})
LONGEST = 3000
MOST_GAPS = 4
SUPPLY = "rename the file, or try: ssh -t SERVER 'bash --norc --noprofile'"

LOUD_VARIABLES = frozenset(
    [
        "PROMPT_COMMAND",
        "TMOUT",
        "BASH_ENV",
        "ENV",
        "SHELLOPTS",
        "BASHOPTS",
        "SHELL",
        "HOME",
        "PS0",
        "PS4",
        "IFS",
        "POSIXLY_CORRECT",
        "LD_PRELOAD",
        "LD_AUDIT",
        "LD_LIBRARY_PATH",
    ]
)
"""Variables that make a shell run something by itself, or somewhere else."""
LOUD_ALIASES = frozenset(["exit", "logout", "echo", "builtin", "command", "exec", "cd", "alias", "if", "then", "fi"])
WELL_KNOWN = (
    "nvm.sh",
    "nvm/bash_completion",
    ".cargo/env",
    "conda.sh",
    "bash_completion",
    "sdkman-init.sh",
    ".fzf.bash",
    "git-completion.bash",
    "git-prompt.sh",
)
"""What developer tools add to start files, wherever they are installed."""
SHOWS = frozenset(
    [
        "echo",
        "printf",
        "uptime",
        "date",
        "hostname",
        "true",
        ":",
        "uname",
        "whoami",
        "id",
        "df",
        "free",
        "tput",
        "clear",
        "w",
        "who",
        "last",
        "mesg",
    ]
)
"""Commands that print something and end."""
WORDS = frozenset(["then", "else", "fi", "do", "done", "esac", ";;", "{", "}", "in", "return", "break"])

_SPECIAL = compile_pattern(
    r"\[\[?\s+(?:\$-\s+==\s+\*i\*|-n\s+\"?\$PS1\"?)\s+\]\]?\s*&&\s*"
    r"command -v (?:tmux|screen)\s*(?:>|&>)\s*/dev/null(?:\s+2>&1)?\s*&&.*"
    r"|PROMPT_COMMAND=(['\"]?)history -[an]\1"
)
"""What starts only interactively and if the program is installed; what writes the history."""
_TIMEOUT = compile_pattern(r"(?:export\s+|readonly\s+)?TMOUT(?:=(\d{1,9}))?")
_ASSIGNS = compile_pattern(
    r"(?:(?:export|declare(?:\s-[xrig]+)?|typeset|readonly)\s+)?((?:[A-Za-z_]\w*(?:\+?=\S*)?\s*)+)"
)
_ALIAS = compile_pattern(r"alias\s+([\w.+~-]+)=\S*(?:\s.*)?")
_SHOPT = compile_pattern(r"shopt\s+-[suq]+\s+(?!.*(?:extdebug|restricted|execfail))[\w ]+")
_UMASK = compile_pattern(r"umask\s+0{0,2}[0-7]{2}")
_TEST = compile_pattern(r"(?:\[\[?\s.*\]\]?|test\s.*|command\s+-v\s+\S+|for\s+\w+\s+in\s.*)")
_CASE = compile_pattern(r"^(?:case\s+\S+\s+in\b)?\s*(?:\(?[^\s()]+\)(?=\s|$)\s*)?")
_SOURCE = compile_pattern(r"(?:\\?\.|source)\s+(\S+)")
_PARTS = compile_pattern(r"&&|;;|;|\bthen\b|\bdo\b|\belse\b")
_QUOTED = compile_pattern(r"""'[^']*'|"(?:[^"\\`$]|\\.|\$(?!\())*"|\\.""")
_PLAIN = compile_pattern(r"\$\((?:hostname|date|id|tput|whoami|uname|dircolors)[^()|;&<>]*\)")
_SILENT = compile_pattern(r"\s*(?:[12]?>|&>)\s*(?:/dev/null|&1|&2)")
_VARIABLE = compile_pattern(r"\s*(?:export\s+)?([A-Za-z_]\w*)\s*(?:=|\s+(?:DEFAULT|OVERRIDE)=).*")


def find(facts: Facts) -> Iterator[Gap]:
    if facts.sshd.fatal:
        return
    told: set[Location] = set()
    own = [(each, f"{each.home.rstrip('/')}/.pam_environment") for each in facts.logins if each.home.startswith("/")]
    questions = [partial(_variables, facts, path) for path in VARIABLES]
    questions += [partial(_variables, facts, path, account.name) for account, path in own]
    yield from together([*questions, partial(_messages, facts)])
    opened = together(partial(_with_open, facts, account) for account in facts.logins)
    for account, places in opened:
        for place in places:
            if place not in told and len(told) < MOST_GAPS:
                told.add(place)
                user = account.name if str(place.path).startswith(account.home.rstrip("/") + "/") else ""
                shown = f"{place.text.strip()[:60]} in " if place.text else ""
                yield Gap(
                    "shell-start-files", STEP, f"whether a prompt appears after {shown}{place}", SUPPLY, user, (place,)
                )
        shell = (account.shell or "/bin/sh").rpartition("/")[2]
        if shell not in SHELLS:
            what = f"whether {account.shell} gives {account.name} a prompt"
            yield Gap(
                "shell-start-files",
                STEP,
                what,
                "give the account /bin/bash, and try",
                account.name,
                (account.location,),
            )


def _with_open(facts: Facts, account: Account) -> Iterator[tuple[Account, list[Location]]]:
    yield account, list(_open(facts, account))


def _open(facts: Facts, account: Account) -> Iterator[Location]:
    """The first line of each file that may prevent the prompt."""
    shell = (account.shell or "/bin/sh").rpartition("/")[2]
    if shell not in SHELLS:
        return
    home = account.home.rstrip("/")
    own = [f"{home}/{name}" for name in OWN] if home.startswith("/") else []
    rc = [each.format(home=home) for each in RC if home.startswith("/") or "{" not in each]
    tree = facts.tree
    tree.require(*(Read(path, depth=0) for path in (*own, *rc)))
    folder = [f"{FOLDER}/{name}" for name in tree.children(FOLDER) if name.endswith(".sh")]
    for path in (*SYSTEM, *folder, *own, *rc):
        entry = tree.entry(path)
        if entry is None:
            continue
        if not entry.is_file:
            continue
        if facts.shipped.intact(path):
            continue
        place = _first_open(facts, path, account)
        if place is not None:
            yield place


def _first_open(facts: Facts, path: str, account: Account) -> Location | None:
    text = facts.tree.text(path)
    where = PurePosixPath(path)
    if text is None:
        return Location(where)
    if "\0" in text or "\r\n" in text:
        return Location(where)
    known = _stock_lines(facts, path, account)
    left = Counter(known)
    balance = 0
    for number, line in enumerate(text.split("\n")[:LONGEST], start=1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        if left[line.rstrip()] > 0:
            left[line.rstrip()] -= 1
            continue
        bare = _QUOTED.sub('""', stripped)
        if bare.count("'") % 2 or bare.count('"') % 2 or "<<" in bare or stripped.endswith("\\"):
            return Location(where, number, line)
        balance += _opened(bare.partition(" #")[0])
        if not _harmless(facts, account, stripped, path):
            return Location(where, number, line)
    # A truncated copy of the package's file may end in the middle of a condition.
    return Location(where) if balance or (known and _lost(text, known)) else None


def _opened(words: str) -> int:
    """How many blocks a line opens, minus those that it closes."""
    each = words.replace(";", " ").split()
    return sum(word in ("if", "case", "do", "{") for word in each) - sum(
        word in ("fi", "esac", "done", "}") for word in each
    )


def _stock_lines(facts: Facts, path: str, account: Account) -> tuple[str, ...]:
    """The lines of the file as its package, or useradd(8), made it; () if not known."""
    within = facts.shipped.within(path)
    if within is not None:
        return tuple(line.rstrip() for line in within.split("\n"))
    name = path.rpartition("/")[2]
    tables = (ROOTS_COPIES, SHIPPED_COPIES) if account.uid == 0 else (SHIPPED_COPIES,)
    sources = [path] if path in SHIPPED_COPIES else [name]
    for table in tables:
        for source in sources:
            copy = table.get(source)
            if copy is not None and (text := facts.tree.text(copy)) is not None:
                return tuple(line.rstrip() for line in text.split("\n"))
    return ()


def _lost(text: str, known: tuple[str, ...]) -> bool:
    here = {line.rstrip() for line in text.split("\n")}
    code = {line for line in known if line.strip() and not line.strip().startswith("#")}
    return bool(code & here) and not code <= here


def _harmless(facts: Facts, account: Account, line: str, path: str) -> bool:
    """Whether every command of the line finishes, and the shell goes on."""
    if _SPECIAL.fullmatch(line):
        return True
    # The name of a sourced file is usually quoted.
    bare = line if _SOURCE.search(line) else _QUOTED.sub('""', _PLAIN.sub("x", line))
    bare = _SILENT.sub("", bare).partition(" #")[0]
    if any(mark in bare for mark in ("|", "<", ">", "`", "$(", " & ", "((")):
        return False
    for part in _PARTS.split(bare):
        words = _CASE.sub("", part.strip()).removeprefix("if ").removeprefix("elif ").strip().removeprefix("! ").strip()
        if words and words not in WORDS and not _quiet(facts, account, words, path):
            return False
    return True


def _quiet(facts: Facts, account: Account, command: str, path: str) -> bool:
    if (timeout := _TIMEOUT.fullmatch(command)) is not None:
        return timeout[1] is None or int(timeout[1]) == 0 or int(timeout[1]) >= 60
    if command.split()[0] in SHOWS or command.startswith(("unset ", "return ", "bind ", "complete ", "unalias ")):
        return "PATH" not in command
    if (alias := _ALIAS.fullmatch(command)) is not None:
        return alias[1] not in LOUD_ALIASES
    if (read := _SOURCE.fullmatch(command)) is not None:
        return _read_too(facts, account, read[1].strip("\"'"), path)
    if _SHOPT.fullmatch(command) or _UMASK.fullmatch(command) or _TEST.fullmatch(command):
        return True
    assigned = _ASSIGNS.fullmatch(command)
    if assigned is None or ("=" not in command and not command.startswith(("export ", "readonly ", "declare "))):
        return False
    names = {word.partition("=")[0].rstrip("+") for word in assigned[1].split()}
    return not names & LOUD_VARIABLES and not any(name.startswith("LD_") for name in names)


def _read_too(facts: Facts, account: Account, path: str, by: str) -> bool:
    """Whether a file that a line of `by` sources is judged like the others, or is missing."""
    for mark in ("$HOME", "${HOME}", "~"):
        if path.startswith(mark):
            path = account.home.rstrip("/") + path[len(mark) :]
    if any(path.endswith(f"/{name}") for name in WELL_KNOWN):
        return True
    if not path.startswith("/") or "$" in path or "*" in path:
        return False
    facts.tree.require(Read(path, depth=0, content=False))
    if facts.tree.entry(path) is None:
        return True
    home = account.home.rstrip("/")
    judged = (PROFILE, *(f"{home}/{name}" for name in OWN), *SYSTEM[1:])
    if path not in judged:
        return bool(facts.shipped.intact(path))
    # One that is read before this file, or is this file, would be read without end.
    by = PROFILE if by.startswith(f"{FOLDER}/") else by
    return by not in judged or judged.index(path) > judged.index(by)


_SLOW = compile_pattern(
    r"\b(?:sleep|read|while|until|curl|wget|ssh|kill|pkill|killall|yes|nc|ncat|telnet|ping|dig|nslookup|host|apt|apt-get|"
    r"yum|dnf|exec|select|tail -f|top|watch|systemctl|reboot|shutdown)\b|^\s*cat\s*$|/dev/tty"
)


def _messages(facts: Facts) -> Iterator[Gap]:
    """Message-of-the-day scripts, which pam_motd waits for."""
    tree = facts.tree
    for name in tree.children(MESSAGES):
        path = f"{MESSAGES}/{name}"
        entry = tree.entry(path)
        if entry is None or not entry.is_file or not entry.mode & 0o111 or facts.shipped.intact(path):
            continue
        for number, line in enumerate((tree.text(path) or "").split("\n")[:LONGEST], start=1):
            if _SLOW.search(line) and not line.lstrip().startswith("#"):
                place = Location(PurePosixPath(path), number, line)
                what = f"whether {path} finishes, which each login waits for ({place}: {line.strip()[:60]})"
                yield Gap("shell-start-files", STEP, what, f"chmod -x {path}", locations=(place,))
                break


def _variables(facts: Facts, path: str, user: str = "") -> Iterator[Gap]:
    facts.tree.require(Read(path, depth=0))
    text = facts.tree.text(path)
    if not text or facts.shipped.intact(path):
        return
    for number, line in enumerate(text.split("\n")[:LONGEST], start=1):
        if not line.strip() or line.strip().startswith("#"):
            continue
        match = _VARIABLE.fullmatch(line)
        name = match[1] if match is not None else ""
        if match is None or name in LOUD_VARIABLES or name.startswith("LD_"):
            place = Location(PurePosixPath(path), number, line)
            yield Gap(
                "shell-start-files",
                STEP,
                f"whether a prompt appears with {line.strip()[:60]} in {place}",
                f"comment out the line in {path}",
                user,
                (place,),
            )
            return
