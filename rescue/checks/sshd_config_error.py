"""A wrong line in sshd_config stops sshd from starting.

Symptom: "ssh: connect to host SERVER port 22: Connection refused".

Cause: sshd reads all of sshd_config and the files that it includes before it starts, and one wrong line stops it: a
misspelt keyword, a value that this version does not know, a global setting after a Match line (where lines appended to
the file end up), an unclosed quotation mark, an included file that is a dangling link, a subsystem defined twice (up to
OpenSSH 9.4), or settings that exclude each other. A running sshd goes on until it is restarted, so the mistake may be
old. Deprecated keywords never stop it.

Repair: correct the line if its meaning is clear; move a line that is in the wrong place before the first Match block;
remove algorithms that this version lacks, as long as others are left in the list; else comment the line out. If a Match
line can't be read, comment out its whole block, because its lines would otherwise apply to everybody. No other line
changes, and sshd_config is never replaced by a fresh one.

See: sshd_config(5), sshd(8) on -t and -T; servconf.c of OpenSSH.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import PurePosixPath
from re import IGNORECASE, escape, search

from rescue.facts import Facts
from rescue.formats.services import SERVICES_READ
from rescue.logins.put_back import put_back
from rescue.logins.ssh_units import of_ending_server
from rescue.logins.sshd_program import installed
from rescue.model import Edit, Finding, Repair, Safety, Severity, Step
from rescue.pam.templates import TEMPLATE_READS
from rescue.sshd import Fault, Problem, Server, edit
from rescue.sshd.language.keywords import keyword
from rescue.tree import Read, Tree

STEP = Step.SERVICE
HIDES = (Step.LISTEN, Step.ACCEPT, Step.ACCOUNT, Step.KEY, Step.SESSION)
"""What sshd's settings decide: none applies until sshd accepts all of them."""
READS = (Read("/etc/ssh", depth=2), SERVICES_READ, *TEMPLATE_READS)

CHECK = "sshd-config-error"
MAX_WRONG = 50
"""How many different wrong lines are repaired one by one, with a new examination after each."""
MAX_COPIES = 500
"""How many wrong lines in total, copies included."""
RESTRICTIONS = frozenset({
    "allowusers", "denyusers", "allowgroups", "denygroups", "authenticationmethods", "forcecommand", "chrootdirectory",
    "permitopen", "permitlisten", "revokedkeys", "disableforwarding", "refuseconnection", "maxauthtries",
    "passwordauthentication", "permitrootlogin", "permitemptypasswords", "kbdinteractiveauthentication", "strictmodes",
    "allowtcpforwarding", "challengeresponseauthentication", "ciphers", "macs", "kexalgorithms", "usepam",
    "hostkeyalgorithms", "pubkeyacceptedalgorithms", "requiredrsasize", "listenaddress", "pubkeyauthoptions",
})  # fmt: skip
"""Keywords whose lines, if commented out, may leave the server more open than intended."""


def find(facts: Facts) -> Iterator[Finding]:
    if not installed(facts):
        return
    alike: dict[str, list[Problem]] = {}
    for problem in facts.sshd.problems:
        if problem.fatal:
            alike.setdefault(_subject(problem), []).append(problem)
        elif problem.fault is Fault.UNDECIDED:
            yield _doubtful(problem, facts)
    every = [problem for problems in alike.values() for problem in problems]
    if len(alike) > MAX_WRONG or len(every) > MAX_COPIES:
        yield _no_configuration(every, facts)
        return
    for problems in alike.values():
        yield _broken(problems, facts)


def _no_configuration(problems: Sequence[Problem], facts: Facts) -> Finding:
    """One finding for a file with so many wrong lines that it can't be a configuration."""
    path = problems[0].location.path
    return Finding(
        check=CHECK,
        step=STEP,
        severity=Severity.BROKEN,
        message=(
            f"sshd does not start: {len(problems)} or more lines of its configuration are wrong, so "
            f"{path} is probably another kind of file. The first: {problems[0].text}. See {problems[0].location}."
        ),
        symptom=of_ending_server(facts.units),
        locations=tuple(problem.location for problem in problems[:MAX_WRONG]),
        repairs=(*put_back(facts, str(path)), _put_back(path)),
        subject=str(path),
        hides=HIDES,
    )


