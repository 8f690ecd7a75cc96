"""``man rescue`` and ``man rescue-VERB``, from the parser, the pages of `rescue.man` and the list of causes."""

from __future__ import annotations

import re
import time

from rescue.checks import all_checks
from rescue.cli import STATUSES, TARGETS, VIA
from rescue.man import pages
from rescue.version import __version__
from scripts.developer.release.spoken import Argument, Verb, verbs

PAGES_OF = {
    "": ("locked-out", "target", "path", "consent", "json", "api"),
    "blame": ("blame",),
    "capture": ("bundle",),
    "console": ("console",),
    "diff": ("blame",),
    "disks": ("target",),
    "explain": ("sshd",),
    "firewall": ("firewall",),
    "fix": ("consent", "undo-log"),
    "history": ("undo-log",),
    "inspect": ("path", "keys"),
    "lab": ("lab", "vagrant"),
    "mount": ("mount",),
    "probe": ("probe",),
    "ticket": ("ticket",),
    "timeline": ("timeline",),
    "undo": ("undo-log",),
}
"""The pages that stand in full in the manual of a command; "" is the program's own."""

_SPECIAL = {"\\": r"\e", "-": r"\-", "~": r"\(ti", "^": r"\(ha", "`": r"\(ga", "'": r"\(aq", '"': r"\(dq"}


def man_pages(stamp: int) -> dict[str, str]:
    """The pages by their file names, in roff's man macros."""
    known = verbs()
    return {"rescue.1": _program(known, stamp)} | {f"rescue-{each.name}.1": _verb(each, known, stamp) for each in known}


def _program(known: list[Verb], stamp: int) -> str:
    made = _head("rescue", "find out why SSH does not let you in, and repair it", stamp)
    made += [".SH SYNOPSIS", ".B rescue", ".br", r".B rescue \fIVERB\fR [\fIoption\fR ...]"]
    made += [".br", r".B rescue \-\-via \fIHOST\fR [\fB\-\-via\-file\fR \fIFILE\fR] \fIVERB\fR ..."]
    made.append(".SH DESCRIPTION")
    made += _text(
        "Finds out from a server's disk why SSH is refused, timing out or denied, repairs it with the smallest change, "
        "and can undo the repair.\n\nWithout a command it asks what to do, step by step.\n\n" + VIA + TARGETS
    )
    made.append(".SH COMMANDS")
    for each in known:
        made += [".TP", rf".BR rescue\-{_escaped(each.name)} (1)", *_lines(each.what + ".")]
    made += _status() + _manual("")
    return _page(made + _see(known, ""))


def _verb(verb: Verb, known: list[Verb], stamp: int) -> str:
    made = _head(f"rescue-{verb.name}", verb.what, stamp)
    words = [rf"\fBrescue {_escaped(verb.name)}\fR", r"[\fIoption\fR ...]"]
    for each in verb.positionals:
        name = rf"\fI{_escaped(each.metavar if len(each.metavar) < 30 else 'ACTION')}\fR"
        words.append(f"[{name}{' ...' if each.repeated else ''}]")
    made += [".SH SYNOPSIS", " ".join(words)]
    if verb.name == "shell":
        made.append(r"[\fB\-\-\fR \fICOMMAND\fR ...]")
    made += [".SH DESCRIPTION", *_lines(verb.what[0].upper() + verb.what[1:] + ".")]
    made += _text(verb.about.removesuffix(STATUSES)) if verb.about.removesuffix(STATUSES).strip() else []
    made.append(".SH OPTIONS")
    group = ""
    for each in sorted(verb.arguments, key=lambda each: each.group != ""):
        if each.group != group:
            group = each.group
            made.append(f".SS {_escaped(group[0].upper() + group[1:])}")
        made += [".TP", _tag(each), *_lines(each.help or each.metavar)]
    made += _status() + _manual(verb.name)
    if verb.name == "explain":
        made.append(".SH CAUSES")
        for check in all_checks():
            made += [".TP", f".B {_escaped(check.id)}", *_lines(check.title)]
    return _page(made + _see(known, verb.name))


def _head(name: str, what: str, stamp: int) -> list[str]:
    date = time.strftime("%Y-%m-%d", time.gmtime(stamp))
    title = f'.TH {_escaped(name.upper())} 1 "{date}" "rescue {_escaped(__version__)}" "User Commands"'
    return [title, ".SH NAME", rf"{_escaped(name)} \- {_escaped(what)}"]


def _tag(argument: Argument) -> str:
    value = rf" \fI{_escaped(argument.metavar)}\fR" if argument.metavar else ""
    if not argument.names:
        return value.strip()
    return ", ".join(rf"\fB{_escaped(each)}\fR" for each in argument.names) + value


def _status() -> list[str]:
    told = STATUSES.removeprefix("exit status: ")
    made = [".SH EXIT STATUS"]
    for number, what in re.findall(r"(\d+) ([^.]+?)(?:, (?=\d)|\.)", " ".join(told.split())):
        made += [".TP", f".B {number}", *_lines(what)]
    return made


def _manual(verb: str) -> list[str]:
    """The pages of a command, each as a section of its own."""
    made = []
    for name in PAGES_OF.get(verb, ()):
        first, _, rest = pages()[name].partition("\n")
        made += [f".SH {_escaped(name.upper())}", *_lines(first), *_text(rest)]
    return made


def _see(known: list[Verb], own: str) -> list[str]:
    names = (["rescue"] if own else []) + [f"rescue-{each.name}" for each in known if each.name != own]
    return [".SH SEE ALSO"] + [f".BR {_escaped(each)} (1)," for each in names[:-1]] + [f".BR {_escaped(names[-1])} (1)"]


def _text(text: str) -> list[str]:
    """Paragraphs are filled; blocks with an indent, a list or columns keep their lines, as `explain` does it."""
    made: list[str] = []
    for paragraph in re.split(r"\n{2,}", text.strip("\n")):
        lines = paragraph.split("\n")
        if any(line.startswith((" ", "- ", "* ")) or "   " in line for line in lines):
            made += [".PP", ".nf", *(_line(each) for each in lines), ".fi"]
        else:
            made += [".PP", *_lines(paragraph)]
    return made


def _lines(text: str) -> list[str]:
    return [_line(" ".join(text.split()))]


def _line(line: str) -> str:
    made = _escaped(line.rstrip())
    return rf"\&{made}" if made.startswith(".") else made or r"\&"


def _escaped(text: str) -> str:
    return "".join(
        _SPECIAL.get(each) or (each if each.isascii() else rf"\[u{ord(each):04X}]") for each in text.expandtabs()
    )


def _page(lines: list[str]) -> str:
    kept = [each for at, each in enumerate(lines) if each != ".PP" or not lines[at - 1].startswith(".S")]
    return "\n".join([r".\" Made by scripts/build-man.", *kept, ""])
