"""Linux-PAM's stacks: which lines of a service's files run, in which order, and what their answers lead to.

Follows pam.conf(5) and _pam_parse_conf_file in pam_handlers.c, _pam_parse_control and _pam_StrTok in pam_misc.c,
_pam_dispatch_aux in pam_dispatch.c of Linux-PAM 1.5 to 1.7. `scripts/fuzz-pam` holds it against the real library.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import PurePosixPath
from re import compile as compile_pattern

from rescue.model import Location
from rescue.tree import Read, Tree

FOLDERS = ("/etc/pam.d", "/usr/lib/pam.d", "/usr/etc/pam.d")
"""The directories of services' files; the first that has one wins."""

MODULES = (
    *(f"{folder}/{triplet}/security" for folder in ("/lib", "/usr/lib")
      for triplet in ("x86_64-linux-gnu", "aarch64-linux-gnu", "arm-linux-gnueabihf", "i386-linux-gnu",
                      "powerpc64le-linux-gnu", "riscv64-linux-gnu", "s390x-linux-gnu")),
    "/lib64/security", "/usr/lib64/security", "/lib/security", "/usr/lib/security",
)  # fmt: skip
"""Where modules are, by distribution and machine."""

PAM_READS = (
    *(Read(folder, depth=1) for folder in FOLDERS),
    *(Read(folder, depth=1, content=False) for folder in MODULES),
)

DEEPEST = 16
"""Files that may include each other (PAM_SUBSTACK_MAX_LEVEL, and the same bound for plain includes)."""

_WORD = compile_pattern(r"[ \t]*(?:\[((?:\\\]|[^\]])*)(?:\]|$)|([^ \t\[][^ \t]*))")
"""A word, or what is between brackets, which ends at the first "]" that has no "\\" before it. A carriage return is an
ordinary character."""
_MOST_DIGITS = 9


class Facility(StrEnum):
    """The stacks of a service."""

    AUTH = "auth"
    ACCOUNT = "account"
    PASSWORD = "password"  # noqa: S105  a word of pam.conf(5)
    SESSION = "session"


class Answer(StrEnum):
    """What a module says (pam(3)), by the names that a control in brackets uses. MUST_FAIL: no answer of a module, but
    that of a stack in which none counted (_PAM_MUST_FAIL_CODE)."""

    SUCCESS = "success"
    OPEN_ERR = "open_err"
    SYMBOL_ERR = "symbol_err"
    SERVICE_ERR = "service_err"
    SYSTEM_ERR = "system_err"
    BUF_ERR = "buf_err"
    PERM_DENIED = "perm_denied"
    AUTH_ERR = "auth_err"
    CRED_INSUFFICIENT = "cred_insufficient"
    AUTHINFO_UNAVAIL = "authinfo_unavail"
    USER_UNKNOWN = "user_unknown"
    MAXTRIES = "maxtries"
    NEW_AUTHTOK_REQD = "new_authtok_reqd"
    ACCT_EXPIRED = "acct_expired"
    SESSION_ERR = "session_err"
    CRED_UNAVAIL = "cred_unavail"
    CRED_EXPIRED = "cred_expired"
    CRED_ERR = "cred_err"
    NO_MODULE_DATA = "no_module_data"
    CONV_ERR = "conv_err"
    AUTHTOK_ERR = "authtok_err"
    AUTHTOK_RECOVER_ERR = "authtok_recover_err"
    AUTHTOK_LOCK_BUSY = "authtok_lock_busy"
    AUTHTOK_DISABLE_AGING = "authtok_disable_aging"
    TRY_AGAIN = "try_again"
    IGNORE = "ignore"
    ABORT = "abort"
    AUTHTOK_EXPIRED = "authtok_expired"
    MODULE_UNKNOWN = "module_unknown"
    BAD_ITEM = "bad_item"
    CONV_AGAIN = "conv_again"
    INCOMPLETE = "incomplete"
    MUST_FAIL = "must_fail"


