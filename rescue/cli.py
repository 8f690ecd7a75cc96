"""The command line: verbs, options, exit codes. The only place that ends the program.

Start-up is kept small, for machines that are emulated or nearly dead: a verb's module, and what it needs, is imported
when the verb runs, argparse when there is something to parse.
"""

from __future__ import annotations

import sys

from rescue.errors import UsageError
from rescue.status import Status
from rescue.version import __version__

# As typing.TYPE_CHECKING, which type checkers know by this name too, without the import of typing.
TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Sequence
    from types import FrameType
    from typing import NoReturn

TARGETS = """\
TARGET is what is to be repaired: a block device (/dev/vda), a disk image
(server.qcow2), a directory in which the server's root is mounted, / for the
running system, or a support bundle (rescue capture).
More of it, LVM, RAID and encrypted disks: rescue explain target

"""
VIA = """\
rescue --via root@HOST COMMAND ...
         the same on the rescue system HOST, from your own computer: sent over
         ssh once, run there; your keys are read here, and what -o and --html
         write comes back to here

"""
SSHD = """\
rescue explain sshd TARGET --user NAME --from ADDRESS
         the SSH server's settings for this connection: each value with the
         file and line that set it

"""
SHELL = """\
rescue shell TARGET -- COMMAND ...
         one command instead of a shell; its exit status is given (127: it is
         not there, 126: it can't be run, 128+N: signal N ended it)

"""
STATUSES = """\
exit status: 0 the path to a login is clear, 1 the tool itself failed, 2 usage,
3 something is broken or doubtful, 4 the target can't be opened or read,
5 refused as unsafe or rolled back, 130 cancelled.
"""
LABS = """\
list     the labs, the easy ones first, and which you have passed
start    LAB or --random: a healthy server is built, broken and tried; you get
         its disk
status   which lab is going on, and what to do next
hint     one hint more
check    does the server let you in, and what did you change? (status 3: no)
solve    the manual way; types it in if you agree
reset    the broken disk again
stop     the end: everything is removed

"""
DOCTOR = """\
rescue doctor          each ability: ok, limited, missing; the commands to install
rescue doctor --json   the same for a program; status 3 if something is missing

"""
PROBE = """\
Runs on your own computer, without root. HOST alone is asked, few ports, slowly;
of a key exchange only what your own ssh does before it logs in.

exit status of --check: 0 OK (the server asks for a login), 1 WARNING (it does,
and something is wrong: one of its addresses fails), 2 CRITICAL (it does not),
3 UNKNOWN (no such name, or no network here). Without --check, 4 for the last.

"""
CONSOLE = """\
Without a word it says what is true of every console: the keyboard, passwords,
what Ctrl-Alt-Del and a shell at boot cost. The commands keep to characters that
bad consoles pass: lower case, digits, space, / . -

"""
TICKET = """\
Plain text of less than 2,000 characters. It holds what was seen and nothing
else: of a host what rescue probe saved, of a target what an inspection finds.
Names of files and accounts are in it, and no secrets.

"""
COMPARED = """\
OLD and NEW are two states of one server, each a disk, an image, a mounted
directory, / or a support bundle (rescue capture): a snapshot of last week and
today's disk. Neither is changed.

"""
LAST = "default: the one inspected last"