def _broken(problems: Sequence[Problem], facts: Facts) -> Finding:
    """One finding for a wrong line and its copies in the same file."""
    problem = problems[0]
    repairs = [_repeated(repair, len(problems)) for repair in _repairs(problem, facts)]
    return Finding(
        check=CHECK,
        step=STEP,
        severity=Severity.BROKEN,
        message=f"sshd does not start: {problem.text}. See {problem.location}.",
        symptom=of_ending_server(facts.units),
        locations=tuple(each.location for each in problems),
        repairs=tuple(repairs),
        subject=_subject(problem),
        hides=HIDES,
    )


def _repeated(repair: Repair, times: int) -> Repair:
    """The same change for each copy: the line is found by its text, so each pass changes the next one."""
    if repair.edit is None or times == 1:
        return repair
    return replace(repair, edit=partial(_again, change=repair.edit, times=times))


def _again(tree: Tree, change: Edit, times: int) -> Tree:
    for _ in range(times):
        tree = change(tree)
    return tree


def _doubtful(problem: Problem, facts: Facts) -> Finding:
    return Finding(
        check=CHECK,
        step=STEP,
        severity=Severity.DOUBTFUL,
        message=f"A disk does not show whether sshd starts. See {problem.location}.",
        symptom=of_ending_server(facts.units),
        locations=(problem.location,),
        repairs=(
            Repair(f"look at {problem.location}", Safety.MANUAL, steps="run sshd -t on the running server to find out"),
        ),
        subject=_subject(problem),
        reason=problem.text,
    )


def _subject(problem: Problem) -> str:
    """What stays the same when another repair moves the line."""
    return f"{problem.location.path} {problem.location.text or problem.fault.name.lower()}"


def _repairs(problem: Problem, facts: Facts) -> Iterator[Repair]:
    where = problem.location
    if str(where.path).startswith("/usr/"):
        yield Repair(f"correct the command in {where.path}", Safety.MANUAL, steps=f"remove {problem.keyword} from it")
        return
    if facts.sshd.files.strange(where.path):
        # An overly broad Include brings in passwd(5) and programs, which must not be changed for sshd.
        steps = f"sshd reads {where.path} because of an Include: correct the pattern there, or the line here"
        yield Repair(f"remove {where.path} from the Include that names it", Safety.MANUAL, steps=steps)
        return
    option = _option(problem)
    if option:
        change = partial(edit.replace_word, location=where, old=option, new="")
        weakens = _weakens(problem.keyword)
        yield Repair(f"remove the option {option.strip()} from {where}", _safety(weakens), change, weakens=weakens)
        return
    match problem.fault:
        case Fault.MARK:
            edit_ = partial(edit.remove_mark, path=where.path)
            yield Repair(f"remove the byte order mark at the start of {where.path}", Safety.SAFE, edit_)
            return
        case Fault.FILE:
            yield from put_back(facts, str(where.path))
            yield _put_back(where.path)
            return
        case Fault.PLACE if _can_move(problem, facts):
            move = partial(edit.move_to_global, location=where)
            yield Repair(f"move the line {where.text} ({where}) before the first Match block", Safety.SAFE, move)
        case Fault.COMBINATION if problem.suggestion:
            flag = problem.suggestion
            yield Repair(
                f"set {flag} yes, which the line {where.text} needs",
                Safety.SAFE,
                partial(_enable, flag=flag, path=where.path),
                weakens=f"{flag} will be enabled; alone it lets nobody in while the line {where.text} is there",
                lets_in=True,
            )
        case Fault.ALGORITHM if problem.suggestion:
            yield from _shorter_list(problem)
    if problem.suggestion and problem.fault in (Fault.KEYWORD, Fault.VALUE):
        yield from _correction(problem)
    yield _comment_out(problem)