SHORT = {
    "required": {"success": "ok", "new_authtok_reqd": "ok", "ignore": "ignore", "default": "bad"},
    "requisite": {"success": "ok", "new_authtok_reqd": "ok", "ignore": "ignore", "default": "die"},
    "sufficient": {"success": "done", "new_authtok_reqd": "done", "default": "ignore"},
    "optional": {"success": "ok", "new_authtok_reqd": "ok", "default": "ignore"},
}
"""The words for a control, written out."""


@dataclass(frozen=True, slots=True)
class Handler:
    """One module's line. module: its file's name, or path; actions: what each answer leads to.

    fault: why PAM can make nothing of the line, which then has no module, and answers MUST_FAIL; "" where it can.
    missing: the file that it includes and that is not there. level: how many substacks it is in. substack: it only
    marks where one begins.
    """

    facility: Facility
    actions: dict[str, str]
    module: str
    arguments: tuple[str, ...]
    location: Location
    fault: str = ""
    missing: PurePosixPath | None = None
    level: int = 0
    substack: bool = False

    @property
    def name(self) -> str:
        """The module without path and ending: "pam_unix"."""
        return self.module.rpartition("/")[2].removesuffix(".so")

    def action(self, answer: Answer) -> str:
        return self.actions.get(answer.value, self.actions.get("default", "bad"))


@dataclass(frozen=True, slots=True)
class Ruling:
    """What one module says of one login.

    allowed: None where that can't be told. location: the line of the module's own file that decides; None where none
    does. why: for the middle of a sentence. ignored: the module takes no part.
    """

    allowed: bool | None
    location: Location | None = None
    why: str = ""
    ignored: bool = False


@dataclass(frozen=True, slots=True)
class Service:
    """A service's stacks. broken: the line at which reading its files fails; then nobody gets in by it.

    files: those that were read, its own first. missing: the file that is included and not there.
    """

    handlers: tuple[Handler, ...]
    broken: Location | None = None
    fault: str = ""
    files: tuple[PurePosixPath, ...] = ()
    missing: PurePosixPath | None = None

    def stack(self, facility: Facility) -> tuple[Handler, ...]:
        return tuple(each for each in self.handlers if each.facility is facility)


@dataclass(frozen=True, slots=True)
class StackOutcome:
    """A stack's answer, and the line that decided; None if no line did."""

    answer: Answer
    decided: Handler | None = None


class _StackError(Exception):
    """Reading a file fails. dies: so does libpam itself, wherever that file was included."""

    dies = False

    def __init__(self, location: Location, fault: str, missing: PurePosixPath | None = None) -> None:
        super().__init__(fault)
        self.location, self.fault, self.missing = location, fault, missing


class _DeadlyLineError(_StackError):
    dies = True


def read_service(tree: Tree, name: str) -> Service | None:
    """The service's stacks; None if it has no file of its own, so that "other" applies."""
    tree.require(*PAM_READS)
    path = _file(tree, name)
    if path is None:
        return None
    handlers: list[Handler] = []
    files: dict[PurePosixPath, None] = {}
    try:
        for handler in _read(tree, path, _Place(), files):
            handlers.append(handler)
    except _StackError as problem:
        return Service(tuple(handlers), problem.location, problem.fault, tuple(files), problem.missing)
    return Service(tuple(handlers), files=tuple(files))


def _file(tree: Tree, name: str) -> PurePosixPath | None:
    if name.startswith("/"):
        return PurePosixPath(name) if tree.entry(name) is not None else None
    return next((PurePosixPath(f"{each}/{name}") for each in FOLDERS if tree.entry(f"{each}/{name}")), None)


