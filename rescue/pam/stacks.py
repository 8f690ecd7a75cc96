"""Linux-PAM's stacks: which lines of a service's files run, in which order, and what their answers lead to.

Follows pam.conf(5) and _pam_parse_conf_file in pam_handlers.c, _pam_dispatch_aux in pam_dispatch.c of Linux-PAM 1.5.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
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

_CONTROL = compile_pattern(r"\[[^\]]*\]|[^ \t]+")
_SPACE = compile_pattern(r"[ \t]+")
"""The separators between words; a carriage return is an ordinary character."""


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
    """One module's line. module: its file's name, or path; actions: what each answer leads to."""

    facility: Facility
    actions: dict[str, str]
    module: str
    arguments: tuple[str, ...]
    location: Location

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
    def __init__(self, location: Location, fault: str, missing: PurePosixPath | None = None) -> None:
        super().__init__(fault)
        self.location, self.fault, self.missing = location, fault, missing


def read_service(tree: Tree, name: str) -> Service | None:
    """The service's stacks; None if it has no file of its own, so that "other" applies."""
    tree.require(*PAM_READS)
    path = _file(tree, name)
    if path is None:
        return None
    handlers: list[Handler] = []
    files: dict[PurePosixPath, None] = {}
    try:
        for handler in _read(tree, path, None, 0, files):
            handlers.append(handler)
    except _StackError as problem:
        return Service(tuple(handlers), problem.location, problem.fault, tuple(files), problem.missing)
    return Service(tuple(handlers), files=tuple(files))


def _file(tree: Tree, name: str) -> PurePosixPath | None:
    if name.startswith("/"):
        return PurePosixPath(name) if tree.entry(name) is not None else None
    return next((PurePosixPath(f"{each}/{name}") for each in FOLDERS if tree.entry(f"{each}/{name}")), None)


Files = dict[PurePosixPath, None]


def _read(tree: Tree, path: PurePosixPath, only: Facility | None, deep: int, files: Files) -> Iterator[Handler]:
    """The lines of a file; `only`: those of one stack, where another file included it for that."""
    text = tree.text(path)
    files[path] = None
    for number, line in _lines(text or ""):
        here = Location(path, number, line)
        if text is None or deep > DEEPEST:
            raise _StackError(here, "the files include each other" if text is not None else "it can't be read")
        words = _SPACE.split(line, maxsplit=1)
        if words[0].lower() == "@include":
            yield from _included(tree, words[1] if len(words) > 1 else "", only, here, deep, files)
            continue
        facility = _facility(words[0])
        if facility is None or len(words) < 2:
            continue  # logged, and passed over
        if only is None or facility is only:
            yield from _handler(tree, facility, words[1], here, deep, files)


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """The lines with their numbers: comments gone, those that end in a backslash joined."""
    begun, start = "", 0
    for number, line in enumerate(text.split("\n"), start=1):
        line = line.partition("#")[0]
        start = start or number
        if line.endswith("\\"):
            begun += line[:-1] + " "
            continue
        whole = (begun + line).strip(" \t\n")
        if whole:
            yield start, whole
        begun, start = "", 0


def _facility(word: str) -> Facility | None:
    name = word.removeprefix("-").lower()
    return next((each for each in Facility if each.value == name), None)


def _included(
    tree: Tree, name: str, only: Facility | None, here: Location, deep: int, files: Files
) -> Iterator[Handler]:
    path = _file(tree, name)
    if path is None:
        odd = ", as the line ends in CR LF" if name.endswith("\r") else ""
        raise _StackError(
            here, f"the file {name.strip()} that it includes is not there{odd}", PurePosixPath(FOLDERS[0]) / name
        )
    yield from _read(tree, path, only, deep + 1, files)


def _handler(tree: Tree, facility: Facility, rest: str, here: Location, deep: int, files: Files) -> Iterator[Handler]:
    match = _CONTROL.match(rest)
    control = match[0] if match else ""
    words = [word for word in _SPACE.split(rest[len(control) :]) if word]
    if control.lower() in ("include", "substack"):
        try:
            yield from _included(tree, words[0] if words else "", facility, here, deep, files)
        except _StackError:
            if facility in (Facility.ACCOUNT, Facility.SESSION):
                raise
            # Unlike @include it spoils its own stack alone, which a login with a key does not ask.
            yield Handler(facility, {"default": "bad"}, "", (), here)
        return
    actions = _actions(control)
    if actions is None or not words:
        # A line of which PAM makes nothing fails for sure (PAM_HT_MUST_FAIL).
        yield Handler(facility, {"default": "bad"}, words[0] if words else "", (), here)
        return
    yield Handler(facility, actions, words[0], tuple(words[1:]), here)


def _actions(control: str) -> dict[str, str] | None:
    if not control.startswith("["):
        return SHORT.get(control.lower())
    pairs = [word.partition("=") for word in control[1:-1].split()]
    return {name.lower(): action.lower() for name, _, action in pairs}


def module_present(tree: Tree, module: str) -> bool:
    """Whether the module's file is there; true where no directory of modules is known on this server."""
    if module.startswith("/"):
        tree.require(Read(module, depth=0, content=False))
        return tree.entry(module) is not None
    folders = [folder for folder in MODULES if tree.entry(folder) is not None]
    return not folders or any(tree.entry(f"{folder}/{module}") is not None for folder in folders)


def run(stack: tuple[Handler, ...], ask: Callable[[Handler], Answer]) -> StackOutcome:
    """What the stack says, with `ask` for what each module does (_pam_dispatch_aux)."""
    status: Answer | None = None
    negative, decided, at = False, None, 0
    while at < len(stack):
        handler = stack[at]
        answer = ask(handler)
        action = handler.action(answer)
        at += 1
        if action.isdigit() and int(action) > 0:
            at += int(action)
            if at > len(stack):
                return StackOutcome(Answer.MUST_FAIL, handler)
            continue
        if action in ("ok", "done"):
            if not negative and status in (None, Answer.SUCCESS) and answer is not Answer.IGNORE:
                status, decided = answer, handler
            if not negative and status is not None and action == "done":
                break
        elif action in ("bad", "die"):
            if not negative:
                negative, decided = True, handler
                status = Answer.MUST_FAIL if answer is Answer.IGNORE else answer
            if action == "die":
                break
        elif action == "reset":
            status, negative, decided = None, False, None
    if status is Answer.SUCCESS and negative:
        status = Answer.MUST_FAIL  # a control under which success is bad
    return StackOutcome(status if status is not None else Answer.MUST_FAIL, decided)