def parser() -> argparse.ArgumentParser:
    """The parser of the whole command line. Raises UsageError where one can't be parsed."""
    import argparse

    class Parser(argparse.ArgumentParser):
        def error(self, message: str) -> NoReturn:
            raise UsageError(message, f"See: {self.prog} --help")

        def _check_value(self, action: argparse.Action, value: object) -> None:
            if action.choices is not None and value not in action.choices:
                known = [str(each) for each in action.choices]
                name = action.option_strings[-1] if action.option_strings else action.metavar
                raise UsageError(
                    f"{name} is one of {', '.join(known)}, not {_shown(str(value))}",
                    _near(str(value), known) or f"See: {self.prog} --help",
                )

    top = Parser(
        prog="rescue",
        description="Find out from a server's disk why SSH is refused, timing out or denied;\nrepair it; undo it.",
        epilog="Without a verb it asks what to do, step by step.\n\n" + VIA + TARGETS + STATUSES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    top.add_argument("--version", action="version", version=f"rescue {__version__}")
    top.add_argument(
        "--via", metavar="HOST", help="run the command on this machine, over ssh: rescue --via root@HOST inspect"
    )
    top.add_argument("--via-file", metavar="FILE", help="the .run or .pyz file that is sent there (docs/via.md)")
    verbs = top.add_subparsers(dest="verb", metavar="VERB")

    def verb(name: str, what: str, about: str = TARGETS) -> argparse.ArgumentParser:
        """A verb's own parser, with the options that every verb has."""
        made = verbs.add_parser(
            name,
            help=what,
            description=what[0].upper() + what[1:] + ".",
            epilog=about + STATUSES,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        _common(made)
        return made

    disks = verb("disks", "list the disks and file systems here, and which look like a server's root", "")
    disks.add_argument("what", metavar="DISK|IMAGE", nargs="*", help="only these (default: all block devices)")
    _target(disks)
    inspect = verb("inspect", "show the path to a login and what breaks it; changes nothing")
    inspect.add_argument(
        "target",
        metavar="TARGET",
        nargs="?",
        help=f"what to look at (see below; {LAST}, or the only server found here)",
    )
    inspect.add_argument("--all", action="store_true", help="say what holds, too")
    inspect.add_argument("--html", metavar="FILE", help="also write the report as a web page")
    _client(inspect)
    _target(inspect)

    fix = verb("fix", "repair what is broken: shows every change, asks, and can be undone")
    fix.add_argument(
        "what",
        metavar="TARGET|NUMBER|CAUSE",
        nargs="*",
        help=f"the target ({LAST}), then the findings to repair (default: all)",
    )
    fix.add_argument(
        "--yes",
        action="store_true",
        help="without asking, take every safe repair: it only restores the login, and weakens nothing but that you are "
        "let in",
    )
    fix.add_argument(
        "--unsafe",
        action="store_true",
        help="with --yes: also repairs that weaken something else or delete logs, and those of what is not certain",
    )
    fix.add_argument(
        "--only",
        metavar="CAUSE",
        action="append",
        default=[],
        help="this cause (or finding, by its number) alone; repeatable",
    )
    fix.add_argument(
        "--add-key",
        metavar="FILE",
        help="add this public key for --user, too, if it is not there (alone: with --only key-missing)",
    )
    fix.add_argument(
        "--set-password",
        metavar="NAME",
        help="give this account a new password, which is asked for twice and never shown",
    )
    fix.add_argument(
        "--password-file",
        metavar="FILE",
        help="with --set-password: read it from the first line of this file (-: standard input)",
    )
    fix.add_argument("--dry-run", action="store_true", help="print the changes and write nothing")
    fix.add_argument("--html", metavar="FILE", help="also write what was found and changed as a web page")
    fix.add_argument(
        "--undo-log",
        "--journal",
        dest="journal",
        metavar="DIR",
        help="keep the record of the fix here instead of on the target",
    )
    _client(fix)
    _target(fix)

    undo = verb("undo", "take a fix back: shows what comes back, and asks")
    undo.add_argument("target", metavar="TARGET", nargs="?", help=LAST)
    undo.add_argument("id", metavar="ID", nargs="?", help="which one (default: the last)")
    undo.add_argument(
        "--undo-log", "--journal", dest="journal", metavar="DIR", help="where the record was kept, if not on the target"
    )
    undo.add_argument("--yes", action="store_true", help="do it without asking, for scripts")
    undo.add_argument("--dry-run", action="store_true", help="print what would be restored and write nothing")
    _target(undo)

    history = verb("history", "list the fixes that were made")
    history.add_argument("target", metavar="TARGET", nargs="?", help=LAST)
    history.add_argument(
        "--undo-log",
        "--journal",
        dest="journal",
        metavar="DIR",
        help="where the records were kept, if not on the target",
    )
    _target(history)

    timeline = verb(
        "timeline", "show what happened since the last login, and how the last boot went, by the server's logs"
    )
    timeline.add_argument("target", metavar="TARGET", nargs="?", help=LAST)
    timeline.add_argument("--html", metavar="FILE", help="also write it as a web page, with a picture")
    _client(timeline)
    _target(timeline)

    firewall = verb("firewall", "show who may reach the port, for every address, and which rule decides")
    firewall.add_argument("target", metavar="TARGET", nargs="?", help=LAST)
    firewall.add_argument(
        "--from",
        dest="sources",
        metavar="ADDRESS",
        action="append",
        default=[],
        help="follow the packets of this address through the rules (repeatable)",
    )
    firewall.add_argument("--port", metavar="N", type=_port, help="the port (default: the one that SSH clients dial)")
    firewall.add_argument("--interface", metavar="NAME", help="the server's network interface that they arrive on")
    firewall.add_argument("--all", action="store_true", help="every address and every rule, however many")
    firewall.add_argument(
        "--prove", action="store_true", help="hold it against this computer's kernel, in a network of its own (root)"
    )
    _target(firewall)

    space = verb("space", "show what fills the disk and what could go")
    space.add_argument("target", metavar="TARGET", nargs="?", help=LAST)
    _target(space)

    mount = verb("mount", "mount the server's file systems under one folder, to repair by hand")
    mount.add_argument("target", metavar="TARGET", nargs="?", help=LAST)
    mount.add_argument("dir", metavar="DIR", nargs="?", help="default: /mnt/rescue-NAME, after the server")
    mount.add_argument("--read-only", action="store_true", help="to look at only: the disk is not changed")
    _target(mount)

    umount = verb("umount", "unmount what rescue mount has mounted, and what a killed run has left", "")
    umount.add_argument("what", metavar="TARGET|DIR", nargs="?", help="default: all of it")

    shell = verb("shell", "a shell, or one command, of the server's own inside its root", SHELL + TARGETS)
    shell.add_argument("target", metavar="TARGET", nargs="?", help=LAST)
    shell.add_argument("--read-only", action="store_true", help="the disk is not changed")
    shell.add_argument("--no-network", action="store_true", help="an empty network, in which ufw and iptables may act")
    _target(shell)

    capture = verb("capture", "save the settings, without secrets, so that someone else can diagnose")
    capture.add_argument("target", metavar="TARGET", nargs="?", help=LAST)
    capture.add_argument("-o", "--output", metavar="FILE", help="default: the server's name with .bundle, here")
    capture.add_argument("--quick", action="store_true", help="do not measure what fills the disk")
    capture.add_argument(
        "--with-logs",
        action="store_true",
        help="with what the logs tell of logins, commands and changes: names and addresses; never whole logs",
    )
    _client(capture)
    _target(capture)

    explain = verb("explain", "show the manual of a cause or a page; without one, list them all", SSHD + TARGETS)
    explain.add_argument("cause", metavar="CAUSE", nargs="?", help="its name, or a line that ssh printed, in quotes")
    explain.add_argument("target", metavar="TARGET", nargs="?", help=f"for explain sshd ({LAST})")
    explain.add_argument("--all", action="store_true", help="explain sshd: every keyword, with its default")
    _client(explain)
    _target(explain)

    _lab(verb("lab", "practise on real servers that lock you out, until you are in again", LABS))

    verb("doctor", "show what this system can do, what is lost without the rest, and how to get it", DOCTOR)

    probe = verb("probe", "ask a server from outside why SSH does not answer; sends no credentials", PROBE)
    probe.add_argument("host", metavar="HOST", nargs="?", help="its name or address, or USER@HOST")
    probe.add_argument("--port", metavar="N", type=_port, help="the port (default: as ssh -G HOST says, else 22)")
    probe.add_argument("--user", metavar="NAME", type=_user, help="for whom it is asked how to log in")
    family = probe.add_mutually_exclusive_group()
    family.add_argument("-4", dest="four", action="store_true", help="IPv4 alone")
    family.add_argument("-6", dest="six", action="store_true", help="IPv6 alone")
    probe.add_argument(
        "--reference", metavar="NAME", help="also try this host at the same port: is the port blocked here?"
    )
    probe.add_argument("--check", action="store_true", help="one line, and the status of a Nagios plugin")

    console = verb("console", "the shortest commands to mend a cause by hand, in a provider's web console", CONSOLE)
    console.add_argument("what", metavar="CAUSE|NUMBER|TARGET", nargs="?", help='or "last": the target inspected last')
    console.add_argument("--provider", metavar="NAME", help="where its console, rescue system and snapshots are")
    console.add_argument("--system", choices=("debian", "redhat", "suse", "arch"), help="default: as the target's")
    _client(console)
    _target(console)

    ticket = verb("ticket", "write a support request from what was probed and inspected", TICKET)
    ticket.add_argument(
        "what", metavar="HOST|TARGET", nargs="*", help="one of each, or one (default: the host that was probed last)"
    )
    ticket.add_argument("--markdown", action="store_true", help="as Markdown, in full")
    _client(ticket)
    _target(ticket)

    for name, what in (
        ("diff", "show who gained and who lost access between two states of a server"),
        ("blame", "show the smallest set of changes, down to the line, that keeps somebody out"),
    ):
        compared = verb(name, what, COMPARED)
        compared.add_argument("old", metavar="OLD", nargs="?", help="the server before: a TARGET, such as a bundle")
        compared.add_argument("new", metavar="NEW", nargs="?", help="the server after: a TARGET, / for the running one")
        _client(compared)
        _target(compared)

    help_ = verb("help", "show the options of a command, or this list", "")
    help_.add_argument("topic", metavar="VERB", nargs="?")
    verb("version", "show the version of this program", "")
    return top


WAYS = ("vagrant", "qemu", "namespaces", "image")
"""Of `rescue.labs.lessons.backends`, which takes too long to import for every verb."""


def _lab(lab: argparse.ArgumentParser) -> None:
    lab.add_argument(
        "action",
        metavar="ACTION",
        nargs="?",
        choices=("list", "start", "status", "hint", "check", "solve", "reset", "stop"),
        help="see below (default: status, or list where no lab is going on)",
    )
    lab.add_argument("scenario", metavar="LAB", nargs="?", help="for start: its name, or its number in the list")
    lab.add_argument("--random", action="store_true", help="start one without telling which")
    lab.add_argument("--difficulty", metavar="WORD", help='"first-steps", "everyday" or "tricky"')
    lab.add_argument("--with", dest="way", choices=WAYS, help="how the server is brought up")
    lab.add_argument("--yes", action="store_true", help="start: instead of another; solve: type it in; without asking")
    lab.add_argument("--explain", action="store_true", help="check, solve, status: all that there is to learn")


def _user(word: str) -> str:
    """An account's name: a script's variable that is not set is none, and would be taken for one that is not there."""
    import argparse

    if not word.strip():
        raise argparse.ArgumentTypeError("the name is empty")
    return word


def _port(word: str) -> int:
    """A port's number. 0, which is refused like other numbers that are none, where it is longer than any."""
    import argparse

    from rescue.text.numbers import natural

    number = natural(word)
    if number is None and not word.isdecimal():
        raise argparse.ArgumentTypeError(f"a number from 1 to 65535, not {_shown(word)}")
    return number or 0


def _common(verb: argparse.ArgumentParser) -> None:
    group = verb.add_argument_group("output")
    group.add_argument("--json", action="store_true", help="one JSON document instead of the report")
    group.add_argument("--no-color", action="store_true", help="no colour (also: NO_COLOR=1)")
    group.add_argument("--quiet", action="store_true", help="no progress messages; of inspect the verdict alone")
    group.add_argument("--verbose", action="store_true", help="details of a failure; with --help: every option")


def _client(verb: argparse.ArgumentParser) -> None:
    group = verb.add_argument_group("who wants in")
    group.add_argument(
        "--user",
        metavar="NAME",
        type=_user,
        help="default: root and every account with a login shell and keys",
    )
    group.add_argument(
        "--from",
        dest="sources",
        metavar="ADDRESS",
        action="append",
        default=[],
        help="your public address (repeatable; default: any)",
    )
    group.add_argument(
        "--port",
        metavar="N",
        type=_port,
        help="the port that you dial (default: 22, unless the disk shows that another is meant)",
    )
    group.add_argument("--key", metavar="FILE", help="your public key: ~/.ssh/id_ed25519.pub, or its line in quotes")
    group.add_argument(
        "--by-password", action="store_true", help="you log in with a password that you know; it is never asked for"
    )
    group.add_argument(
        "--console",
        metavar="FILE",
        help="what the server's serial console showed, saved from the provider's panel: its last boot is evidence",
    )
    group.add_argument(
        "--expect-address",
        dest="expect_addresses",
        metavar="ADDRESS",
        action="append",
        default=[],
        help="an address of the server itself, by the provider's panel (repeatable): compared with its settings",
    )
    group.add_argument(
        "--expect-mac",
        dest="expect_macs",
        metavar="MAC",
        action="append",
        default=[],
        help="the hardware address of its network interface, by the panel (repeatable): compared with its settings",
    )
    group.add_argument(
        "--client",
        dest="program",
        metavar="NAME",
        help="the program that you connect with: putty, openssh-8.4, paramiko-2.12 and the like "
        "(default: OpenSSH 9.0 and newer)",
    )


def _target(verb: argparse.ArgumentParser) -> None:
    group = verb.add_argument_group("target")
    group.add_argument(
        "--backend",
        choices=("auto", "kernel", "guestfs"),
        default="auto",
        help="who reads an image: libguestfs (default, isolated) or this kernel (fast; for images that you trust)",
    )
    group.add_argument("--root", metavar="DEVICE", help="which file system, where several look like a root")
    group.add_argument(
        "--disk",
        metavar="FILE",
        dest="disks",
        action="append",
        default=[],
        help="another disk of the same server (repeatable; other block devices here are found without it)",
    )
    group.add_argument(
        "--key-file", metavar="FILE", help="the passphrase of an encrypted disk (default: asked for on the terminal)"
    )
    group.add_argument(
        "--format",
        choices=("raw", "qcow2", "vmdk", "vhdx", "vpc", "vdi"),
        help="the image's format, where the file itself does not make it clear",
    )
    group.add_argument(
        "--allow-backing",
        action="store_true",
        help="read a qcow2 image that leans on other files of this machine; for images that you trust",
    )


OTHER_WORDS = {
    "check": "inspect", "diagnose": "inspect", "scan": "inspect", "repair": "fix", "list": "disks", "lsblk": "disks",
    "revert": "undo", "rollback": "undo", "log": "history", "unmount": "umount", "chroot": "shell", "man": "explain",
    "save": "capture", "bundle": "capture", "picture": "capture", "df": "space", "du": "space",
    "practise": "lab", "practice": "lab",
}  # fmt: skip
"""What people type for a command, from other programs."""


def _shown(word: str) -> str:
    """A word of the command line, for a message: not all of one that has thousands of letters."""
    from rescue.text.safe import cut

    return repr(cut(word, 60))


def _near(word: str, known: Iterable[str]) -> str:
    """Which of the known words may be meant, as a question; "" for none."""
    from difflib import get_close_matches

    near = get_close_matches(word[:60], list(known), 2, 0.65)
    return f"Did you mean {' or '.join(near)}?" if near else ""


def _parsed(words: Sequence[str]) -> argparse.Namespace:
    """The options that the words say, or UsageError. `help` in the place of the verb where help is asked for."""
    top = parser()
    verbs: dict[str, argparse.ArgumentParser] = next(
        dict(action.choices) for action in top._actions if action.dest == "verb" and action.choices is not None
    )
    words = _verb_first(words, verbs)
    if words and words[0] == "--version":
        words = ["version", *words[1:]]
    before = words[: words.index("--")] if "--" in words else words
    name = words[0] if words and words[0] in verbs else ""
    if {"-h", "--help"}.intersection(before):
        about = next((word for word in before if word in verbs and word != "help"), None)
        kept = [word for word in ("--json", "--verbose") if word in before]
        words, name = ["help", *([about] if about is not None else []), *kept], "help"
    if not name:
        raise _unknown(words[0], verbs)
    verb = verbs[name]
    arranged = _arranged(verb, words[1:])
    options = verb.parse_args(arranged)
    options.verb, options.words = name, [name, *arranged]
    if name == "help":
        topic = options.topic
        if topic is not None and topic not in verbs:
            raise _unknown(topic, verbs)
        shown = topic if topic is not None and topic != "help" else ""
        if options.verbose:
            options.shown = (verbs[shown] if shown else top).format_help()
        else:
            from rescue.ui.help import screen

            options.shown = screen(shown)
    return options


def _via(words: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """The words without `--via HOST` and `--via-file FILE`, and what these name. Raises UsageError."""
    left: list[str] = []
    named: dict[str, str] = {}
    rest = list(words)
    while rest:
        word = rest.pop(0)
        name, equals, value = word.partition("=")
        if word == "--":
            left += [word, *rest]
            break
        if name not in ("--via", "--via-file"):
            left.append(word)
            continue
        if not equals:
            value = rest.pop(0) if rest else ""
        if not value or name in named:
            what = "a host, such as root@203.0.113.7" if name == "--via" else "a .run or .pyz file"
            raise UsageError(f"{name} takes {what}" + (", once" if name in named else ""), "See: rescue help")
        named[name] = value
    if "--via-file" in named and "--via" not in named:
        raise UsageError("--via-file is the file for --via", "Such as: rescue --via root@HOST --via-file FILE inspect")
    return left, named


def _verb_first(words: Sequence[str], verbs: Iterable[str]) -> list[str]:
    """The words with the verb before the options without a value that every verb has, and that came before it."""
    common = ("--json", "--no-color", "--quiet", "--verbose")
    at = next((at for at, word in enumerate(words) if word not in common), len(words))
    if 0 < at < len(words) and words[at] in verbs:
        return [words[at], *words[:at], *words[at + 1 :]]
    return list(words)


def _unknown(word: str, verbs: Iterable[str]) -> UsageError:
    """What to say where the first word is no verb."""
    from pathlib import Path
    from shlex import quote

    if word.startswith("-"):
        return UsageError(f"the command comes first, before {_shown(word)}", "Such as: rescue inspect --user NAME")
    meant = OTHER_WORDS.get(word.lower())
    hint = f"Did you mean {meant}?" if meant is not None else _near(word.lower(), verbs)
    try:
        if not hint and ("/" in word or Path(word).exists()):
            hint = f"To look at it: rescue inspect {quote(word)}"
    except (OSError, ValueError):
        pass
    return UsageError(f"there is no command {_shown(word)}", hint or "These are there: rescue help")


def _arranged(verb: argparse.ArgumentParser, words: Sequence[str]) -> list[str]:
    """The words with the options first and the rest behind "--".

    argparse takes all positionals in one go: those that come behind an option would be refused.
    """
    known = {name: action for action in verb._actions for name in action.option_strings}
    options: list[str] = []
    others: list[str] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        name, equals, _ = word.partition("=")
        if word == "--":
            others += rest
            break
        if not word.startswith("-") or word == "-":
            others.append(word)
        elif name not in known and not any(each[:2] != "--" and word.startswith(each) for each in known):
            hint = _near(name, known) or f"See: {verb.prog} --help"
            raise UsageError(f"{verb.prog} has no option {_shown(name)}", hint)
        elif equals or name not in known or known[name].nargs == 0 or not rest or rest[0] in (*known, "--"):
            options.append(word)
        else:
            # Bound to its option, so that it is not taken for another one, whatever it begins with.
            value = rest.pop(0)
            options.append(f"{word}={value}" if word.startswith("--") else f"{word}{value}")
    return [*options, "--", *others] if others else options


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb and return its exit status. Never raises for what the user or the target did."""
    from importlib import import_module

    words = list(sys.argv[1:] if arguments is None else arguments)
    command: list[str] = []
    try:
        words, via = _via(words)
        if words[:1] == ["shell"] and "--" in words:
            # What stands behind it is the server's, options and all.
            at = words.index("--")
            words, command = words[:at], words[at + 1 :]
        if words == ["--version"] and not via:
            print(f"rescue {__version__}")
            sys.stdout.flush()
            return Status.CLEAR
        options = _parsed(words or ["disks"])
    except UsageError as problem:
        return _failed("--json" in words, problem.message, problem.hint, problem.status)
    except BrokenPipeError:
        return Status.FAILED
    except OSError as problem:
        return _failed(False, f"the output can't be written: {problem.strerror}", "", Status.FAILED)
    if not words:
        options.verb = "menu"
    if command:
        options.command = command
    try:
        if options.verb == "help" or (options.verb == "version" and not via):
            return _about(options)
        if via:
            from rescue.verbs.via import run as run_there

            typed = options.words if words else []
            return run_there(via["--via"], via.get("--via-file"), typed, command, options)
        from rescue.verbs.request.door import options_of, request_of
        from rescue.verbs.request.session import session_of

        session = session_of(request_of(options))
        status = int(import_module(f"rescue.verbs.{options.verb}").run(session, options_of(options)))
        if sys.stdout is not None:
            sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        writes = options.verb in ("fix", "undo", "menu")
        hint = "If something was being written, the next fix or undo ends it before anything else." if writes else ""
        return _failed(options.json, "cancelled", hint, Status.CANCELLED)
    except BrokenPipeError:
        # Whoever read our output went away: there is nobody to tell.
        return Status.FAILED
    except Exception as problem:  # noqa: BLE001  the last line of defence: a person in need never sees a traceback
        return _explain(options, problem)


def _about(options: argparse.Namespace) -> int:
    """Help, or the version."""

    if options.json:
        from rescue.ui import document

        told: dict[str, object] = {"help": options.shown} if options.verb == "help" else {"version": __version__}
        if options.verb == "version" and options.verbose:
            from rescue.verbs.doctor.versions import versions

            told["system"] = versions()
        document.write({"schema": document.SCHEMA, **told}, sys.stdout)
    else:
        print(f"rescue {__version__}" if options.verb == "version" else options.shown.rstrip("\n"))
        if options.verb == "version" and options.verbose:
            from rescue.verbs.doctor.versions import versions

            for name, value in versions().items():
                print(f"{name}: {value}")
    sys.stdout.flush()
    return Status.CLEAR


def _explain(options: argparse.Namespace, problem: Exception) -> int:
    """Say what went wrong, what to do, and give the documented exit status."""
    from rescue.verbs.failures import failure

    told = failure(problem)
    if options.verbose:
        import traceback

        traceback.print_exception(problem, file=sys.stderr)
    return _failed(options.json, told.message, told.hint, told.status)


def _failed(as_document: bool, message: str, hint: str, status: Status) -> int:
    """Say it to the person, and to a program that reads the output; give the status."""
    from rescue.text.safe import safe
    from rescue.ui.program import complete, proposed

    if as_document:
        from rescue.ui import document

        try:
            document.write(document.error(message, complete(hint), status), sys.stdout)
            sys.stdout.flush()
        except OSError:
            pass  # it may be just this that failed: the person is told all the same
    for line in (f"rescue: {safe(message)}", safe(proposed(hint))):
        if line:
            print(_fitted(line), file=sys.stderr)
    return status


def _fitted(line: str) -> str:
    """`line` broken between words where the terminal would break it anywhere; whole for a file or a pipe."""
    if not sys.stderr.isatty():
        return line
    from shutil import get_terminal_size
    from textwrap import fill

    return fill(line, max(20, get_terminal_size().columns), break_long_words=False, break_on_hyphens=False)


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    """A request to end becomes Ctrl-C, so that everything that was opened is closed on the way out."""
    raise KeyboardInterrupt


def run() -> NoReturn:
    """The entry point of the command."""
    from rescue.ui.streams import open_streams, silence

    open_streams()
    import gc
    import signal

    # What starting makes lives to the end: looking through it again and again for garbage takes a quarter of the time.
    gc.set_threshold(1_000_000)
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGHUP, _interrupt)
    status = main()
    try:
        sys.stdout.flush()
    except OSError:
        # It was told, or nobody is there to be told.
        silence(1)
    sys.exit(status)