Files = dict[PurePosixPath, None]


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a file is read. only: the stack whose line includes it; deep, level: the includes, the substacks above."""

    only: Facility | None = None
    deep: int = 0
    level: int = 0


def _read(tree: Tree, path: PurePosixPath, place: _Place, files: Files) -> Iterator[Handler]:
    """The lines of a file."""
    text = tree.text(path)
    files[path] = None
    for number, line in _lines(path, text or ""):
        here = Location(path, number, line)
        if text is None or place.deep > DEEPEST:
            raise _StackError(here, "the files include each other" if text is not None else "it can't be read")
        words = _words(line)
        kind = next(words, "").removeprefix("-").lower()
        if kind == "@include":
            # Debian's: where it fails, all of PAM does.
            yield from _included(tree, next(words, ""), place, here, files)
            continue
        facility = next((each for each in Facility if each.value == kind), None)
        unknown = "" if facility is not None else f"{kind[:40]!r} is not a kind of line"
        facility = facility or place.only or Facility.AUTH
        if place.only in (None, facility):
            yield from _handler(tree, facility, words, here, place, files, unknown)


def _words(line: str) -> Iterator[str]:
    """The words of a line, one that was in brackets without these."""
    at = 0
    while (match := _WORD.match(line, at)) is not None:
        at = match.end()
        yield match[1].replace("\\]", "]") if match[1] is not None else match[2]


def _lines(path: PurePosixPath, text: str) -> Iterator[tuple[int, str]]:
    """The lines with their numbers: comments gone, those that end in a backslash joined.

    Raises _StackError where the last one ends in one.
    """
    begun, start = "", 0
    for number, line in enumerate(text.removesuffix("\n").split("\n"), start=1):
        line = line.partition("#")[0]
        start = start or number
        if line.endswith("\\"):
            begun += line[:-1] + " "
            continue
        whole = (begun + line).strip(" \t\n")
        if whole:
            yield start, whole
        begun, start = "", 0
    if begun:
        raise _StackError(Location(path, start, begun.strip()), "the file ends in a backslash")


def _included(tree: Tree, name: str, place: _Place, here: Location, files: Files) -> Iterator[Handler]:
    if not name:
        raise _DeadlyLineError(here, "it includes a file, and names none")
    path = _file(tree, name)
    if path is None:
        odd = ", as the line ends in CR LF" if name.endswith("\r") else ""
        raise _StackError(
            here, f"the file {name.strip()} that it includes is not there{odd}", PurePosixPath(FOLDERS[0]) / name
        )
    yield from _read(tree, path, replace(place, deep=place.deep + 1), files)


def _handler(
    tree: Tree, facility: Facility, words: Iterator[str], here: Location, place: _Place, files: Files, fault: str
) -> Iterator[Handler]:
    """The handlers of a line behind its first word. fault: of that word."""
    made = Handler(facility, dict(_BAD), "", (), here, fault, level=place.level)
    control = next(words, None)
    if control is None:
        yield replace(made, fault=fault or "it has no control and no module")
        return
    word = control.lower()
    if word in ("include", "substack"):
        below = replace(place, only=facility, level=place.level + (word == "substack"))
        if word == "substack":
            yield replace(made, fault="", substack=True)
        name = next(words, None)
        if name is None:
            raise _DeadlyLineError(here, "it includes a file, and names none")
        try:
            yield from _included(tree, name, below, here, files)
        except _StackError as problem:
            if problem.dies:
                raise
            # Unlike @include it spoils its own stack alone.
            yield replace(made, fault=problem.fault, missing=problem.missing)
        return
    actions = SHORT[word] if word in SHORT else _actions(control)
    module = next(words, "")
    if fault or not module:
        yield replace(made, actions=actions, fault=fault or "it names no module")
        return
    yield replace(made, actions=actions, module=module, arguments=tuple(words))


_BAD = {"default": "bad"}
_RETURNS = (*(each.value for each in Answer if each.value != "must_fail"), "default")
_ACTIONS = ("ignore", "ok", "done", "bad", "die", "reset")


def _actions(control: str) -> dict[str, str]:
    """The control in brackets; all is bad where one part of it is none. The letters' case counts, here alone."""
    found: dict[str, str] = {}
    default: dict[str, str] = {}
    rest = control.lstrip(_BLANK)
    while rest:
        name = next((each for each in _RETURNS if rest.startswith(each)), None)
        rest = rest[len(name or "") :].lstrip(_BLANK)
        if name is None or not rest.startswith("="):
            return dict(_BAD)
        rest = rest[1:].lstrip(_BLANK)
        action = next((each for each in _ACTIONS if rest.startswith(each)), None) or _digits(rest)
        if not action.strip("0") or len(action) > _MOST_DIGITS:
            return dict(_BAD)  # a jump over nothing is none
        rest = rest[len(action) :].lstrip(_BLANK)
        if name != "default":
            found[name] = action
        elif not default:
            # It fills what is not set yet; what follows it may set that anew.
            default = {"default": action}
    return {**default, **found}