def _option(problem: Problem) -> str:
    """The option -o with which a command line sets the keyword; "" if the line is sshd's own, or has another form."""
    key, text = escape(problem.keyword), problem.location.text
    if not key or "=" not in text.partition("-o")[0]:
        return ""
    forms = rf"\"{key}[= ][^\"]*\"|'{key}[= ][^']*'|{key}=[^\s\"']+"
    found = search(rf"-o\s*(?:{forms})[ \t]?", text, IGNORECASE)
    return found[0] if found else ""


def _put_back(path: PurePosixPath) -> Repair:
    return Repair(
        f"restore {path}",
        Safety.MANUAL,
        steps=f"reinstall the package openssh-server, or restore {path} from a backup",
    )


def _can_move(problem: Problem, facts: Facts) -> bool:
    """False for a file that a Match block includes: it has no place for global settings."""
    try:
        moved = edit.move_to_global(facts.tree, problem.location)
    except (ValueError, OSError):
        return False
    return _alike(Server(moved, facts.openssh, facts.sshd.given), problem) < _alike(facts.sshd, problem)


def _alike(server: Server, problem: Problem) -> int:
    return sum(_subject(other) == _subject(problem) for other in server.fatal)


def _correction(problem: Problem) -> Iterator[Repair]:
    where = problem.location
    wrong = problem.keyword if problem.fault is Fault.KEYWORD else _wrong_word(problem)
    if wrong and wrong.lower() in where.text.lower():
        change = partial(edit.replace_word, location=where, old=wrong, new=problem.suggestion)
        yield Repair(f"correct {wrong} to {problem.suggestion} ({where})", Safety.SAFE, change)


def _shorter_list(problem: Problem) -> Iterator[Repair]:
    """What the list is for, excluding weak algorithms, still applies then."""
    where, whole = problem.location, _wrong_word(problem)
    left = problem.suggestion.lstrip("+^").split(",")
    gone = [name for name in whole.strip("\"'").lstrip("+^").split(",") if name and name not in left]
    if gone:
        change = partial(edit.replace_word, location=where, old=whole, new=problem.suggestion)
        yield Repair(f"remove {' and '.join(gone)} from {problem.keyword} ({where})", Safety.SAFE, change)


def _wrong_word(problem: Problem) -> str:
    """The word of the line that the suggestion is for: the first after the keyword."""
    words = problem.location.text.replace("=", " ").split()
    return words[1] if len(words) > 1 else ""


def _comment_out(problem: Problem) -> Repair:
    where = problem.location
    if problem.keyword.lower() == "match":
        block = partial(edit.comment_out_block, location=where)
        return Repair(f"comment out the block {where.text} ({where})", Safety.UNSAFE, block, weakens=_weakens("match"))
    line, weakens = partial(edit.comment_out, location=where), _weakens(problem.keyword)
    return Repair(f"comment out the line {where.text} ({where})", _safety(weakens), line, weakens=weakens)


def _safety(weakens: str) -> Safety:
    return Safety.UNSAFE if weakens else Safety.SAFE


def _weakens(name: str) -> str:
    key = name.lower()
    if key == "match":
        return "the block's restrictions no longer apply"
    if key not in RESTRICTIONS:
        return ""
    default = " ".join(keyword(key).default)
    return f"{name} falls back to the default" + (f" ({default})" if default else "")


def _enable(tree: Tree, flag: str, path: PurePosixPath) -> Tree:
    """Enable a flag in the line that wins, else with a new line."""
    settings = Server(tree, None).globals(flag)
    if settings and settings[0].location is not None:
        return edit.set_value(tree, settings[0].location, "yes")
    return edit.insert_global(tree, path, f"{flag} yes")