_BLANK = " \t\n\v\f\r"


def _digits(text: str) -> str:
    return text[: len(text) - len(text.lstrip("0123456789"))]


def module_present(tree: Tree, module: str) -> bool:
    """Whether the module's file is there; true where no directory of modules is known on this server."""
    if module.startswith("/"):
        tree.require(Read(module, depth=0, content=False))
        return tree.entry(module) is not None
    folders = [folder for folder in MODULES if tree.entry(folder) is not None]
    return not folders or any(tree.entry(f"{folder}/{module}") is not None for folder in folders)


class _Sign(StrEnum):
    """What the lines so far add up to."""

    NONE = "none"
    POSITIVE = "positive"
    NEGATIVE = "negative"


@dataclass(slots=True)
class _State:
    status: Answer = Answer.MUST_FAIL
    sign: _Sign = _Sign.NONE
    decided: Handler | None = None

    def counts(self, handler: Handler, answer: Answer, *, good: bool) -> None:
        """Let an answer count, if nothing worse was said before."""
        if good and (self.sign is _Sign.NONE or (self.sign is _Sign.POSITIVE and self.status is Answer.SUCCESS)):
            self.status, self.sign, self.decided = answer, _Sign.POSITIVE, handler
        elif not good and self.sign is not _Sign.NEGATIVE:
            worst = Answer.MUST_FAIL if answer is Answer.IGNORE else answer
            self.status, self.sign, self.decided = worst, _Sign.NEGATIVE, handler


def run(stack: tuple[Handler, ...], ask: Callable[[Handler], Answer]) -> StackOutcome:
    """What the stack says, with `ask` for what each module does (_pam_dispatch_aux)."""
    state, entered = _State(), {0: _State()}
    above, at = 0, 0
    while at < len(stack):
        handler = stack[at]
        if above < handler.level:
            entered[handler.level] = replace(state)
        above = handler.level
        at += 1
        if handler.substack:
            continue
        answer = Answer.MUST_FAIL if handler.fault else ask(handler)
        if answer is Answer.INCOMPLETE:
            return StackOutcome(answer, handler)
        action = handler.action(Answer.PERM_DENIED if answer is Answer.MUST_FAIL else answer)
        if action in ("ok", "done"):
            state.counts(handler, answer, good=True)
        elif action in ("bad", "die"):
            state.counts(handler, answer, good=False)
        elif action == "reset":
            state = replace(entered[handler.level])
        elif action.isdigit():
            at, whole = _jumped(stack, at - 1, int(action))
            if not whole:
                state = _State(Answer.MUST_FAIL, _Sign.NEGATIVE, handler)
        if action == "die" or (action == "done" and state.sign is _Sign.POSITIVE):
            while at < len(stack) and stack[at].level >= handler.level:
                at += 1
    if state.status is Answer.SUCCESS and state.sign is not _Sign.POSITIVE:
        state.status = Answer.MUST_FAIL  # a control under which success is bad
    return StackOutcome(state.status, state.decided)


def _jumped(stack: tuple[Handler, ...], at: int, count: int) -> tuple[int, bool]:
    """Behind the lines that a jump skips, each with the substack that it begins; false where there are too few."""
    level = stack[at].level
    at += 1
    while count and at < len(stack) and stack[at].level >= level:
        at += 1
        while at < len(stack) and stack[at].level > level:
            at += 1
        count -= 1
    return at, not count
